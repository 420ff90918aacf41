"""Small data sets that can be learned, and the common parts of the healthy cases."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def blobs(samples: int, features: int, classes: int = 4) -> tuple[Tensor, Tensor]:
    """Gaussian clouds around one centre per class."""
    centres = torch.randn(classes, features)
    y = torch.randint(classes, (samples,))
    return centres[y] + 0.7 * torch.randn(samples, features), y


def pictures(samples: int, channels: int, *size: int, classes: int = 4) -> tuple[Tensor, Tensor]:
    """Noisy copies of one smooth picture per class; two or three dimensions."""
    mode = "bilinear" if len(size) == 2 else "trilinear"
    small = torch.randn(classes, channels, *(4 for _ in size))
    prototypes = F.interpolate(small, size=size, mode=mode, align_corners=False)
    y = torch.randint(classes, (samples,))
    return prototypes[y] + 0.5 * torch.randn(samples, channels, *size), y


def letters(samples: int, length: int, symbols: int) -> Tensor:
    """Text of a Markov chain in which each symbol has a few likely successors."""
    table = (2.0 * torch.randn(symbols, symbols)).softmax(1)
    text = [torch.randint(symbols, (samples,))]
    for _ in range(length - 1):
        text.append(torch.multinomial(table[text[-1]], 1).squeeze(1))
    return torch.stack(text, 1)


class RMSNorm(nn.Module):
    """Root-mean-square normalisation with a learned scale."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt()
