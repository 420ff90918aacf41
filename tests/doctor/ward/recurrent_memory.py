"""Recurrent networks that carry, and that look as if they did not."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .material import text
from .proofs import gradients, in_time, seen, trains
from .recurrent import Reader, first_or_last


@case(
    None,
    about="A forget bias of 4 carries the first word through 40 steps.",
    facts=[in_time("rnn", (0.01, 100)), trains(steps=80)],
)
def lstm_that_remembers():
    rnn = nn.LSTM(4, 32, batch_first=True)
    with torch.no_grad():
        rnn.bias_ih_l0[32:64] = 4.0
    return Reader(rnn), first_or_last(40), None


@case(
    None,
    about="The same for a GRU, by the bias of its update gate.",
    facts=[in_time("rnn", (0.01, 100)), trains(steps=80)],
)
def gru_that_remembers():
    rnn = nn.GRU(4, 32, batch_first=True)
    with torch.no_grad():
        rnn.bias_ih_l0[32:64] = 4.0
    return Reader(rnn), first_or_last(40), None


@case(
    None,
    about="A ReLU network that starts with the identity as its recurrent weight.",
    facts=[in_time("rnn", (0.01, 100)), trains(steps=80, lr=2e-3)],
)
def identity_rnn():
    rnn = nn.RNN(4, 32, nonlinearity="relu", batch_first=True)
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(torch.eye(32))
        nn.init.normal_(rnn.weight_ih_l0, std=0.1)
        rnn.bias_ih_l0.zero_()
        rnn.bias_hh_l0.zero_()
    return Reader(rnn), first_or_last(40), None


@case(
    None,
    about="PyTorch's defaults over eight steps: some loss of signal, and it learns.",
    facts=[in_time("rnn", (0.01, 1)), trains(steps=60)],
)
def short_default_lstm():
    return Reader(nn.LSTM(4, 32, batch_first=True)), first_or_last(8), None


class Tagger(nn.Module):
    """Predicts the next word at every step."""

    def __init__(self, rnn, words=20):
        super().__init__()
        self.embed = nn.Embedding(words, rnn.input_size)
        self.rnn = rnn
        self.head = nn.Linear(rnn.hidden_size, words)

    def forward(self, tokens):
        return self.head(self.rnn(self.embed(tokens))[0])


def next_word(tokens):
    def loss(model):
        return F.cross_entropy(model(tokens[:, :-1]).transpose(1, 2), tokens[:, 1:])

    return loss


@case(
    None,
    about="A default LSTM over 60 words with a loss at each: every step has its own signal.",
    facts=[trains(steps=60), in_time("rnn", (0.05, 20))],
)
def tagger_of_long_texts():
    return Tagger(nn.LSTM(16, 32, batch_first=True)), next_word(text(length=60)), None


@case(
    None,
    about="The same with the plainest recurrent network, two layers of it.",
    facts=[trains(steps=60)],
)
def tagger_with_tanh():
    return Tagger(nn.RNN(16, 32, num_layers=2, batch_first=True)), next_word(text(length=40)), None


class Attentive(nn.Module):
    """A recurrent network whose answer attends to all of its states."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 32, batch_first=True, bidirectional=True)
        self.score, self.head = nn.Linear(64, 1), nn.Linear(64, 2)

    def forward(self, x):
        states = self.rnn(x)[0]
        return self.head((self.score(states).softmax(1) * states).sum(1))


@case(
    None,
    about="The first word is read in one step, whatever the recurrence forgets.",
    facts=[trains(steps=60), in_time("rnn", (0.05, 20))],
)
def attention_over_states():
    return Attentive(), first_or_last(40), None


class Truncated(nn.Module):
    """Cuts the graph every ten steps, as one does with long sequences."""

    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.GRUCell(4, 32), nn.Linear(32, 1)

    def forward(self, x):
        h, out = x.new_zeros(len(x), 32), []
        for t in range(x.shape[1]):
            if t % 10 == 0:
                h = h.detach()
            h = self.cell(x[:, t], h)
            out.append(self.head(h))
        return torch.cat(out, 1)


def cut_but_fed(model, loss, optimizer):
    """Each piece has a signal from its own losses, and every parameter gets a gradient."""
    assert all(h.grad.any() for h in seen(model, loss, "cell")["cell"])
    assert all(g.any() for g in gradients(model, loss).values())


@case(
    None,
    about="States are detached every ten of forty steps.",
    facts=[trains(steps=60), cut_but_fed],
)
def truncated_backpropagation():
    x = torch.randn(32, 40, 4)
    y = (x[..., 0] + x[..., 1].roll(1, 1)) / 2
    return Truncated(), lambda model: F.mse_loss(model(x), y), None


@case(
    None,
    about="Sentences of different lengths, packed; the padding never enters.",
    facts=[trains(steps=60)],
)
def packed_sequences():
    x, lengths = torch.randn(16, 12, 4), torch.randint(3, 12, (16,))
    y = (x[:, 0, 0] > 0).long()

    def loss(model):
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        return F.cross_entropy(model.head(model.rnn(packed)[1][0][-1]), y)

    return Reader(nn.LSTM(4, 32, batch_first=True)), loss, None
