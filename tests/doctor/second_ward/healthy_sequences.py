"""Healthy along time: long, cut or gated on purpose."""

import math
import warnings

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from tests.doctor.case import case
from tests.doctor.second_ward.proofs import time_keeps
from tests.doctor.second_ward.training import learns


class CharRNN(nn.Module):
    def __init__(self, cell=nn.GRU, width=32):
        super().__init__()
        self.emb = nn.Embedding(28, width)
        self.rnn = cell(width, width, batch_first=True)
        self.out = nn.Linear(width, 28)

    def forward(self, ids, state=None):
        h, state = self.rnn(self.emb(ids), state)
        return self.out(h), state


@case(
    None,
    about="truncated backpropagation: the closure carries a detached state along",
    facts=[learns()],
)
def truncated_bptt():
    stream = (torch.arange(4000) * 5 + torch.arange(4000) // 11) % 28
    memory = {"state": None, "at": 0}

    def loss(m):
        at = memory["at"] = (memory["at"] + 20) % 3800
        chunk = torch.stack([stream[at + 40 * i : at + 40 * i + 21] for i in range(4)])
        logits, state = m(chunk[:, :-1], memory["state"])
        memory["state"] = (
            tuple(s.detach() for s in state) if type(state) is tuple else state.detach()
        )
        return F.cross_entropy(logits.mT, chunk[:, 1:])

    model = CharRNN()
    return model, loss, torch.optim.RMSprop(model.parameters(), lr=5e-3)


@case(
    None,
    about="a tanh RNN over 150 steps with a loss at each: every step is told",
    facts=[learns(drop=0.15)],
)
def loss_at_every_step():
    ids = (torch.randint(0, 28, (8, 1)) + 3 * torch.arange(151)) % 28
    return (
        CharRNN(nn.RNN),
        lambda m: F.cross_entropy(m(ids[:, :-1])[0].flatten(0, 1), ids[:, 1:].flatten()),
        None,
    )


class Chrono(nn.Module):
    """An LSTM whose gates start with long memories (chrono initialisation)."""

    def __init__(self, longest=120, width=32):
        super().__init__()
        self.lstm = nn.LSTM(4, width, batch_first=True)
        self.head = nn.Linear(width, 4)
        with torch.no_grad():
            spans = torch.rand(width) * (longest - 2) + 1
            self.lstm.bias_ih_l0.zero_()
            self.lstm.bias_hh_l0.zero_()
            self.lstm.bias_ih_l0[width : 2 * width] = spans.log()
            self.lstm.bias_ih_l0[:width] = -spans.log()

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


@case(
    None,
    about="the first of 100 symbols is asked for at the end; gates start almost shut or open",
    facts=[learns(), time_keeps("lstm")],
)
def chrono_lstm():
    symbol = torch.randint(0, 4, (32,))
    x = 0.1 * torch.randn(32, 100, 4)
    x[torch.arange(32), 0, symbol] += 3
    return Chrono(), lambda m: F.cross_entropy(m(x), symbol), None


class Unitary(nn.Module):
    """A loop with an orthogonal recurrent matrix and modReLU."""

    def __init__(self, width=48):
        super().__init__()
        self.cell = parametrizations.orthogonal(nn.Linear(width, width, bias=False))
        self.drive = nn.Linear(1, width, bias=False)
        self.b = nn.Parameter(torch.full((width,), 0.001))
        self.read = nn.Linear(width, 1)

    def forward(self, x):
        h = x.new_zeros(len(x), self.b.numel())
        with nn.utils.parametrize.cached():
            for t in range(x.shape[1]):
                z = self.cell(h) + self.drive(x[:, t])
                h = torch.sign(z) * F.relu(z.abs() + self.b)
        return self.read(h)


@case(
    None,
    about="orthogonal recurrence, 100 steps; sign() stands in modReLU and is harmless",
    facts=[learns()],
)
def orthogonal_recurrence():
    x = torch.randn(32, 100, 1) / 10
    y = x.sum(1) / 2 + 1
    return Unitary(), lambda m: F.mse_loss(m(x), y), None


class Temporal(nn.Module):
    """A temporal convolutional network with the weight norm of old."""

    def __init__(self, width=16):
        super().__init__()
        self.lift = nn.Conv1d(2, width, 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            self.convs = nn.ModuleList(
                nn.utils.weight_norm(nn.Conv1d(width, width, 3, dilation=2**i, padding=2**i))
                for i in range(6)
            )
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        x = self.lift(x)
        for conv in self.convs:
            x = x + F.dropout(F.relu(conv(x)), 0.1, self.training)
        return self.head(x.mean(-1))


@case(
    None,
    about="weight_norm in its old form: the weight is no leaf and cannot be copied",
    facts=[learns()],
)
def tcn_with_old_weight_norm():
    x = torch.randn(32, 2, 64)
    y = (x[:, 0] * x[:, 1]).mean(-1, keepdim=True) * 8
    return Temporal(), lambda m: F.mse_loss(m(x), y), None


class Attending(nn.Module):
    """Bahdanau's translator, trained with teacher forcing."""

    def __init__(self, width=32, words=20):
        super().__init__()
        self.src, self.tgt = nn.Embedding(words, width, 0), nn.Embedding(words, width, 0)
        self.encoder = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)
        self.decoder = nn.GRUCell(2 * width, width)
        self.W, self.U, self.v = (nn.Linear(width, k, bias=False) for k in (width, width, 1))
        self.out = nn.Linear(width, words)

    def forward(self, src, tgt):
        memory, _ = self.encoder(self.src(src))
        keys, h, logits = self.U(memory), memory.mean(1), []
        for word in self.tgt(tgt).unbind(1):
            score = self.v(torch.tanh(self.W(h)[:, None] + keys)).squeeze(-1)
            score = score.masked_fill(src == 0, -1e9)
            context = torch.einsum("bs,bsd->bd", score.softmax(-1), memory)
            h = self.decoder(torch.cat([word, context], -1), h)
            logits.append(self.out(h))
        return torch.stack(logits, 1)


@case(
    None,
    about="attention over a padded source, targets padded with ignore_index",
    facts=[learns()],
)
def attentive_translator():
    src = torch.randint(2, 20, (24, 12))
    src[:, 8:][torch.rand(24, 4) < 0.7] = 0
    tgt = torch.cat([torch.ones(24, 1, dtype=torch.long), src.flip(1)], 1)
    return (
        Attending(),
        lambda m: F.cross_entropy(m(src, tgt[:, :-1]).mT, tgt[:, 1:], ignore_index=0),
        None,
    )


class SkipGram(nn.Module):
    def __init__(self, words=1000, width=24):
        super().__init__()
        self.centre = nn.Embedding(words, width, sparse=True)
        self.context = nn.Embedding(words, width, sparse=True)
        nn.init.uniform_(self.centre.weight, -0.5 / width, 0.5 / width)
        nn.init.zeros_(self.context.weight)

    def forward(self, c, o, negatives):
        v = self.centre(c)
        good = (v * self.context(o)).sum(-1)
        bad = torch.einsum("bd,bkd->bk", v, self.context(negatives))
        return -(F.logsigmoid(good) + F.logsigmoid(-bad).sum(-1)).mean()


@case(
    None,
    about="word2vec: sparse gradients, most words unseen, zero-initialised contexts",
    facts=[learns(drop=0.1)],
)
def skip_gram_sparse():
    model = SkipGram()

    def loss(m):
        c = torch.randint(0, 60, (256,))
        return m(c, (c + 1) % 60, torch.randint(0, 1000, (256, 5)))

    return model, loss, torch.optim.SparseAdam(list(model.parameters()), lr=0.05)


class StateSpace(nn.Module):
    """A diagonal linear recurrence (complex), as in S4D, computed as a convolution."""

    def __init__(self, states=16):
        super().__init__()
        self.log_decay = nn.Parameter(torch.linspace(math.log(0.01), math.log(0.2), states))
        self.frequency = nn.Parameter(torch.arange(states) * 0.3)
        self.C = nn.Parameter(torch.randn(states, 2) / 4)
        self.D, self.head = nn.Parameter(torch.ones(1)), nn.Linear(1, 1)

    def forward(self, u):
        steps = torch.arange(u.shape[1])
        pole = torch.complex(-self.log_decay.exp(), self.frequency)
        kernel = 2 * (torch.view_as_complex(self.C)[:, None] * (pole[:, None] * steps).exp()).real
        n = 2 * len(steps)
        y = torch.fft.irfft(torch.fft.rfft(u, n) * torch.fft.rfft(kernel.sum(0), n), n)
        return self.head((y[:, : len(steps)] + self.D * u).unsqueeze(-1)).squeeze(-1)


@case(
    None,
    about="a state-space layer: complex parameters, FFT, no cell loop to be seen",
    facts=[learns()],
)
def state_space_layer():
    u = torch.randn(16, 128)
    y = u.cumsum(1) / 10
    return StateSpace(), lambda m: F.mse_loss(m(u), y), None
