"""Data and blocks that several sick cases share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def table(samples: int, features: int, classes: int) -> tuple[Tensor, Tensor]:
    """Gaussian features; the label is the largest of random linear scores."""
    x = torch.randn(samples, features)
    return x, (x @ torch.randn(features, classes)).argmax(1)


def pictures(samples: int, channels: int, side: int, classes: int) -> tuple[Tensor, Tensor]:
    """Each class is a smooth pattern under noise; in [0, 1]."""
    y = torch.arange(samples) % classes
    pattern = F.interpolate(torch.rand(classes, channels, 4, 4), size=(side, side), mode="bilinear")
    return (0.7 * pattern[y] + 0.3 * torch.rand(samples, channels, side, side)), y


def sentences(samples: int, length: int, words: int) -> Tensor:
    return torch.randint(0, words, (samples, length))


def classify(*inputs: Tensor, target: Tensor):
    return lambda model: F.cross_entropy(model(*inputs), target)


def regress(*inputs: Tensor, target: Tensor):
    return lambda model: F.mse_loss(model(*inputs), target)


def mlp(sizes: list[int], activation: type[nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for wide, narrow in zip(sizes[:-2], sizes[1:-1], strict=True):
        layers += [nn.Linear(wide, narrow), activation()]
    return nn.Sequential(*layers, nn.Linear(*sizes[-2:]))


def adam(model: nn.Module, lr: float = 1e-3) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr)


class Skip(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class Attention(nn.Module):
    """Self-attention by hand; ``scale`` multiplies the logits."""

    def __init__(self, width: int, heads: int, scale: float | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width // heads) ** -0.5 if scale is None else scale
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        n, t, d = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        weight = torch.softmax(q @ k.transpose(-1, -2) * self.scale, dim=-1)
        return self.out((weight @ v).transpose(1, 2).reshape(n, t, d))
