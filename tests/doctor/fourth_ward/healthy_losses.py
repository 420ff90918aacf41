"""Healthy: unusual losses, scales, precisions and rates."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from . import facts as true
from .material import blobs


class Variational(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 16))
        self.decode = nn.Sequential(nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 64))

    def forward(self, x):
        mean, logvar = self.encode(x).chunk(2, 1)
        z = mean + torch.randn_like(mean) * (logvar / 2).exp()
        divergence = -0.5 * (1 + logvar - mean**2 - logvar.exp()).sum()
        return self.decode(z), divergence


@case(
    None,
    about="variational autoencoder: a summed loss of thousands, new noise each call",
    facts=true.SOUND,
)
def summed_elbo():
    x = (blobs(100, 64, 5)[0] > 0).float()
    net = Variational()

    def loss(model):
        logits, divergence = model(x)
        return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + divergence

    return net, loss, torch.optim.Adam(net.parameters(), 1e-3)


class Field(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 32), nn.Linear(32, 32), nn.Linear(32, 32)])
        self.out = nn.Linear(32, 1)
        for layer in [*self.layers, self.out]:
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x, t):
        h = torch.stack([x, t], -1)
        for layer in self.layers:
            h = torch.tanh(layer(h))
        return self.out(h).squeeze(-1)


@case(
    None,
    about="heat equation by a tanh net: two derivatives inside the loss, random points",
    facts=true.SOUND,
)
def heat_equation():
    net = Field()

    def loss(model):
        x, t = torch.rand(2, 128).unbind(0)
        x, t = x.requires_grad_(), t.requires_grad_()
        u = model(x, t)
        ux, ut = torch.autograd.grad(u.sum(), (x, t), create_graph=True)
        (uxx,) = torch.autograd.grad(ux.sum(), x, create_graph=True)
        s = torch.rand(64)
        start = (model(s, torch.zeros(64)) - torch.sin(torch.pi * s)).pow(2).mean()
        return (ut - 0.1 * uxx).pow(2).mean() + 10 * start

    return net, loss, torch.optim.Adam(net.parameters(), 2e-3)


class GraphConvolution(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(a, b)))
        self.bias = nn.Parameter(torch.zeros(b))

    def forward(self, h, adjacency):
        return torch.sparse.mm(adjacency, h @ self.weight) + self.bias


class GraphNet(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = (12, 32, 32, 3)
        self.convs = nn.ModuleList(
            GraphConvolution(*s) for s in zip(sizes, sizes[1:], strict=False)
        )
        edges = torch.rand(60, 60) < 0.06
        dense = (edges | edges.T | torch.eye(60, dtype=torch.bool)).float()
        root = dense.sum(1).rsqrt()
        self.register_buffer("adjacency", (root[:, None] * dense * root).to_sparse())

    def forward(self, h):
        for conv in self.convs[:-1]:
            h = F.relu(conv(h, self.adjacency))
        return self.convs[-1](h, self.adjacency)


@case(
    None,
    about="graph convolutions in float64, few labelled nodes, the loss times 1e-8",
    facts=[true.given, true.nowhere_zero, true.keeps_its_size, true.learns_by_sgd(0.5e8)],
)
def graph_net_times_1e_8():
    x, y = blobs(60, 12, 3)
    x, net = x.double(), GraphNet().double()
    return net, lambda m: 1e-8 * F.cross_entropy(m(x)[:30], y[:30]), None


@case(
    None,
    about="a classifier that has converged: nearly no loss, nearly no gradient",
    facts=[true.given, true.nowhere_zero, true.keeps_its_size, true.converged],
)
def converged():
    x, y = blobs(90, 10, 3, spread=0.3)
    net = nn.Sequential(
        nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3)
    )
    adam = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(150):
        adam.zero_grad()
        F.cross_entropy(net(x), y).backward()
        adam.step()
    return net, lambda m: F.cross_entropy(m(x), y), None


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        norm = nn.utils.parametrizations.weight_norm
        self.fc1, self.fc2 = norm(nn.Linear(20, 48)), norm(nn.Linear(48, 8))

    def forward(self, x):
        return F.normalize(self.fc2(F.relu(self.fc1(x))), dim=1)


@case(
    None, about="triplets of which most satisfy the margin already; weight norm", facts=true.SOUND
)
def easy_triplets():
    x, y = blobs(128, 20, 4, spread=1.2)
    anchor, same, other = torch.arange(64), torch.arange(64) + 64, torch.arange(64) + 1
    net = Embedder()

    def loss(model):
        e = model(x)
        return F.triplet_margin_loss(e[anchor], e[same], e[other], margin=0.3)

    return net, loss, torch.optim.Adam(net.parameters(), 1e-3)


class Mixture(nn.Module):
    """Two of six experts for each sample; the others' gates are 0."""

    def __init__(self, width=24, experts=6):
        super().__init__()
        expert = lambda: nn.Sequential(nn.Linear(width, 48), nn.GELU(), nn.Linear(48, width))  # noqa: E731
        self.router = nn.Linear(width, experts, bias=False)
        self.experts = nn.ModuleList(expert() for _ in range(experts))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 4)

    def forward(self, x):
        h = self.norm(x)
        top, index = self.router(h).topk(2, 1)
        gate = top.softmax(1)
        out = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            row, slot = (index == i).nonzero(as_tuple=True)
            out = out.index_add(0, row, gate[row, slot, None] * expert(h[row]))
        return self.head(x + out)


