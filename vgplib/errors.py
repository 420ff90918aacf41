"""What goes wrong, said so that the message alone is enough to mend the call."""

from __future__ import annotations

import difflib
import numbers
import os
import sys
from collections.abc import Iterable
from pathlib import Path


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
    if isinstance(value, str) and value in names:
        return str(value)
    close = difflib.get_close_matches(str(value).lower(), names, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"unknown {kind} {value!r}.{hint} Allowed: {', '.join(map(repr, names))}.")


def whole(name: str, value: object, least: int = 1) -> int:
    """Return ``value`` as an int of at least ``least``.

    Raises:
        ValueError: ``value`` is not a whole number, or is below ``least``.
    """
    number = plain_number(value)
    if number is None or number != number // 1:  # of NaN and of infinity, that is NaN
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}.")
    if number < least:
        raise ValueError(f"{name} must be at least {least}, not {value!r}.")
    return int(number)


def finite(name: str, value: object) -> float:
    """Return ``value`` as a finite float.

    Raises:
        ValueError: ``value`` is not a number, or is NaN, infinite, or beyond what a float holds.
    """
    number = plain_number(value)
    if number is None or not abs(number) <= sys.float_info.max:
        raise ValueError(f"{name} must be a finite number, not {value!r}.")
    return float(number)


def folder(name: str, value: object) -> Path:
    """Return ``value`` as a path.

    Raises:
        ValueError: ``value`` is neither text nor a path, or is empty.
    """
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise ValueError(
            f"{name} must be a folder's path, as text or as a pathlib.Path, not {value!r}."
        )
    return Path(os.fsdecode(value))


def plain_number(value: object) -> int | float | None:
    """Python's own number for one of any library: NumPy's and PyTorch's scalars, too.

    Returns:
        None where ``value`` is no number, or more than one. True and False are none.
    """
    if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        value = value.item()  # type: ignore[attr-defined]
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    return int(value) if isinstance(value, numbers.Integral) else float(value)
