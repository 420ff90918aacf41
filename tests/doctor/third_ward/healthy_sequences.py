"""Healthy nets over time and over graphs."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .facts import collapsed, gradients, in_time, signal
from .facts_of_training import learns


@case(
    None,
    about="an LSTM with a forget bias of 1.2 over 30 steps: 10^-2 in time, no less",
    facts=[in_time("lstm", 10**-2.3, 10**-1.6), learns(60, 0.9, default=5e-3)],
)
def lstm_that_remembers():
    torch.manual_seed(131)

    class Keep(nn.Module):
        def __init__(self, n=32):
            super().__init__()
            self.lstm = nn.LSTM(3, n, batch_first=True)
            self.out = nn.Linear(n, 1)
            self.lstm.bias_ih_l0.data[n : 2 * n] = 1.2

        def forward(self, x):
            return self.out(self.lstm(x)[0][:, -1])

    x = torch.randn(40, 30, 3)
    y = x[:, -6:, 0].sum(1, keepdim=True)
    return Keep(), lambda m: F.mse_loss(m(x), y), None


@case(
    None,
    about="a BiLSTM tagger over 70 padded words: every step has a loss of its own",
    facts=[in_time("rnn", 0.02, 50), learns(25, 0.9, default=1e-2)],
)
def bilstm_tagger():
    torch.manual_seed(132)

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.we = nn.Embedding(120, 16, padding_idx=0)
            self.rnn = nn.LSTM(16, 20, bidirectional=True, batch_first=True)
            self.tag = nn.Linear(40, 6)

        def forward(self, ids):
            return self.tag(self.rnn(self.we(ids))[0])

    ids = torch.randint(1, 120, (6, 70))
    tags = ids % 6
    ids[3, 50:], tags[3, 50:] = 0, -100
    return (
        Tagger(),
        lambda m: F.cross_entropy(m(ids).transpose(1, 2), tags, ignore_index=-100),
        None,
    )


@case(
    None,
    about="truncated backpropagation: the state is detached every ten steps of a char model",
    facts=[learns(25, 0.95, default=5e-3), gradients()],
)
def truncated_char_model():
    torch.manual_seed(133)

    class Char(nn.Module):
        def __init__(self):
            super().__init__()
            self.emb, self.cell, self.out = (
                nn.Embedding(20, 12),
                nn.GRUCell(12, 32),
                nn.Linear(32, 20),
            )

        def forward(self, text):
            h, logits = torch.zeros(text.shape[0], 32), []
            for t, c in enumerate(text.T):
                if t % 10 == 0:
                    h = h.detach()
                h = self.cell(self.emb(c), h)
                logits.append(self.out(h))
            return torch.stack(logits, 1)

    text = (torch.arange(41)[None] * torch.tensor([[1], [3], [7]])) % 20

    def loss(m):
        return F.cross_entropy(m(text[:, :-1]).reshape(-1, 20), text[:, 1:].reshape(-1))

    return Char(), loss, None


@case(
    None,
    about="sequence to sequence with additive attention and teacher forcing, RMSprop",
    facts=[learns(25, 0.95), gradients()],
)
def attentive_translator():
    torch.manual_seed(134)

    class Bahdanau(nn.Module):
        def __init__(self, v=30, n=24):
            super().__init__()
            self.emb = nn.Embedding(v, n)
            self.enc = nn.GRU(n, n, batch_first=True)
            self.dec = nn.GRUCell(2 * n, n)
            self.wq, self.wk = nn.Linear(n, n), nn.Linear(n, n, bias=False)
            self.v, self.out = nn.Parameter(torch.randn(n)), nn.Linear(n, v)

        def forward(self, src, tgt):
            mem, h = self.enc(self.emb(src))
            h, ys = h[0], []
            for tok in tgt.unbind(1):
                e = torch.tanh(self.wq(h)[:, None] + self.wk(mem)) @ self.v
                ctx = (e.softmax(1)[..., None] * mem).sum(1)
                h = self.dec(torch.cat([self.emb(tok), ctx], -1), h)
                ys.append(self.out(h))
            return torch.stack(ys, 1)

    src = torch.randint(2, 30, (16, 12))
    tgt = torch.cat([torch.ones(16, 1, dtype=torch.long), src.flip(1)], 1)
    net = Bahdanau()
    opt = torch.optim.RMSprop(net.parameters(), lr=3e-3)
    return net, lambda m: F.cross_entropy(m(src, tgt[:, :-1]).transpose(1, 2), tgt[:, 1:]), opt


@case(
    None,
    about="a neural ODE: 25 Euler steps of one tanh field, float64, dt = 0.04",
    facts=[signal(0.1, 10, first=0, last=-1), learns(40, 0.8, default=1e-2)],
)
def euler_ode():
    torch.manual_seed(135)

    class Field(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 32), nn.Linear(32, 2)

        def forward(self, t, z):
            return self.b(torch.tanh(self.a(torch.cat([z, t.expand(len(z), 1)], 1))))

    z0 = torch.randn(40, 2).double()
    goal = z0 @ torch.tensor([[0.0, 1.0], [-1.0, 0.0]]).double()

    def loss(field):
        z, times = z0, torch.linspace(0, 1, 26).double()
        for t0, t1 in zip(times, times[1:], strict=False):
            z = z + (t1 - t0) * field(t0, z)
        return F.mse_loss(z, goal)

    return Field().double(), loss, None


@case(
    None,
    about="message passing with index_add on a random molecule, edge features, two rounds",
    facts=[learns(40, 0.9), collapsed("update", low=0.05)],
)
def message_passing():
    torch.manual_seed(136)

    class MPNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Linear(5, 24)
            self.msg = nn.Sequential(nn.Linear(24 + 24 + 3, 24), nn.SiLU())
            self.update, self.read = nn.GRUCell(24, 24), nn.Linear(24, 1)

        def forward(self, g):
            h = self.embed(g["x"])
            src, dst = g["edges"]
            for _ in range(2):
                m = self.msg(torch.cat([h[src], h[dst], g["e"]], 1))
                h = self.update(torch.zeros_like(h).index_add(0, dst, m), h)
            return self.read(h).squeeze(1)

    g = {"x": torch.randn(50, 5), "edges": torch.randint(0, 50, (2, 160)), "e": torch.randn(160, 3)}
    y = g["x"][:, 0] + g["x"][:, 1]
    return MPNN(), lambda m: F.mse_loss(m(g), y), None


@case(
    None,
    about="CTC over a GRU: blanks everywhere at first, large summed losses",
    facts=[learns(40, 0.8, default=5e-3)],
)
def ctc_speech():
    torch.manual_seed(137)

    class Speech(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv1d(8, 24, 3, stride=2, padding=1)
            self.gru, self.chars = nn.GRU(24, 24), nn.Linear(24, 9)

        def forward(self, x):
            z = F.gelu(self.conv(x)).permute(2, 0, 1)
            return self.chars(self.gru(z)[0]).log_softmax(-1)

    x, y = torch.randn(5, 8, 40), torch.randint(1, 9, (5, 6))
    lengths = torch.full((5,), 20), torch.full((5,), 6)
    return Speech(), lambda m: F.ctc_loss(m(x), y, *lengths, reduction="sum"), None


@case(
    None,
    about="a temporal convolution net, dilations up to 16, weight-normed, residual, last step read",
    facts=[learns(30, 0.8)],
)
def dilated_tcn():
    torch.manual_seed(138)

    class Layer(nn.Module):
        def __init__(self, c, d):
            super().__init__()
            self.pad = 2 * d
            self.conv = nn.utils.parametrizations.weight_norm(nn.Conv1d(c, c, 3, dilation=d))

        def forward(self, x):
            return x + F.relu(self.conv(F.pad(x, (self.pad, 0))))

    net = nn.Sequential(
        nn.Conv1d(2, 20, 1), *[Layer(20, 2**k) for k in range(5)], nn.Conv1d(20, 1, 1)
    )
    x = torch.randn(12, 2, 64)
    y = x.prod(1).cumsum(-1)[..., -1:] / 8
    return net, lambda m: F.mse_loss(m(x)[..., -1], y), None
