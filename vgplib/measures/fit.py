"""The per-step factor of a quantity that grows or shrinks exponentially."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Fit(NamedTuple):
    """A log-linear fit: going back one position multiplies by ``factor``; ``r2`` is its R^2.

    R^2 says how much of the change is a steady decay: it is small where nothing changes, too.
    """

    factor: float
    r2: float


def backward_factor(positions: Sequence[float], values: Sequence[float]) -> Fit:
    """Fit ``log(value)`` against position by least squares.

    Values that are 0 (underflow) or not finite have no logarithm and are left out. With fewer
    than two left, or two positions alike, both results are NaN.
    """
    pairs = [
        (x, math.log(y))
        for x, y in zip(positions, values, strict=True)
        if y > 0 and math.isfinite(y)
    ]
    if len(pairs) < 2:
        return Fit(math.nan, math.nan)
    mean_x = sum(x for x, _ in pairs) / len(pairs)
    mean_y = sum(y for _, y in pairs) / len(pairs)
    xx = sum((x - mean_x) ** 2 for x, _ in pairs)
    xy = sum((x - mean_x) * (y - mean_y) for x, y in pairs)
    yy = sum((y - mean_y) ** 2 for _, y in pairs)
    slope = xy / xx
    return Fit(math.exp(-slope), 1.0 if yy == 0 else xy * xy / (xx * yy))


def first_over_last(values: Sequence[float]) -> float:
    """``values[0] / values[-1]``; NaN where it has no meaning (none, 0/0, not finite)."""
    if not values or not all(map(math.isfinite, (values[0], values[-1]))) or values[-1] == 0:
        return math.nan
    return values[0] / values[-1]
