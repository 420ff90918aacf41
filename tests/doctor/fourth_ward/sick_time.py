"""Sick along time: recurrent layers and cell loops, read at the last step."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from . import facts as true


class LastStep(nn.Module):
    def __init__(self, core, hidden, outputs):
        super().__init__()
        self.rnn, self.fc = core, nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.fc(self.rnn(x)[0][:, -1])


@case(
    "temporal_vanishing",
    about="tanh RNN, default init, 80 steps, the class stands in the first",
    facts=[true.temporal_vanishing],
)
def vanilla_rnn_many_to_one():
    x = torch.randn(48, 80, 6)
    y = (x[:, 0, 0] > 0).long()
    net = LastStep(nn.RNN(6, 32, batch_first=True), 32, 2)
    return net, lambda model: F.cross_entropy(model(x), y), torch.optim.Adam(net.parameters(), 1e-3)


class Sentiment(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(200, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, 24, num_layers=2, bidirectional=True, batch_first=True, dropout=0.2)
        self.fc = nn.Linear(48, 1)

    def forward(self, text):
        out, _ = self.lstm(self.embedding(text))
        return self.fc(out[:, -1]).squeeze(1)


@case(
    "temporal_vanishing",
    also=("zero_gradient",),
    about="two bidirectional LSTM layers over 120 words, read by out[:, -1]",
    facts=[true.temporal_vanishing, true.zero_gradient],
)
def sentiment_out_minus_one():
    text = torch.randint(1, 200, (24, 120))
    y = (text[:, 0] > 100).float()
    return Sentiment(), lambda m: F.binary_cross_entropy_with_logits(m(text), y), None


class CellTranslator(nn.Module):
    """The encoder's last state is all that the decoder sees."""

    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(30, 20), nn.Embedding(30, 20)
        self.cell, self.decoder = nn.GRUCell(20, 32), nn.GRUCell(20, 32)
        self.out = nn.Linear(32, 30)

    def forward(self, source, target):
        h = torch.zeros(source.shape[0], 32)
        for step in self.source(source).unbind(1):
            h = self.cell(step, h)
        logits = []
        for step in self.target(target).unbind(1):
            h = self.decoder(step, h)
            logits.append(self.out(h))
        return torch.stack(logits, 1)


@case(
    "temporal_vanishing",
    about="seq2seq of GRU cells, 60 words through one vector, no attention",
    facts=[true.temporal_vanishing],
)
def translator_without_attention():
    source = torch.randint(0, 30, (16, 60))
    target = source[:, :6]

    def loss(model):
        logits = model(source, F.pad(target, (1, 0))[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), target.flatten())

    return CellTranslator(), loss, None


@case(
    "temporal_exploding",
    also=("forward_exploding",),
    about="identity RNN at 1.2 instead of 1",
    facts=[true.temporal_exploding, true.grows_along_time],
)
def identity_rnn_too_large():
    x = torch.randn(32, 70, 4)
    y = x.sum((1, 2))
    net = LastStep(nn.RNN(4, 24, nonlinearity="relu", batch_first=True), 24, 1)
    with torch.no_grad():
        net.rnn.weight_hh_l0.copy_(1.2 * torch.eye(24))
    return net, lambda model: F.mse_loss(model(x).squeeze(1), y), None


class Reservoir(nn.Module):
    def __init__(self, gain):
        super().__init__()
        self.cell, self.fc = nn.RNNCell(3, 64), nn.Linear(64, 1)
        nn.init.normal_(self.cell.weight_hh, 0, gain / 8)

    def forward(self, x):
        h = x.new_zeros(x.shape[1], 64)
        for step in x:
            h = self.cell(step, h)
        return self.fc(h)


@case(
    "temporal_exploding",
    about="chaotic tanh cell: recurrent weights of gain 2.2, 60 steps",
    facts=[true.temporal_exploding],
)
def chaotic_cell():
    x = 0.3 * torch.randn(60, 40, 3)
    y = x.mean((0, 2))[:, None]
    net = Reservoir(2.2)
    return net, lambda m: F.mse_loss(m(x), y), torch.optim.RMSprop(net.parameters(), 1e-4)
