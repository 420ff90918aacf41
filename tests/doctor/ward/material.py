"""What the cases are made of: data, plain networks, initialisers, losses."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.doctor.case import Loss
from vgplib.networks import digits

Init = Callable[[Tensor], Tensor]


def images(samples: int = 128) -> tuple[Tensor, Tensor]:
    """Standardised digits of shape ``(samples, 64)``, and their labels."""
    x, y, _, _ = digits()
    return x[:samples], y[:samples]


def pictures(samples: int = 64) -> tuple[Tensor, Tensor]:
    """The same as ``(samples, 1, 8, 8)``."""
    x, y = images(samples)
    return x.reshape(-1, 1, 8, 8), y


def text(sentences: int = 16, length: int = 16, words: int = 20) -> Tensor:
    """Sentences that count upwards from a random word, so that the next word can be learnt."""
    start = torch.randint(words, (sentences, 1))
    step = torch.randint(1, 3, (sentences, 1))
    return (start + step * torch.arange(length)) % words


def classify(x: Tensor, y: Tensor, scale: float = 1.0, reduction: str = "mean") -> Loss:
    """The cross-entropy of ``model(x)``."""
    return lambda model: scale * F.cross_entropy(model(x), y, reduction=reduction)


def fit(x: Tensor, y: Tensor) -> Loss:
    """The mean squared error of ``model(x)``."""
    return lambda model: F.mse_loss(model(x), y)


def gain(value: float) -> Init:
    """Normal weights with standard deviation ``value / sqrt(fan in)``."""
    return lambda weight: nn.init.normal_(weight, std=value / weight[0].numel() ** 0.5)


he = gain(2**0.5)


def initialise(model: nn.Module, init: Init) -> nn.Module:
    """Weights of linear and convolutional layers by ``init``, their biases 0."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.Conv1d):
            init(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model


def mlp(
    depth: int,
    act: Callable[[], nn.Module] = nn.ReLU,
    init: Init | None = None,
    *,
    width: int = 64,
    inputs: int = 64,
    outputs: int = 10,
    bias: bool = True,
    norm: Callable[[int], nn.Module] | None = None,
) -> nn.Sequential:
    """``layer1, [norm1,] act1, layer2, ..., head``; PyTorch's own weights without ``init``."""
    net = nn.Sequential()
    for i in range(1, depth + 1):
        net.add_module(f"layer{i}", nn.Linear(inputs if i == 1 else width, width, bias))
        if norm:
            net.add_module(f"norm{i}", norm(width))
        net.add_module(f"act{i}", act())
    net.add_module("head", nn.Linear(width, outputs))
    return initialise(net, init) if init else net


def convnet(
    depth: int,
    act: Callable[[], nn.Module] = nn.ReLU,
    init: Init | None = None,
    *,
    channels: int = 8,
    norm: Callable[[int], nn.Module] | None = None,
) -> nn.Sequential:
    """``conv1, [norm1,] act1, ..., pool, head`` on pictures of 8 x 8."""
    net = nn.Sequential()
    for i in range(1, depth + 1):
        net.add_module(f"conv{i}", nn.Conv2d(1 if i == 1 else channels, channels, 3, padding=1))
        if norm:
            net.add_module(f"norm{i}", norm(channels))
        net.add_module(f"act{i}", act())
    net.add_module("pool", nn.AdaptiveAvgPool2d(2))
    net.add_module("flat", nn.Flatten())
    net.add_module("head", nn.Linear(4 * channels, 10))
    return initialise(net, init) if init else net


class Residual(nn.Module):
    """``x + scale * body(x)``."""

    def __init__(self, *body: nn.Module, scale: float = 1.0):
        super().__init__()
        self.body, self.scale = nn.Sequential(*body), scale

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * self.body(x)


class Lambda(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]):
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)
