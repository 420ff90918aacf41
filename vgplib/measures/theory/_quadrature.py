"""Expectations of an activation over normal numbers, and over points of a sphere.

Gauss-Legendre panels, split where the activation has a kink or a jump: within a panel it is
smooth, so that a sum of 128 terms is as good as exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from vgplib.networks.activations import Activation, slope
from vgplib.networks.activations import activation as find_activation

Function = Callable[[Tensor], Tensor]

# Only 1e-33 of the probability lies beyond 12 standard deviations.
_FARTHEST = 12.0
# Where a saturating activation bends, whatever the standard deviation is; softsign does so slowly.
_BENDS = (0.0, *(sign * bend for bend in (4.0, 40.0, 4e3, 4e5, 4e7) for sign in (-1, 1)))
# Kinks and jumps are looked for up to here.
FARTHEST_BREAK = 1e6
# Rows of nodes to have in memory at a time.
_ROWS = 256


class Phi:
    """An activation, with the places where its value or slope jumps.

    Attributes:
        function: phi, applied entry by entry.
        breaks: Its kinks and jumps between -1e6 and 1e6, float64.
    """

    def __init__(self, activation: str | Function) -> None:
        """Look the activation up, or take the function as it is and search it for kinks.

        Raises:
            ValueError: There is no activation of that name.
        """
        named = not callable(activation)
        self.function = find_activation(activation) if named else activation
        # The activations that have names have no kink elsewhere.
        known = isinstance(self.function, Activation)
        self.breaks = torch.zeros(1, dtype=torch.float64) if known else find_breaks(self.function)

    def __call__(self, z: Tensor) -> Tensor:
        """phi(z), of the shape of ``z``."""
        return self.function(z)

    def slope(self, z: Tensor) -> Tensor:
        """phi'(z), of the shape of ``z``."""
        return slope(self.function, z)


def find_breaks(function: Function) -> Tensor:
    """The places between -1e6 and 1e6 where ``function`` or its slope jumps, in order, float64.

    Of two within 0.01, or beyond 20 within a hundredth of their distance from 0, it may find only
    one. Jumps of the slope are found if PyTorch can differentiate the function.
    """
    jumps = _find_jumps(function)
    if function(torch.zeros(1, dtype=torch.float64, requires_grad=True)).requires_grad:
        jumps = torch.cat([jumps, _find_jumps(lambda u: slope(function, u))]).unique()
    return jumps


def _find_jumps(function: Function) -> Tensor:
    """Where ``function`` itself jumps.

    Halves the steps of a fine grid, keeping the half with the larger change, until rounding ends
    it: what is left of a change then is a jump.
    """
    grid = _search_grid()
    left, right = grid[:-1], grid[1:]
    at_left, at_right = function(left), function(right)
    for _ in range(60):
        middle = (left + right) / 2
        at_middle = function(middle)
        leftwards = (at_middle - at_left).abs() >= (at_right - at_middle).abs()
        left, at_left = (
            torch.where(leftwards, *pair) for pair in [(left, middle), (at_left, at_middle)]
        )
        right, at_right = (
            torch.where(leftwards, *pair) for pair in [(middle, right), (at_middle, at_right)]
        )
        # Relative to what is large, as rounding is.
        jumps = (at_right - at_left).abs() > 1e-6 * at_left.abs().clamp(min=1)
        left, right, at_left, at_right = (v[jumps] for v in (left, right, at_left, at_right))
    return right


@lru_cache(maxsize=1)
def _search_grid() -> Tensor:
    """Steps of 0.01 up to 20, of a hundredth beyond; no point where kinks are, as at 0 or 100."""
    near = torch.linspace(-20.0037, 20.0041, 4002, dtype=torch.float64)
    far = torch.logspace(math.log10(20.0043), math.log10(1.00037 * FARTHEST_BREAK), 1100).double()
    return torch.cat([-far.flip(0), near, far])


def normal_nodes(deviation: Tensor, breaks: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes z and weights for E[f(deviation * z)], z ~ N(0, 1), for each deviation.

    Args:
        deviation: Standard deviations, of shape ``(rows,)``.
        breaks: Where f is not smooth, of shape ``(breaks,)`` or ``(rows, breaks)``.

    Returns:
        Two tensors of shape ``(rows, nodes)``; the weights of a row sum to 1.
    """
    bends = torch.tensor(_BENDS, dtype=torch.float64)
    edges = torch.cat([part.expand(len(deviation), -1) for part in (breaks, bends)], dim=1)
    nodes, weights = _panels(edges / deviation[:, None], -_FARTHEST, _FARTHEST)
    return nodes, _to_sum_1(weights * torch.exp(-nodes * nodes / 2))


def normal_mean(function: Function, deviation: np.ndarray, breaks: Tensor) -> np.ndarray:
    """E[f(deviation * z)], z ~ N(0, 1), of the shape of ``deviation``."""
    flat = torch.from_numpy(np.asarray(deviation, dtype=np.float64).reshape(-1))
    means = [torch.empty(0, dtype=torch.float64)]
    for rows in flat.split(_ROWS):
        nodes, weights = normal_nodes(rows, breaks)
        means.append((weights * function(rows[:, None] * nodes)).sum(-1))
    return torch.cat(means).numpy().reshape(np.shape(deviation))


def sphere_nodes(
    dimension: float, breaks: Tensor, centre: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """Values ``centre + scale * t`` and their weights; t is a coordinate of a random unit vector.

    The density of t in ``dimension`` (2 or more) dimensions goes as (1 - t^2)^((dimension-3)/2).
    With t the sine of an angle it is smooth, at the poles as well.

    Args:
        dimension: Of the space that the sphere lies in.
        breaks: Values at which the integrand is not smooth, of shape ``(breaks,)``.
        centre: Of shape ``(rows,)``.
        scale: Of shape ``(rows,)``, above 0.

    Returns:
        Two tensors of shape ``(rows, nodes)``; the weights of a row sum to 1.
    """
    most = min(1.0, _FARTHEST / math.sqrt(dimension))
    edges = ((breaks - centre[:, None]) / scale[:, None]).clamp(-most, most).asin()
    angles, weights = _panels(edges, -math.asin(most), math.asin(most))
    weights = _to_sum_1(weights * torch.cos(angles) ** (dimension - 2))
    return centre[:, None] + scale[:, None] * torch.sin(angles), weights


def _panels(edges: Tensor, first: float, last: float) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the integral from ``first`` to ``last``, in panels between ``edges``.

    ``edges`` has the shape ``(rows, edges)``, in any order; those outside count for nothing.
    """
    outer = torch.tensor([first, last], dtype=torch.float64).expand(len(edges), 2)
    edges = torch.cat([edges.clamp(first, last), outer], dim=1).sort(dim=1).values
    # A panel that has no width in any row is left out.
    wide = (edges.diff(dim=1) > 0).any(dim=0)
    left, width = edges[:, :-1][:, wide, None], edges.diff(dim=1)[:, wide, None]
    x, w = _legendre()
    return (left + width * x).flatten(1), (width * w).flatten(1)


@lru_cache(maxsize=1)
def _legendre() -> tuple[Tensor, Tensor]:
    """Nodes and weights of the integral from 0 to 1."""
    x, w = np.polynomial.legendre.leggauss(128)
    return torch.from_numpy((x + 1) / 2), torch.from_numpy(w / 2)


def _to_sum_1(weights: Tensor) -> Tensor:
    return weights / weights.sum(dim=1, keepdim=True)
