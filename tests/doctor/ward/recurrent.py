"""Networks in time."""

import torch
import torch.nn.functional as F
from torch import nn

from .case import healthy, sick
from .material import text
from .proofs import all_of, gradients, in_time, seen, stuck, trains


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


@sick(
    "temporal_vanishing",
    cause="recurrent weight",
    prove=all_of(in_time("rnn", (0, 1e-8)), stuck(above=0.6)),
)
def default_rnn_forty_steps():
    """A tanh network by PyTorch's defaults forgets what it read first."""
    return Reader(nn.RNN(4, 32, batch_first=True)), first_or_last(40), None


@sick(
    "temporal_vanishing",
    cause="forget gate",
    prove=all_of(in_time("rnn", (0, 1e-6)), stuck(above=0.6)),
)
def default_lstm_sixty_steps():
    """An LSTM without a bias for its forget gate keeps about 0.6 of its memory a step."""
    return Reader(nn.LSTM(4, 32, batch_first=True)), first_or_last(60), None


@sick(
    "temporal_vanishing",
    cause="forget gate",
    prove=all_of(in_time("rnn", (0, 1e-8)), stuck(above=0.6)),
)
def lstm_that_forgets():
    """A forget bias of -3, by a wrong sign: 20 steps are enough."""
    rnn = nn.LSTM(4, 32, batch_first=True)
    with torch.no_grad():
        rnn.bias_ih_l0[32:64] = -3.0
    return Reader(rnn), first_or_last(20), None


@sick("temporal_vanishing", cause="recurrent weight", prove=in_time("rnn", (0, 1e-6)))
def default_gru_fifty_steps():
    """A GRU whose update gate is half open at the start."""
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


@sick(
    "temporal_vanishing",
    cause="recurrent weight",
    prove=in_time("step", (10**-3.9, 10**-3.1), of="calls"),
)
def own_loop_just_too_long():
    """A hand-written cell with an orthogonal weight of 0.8, and 34 steps: not far too many."""
    loop = Loop(nn.init.orthogonal_(torch.empty(32, 32), 0.8), phi=lambda z: z)
    return loop, first_or_last(34), None


class Cells(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell, self.head = cell, nn.Linear(32, 2)

    def forward(self, x):
        h = None
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
        return self.head(h if isinstance(h, torch.Tensor) else h[0])


@sick("temporal_vanishing", cause="recurrent weight", prove=in_time("cell", (0, 1e-6), of="calls"))
def rnn_cell_small_weights():
    """nn.RNNCell in a loop, with a recurrent weight of norm 0.5."""
    cell = nn.RNNCell(4, 32)
    nn.init.orthogonal_(cell.weight_hh, 0.5)
    return Cells(cell), first_or_last(30), None


@sick("temporal_exploding", cause="recurrent weight", prove=in_time("rnn", (1e5, 1e12)))
def relu_rnn_too_strong():
    """A ReLU network whose recurrent weight is 1.5 times the identity."""
    rnn = nn.RNN(4, 32, nonlinearity="relu", batch_first=True)
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(1.5 * torch.eye(32))
    return Reader(rnn), first_or_last(40), None


@sick(
    "temporal_exploding", cause="recurrent weight", prove=in_time("step", (1e4, 1e9), of="calls")
)
def linear_state_space():
    """A linear recurrence with all eigenvalues of modulus 1.3."""
    loop = Loop(nn.init.orthogonal_(torch.empty(32, 32), 1.3), phi=lambda z: z)
    return loop, first_or_last(45), None


@sick(
    "temporal_exploding",
    cause="recurrent weight",
    prove=in_time("step", (10**3.2, 10**3.9), of="calls"),
)
def linear_state_space_just_too_long():
    """Eigenvalues of modulus 1.25, and 37 steps: not far beyond the limit."""
    loop = Loop(nn.init.orthogonal_(torch.empty(32, 32), 1.25), phi=lambda z: z)
    return loop, first_or_last(37), None


@sick("temporal_exploding", cause="recurrent weight", prove=in_time("rnn", (1e4, 1e20)))
def chaotic_rnn():
    """Tanh with a recurrent gain of 2.5: states stay below 1, and tiny causes grow."""
    rnn = nn.RNN(4, 64, batch_first=True)
    nn.init.normal_(rnn.weight_hh_l0, std=2.5 / 8)
    nn.init.normal_(rnn.weight_ih_l0, std=0.05)
    return Reader(rnn), first_or_last(50), None


@healthy(prove=all_of(in_time("rnn", (0.01, 100)), trains(steps=80)))
def lstm_that_remembers():
    """A forget bias of 4 carries the first word through 40 steps."""
    rnn = nn.LSTM(4, 32, batch_first=True)
    with torch.no_grad():
        rnn.bias_ih_l0[32:64] = 4.0
    return Reader(rnn), first_or_last(40), None


@healthy(prove=all_of(in_time("rnn", (0.01, 100)), trains(steps=80)))
def gru_that_remembers():
    """The same for a GRU, by the bias of its update gate."""
    rnn = nn.GRU(4, 32, batch_first=True)
    with torch.no_grad():
        rnn.bias_ih_l0[32:64] = 4.0
    return Reader(rnn), first_or_last(40), None


@healthy(prove=all_of(in_time("rnn", (0.01, 100)), trains(steps=80, lr=2e-3)))
def identity_rnn():
    """A ReLU network that starts with the identity as its recurrent weight."""
    rnn = nn.RNN(4, 32, nonlinearity="relu", batch_first=True)
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(torch.eye(32))
        nn.init.normal_(rnn.weight_ih_l0, std=0.1)
        rnn.bias_ih_l0.zero_()
        rnn.bias_hh_l0.zero_()
    return Reader(rnn), first_or_last(40), None


@healthy(prove=all_of(in_time("rnn", (0.01, 1)), trains(steps=60)))
def short_default_lstm():
    """PyTorch's defaults over eight steps: some loss of signal, and it learns."""
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


@healthy(prove=all_of(trains(steps=60), in_time("rnn", (0.05, 20))))
def tagger_of_long_texts():
    """A default LSTM over 60 words, with a loss at each of them: every step has its own signal."""
    return Tagger(nn.LSTM(16, 32, batch_first=True)), next_word(text(length=60)), None


@healthy(prove=trains(steps=60))
def tagger_with_tanh():
    """The same with the plainest recurrent network, two layers of it."""
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


@healthy(prove=all_of(trains(steps=60), in_time("rnn", (0.05, 20))))
def attention_over_states():
    """The first word is read in one step, whatever the recurrence forgets."""
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


@healthy(prove=all_of(trains(steps=60), cut_but_fed))
def truncated_backpropagation():
    """States are detached every ten of forty steps."""
    x = torch.randn(32, 40, 4)
    y = (x[..., 0] + x[..., 1].roll(1, 1)) / 2
    return Truncated(), lambda model: F.mse_loss(model(x), y), None


@healthy(prove=trains(steps=60))
def packed_sequences():
    """Sentences of different lengths, packed; the padding never enters."""
    x, lengths = torch.randn(16, 12, 4), torch.randint(3, 12, (16,))
    y = (x[:, 0, 0] > 0).long()

    def loss(model):
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        return F.cross_entropy(model.head(model.rnn(packed)[1][0][-1]), y)

    return Reader(nn.LSTM(4, 32, batch_first=True)), loss, None