@case(None, about="mixture of experts, each sees a third of the samples", facts=true.SOUND)
def mixture_of_experts():
    x, y = blobs(160, 24, 4)
    net = Mixture()
    return net, lambda m: F.cross_entropy(m(x), y), torch.optim.Adam(net.parameters(), 1e-3)


@case(
    None,
    about="float16 with the loss scaled by 4096",
    facts=[true.given, true.nowhere_zero, true.keeps_its_size, true.learns_by_sgd(0.05 / 4096)],
)
def scaled_half():
    x, y = blobs(64, 16, 4)
    x = x.half()
    net = nn.Sequential(nn.Linear(16, 48), nn.LayerNorm(48), nn.GELU(), nn.Linear(48, 48))
    net.extend([nn.LayerNorm(48), nn.GELU(), nn.Linear(48, 4)]).half()
    return net, lambda m: 4096 * F.cross_entropy(m(x).float(), y), None


class HyperNet(nn.Module):
    """Weights of a small net, made from a task's code; their maker starts small."""

    def __init__(self):
        super().__init__()
        self.code = nn.Embedding(4, 8)
        self.maker = nn.Sequential(nn.Linear(8, 32), nn.SiLU(), nn.Linear(32, 6 * 16 + 16))
        nn.init.normal_(self.maker[-1].weight, 0, 0.05)

    def forward(self, x, task):
        first, second = self.maker(self.code(task)).split([96, 16], 1)
        h = torch.einsum("bi,bih->bh", x, first.view(-1, 6, 16)).tanh()
        return (h * second).sum(1)


@case(
    None,
    about="hypernetwork at the foot of a warm-up: the rate is 1e-9 now, by schedule",
    facts=[
        true.given,
        true.nowhere_zero,
        true.keeps_its_size,
        true.learns,
        true.starts_low_by_schedule,
    ],
)
def warming_up():
    x, task = torch.randn(96, 6), torch.arange(96) % 4
    y = x[torch.arange(96), task]
    net = HyperNet()
    adam = torch.optim.AdamW(net.parameters(), 5e-3)
    torch.optim.lr_scheduler.LambdaLR(adam, lambda step: min(1.0, (step + 1e-4) / 500))
    return net, lambda m: F.mse_loss(m(x, task), y), adam
