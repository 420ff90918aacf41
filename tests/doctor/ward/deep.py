"""Plain and residual networks that are deep, or odd, and sound."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .material import Residual, classify, fit, gain, he, images, initialise, mlp
from .proofs import activations, signal, trains


def blocks(depth, scale=1.0):
    net = nn.Sequential()
    for i in range(1, depth + 1):
        body = nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)
        net.add_module(f"block{i}", Residual(*body, scale=scale))
    net.add_module("head", nn.Linear(64, 10))
    return initialise(net, he)


@case(
    "forward_exploding",
    also=("exploding",),
    cause="residual without normalisation",
    about="Each block adds as much variance as came in, and nothing normalises: 2 to the depth.",
    facts=[activations("block1", "block28", (3e3, 1e7)), signal("block1", "block28", (3e3, 1e7))],
)
def residual_blocks_add_up():
    return blocks(28), classify(*images()), None


def in_range(last):
    return signal("layer1", last, (1e-2, 1e2))


@case(None, about="Deep, plain, well initialised.", facts=[trains(), in_range("head")])
def he_relu_twelve_layers():
    return mlp(12, nn.ReLU, he), classify(*images()), None


@case(
    None,
    about="A deep tanh network at its critical point.",
    facts=[trains(lr=2e-3, steps=60), in_range("layer20")],
)
def orthogonal_tanh_twenty_layers():
    return mlp(20, nn.Tanh, nn.init.orthogonal_), classify(*images()), None


@case(
    None,
    about="Self-normalising, with weights of variance 1 / fan-in.",
    facts=[trains(lr=2e-3), in_range("layer16")],
)
def selu_sixteen_layers():
    return mlp(16, nn.SELU, gain(1.0)), classify(*images()), None


@case(
    None,
    about="Sigmoid, but shallow: a factor of some tens, and it learns.",
    facts=[trains(), in_range("head")],
)
def two_sigmoid_layers():
    return mlp(2, nn.Sigmoid, nn.init.xavier_normal_), classify(*images()), None


@case(
    None,
    about="PyTorch's own weights lose signal, but three layers do not lose much.",
    facts=[trains(), signal("layer1", "head", (1e-2, 0.1))],
)
def default_weights_three_layers():
    return mlp(3, nn.ReLU), classify(*images()), None


@case(
    None,
    about="Batch norm without skips, not yet too deep: the signal grows by tens.",
    facts=[trains(lr=3e-3), signal("layer1", "layer20", (1, 1e2))],
)
def batch_norm_twenty_layers():
    return mlp(20, nn.ReLU, he, norm=nn.BatchNorm1d), classify(*images()), None


@case(
    None,
    about="Forty residual blocks without a norm, whose branches are scaled by 1 / sqrt(depth).",
    facts=[trains(lr=1e-3), activations("block1", "block40", (1, 10))],
)
def scaled_residual_blocks():
    return blocks(40, 40**-0.5), classify(*images()), None


class Highway(nn.Module):
    """Gates that carry at first: their bias is -2."""

    def __init__(self, width):
        super().__init__()
        self.change, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.constant_(self.gate.bias, -2.0)

    def forward(self, x):
        gate = torch.sigmoid(self.gate(x))
        return gate * torch.relu(self.change(x)) + (1 - gate) * x


@case(
    None,
    about="Twelve highway layers with closed gates.",
    facts=[trains(), signal("0", "11", (1e-2, 1e2))],
)
def highway():
    return (
        nn.Sequential(*(Highway(64) for _ in range(12)), nn.Linear(64, 10)),
        classify(*images()),
        None,
    )


class Sine(nn.Module):
    def forward(self, x):
        return torch.sin(x)


@case(
    None,
    about="A sine network with a first frequency of 30 draws a picture.",
    facts=[trains(steps=100, lr=1e-3)],
)
def siren():
    net = mlp(3, Sine, inputs=2, outputs=1)
    nn.init.uniform_(net.layer1.weight, -15.0, 15.0)
    for layer in (net.layer2, net.layer3, net.head):
        bound = 6**0.5 / 64**0.5
        nn.init.uniform_(layer.weight, -bound, bound)
    grid = torch.cartesian_prod(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16))
    return net, fit(grid, torch.sin(9 * grid[:, :1]) * F.relu(grid[:, 1:])), None


@case(
    None,
    about="Layers of 256 and 64 units in turn: a gradient's norm is kept, its size per unit is not",
    facts=[trains(), signal("0", "14", (0.2, 5))],
)
def wide_and_narrow():
    net = nn.Sequential()
    for fan_in, fan_out in [(64, 256), (256, 64)] * 4:
        net.extend([nn.Linear(fan_in, fan_out), nn.ReLU()])
    net.append(nn.Linear(64, 10))
    return initialise(net, he), classify(*images()), None
