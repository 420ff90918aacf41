"""Healthy although deep, wide, sparse, noisy or rounded."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case
from tests.doctor.second_ward.proofs import signal_keeps, silent
from tests.doctor.second_ward.training import learns


def problem(features=24, rows=96, classes=3):
    x = torch.randn(rows, features)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long() * (classes - 2)


def classify(x, y):
    return lambda m: F.cross_entropy(m(x), y)


@case(
    None,
    about="forty SELU layers with LeCun's normal",
    facts=[learns(lr=1e-3), signal_keeps("linear")],
)
def selu_tower():
    model = nn.Sequential()
    for _ in range(40):
        model.append(nn.Linear(24, 24)).append(nn.SELU())
    model.append(nn.Linear(24, 3))
    for m in model:
        if isinstance(m, nn.Linear):
            nn.init.kaiming_normal_(m.weight, nonlinearity="linear")
            nn.init.zeros_(m.bias)
    return model, classify(*problem()), None


@case(
    None,
    about="forty tanh layers, orthogonal at the edge of chaos, small inputs",
    facts=[learns(lr=1e-3), signal_keeps("linear")],
)
def tanh_orthogonal_tower():
    class Tower(nn.Module):
        def __init__(self):
            super().__init__()
            self.ws = nn.ParameterList(
                nn.init.orthogonal_(torch.empty(24, 24), gain=1.02) for _ in range(40)
            )
            self.bs = nn.ParameterList(torch.zeros(24) for _ in range(40))
            self.out = nn.Linear(24, 3)

        def forward(self, x):
            for w, b in zip(self.ws, self.bs, strict=True):
                x = F.linear(x, w, b).tanh()
            return self.out(x)

    x, y = problem()
    return Tower(), classify(x * 0.3, y), None


@case(
    None,
    about="a hundred pre-norm blocks: the stream grows like the square root of the depth",
    facts=[learns(steps=15, lr=1e-3), signal_keeps("linear", first=0, last=-1, within=100)],
)
def prenorm_hundred_blocks():
    class PreNorm(nn.Module):
        def __init__(self, width=24):
            super().__init__()
            self.norm, self.f = nn.LayerNorm(width), nn.Linear(width, width)

        def forward(self, x):
            return x + F.gelu(self.f(self.norm(x)))

    model = nn.Sequential(
        nn.Linear(24, 24), *[PreNorm() for _ in range(100)], nn.LayerNorm(24), nn.Linear(24, 3)
    )
    return model, classify(*problem()), None


@case(
    None,
    about="the neural tangent parameterisation at width 1024, where SGD at 20 is right",
    facts=[learns()],
)
def ntk_with_rate_twenty():
    class NTK(nn.Module):
        def __init__(self, width=1024):
            super().__init__()
            self.a = nn.Parameter(torch.randn(24, width))
            self.b = nn.Parameter(torch.randn(width, width))
            self.c = nn.Parameter(torch.randn(width, 1))

        def forward(self, x):
            h = torch.relu(x @ self.a / 24**0.5) * 2**0.5
            h = torch.relu(h @ self.b / 1024**0.5) * 2**0.5
            return h @ self.c / 1024**0.5 / 8

    x, y = problem()
    model = NTK()
    return (
        model,
        lambda m: F.mse_loss(m(x).squeeze(1), y.float()),
        torch.optim.SGD(model.parameters(), lr=20.0),
    )


@case(
    None,
    about="dropout of 0.8: most activations and their gradients are 0, never the same",
    facts=[learns()],
)
def heavy_dropout():
    model = nn.Sequential(
        nn.Linear(24, 256), nn.ReLU(), nn.Dropout(0.8),
        nn.Linear(256, 256), nn.ReLU(), nn.Dropout(0.8), nn.Linear(256, 3),
    )  # fmt: skip
    return model, classify(*problem(rows=256)), torch.optim.Adam(model.parameters(), lr=5e-3)


@case(
    None,
    about="a trained layer in which one ReLU in four is dead: sparse, and far from half",
    facts=[learns(), silent("relu", share=0.2)],
)
def some_dead_units():
    model = nn.Sequential(nn.Linear(24, 64), nn.ReLU(inplace=True), nn.Linear(64, 3))
    with torch.no_grad():
        model[0].bias[::4] = -20.0
    return model, classify(*problem()), None


@case(
    None,
    about="a highway network with carry bias: gates nearly shut, signals untouched",
    facts=[learns()],
)
def highway():
    class Highway(nn.Module):
        def __init__(self, width=24, depth=30):
            super().__init__()
            self.H = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
            self.T = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
            for gate in self.T:
                nn.init.constant_(gate.bias, -3.0)
            self.out = nn.Linear(width, 3)

        def forward(self, x):
            for h, t in zip(self.H, self.T, strict=True):
                gate = torch.sigmoid(t(x))
                x = gate * torch.relu(h(x)) + (1 - gate) * x
            return self.out(x)

    return Highway(), classify(*problem()), None


class FakeQuantise(torch.autograd.Function):
    """Round to eight bits; the gradient passes where the value is inside the range."""

    @staticmethod
    def forward(ctx, x, scale):
        q = x / scale
        ctx.save_for_backward(q.abs() <= 127)
        return q.round().clamp(-127, 127) * scale

    @staticmethod
    def backward(ctx, grad):
        (inside,) = ctx.saved_tensors
        return grad * inside, None


@case(
    None,
    about="quantisation-aware training: round() in every layer, straight-through",
    facts=[learns()],
)
def quantisation_aware():
    class Quantised(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(24, 64), nn.Linear(64, 64), nn.Linear(64, 3)])
            self.register_buffer("act_scale", torch.tensor(0.05))

        def forward(self, x):
            for i, layer in enumerate(self.layers):
                w = FakeQuantise.apply(layer.weight, layer.weight.detach().abs().max() / 127)
                x = F.linear(FakeQuantise.apply(x, self.act_scale), w, layer.bias)
                x = F.relu(x) if i < 2 else x
            return x

    return Quantised(), classify(*problem()), None


class ResidualGraph(nn.Module):
    def __init__(self, adjacency, width=24, depth=16):
        super().__init__()
        self.register_buffer("A", adjacency.to_sparse())
        self.lift = nn.LazyLinear(width)
        self.convs = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.read = nn.Linear(width, 3)

    def forward(self, x):
        x = self.lift(x)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = x + F.silu(norm(torch.sparse.mm(self.A, conv(x))))
        return self.read(x)


@case(
    None,
    about="sixteen residual graph convolutions, sparse adjacency, half the nodes labelled",
    facts=[learns(lr=3e-3)],
)
def residual_graph():
    x, y = problem(rows=60)
    links = (torch.rand(60, 60) < 0.1).float()
    A = ((links + links.t()) > 0).float() + torch.eye(60)
    model = ResidualGraph(A / A.sum(1, keepdim=True))
    model(x)  # makes the lazy layer
    seen = torch.arange(60) % 2 == 0
    return model, lambda m: F.cross_entropy(m(x)[seen], y[seen]), None


@case(
    None,
    about="squared ReLU and a steep Swish, hooks left in by a profiler",
    facts=[learns(lr=1e-3)],
)
def squared_relu_with_hooks():
    class Primer(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2, self.fc3 = nn.Linear(24, 64), nn.Linear(64, 64), nn.Linear(64, 3)
            self.sizes = []
            self.fc2.register_forward_hook(lambda m, i, o: self.sizes.append(tuple(o.shape)))
            self.fc1.weight.register_hook(lambda g: g.clamp(-1, 1))

        def forward(self, x):
            h = F.relu(self.fc1(x)).square()
            h = self.fc2(F.layer_norm(h, (64,)))
            return self.fc3(h * torch.sigmoid(1.702 * h))

    return Primer(), classify(*problem()), None


@case(
    None,
    about="a deep set: rows of very different sizes are pooled by their maximum",
    facts=[learns()],
)
def deep_set_max_pool():
    class DeepSet(nn.Module):
        def __init__(self):
            super().__init__()
            self.phi = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32))
            self.rho = nn.Sequential(nn.Linear(32, 32), nn.PReLU(), nn.Linear(32, 1))

        def forward(self, sets):
            return torch.stack([self.rho(self.phi(points).amax(0)) for points in sets]).squeeze(1)

    sets = [torch.randn(n, 2) for n in range(3, 35)]
    extent = torch.stack([points[:, 0].max() for points in sets])
    return DeepSet(), lambda m: F.mse_loss(m(sets), extent), None
