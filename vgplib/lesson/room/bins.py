"""Guessed numbers in a few bins, so that a screen can show them as bars."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vgplib.numbers import short

MOST = 6  # bins for the middle of the guesses; what is far out shares one at each end
STEPS = (1, 2, 5)


def edges(values: Sequence[float], log: bool) -> list[float]:
    """Round numbers between which most of the values lie, rising; at least two.

    Args:
        values: Finite numbers, at least one; above 0 where ``log``.
        log: Whether the bins are decades, or several.
    """
    scaled = np.log10(values) if log else np.asarray(values, dtype=np.float64)
    low = float(np.quantile(scaled, 0.1, method="lower"))
    high = float(np.quantile(scaled, 0.9, method="higher"))
    step = _step((high - low) / MOST, whole=log)
    start, end = math.floor(low / step), math.floor(high / step) + 1
    marks = [k * step for k in range(start, end + 1)]
    return [10.0**mark for mark in marks] if log else marks


def labelled(marks: Sequence[float]) -> list[str]:
    """What each bin is called: below the first mark, between two, from the last on."""
    names = [short(mark).replace("-", "−") for mark in marks]
    between = [f"{a} to {b}" for a, b in zip(names, names[1:], strict=False)]
    return [f"below {names[0]}", *between, f"{names[-1]} or more"]


def counts(values: Sequence[float], marks: Sequence[float]) -> list[int]:
    """How many values lie in each bin; one on a mark is in the bin above it."""
    places = np.searchsorted(marks, values, side="right")
    return np.bincount(places, minlength=len(marks) + 1).tolist()


def _step(least: float, whole: bool) -> float:
    """The smallest of 1, 2, 5, 10, 20 … (or 0.1, 0.2, 0.5 …) that is no smaller than that."""
    if whole and least <= 1:
        return 1.0
    power = math.floor(math.log10(least)) if least > 0 else 0
    steps = [digit * 10.0**p for p in (power, power + 1) for digit in STEPS]
    return next(step for step in steps if step >= least)
