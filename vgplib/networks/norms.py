"""Normalisation layers, each for inputs of shape ``(batch, width)``, in any float format.

PyTorch's own where there is one, with its defaults (eps, learned scale and shift). Batch norm works
on the statistics of the batch in training, and on running ones in evaluation.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from vgplib import errors

GROUPS = 8

NORMS: dict[str, tuple[str, Callable[[int, torch.dtype], nn.Module]]] = {
    "batch": ("batch norm", lambda width, dtype: nn.BatchNorm1d(width, dtype=dtype)),
    "layer": ("layer norm", lambda width, dtype: nn.LayerNorm(width, dtype=dtype)),
    "rms": ("RMS norm", lambda width, dtype: nn.RMSNorm(width, dtype=dtype)),
    "group": ("group norm", lambda width, dtype: nn.GroupNorm(GROUPS, width, dtype=dtype)),
}


def norm(name: str, width: int, dtype: torch.dtype) -> nn.Module:
    """A normalisation layer for ``width`` features.

    Raises:
        ValueError: There is none of that name; the message lists the names.
    """
    return NORMS[errors.choose("norm", name, NORMS)][1](width, dtype)
