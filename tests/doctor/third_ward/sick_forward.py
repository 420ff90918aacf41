"""Activations that fade or grow through the depth, and vectors that become one."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .facts import collapsed, forward, signal, tiny


@case(
    "forward_vanishing",
    also=("vanishing",),
    about="every weight drawn with std 0.01 and no bias, as in an old tutorial",
    facts=[forward(high=1e-3), signal(high=1e-3)],
)
def normal_001_autoencoder():
    torch.manual_seed(9)
    widths = [49, 64, 32, 16, 32, 64, 49]
    stages = [nn.Linear(i, o) for i, o in zip(widths, widths[1:], strict=False)]
    net = nn.Sequential(*[m for s in stages for m in (s, nn.Tanh())][:-1])

    def init_weights(m):
        if type(m) is nn.Linear:
            m.weight.data.normal_(0.0, 0.01)
            m.bias.data.fill_(0)

    net.apply(init_weights)
    x = torch.rand(40, 49)
    return net, lambda m: nn.MSELoss()(m(x), x), None


@case(
    "forward_vanishing",
    about="strain-gauge readings in metres (1e-9) go into a conv net without biases",
    facts=[tiny(1e-6)],
)
def strain_gauge_si_units():
    torch.manual_seed(10)

    class Gauge(nn.Module):
        def __init__(self):
            super().__init__()
            self.c1 = nn.Conv1d(2, 24, 5, padding=2, bias=False)
            self.c2 = nn.Conv1d(24, 24, 5, padding=2, bias=False)
            self.fc = nn.Linear(24, 3)
            for c in (self.c1, self.c2):
                nn.init.kaiming_normal_(c.weight, nonlinearity="relu")

        def forward(self, u):
            u = F.relu(self.c2(F.relu(self.c1(u))))
            return self.fc(u.mean(-1))

    u, k = 3e-9 * torch.randn(30, 2, 50), torch.randint(0, 3, (30,))
    return Gauge(), lambda m: F.cross_entropy(m(u), k), None


@case(
    "forward_exploding",
    also=("exploding",),
    about="residual blocks with He initialisation and no normalisation, 26 of them",
    facts=[forward(low=1e3), signal(low=1e3)],
)
def residual_without_norm():
    torch.manual_seed(12)

    class Block(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(d, d), nn.Linear(d, d)
            for fc in (self.fc1, self.fc2):
                nn.init.kaiming_normal_(fc.weight)
                nn.init.zeros_(fc.bias)

        def forward(self, x):
            return x + self.fc2(F.relu(self.fc1(x)))

    net = nn.Sequential(nn.Linear(12, 80), *[Block(80) for _ in range(26)], nn.Linear(80, 2))
    x, y = torch.randn(50, 12), torch.randn(50, 2)
    return net, lambda m: F.huber_loss(m(x), y), None


@case(
    "forward_exploding",
    also=("exploding", "dead_relu"),
    about="a graph net that sums over some twenty neighbours in each of six rounds",
    facts=[forward(low=1e3), signal(low=1e3)],
)
def molecule_sum_aggregation():
    torch.manual_seed(13)

    class SumGNN(nn.Module):
        def __init__(self, adj):
            super().__init__()
            self.register_buffer("adj", adj)
            self.enc = nn.Linear(7, 48)
            self.rounds = nn.ModuleList(nn.Linear(48, 48) for _ in range(6))
            self.dec = nn.Linear(48, 3)

        def forward(self, feats):
            h = F.relu(self.enc(feats))
            for lin in self.rounds:
                h = F.relu(lin(self.adj @ h))
            return self.dec(h)

    a = (torch.rand(60, 60) < 0.35).float()
    adj = ((a + a.T) > 0).float()
    x, y = torch.randn(60, 7), torch.randint(0, 3, (60,))
    return SumGNN(adj), lambda m: F.cross_entropy(m(x), y), None


@case(
    "rank_collapse",
    about="a graph convolution of 24 rounds on a small dense graph: over-smoothed nodes",
    facts=[collapsed("gcs.23", high=1e-3)],
)
def oversmoothed_gcn():
    torch.manual_seed(14)

    class GCN(nn.Module):
        def __init__(self, a):
            super().__init__()
            self.register_buffer("a_hat", a)
            self.gcs = nn.ModuleList(
                nn.Linear(16, 32) if i == 0 else nn.Linear(32, 32, bias=False) for i in range(24)
            )
            self.cls = nn.Linear(32, 4)
            for g in self.gcs:
                nn.init.orthogonal_(g.weight)

        def forward(self, x):
            for g in self.gcs:
                x = F.leaky_relu(g(self.a_hat @ x), 0.8)
            return self.cls(x)

    a = (torch.rand(30, 30) < 0.3).float()
    a = ((a + a.T) > 0).float() + torch.eye(30)
    a = a / a.sum(1, keepdim=True)
    x, y = torch.randn(30, 16) + 0.5, torch.randint(0, 4, (30,))
    return GCN(a), lambda m: F.cross_entropy(m(x), y), None


@case(
    "rank_collapse",
    also=("zero_gradient",),  # one query-key matrix gets exactly 0 once the tokens are equal
    about="ten layers of self-attention with neither skip nor feed-forward part",
    facts=[collapsed("hops.9", high=1e-3)],
)
def pure_attention_stack():
    torch.manual_seed(15)

    class Hop(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.qk, self.v = nn.Linear(d, 2 * d), nn.Linear(d, d, bias=False)
            nn.init.orthogonal_(self.v.weight)

        def forward(self, x):
            q, k = self.qk(x).chunk(2, -1)
            return torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) @ self.v(x)

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.emb = nn.Embedding(50, 32)
            self.hops = nn.ModuleList(Hop(32) for _ in range(10))
            self.out = nn.Linear(32, 50)

        def forward(self, ids):
            h = self.emb(ids)
            for hop in self.hops:
                h = hop(h)
            return self.out(h)

    ids = torch.randint(0, 50, (8, 20))
    nxt = torch.randint(0, 50, (8, 20))
    return Reader(), lambda m: F.cross_entropy(m(ids).flatten(0, 1), nxt.flatten()), None
