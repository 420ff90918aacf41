"""Sick units: dead, saturated, copies of each other, or all samples alike."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from . import facts as true
from .material import blobs, pictures


@case("dead_relu", about="one hidden layer's biases start at -1.8", facts=[true.dead_relu])
def biases_below_zero():
    x, y = blobs(256, 16, 3)
    net = nn.Sequential(
        nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)
    )
    with torch.no_grad():
        net[0].bias.fill_(-1.8)
    return net, lambda model: F.cross_entropy(model(x), y), torch.optim.Adam(net.parameters(), 1e-3)


class PixelNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 16, 3), nn.Conv2d(16, 16, 3, stride=2)
        self.fc1, self.fc2 = nn.Linear(16 * 9, 64), nn.Linear(64, 1)

    def forward(self, x):
        x = F.relu(self.conv2(F.relu(self.conv1(x)))).flatten(1)
        return self.fc2(F.relu(self.fc1(x)))


@case(
    "dead_relu", about="pixels of 0..255; one large step killed the units", facts=[true.dead_relu]
)
def killed_by_one_step():
    x = torch.randint(0, 256, (64, 1, 10, 10)).float()
    y = x.mean((1, 2, 3))[:, None] / 10
    net = PixelNet()
    step = torch.optim.SGD(net.parameters(), 1e-3)
    F.mse_loss(net(x), y).backward()
    step.step()
    step.zero_grad()
    return net, lambda m: F.mse_loss(m(x), y), None


@case(
    "dead_relu",
    about="eval-mode batch norm whose running means come from unscaled pictures",
    facts=[true.dead_relu],
)
def stale_running_means():
    x, y = pictures(64, 3, 8, 4)
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU())
    net.extend([nn.Conv2d(16, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1)])
    net.extend([nn.Flatten(), nn.Linear(32, 4)])
    net[1].running_mean.copy_(torch.where(torch.arange(16) % 4 > 0, 12.0, 0.0))
    net.eval()
    return net, lambda m: F.cross_entropy(m(x), y), torch.optim.SGD(net.parameters(), 0.01)


@case("saturation", about="heights, weights and ages straight into tanh", facts=[true.saturation])
def raw_body_measures():
    scale = torch.tensor([[170.0, 70.0, 40.0, 120.0, 80.0, 25.0]])
    x = scale + scale / 6 * torch.randn(128, 6)
    y = (x[:, 5] / 25 - 1)[:, None]
    net = nn.Sequential(nn.Linear(6, 48), nn.Tanh(), nn.Linear(48, 24), nn.Tanh(), nn.Linear(24, 1))
    return net, lambda model: F.mse_loss(model(x), y), None


class UnscaledAttention(nn.Module):
    def __init__(self, width=64, classes=5):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.q, self.k, self.v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.head = nn.Linear(width, classes)
        for matrix in (self.q, self.k):
            nn.init.normal_(matrix.weight)

    def forward(self, x):
        h = self.norm(x)
        attention = (self.q(h) @ self.k(h).transpose(1, 2)).softmax(-1)
        return self.head((x + attention @ self.v(h)).mean(1))


@case(
    "saturation",
    about="attention without 1/sqrt(d) and with N(0, 1) projections: one-hot rows",
    facts=[true.saturation],
)
def unscaled_attention():
    x = torch.randn(24, 10, 64)
    y = torch.arange(24) % 5
    return UnscaledAttention(), lambda model: F.cross_entropy(model(x), y), None


class Detector(nn.Module):
    def __init__(self, prior):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.score = nn.Linear(32, 1)
        nn.init.constant_(self.score.bias, -math.log((1 - prior) / prior))

    def forward(self, x):
        return self.score(self.body(x)).sigmoid()


@case(
    "saturation",
    also=("vanishing",),
    about="squared error on a sigmoid that starts at 1e-6",
    facts=[true.saturation, true.prior_stops_the_signal_at_the_sigmoid],
)
def squared_error_on_a_prior():
    x, y = blobs(64, 12, 2)
    net = Detector(1e-6)
    target = y.float()[:, None]
    return net, lambda m: F.mse_loss(m(x), target), torch.optim.SGD(net.parameters(), 0.1)


@case("symmetry", about="every weight is 0.05 and every bias 0", facts=[true.symmetry])
def constant_weights():
    x, y = blobs(64, 10, 3)
    net = nn.Sequential(
        nn.Linear(10, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 3)
    )
    for p in net.parameters():
        nn.init.constant_(p, 0.05 if p.dim() > 1 else 0.0)
    with torch.no_grad():
        net[-1].weight.normal_(0, 0.1)
        net[-1].weight.copy_(net[-1].weight[:, :1].expand(3, 24))
    return net, lambda model: F.cross_entropy(model(x), y), torch.optim.SGD(net.parameters(), 0.1)


class AttentionOnly(nn.Module):
    def __init__(self, width=32, depth=6):
        super().__init__()
        self.attend = nn.ModuleList(
            nn.MultiheadAttention(width, 4, batch_first=True) for _ in range(depth)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.tag = nn.Linear(width, 6)

    def forward(self, x):
        for attend, norm in zip(self.attend, self.norms, strict=True):
            x = norm(attend(x, x, x, need_weights=False)[0])
        return self.tag(x)


@case(
    "rank_collapse",
    about="six attention layers with norms, but no skip and no MLP, tag tokens",
    facts=[true.rank_collapse],
)
def attention_only():
    x = torch.randn(16, 12, 32)
    y = x[..., :6].argmax(-1)
    net = AttentionOnly()
    return net, lambda m: F.cross_entropy(m(x).flatten(0, 1), y.flatten()), None
