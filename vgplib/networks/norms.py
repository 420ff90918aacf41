"""Normalisation layers, each for inputs of shape ``(batch, width)``, in any float format.

PyTorch's own where there is one, with its defaults (eps, learned scale and shift). Batch norm works
on the statistics of the batch in training, and on running ones in evaluation. Weight norm leaves
the values alone and acts on the linear map before it: see :func:`normalise_weights`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.utils import parametrizations

from vgplib import errors

GROUPS = 8


def _groups(width: int, dtype: torch.dtype) -> nn.Module:
    if width % GROUPS:
        raise ValueError(f"group norm needs a width that is a multiple of {GROUPS}, not {width}.")
    return nn.GroupNorm(GROUPS, width, dtype=dtype)


NORMS: dict[str, tuple[str, Callable[[int, torch.dtype], nn.Module]]] = {
    "batch": ("batch norm", lambda width, dtype: nn.BatchNorm1d(width, dtype=dtype)),
    "layer": ("layer norm", lambda width, dtype: nn.LayerNorm(width, dtype=dtype)),
    "rms": ("RMS norm", lambda width, dtype: nn.RMSNorm(width, dtype=dtype)),
    "group": ("group norm", _groups),
    "weight": ("weight norm", lambda width, dtype: nn.Identity()),
}


def norm(name: str, width: int, dtype: torch.dtype) -> nn.Module:
    """What stands behind a linear map of ``width`` features; behind weight norm, nothing does.

    Raises:
        ValueError: There is none of that name, and the message lists the names; or the width
            cannot be divided into groups.
    """
    return NORMS[errors.choose("norm", name, NORMS)][1](width, dtype)


def normalise_weights(linear: nn.Linear, length: float) -> None:
    """Weight norm (Salimans & Kingma 2016): split each unit's weights into length and direction.

    From then on the lengths are parameters of their own.

    Args:
        linear: Changed in place.
        length: Of every row of weights at the start. PyTorch itself leaves them as drawn, so that
            nothing changes before training.
    """
    parametrizations.weight_norm(linear)
    with torch.no_grad():
        linear.parametrizations.weight.original0.fill_(length)  # type: ignore[union-attr, operator]
