"""Healthy: physics, very deep or implicit nets, half precision."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .measure import in_range
from .parts import blobs, mlp, supervised
from .sound import sound
from .training import learns, stuck


def has_converged(model, loss, optimizer):
    """What is left of the loss is the noise of the data, 1e-6."""
    assert loss(model) < 2e-6


@case(
    None,
    about="model.half() with the loss scaled by 1024, as a GradScaler does: nothing is lost.",
    facts=[in_range(), sound("0", "3", "6")],
)
def half_with_scaled_loss():
    model = nn.Sequential(
        nn.Linear(16, 48), nn.LayerNorm(48), nn.GELU(),
        nn.Linear(48, 48), nn.LayerNorm(48), nn.GELU(), nn.Linear(48, 4),
    ).half()  # fmt: skip
    x, y = blobs(64)
    loss = lambda m: 1024 * F.cross_entropy(m(x.half()).float(), y)  # noqa: E731
    return model, loss, None


@case(
    None,
    about="A converged regression: every gradient is tiny, since only the data's noise is left.",
    facts=[has_converged, stuck(to=0.9, factor=30), sound("0", "4")],
)
def converged():
    model = mlp(6, 32, 32, 1, act=nn.Softplus)
    x = torch.randn(256, 6)
    y = model(x).detach() + 1e-3 * torch.randn(256, 1)
    return model, supervised(x, y, F.mse_loss), torch.optim.SGD(model.parameters(), lr=1e-2)


@case(
    None,
    about="ReZero: 60 residual layers whose branches are multiplied by a scalar that starts at 0.",
    facts=[sound("inp", "layers.0", "layers.59"), learns(steps=15)],
)
def rezero_sixty():
    class Layer(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.fc, self.alpha = nn.Linear(n, n), nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return x + self.alpha * F.mish(self.fc(x))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inp, self.out = nn.Linear(16, 32), nn.Linear(32, 4)
            self.layers = nn.Sequential(*[Layer(32) for _ in range(60)])

        def forward(self, x):
            return self.out(self.layers(self.inp(x)))

    model = Net()
    return model, supervised(*blobs()), torch.optim.Adam(model.parameters(), lr=2e-3)


@case(
    None,
    about="Deep equilibrium: the fixed point is found under no_grad, one step has a graph.",
    facts=[sound("inject", "out"), learns()],
)
def deep_equilibrium():
    class DEQ(nn.Module):
        def __init__(self, n=32):
            super().__init__()
            self.inject, self.out = nn.Linear(16, n), nn.Linear(n, 4)
            self.w = nn.Parameter(0.6 * nn.init.orthogonal_(torch.empty(n, n)))

        def step(self, z, x):
            return torch.tanh(z @ self.w + x)

        def forward(self, x):
            x = self.inject(0.5 * x)
            with torch.no_grad():
                z = torch.zeros_like(x)
                for _ in range(15):
                    z = self.step(z, x)
            return self.out(self.step(z, x))

    model = DEQ()
    return model, supervised(*blobs()), torch.optim.Adam(model.parameters(), lr=3e-3)


@case(
    None,
    about="A physics-informed net for u'' = -u in float64, with second derivatives in the loss.",
    facts=[sound("0", "4", "6"), learns(steps=30)],
)
def pinn():
    model = mlp(1, 32, 32, 32, 1, act=nn.Tanh).double()
    for layer in model[::2]:
        nn.init.xavier_normal_(layer.weight)
    t = torch.linspace(0, 3, 64, dtype=torch.float64).unsqueeze(1)

    def loss(model):
        s = t.clone().requires_grad_()
        u = model(s)
        du = torch.autograd.grad(u.sum(), s, create_graph=True)[0]
        ddu = torch.autograd.grad(du.sum(), s, create_graph=True)[0]
        return (ddu + u).pow(2).mean() + (u[0] - 1).pow(2).sum() + du[0].pow(2).sum()

    return model, loss, torch.optim.Adam(model.parameters(), lr=1e-3)


@case(
    None,
    about="SIREN: sines with omega 30 fit an image's grey values from coordinates.",
    facts=[sound("layers.0", "layers.3"), learns(steps=40)],
)
def siren():
    class Siren(nn.Module):
        def __init__(self, n=48):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(2, n), *[nn.Linear(n, n) for _ in range(3)]])
            self.out = nn.Linear(n, 1)
            for i, layer in enumerate(self.layers):
                bound = (6 / n) ** 0.5 / 30 if i else 0.5
                nn.init.uniform_(layer.weight, -bound, bound)

        def forward(self, xy):
            for layer in self.layers:
                xy = torch.sin(30 * layer(xy))
            return self.out(xy)

    axis = torch.linspace(-1, 1, 20)
    xy = torch.cartesian_prod(axis, axis)
    grey = (3 * xy[:, :1]).sin() * (5 * xy[:, 1:]).cos()
    model = Siren()
    return model, supervised(xy, grey, F.mse_loss), torch.optim.Adam(model.parameters(), lr=3e-4)
