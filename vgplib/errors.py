"""What goes wrong, said so that the message alone is enough to mend the call."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable


class AtlasError(RuntimeError):
    """An atlas file is missing, damaged, or was made by another version of its experiment."""


class GridError(RuntimeError):
    """A grid of runs cannot be measured, kept or gone on with; the message says what to do."""


class BankError(ValueError):
    """A question bank breaks its format; the message names file, question and reason."""


def choose(kind: str, value: object, allowed: Iterable[str]) -> str:
    """Return ``value`` if it is one of ``allowed``; else say what is, and what is closest.

    Args:
        kind: What is being chosen, for the message: ``"activation"``.
        value: What the caller gave.
        allowed: The names that exist, in the order in which to list them.

    Raises:
        ValueError: ``value`` is not one of ``allowed``.
    """
    names = list(allowed)
    if value in names:
        return str(value)
    close = difflib.get_close_matches(str(value).lower(), names, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"unknown {kind} {value!r}.{hint} Allowed: {', '.join(map(repr, names))}.")


def whole(name: str, value: object, least: int = 1) -> int:
    """Return ``value`` as an int of at least ``least``.

    Raises:
        ValueError: ``value`` is not a whole number, or is below ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int_or_nan(value):
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}.")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value!r}.")
    return int(value)


def int_or_nan(value: float) -> float:
    """``int(value)`` where that exists, else NaN, which equals nothing."""
    return int(value) if math.isfinite(value) else math.nan


def finite(name: str, value: object) -> float:
    """Return ``value`` as a finite float.

    Raises:
        ValueError: ``value`` is not a number, or is NaN or infinite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, not {value!r}.")
    return float(value)
