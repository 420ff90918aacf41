"""Sick along time: the error signal falls or grows from step to step."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from tests.doctor.case import case

from .measure import falls_in_time, forward, rises
from .parts import text


@case(
    "temporal_vanishing",
    cause="recurrent weight",
    about="The adding problem at 100 steps with a default nn.RNN, read at the last step.",
    facts=[falls_in_time("project")],
)
def adding_problem():
    class Adder(nn.Module):
        def __init__(self):
            super().__init__()
            self.project = nn.Linear(2, 16)
            self.rnn = nn.RNN(16, 48, batch_first=True)
            self.out = nn.Linear(48, 1)

        def forward(self, x):
            states, _ = self.rnn(self.project(x))
            return self.out(states[:, -1, :])

    marks = torch.zeros(32, 100)
    marks[torch.arange(32), torch.randint(0, 50, (32,))] = 1
    marks[torch.arange(32), torch.randint(50, 100, (32,))] = 1
    x = torch.stack([torch.rand(32, 100), marks], -1)
    y = x.prod(-1).sum(1, keepdim=True)
    model = Adder()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return model, lambda m: F.mse_loss(m(x), y), optimizer


@case(
    "temporal_vanishing",
    cause="forget gate",
    about="Review sentiment: a packed two-layer LSTM over 90 words, forget gates at 1/2; h_n read.",
    facts=[falls_in_time("embed")],
)
def packed_lstm():
    class Sentiment(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(100, 24, padding_idx=0)
            self.lstm = nn.LSTM(24, 32, num_layers=2, batch_first=True, dropout=0.2)
            self.fc = nn.Linear(32, 2)

        def forward(self, ids, lengths):
            packed = pack_padded_sequence(
                self.embed(ids), lengths, batch_first=True, enforce_sorted=False
            )
            _, (h_n, _) = self.lstm(packed)
            return self.fc(h_n[-1])

    # Some reviews fill the batch's length, so the last step has its signal too.
    lengths = torch.cat([torch.full((4,), 90), torch.randint(80, 91, (12,))])
    ids = torch.randint(1, 100, (16, 90)) * (torch.arange(90) < lengths[:, None])
    y = (ids[:, :5].sum(1) > 250).long()
    model = Sentiment()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return model, lambda m: F.cross_entropy(m(ids, lengths), y), optimizer


@case(
    "temporal_exploding",
    also=("exploding", "forward_exploding"),
    cause="recurrent weight",
    about="An IRNN by hand whose identity became 1.25 I; 60 steps with F.linear, read at the end.",
    facts=[rises("state"), forward("state", low=1e3)],
)
def irnn_above_one():
    class IRNN(nn.Module):
        def __init__(self, n=32):
            super().__init__()
            self.w_in = nn.Parameter(0.1 * torch.randn(n, 28))
            self.w_h = nn.Parameter(1.25 * torch.eye(n))
            self.bias = nn.Parameter(torch.zeros(n))
            self.state = nn.Identity()
            self.read = nn.Linear(n, 4)

        def forward(self, x):
            h = x.new_zeros(x.shape[0], len(self.bias))
            for t in range(x.shape[1]):
                z = F.linear(x[:, t], self.w_in) + F.linear(h, self.w_h, self.bias)
                h = self.state(torch.relu(z))
            return self.read(h)

    x, y = torch.rand(32, 60, 28), torch.arange(32) % 4
    return IRNN(), lambda m: F.cross_entropy(m(x), y), None


@case(
    "temporal_exploding",
    also=("exploding",),
    cause=("recurrent weight", "initialisation too large"),
    about="A character model's tanh cell loop, recurrent weights N(0, .36): chaos over 120 steps.",
    facts=[rises("cell")],
)
def chaotic_cell():
    class Cell(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.u = nn.Parameter(nn.init.normal_(torch.empty(n, n), std=0.36))
            self.w = nn.Parameter(nn.init.normal_(torch.empty(n, n), std=0.1))

        def forward(self, x, h):
            return torch.tanh(torch.einsum("bi,ij->bj", x, self.w) + h @ self.u)

    class CharRNN(nn.Module):
        def __init__(self, n=40):
            super().__init__()
            self.embed, self.cell, self.out = nn.Embedding(40, n), Cell(n), nn.Linear(n, 40)

        def forward(self, ids):
            h = torch.zeros(len(ids), 40)
            for x in self.embed(ids).unbind(1):
                h = self.cell(x, h)
            return self.out(h)

    ids = text(16, 120)
    return CharRNN(), lambda m: F.cross_entropy(m(ids), (ids[:, -1] + 1) % 40), None
