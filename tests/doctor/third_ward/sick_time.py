"""Error signals that fade or grow along time."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .facts import in_time


@case(
    "temporal_vanishing",
    about="sentiment: a stacked LSTM over 100 tokens, read at the last step",
    facts=[in_time("lstm", high=1e-3)],
)
def review_lstm():
    torch.manual_seed(21)

    class Review(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(300, 24, padding_idx=0)
            self.lstm = nn.LSTM(24, 28, num_layers=2, batch_first=True, dropout=0.2)
            self.dense = nn.Linear(28, 1)

        def forward(self, tokens):
            out, _ = self.lstm(self.embedding(tokens))
            return self.dense(out[:, -1]).squeeze(1)

    tokens, stars = torch.randint(1, 300, (8, 100)), torch.randint(0, 2, (8,)).float()
    net = Review()
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    return net, lambda m: F.binary_cross_entropy_with_logits(m(tokens), stars), opt


@case(
    "temporal_vanishing",
    about="a GRUCell loop over 60 sensor frames in float64, dict input, final state regressed",
    facts=[in_time("cell", high=1e-3)],
)
def sensor_gru_loop():
    torch.manual_seed(22)

    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.GRUCell(5, 20)
            self.head = nn.Sequential(nn.LayerNorm(20), nn.Linear(20, 2))

        def forward(self, batch):
            h = batch["h0"]
            for frame in batch["frames"].unbind(1):
                h = self.cell(frame, h)
            return {"pred": self.head(h)}

    batch = {"frames": torch.randn(4, 60, 5).double(), "h0": torch.zeros(4, 20).double()}
    y = torch.randn(4, 2).double()
    return Loop().double(), lambda m: F.mse_loss(m(batch)["pred"], y), None


@case(
    "temporal_vanishing",
    about="an Elman net by hand, orthogonal recurrent matrix times 0.95; just beyond 10^3",
    facts=[in_time("hid", low=10**-4.2, high=1e-3)],
)
def elman_by_hand():
    torch.manual_seed(23)

    class Elman(nn.Module):
        def __init__(self):
            super().__init__()
            self.inp, self.hid = nn.Linear(3, 40), nn.Linear(40, 40, bias=False)
            self.out = nn.Linear(40, 4)
            nn.init.orthogonal_(self.hid.weight, gain=0.95)

        def forward(self, xs):
            h = xs.new_zeros(xs.shape[1], 40)
            for x in xs:
                h = torch.tanh(self.inp(0.3 * x) + self.hid(h))
            return self.out(h)

    xs, y = torch.randn(38, 20, 3), torch.randint(0, 4, (20,))
    net = Elman()
    return net, lambda m: F.cross_entropy(m(xs), y), torch.optim.RMSprop(net.parameters(), lr=1e-3)


@case(
    "temporal_vanishing",
    about="sequence to sequence without attention: a GRU encoder of 80 steps feeds one vector",
    facts=[in_time("encoder", high=1e-3, dim=0)],
)
def translate_without_attention():
    torch.manual_seed(24)

    class Seq2Seq(nn.Module):
        def __init__(self):
            super().__init__()
            self.src, self.tgt = nn.Embedding(60, 20), nn.Embedding(60, 20)
            self.encoder, self.decoder = nn.GRU(20, 40), nn.GRU(20, 40)
            self.proj = nn.Linear(40, 60)

        def forward(self, src, tgt):
            _, state = self.encoder(self.src(src))
            out, _ = self.decoder(self.tgt(tgt), state)
            return self.proj(out)

    src, tgt = torch.randint(0, 60, (80, 12)), torch.randint(0, 60, (9, 12))

    def loss(m):
        logits = m(src, tgt[:-1])
        return F.cross_entropy(logits.view(-1, 60), tgt[1:].reshape(-1))

    return Seq2Seq(), loss, None


@case(
    "temporal_exploding",
    about="nn.RNN whose recurrent matrix was drawn with std 2/sqrt(n): chaotic over 90 steps",
    facts=[in_time("rnn", low=1e3)],
)
def chaotic_reservoir():
    torch.manual_seed(25)

    class Reservoir(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(2, 64, batch_first=True)
            nn.init.normal_(self.rnn.weight_hh_l0, std=2.0 / 8)
            self.fc = nn.Linear(64, 1)

        def forward(self, x):
            return self.fc(self.rnn(x)[1][-1])

    x, y = torch.randn(16, 90, 2), torch.randn(16, 1)
    return Reservoir(), lambda m: F.mse_loss(m(x), y), None


@case(
    "temporal_exploding",
    also=("forward_exploding", "exploding"),
    about="a linear state space model with eigenvalues of 1.15 over 64 steps, weights by hand",
    facts=[in_time("step", low=1e3)],
)
def unstable_state_space():
    torch.manual_seed(26)

    class Step(nn.Module):
        def __init__(self, n):
            super().__init__()
            q = torch.linalg.qr(torch.randn(n, n))[0]
            self.A = nn.Parameter(1.15 * q)
            self.B = nn.Parameter(torch.randn(n, 2) * 0.3)

        def forward(self, h, u):
            return torch.einsum("ij,bj->bi", self.A, h) + torch.einsum("ij,bj->bi", self.B, u)

    class SSM(nn.Module):
        def __init__(self, n=16):
            super().__init__()
            self.step, self.C = Step(n), nn.Parameter(torch.randn(1, n) / 4)

        def forward(self, us):
            h = us.new_zeros(us.shape[0], 16)
            for t in range(us.shape[1]):
                h = self.step(h, us[:, t])
            return h @ self.C.T

    us, y = torch.randn(8, 64, 2), torch.randn(8, 1)
    return SSM(), lambda m: F.mse_loss(m(us), y), None


@case(
    "temporal_exploding",
    also=("forward_exploding", "exploding"),
    about="ReLU recurrent net, recurrent matrix 1.25 times the identity, read at the end",
    facts=[in_time("rnn", low=1e3, dim=0)],
)
def relu_rnn_adding_problem():
    torch.manual_seed(27)

    class Adding(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(2, 50, nonlinearity="relu")
            with torch.no_grad():
                self.rnn.weight_hh_l0.copy_(1.25 * torch.eye(50))
            self.lin = nn.Linear(50, 1)

        def forward(self, x):
            return self.lin(self.rnn(x)[0][-1])

    value, mask = torch.rand(50, 24), torch.zeros(50, 24)
    for b in range(24):
        mask[torch.randperm(50)[:2], b] = 1
    x = torch.stack([value, mask], -1)
    target = (value * mask).sum(0).unsqueeze(1)
    net = Adding()
    return net, lambda m: F.mse_loss(m(x), target), torch.optim.Adam(net.parameters(), lr=1e-4)


@case(
    "temporal_vanishing",
    about="an LSTM with a forget bias of 0.5 over 30 steps, read at the end; just beyond 10^3",
    facts=[in_time("lstm", low=10**-4.2, high=10**-3.3)],
)
def lstm_that_forgets():
    torch.manual_seed(28)

    class Drop(nn.Module):
        def __init__(self, n=32):
            super().__init__()
            self.lstm, self.out = nn.LSTM(3, n, batch_first=True), nn.Linear(n, 1)
            self.lstm.bias_ih_l0.data[n : 2 * n] = 0.5

        def forward(self, x):
            return self.out(self.lstm(x)[0][:, -1])

    x = torch.randn(40, 30, 3)
    y = x[:, :6, 0].sum(1, keepdim=True)
    return Drop(), lambda m: F.mse_loss(m(x), y), None
