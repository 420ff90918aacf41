"""Activations that vanish or grow on the way."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.doctor.case import Loss, Made, case

from . import measure


@case(
    "forward_vanishing",
    also=("vanishing",),
    cause="initialisation too small",
    about="1-D convnet for keyword spotting, every weight from N(0, 0.01)",
    facts=[
        measure.activations("0", "12", 0.0, 1e-3),
        measure.vanishing("0", "16"),
        measure.apart("12"),
    ],
)
def keyword_net_std_one_hundredth() -> Made:
    layers, channels = [], 8
    for _ in range(7):
        layers += [nn.Conv1d(channels, 24, 3, padding=1), nn.ReLU()]
        channels = 24
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(24, 5))

    def init_weights(module: nn.Module) -> None:
        if isinstance(module, nn.Conv1d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.01)
            nn.init.zeros_(module.bias)

    model.apply(init_weights)
    sound, words = torch.randn(16, 8, 30), torch.arange(16) % 5
    return model, lambda m: F.cross_entropy(m(sound), words), None


class DeepSets(nn.Module):
    """Energy of a molecule from its atoms' positions, without biases, so that 0 maps to 0."""

    def __init__(self) -> None:
        super().__init__()
        self.phi1 = nn.Linear(3, 48, bias=False)
        self.phi2 = nn.Linear(48, 48, bias=False)
        self.rho1 = nn.Linear(48, 48, bias=False)
        self.rho2 = nn.Linear(48, 1, bias=False)

    def forward(self, positions: Tensor) -> Tensor:
        atoms = torch.tanh(self.phi2(torch.tanh(self.phi1(positions))))
        return self.rho2(F.silu(self.rho1(atoms.sum(1)))).squeeze(-1)


def all_absurdly_small(model: DeepSets, loss: Loss, _: object) -> None:
    sizes = [call.rms for call in measure.trace(model, loss)]
    assert max(sizes) < 1e-8


@case(
    "forward_vanishing",
    cause="input scale",
    about="atom positions in metres (1e-10) into a bias-free set network",
    facts=[all_absurdly_small, measure.apart("rho1")],
)
def atoms_in_metres() -> Made:
    model = DeepSets()
    positions = 1e-10 * torch.randn(24, 9, 3)
    energies = torch.randn(24)
    return model, lambda m: F.mse_loss(m(positions), energies), None


class ResBlock(nn.Module):
    """EDSR's block without its 0.1: no normalisation, no scaling."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="circular")
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="circular")
        for conv in (self.conv1, self.conv2):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))


@case(
    "forward_exploding",
    also=("exploding",),
    cause="residual without normalisation",
    about="super-resolution tower of 30 unnormalised He-initialised residual blocks",
    facts=[
        measure.activations("head", "body.29", 1e3),
        measure.exploding("head", "body.29"),
        measure.alive("body.25.conv1", channels=1),
        measure.alive("body.29.conv1", channels=1),
        measure.apart("body.29"),
    ],
)
def super_resolution_tower() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Conv2d(1, 16, 3, padding=1)
            self.body = nn.Sequential(*(ResBlock(16) for _ in range(30)))
            self.tail = nn.Sequential(nn.Conv2d(16, 4, 3, padding=1), nn.PixelShuffle(2))

        def forward(self, x: Tensor) -> Tensor:
            return self.tail(self.body(self.head(x)))

    model = Net()
    large = F.interpolate(torch.randn(8, 1, 8, 8), scale_factor=2, mode="bilinear")
    small = F.avg_pool2d(large, 2)
    return model, lambda m: F.l1_loss(m(small), large), None


class GIN(nn.Module):
    """Graph isomorphism network with sums over neighbours, on graphs that are nearly full."""

    def __init__(self, features: int, width: int, depth: int) -> None:
        super().__init__()
        sizes = [features] + [width] * depth
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.Linear(a, width), nn.ReLU(), nn.Linear(width, width))
            for a in sizes[:-1]
        )
        self.eps = nn.Parameter(torch.zeros(depth))
        self.out = nn.Linear(width, 2)

    def forward(self, h: Tensor, adjacency: Tensor) -> Tensor:
        for eps, mlp in zip(self.eps, self.mlps, strict=True):
            h = F.relu(mlp((1 + eps) * h + adjacency @ h))
        return self.out(h.mean(1))


@case(
    "forward_exploding",
    also=("exploding",),
    cause=("initialisation too large", "residual without normalisation"),
    about="GIN with sum aggregation on graphs of mean degree 28",
    facts=[
        measure.activations("mlps.0", "mlps.6", 1e3),
        measure.exploding("mlps.0", "mlps.6"),
        measure.apart("mlps.6"),
    ],
)
def gin_on_dense_graphs() -> Made:
    model = GIN(5, 32, 7)
    upper = (torch.rand(12, 40, 40) < 0.7).float().triu(1)
    adjacency = upper + upper.transpose(1, 2)
    features, labels = torch.randn(12, 40, 5), torch.arange(12) % 2
    return model, lambda m: F.cross_entropy(m(features, adjacency), labels), None
