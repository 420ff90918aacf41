"""Networks in time."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .proofs import in_time, seen


class Reader(nn.Module):
    """Reads a sequence of shape (batch, time, 4) and answers after the last step."""

    def __init__(self, rnn, outputs=2):
        super().__init__()
        self.rnn = rnn
        self.head = nn.Linear(rnn.hidden_size * (1 + rnn.bidirectional), outputs)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


def first_or_last(length, at=0, samples=32):
    """Sequences of noise, and the sign that stood at one place of them."""
    x = torch.randn(samples, length, 4)
    y = (x[:, at, 0] > 0).long()
    return lambda model: F.cross_entropy(model(x), y)


def orthogonal(rnn, scale):
    nn.init.orthogonal_(rnn.weight_hh_l0, scale)
    return rnn


def forgotten(layer):
    """Fact that the loss is the same whatever stood at the first step."""

    def prove(model, loss, optimizer):
        def negate_first(module, args):
            return (torch.cat([-args[0][:, :1], args[0][:, 1:]], 1),)

        before = loss(model)
        hook = model.get_submodule(layer).register_forward_pre_hook(negate_first)
        assert (loss(model) - before).abs() < 1e-5
        hook.remove()

    return prove


@case(
    "temporal_vanishing",
    cause="recurrent weight",
    about="A tanh network by PyTorch's defaults forgets what it read first.",
    facts=[in_time("rnn", (0, 1e-8)), forgotten("rnn")],
)
def default_rnn_forty_steps():
    return Reader(nn.RNN(4, 32, batch_first=True)), first_or_last(40), None


@case(
    "temporal_vanishing",
    cause="forget gate",
    about="An LSTM without a bias for its forget gate keeps about 0.6 of its memory a step.",
    facts=[in_time("rnn", (0, 1e-6)), forgotten("rnn")],
)
def default_lstm_sixty_steps():
    return Reader(nn.LSTM(4, 32, batch_first=True)), first_or_last(60), None


@case(
    "temporal_vanishing",
    cause="forget gate",
    about="A forget bias of -3, by a wrong sign: 20 steps are enough.",
    facts=[in_time("rnn", (0, 1e-8)), forgotten("rnn")],
)
def lstm_that_forgets():
    rnn = nn.LSTM(4, 32, batch_first=True)
    with torch.no_grad():
        rnn.bias_ih_l0[32:64] = -3.0
    return Reader(rnn), first_or_last(20), None


@case(
    "temporal_vanishing",
    cause="forget gate",
    about="A GRU whose update gate is half open at the start.",
    facts=[in_time("rnn", (0, 1e-6))],
)
def default_gru_fifty_steps():
    return Reader(nn.GRU(4, 32, batch_first=True)), first_or_last(50), None


class Loop(nn.Module):
    """A cell of one's own, in a Python loop."""

    def __init__(self, weight, phi=torch.tanh):
        super().__init__()
        self.read, self.step = nn.Linear(4, 32), nn.Linear(32, 32, bias=False)
        self.head, self.phi = nn.Linear(32, 2), phi
        self.step.weight = nn.Parameter(weight)

    def forward(self, x):
        h = x.new_zeros(len(x), 32)
        for t in range(x.shape[1]):
            h = self.phi(self.read(x[:, t]) + self.step(h))
        return self.head(h)


@case(
    "temporal_vanishing",
    cause="recurrent weight",
    about="A hand-written cell with an orthogonal weight of 0.8, and 34 steps: not far too many.",
    facts=[in_time("step", (10**-3.9, 10**-3.1), of="calls")],
)
def own_loop_just_too_long():
    loop = Loop(nn.init.orthogonal_(torch.empty(32, 32), 0.8), phi=lambda z: z)
    return loop, first_or_last(34), None


def states_grow(layer):
    """Fact that states after the last step are a thousand times as large as after the second."""

    def prove(model, loss, optimizer):
        calls = seen(model, loss, layer)[layer]
        states = calls if len(calls) > 1 else calls[0].unbind(1)
        assert states[-1].norm() > 1e3 * states[1].norm()

    return prove


class Cells(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell, self.head = cell, nn.Linear(32, 2)

    def forward(self, x):
        h = None
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
        return self.head(h if isinstance(h, torch.Tensor) else h[0])


@case(
    "temporal_vanishing",
    cause="recurrent weight",
    about="nn.RNNCell in a loop, with a recurrent weight of norm 0.5.",
    facts=[in_time("cell", (0, 1e-6), of="calls")],
)
def rnn_cell_small_weights():
    cell = nn.RNNCell(4, 32)
    nn.init.orthogonal_(cell.weight_hh, 0.5)
    return Cells(cell), first_or_last(30), None


@case(
    "temporal_exploding",
    also=("forward_exploding",),
    cause="recurrent weight",
    about="A ReLU network whose recurrent weight is 1.5 times the identity.",
    facts=[in_time("rnn", (1e5, 1e12)), states_grow("rnn")],
)
def relu_rnn_too_strong():
    rnn = nn.RNN(4, 32, nonlinearity="relu", batch_first=True)
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(1.5 * torch.eye(32))
    return Reader(rnn), first_or_last(40), None


@case(
    "temporal_exploding",
    also=("forward_exploding",),
    cause="recurrent weight",
    about="A linear recurrence with all eigenvalues of modulus 1.3.",
    facts=[in_time("step", (1e4, 1e9), of="calls"), states_grow("step")],
)
def linear_state_space():
    loop = Loop(nn.init.orthogonal_(torch.empty(32, 32), 1.3), phi=lambda z: z)
    return loop, first_or_last(45), None


@case(
    "temporal_exploding",
    also=("forward_exploding",),
    cause="recurrent weight",
    about="Eigenvalues of modulus 1.25, and 37 steps: not far beyond the limit.",
    facts=[in_time("step", (10**3.2, 10**3.9), of="calls"), states_grow("step")],
)
def linear_state_space_just_too_long():
    loop = Loop(nn.init.orthogonal_(torch.empty(32, 32), 1.25), phi=lambda z: z)
    return loop, first_or_last(37), None


@case(
    "temporal_exploding",
    cause="recurrent weight",
    about="Tanh with a recurrent gain of 2.5: states stay below 1, and tiny causes grow.",
    facts=[in_time("rnn", (1e4, 1e20))],
)
def chaotic_rnn():
    rnn = nn.RNN(4, 64, batch_first=True)
    nn.init.normal_(rnn.weight_hh_l0, std=2.5 / 8)
    nn.init.normal_(rnn.weight_ih_l0, std=0.05)
    return Reader(rnn), first_or_last(50), None
