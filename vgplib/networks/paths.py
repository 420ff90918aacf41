"""Ways around a layer: what a block makes of its input h and of what its branch computes from h.

The Jacobian of a plain layer is its branch's alone. A path adds to it, or lets a gate choose.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from vgplib import errors
from vgplib.networks.initialisers import initialise

CARRY_BIAS = -2.0  # of a highway's gate: at the start it is mostly closed, and h goes by


class Plain(nn.Module):
    """No way around: the branch's output is the block's."""

    def forward(self, h: Tensor, y: Tensor) -> Tensor:
        """``y``; both of shape ``(batch, width)``."""
        return y


class Skip(nn.Module):
    """``h + scale * y`` (He et al. 2016); a scale can be learned (ReZero, SkipInit)."""

    def __init__(self, scale: float, dtype: torch.dtype, learned: bool = False) -> None:
        super().__init__()
        value = torch.tensor(scale, dtype=dtype)
        if learned:
            self.scale = nn.Parameter(value)
        else:
            self.register_buffer("scale", value)

    def forward(self, h: Tensor, y: Tensor) -> Tensor:
        """``h + scale * y``; both of shape ``(batch, width)``."""
        return h + self.scale * y


class Highway(nn.Module):
    """``gate * y + (1 - gate) * h``, with a gate computed from h (Srivastava et al. 2015)."""

    def __init__(self, width: int, generator: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.gate = nn.utils.skip_init(nn.Linear, width, width, dtype=dtype)
        initialise(self.gate, "xavier", generator=generator)
        nn.init.constant_(self.gate.bias, CARRY_BIAS)

    def forward(self, h: Tensor, y: Tensor) -> Tensor:
        """Both of shape ``(batch, width)``."""
        gate = torch.sigmoid(self.gate(h))
        return gate * y + (1 - gate) * h


class Dense(nn.Module):
    """Both, side by side: a later layer sees all earlier ones (Huang et al. 2017)."""

    def forward(self, h: Tensor, y: Tensor) -> Tensor:
        """Shapes ``(batch, a)`` and ``(batch, b)`` give ``(batch, a + b)``."""
        return torch.cat([h, y], dim=1)


Make = Callable[[int, int, torch.Generator, torch.dtype], nn.Module]

# make(width, depth, generator, dtype)
PATHS: dict[str, tuple[str, Make]] = {
    "plain": ("none", lambda width, depth, generator, dtype: Plain()),
    "skip": ("skip connection", lambda width, depth, generator, dtype: Skip(1.0, dtype)),
    "scaled": (
        "skip, branch × 1/√depth",
        lambda width, depth, generator, dtype: Skip(1 / math.sqrt(depth), dtype),
    ),
    "rezero": (
        "skip, branch × a learned 0 (ReZero)",
        lambda width, depth, generator, dtype: Skip(0.0, dtype, learned=True),
    ),
    "highway": (
        "highway gate",
        lambda width, depth, generator, dtype: Highway(width, generator, dtype),
    ),
    "dense": ("dense: all earlier layers", lambda width, depth, generator, dtype: Dense()),
}


def path(
    name: str, width: int, depth: int, generator: torch.Generator, dtype: torch.dtype
) -> nn.Module:
    """The way around one layer.

    Args:
        name: A name in ``PATHS``.
        width: Units of the layer.
        depth: How many layers have such a way.
        generator: For weights of its own.
        dtype: Of these.

    Raises:
        ValueError: There is none of that name; the message lists the names.
    """
    return PATHS[errors.choose("path", name, PATHS)][1](width, depth, generator, dtype)
