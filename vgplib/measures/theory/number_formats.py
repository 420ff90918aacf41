"""The limits of number formats, and how soon a vanishing signal reaches them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from vgplib import errors
from vgplib.measures.theory._arguments import Numbers, number, plain


@dataclass(frozen=True)
class NumberFormat:
    """The limits of a floating-point format.

    Attributes:
        name: As in ``number_format("float16")``.
        smallest_subnormal: The smallest number above 0, of one significant bit.
        smallest_normal: The smallest number of full precision.
        largest: The largest finite number.
        eps: The distance from 1 to the next larger number.
    """

    name: str
    smallest_subnormal: float
    smallest_normal: float
    largest: float
    eps: float


def number_format(name: str) -> NumberFormat:
    """The limits of float16, bfloat16, float32 or float64, as PyTorch states them.

    They are the format's. Some hardware has less room: matrix products of bfloat16 numbers on
    processors with units for them flush what is below ``smallest_normal`` to 0.

    Raises:
        ValueError: There is no such format; the message lists them.
    """
    formats = ("float16", "bfloat16", "float32", "float64")
    info = torch.finfo(getattr(torch, errors.choose("number format", name, formats)))
    return NumberFormat(
        name=name,
        smallest_subnormal=info.smallest_normal * info.eps,
        smallest_normal=info.smallest_normal,
        largest=info.max,
        eps=info.eps,
    )


def underflow_depth(factor: ArrayLike, format: str, loss_scale: ArrayLike = 1.0) -> Numbers:
    """How many layers back an error signal of 1 (in each unit) has become exactly 0.

    The fewest layers n with ``loss_scale * factor**n`` at or below half of the smallest subnormal
    number: what is not above that half rounds to 0 (IEEE 754, to the nearest even).

    Args:
        factor: Per-layer factor of the norm (:func:`signal_factor`), above 0; a number or an
            array.
        format: A name that :func:`number_format` knows.
        loss_scale: What the loss is multiplied by before the backward pass, above 0, as in
            mixed-precision training (Micikevicius et al. 2018); a number or an array. It buys
            ``ln(loss_scale) / -ln(factor)`` layers.

    Returns:
        A whole number of layers; ``inf`` for a factor of 1 or more.

    Raises:
        ValueError: The format is unknown, or a factor or scale is not a finite number above 0.
    """
    smallest = number_format(format).smallest_subnormal
    factor = number("factor", factor, above=0)
    # Half of float64's smallest number does not exist: take its logarithm instead.
    room = math.log(smallest) - math.log(2) - np.log(number("loss_scale", loss_scale, above=0))
    with np.errstate(divide="ignore"):
        # The little that is taken off keeps an exact power (1/2, 1/4) from being rounded up to
        # the next layer.
        layers = np.maximum(np.ceil(room / np.log(factor) - 1e-9), 0)
    return plain(np.where(factor < 1, layers, np.inf))
