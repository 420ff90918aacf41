"""Numeric arguments: a number or an array of them, checked, and answered in kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

# What a function of numbers answers: a float for floats, an array for arrays.
Numbers = float | np.ndarray


def number(
    name: str,
    value: ArrayLike,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
) -> np.ndarray:
    """Return ``value`` as a float64 array of finite numbers, of its own shape.

    Args:
        name: Of the argument, for the message.
        value: A number or an array of numbers.
        least: The smallest number allowed.
        above: A number that all must be larger than.
        most: The largest number allowed.

    Raises:
        ValueError: ``value``, or the entry that the message shows, is not such a number.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be a finite number, not {value!r}.")
    _refuse(name, "a finite number", array, ~np.isfinite(array))
    if least is not None:
        _refuse(name, f"at least {least:g}", array, array < least)
    if above is not None:
        _refuse(name, f"above {above:g}", array, array <= above)
    if most is not None:
        _refuse(name, f"at most {most:g}", array, array > most)
    return array.astype(np.float64)


def whole(name: str, value: ArrayLike, least: int = 1) -> np.ndarray:
    """Return ``value`` as a float64 array of whole numbers of at least ``least``.

    Raises:
        ValueError: As :func:`number`, or an entry is not whole.
    """
    array = number(name, value)
    _refuse(name, f"a whole number of at least {least}", array, array != np.floor(array))
    _refuse(name, f"at least {least}", array, array < least)
    return array


def plain(array: np.ndarray) -> Numbers:
    """A float where ``array`` has no axes, else the array."""
    array = np.asarray(array)
    return array if array.ndim else array.item()


def _refuse(name: str, wanted: str, array: np.ndarray, wrong: np.ndarray) -> None:
    if wrong.any():
        raise ValueError(f"{name} must be {wanted}, not {array[wrong].flat[0].item()!r}.")
