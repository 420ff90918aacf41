"""Figures that several conditions share, to see whether a remedy moves them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vgplib.doctor.conditions.condition import Indicator, Loss, Model

if TYPE_CHECKING:
    import xarray as xr

DEPTH = ("linear", "conv", "attention", "recurrent")


def signal_ratio(data: xr.Dataset) -> float:
    """The signal of the first layer over that of the last; of hidden layers of one width if any."""
    if math.isfinite(data.attrs["ratio"]):
        return data.attrs["ratio"]
    signals = data.signal.values[np.isin(data.kind.values, DEPTH)]
    signals = signals[np.isfinite(signals)]
    return float(signals[0] / signals[-1]) if len(signals) > 1 and signals[-1] else math.nan


def decades(value: float) -> float:
    """How many powers of ten a figure is away from 1."""
    return abs(math.log10(value)) if 0 < value < math.inf else math.inf


def largest(variable: str, name: str) -> Indicator:
    """The largest value of a variable of ``vgp.measure`` in any layer."""

    def read(model: Model, loss: Loss, data: Any) -> float:
        if data is None or not np.isfinite(data[variable].values).any():
            return math.nan
        return float(np.nanmax(data[variable].values))

    return Indicator(name, read)


def count(state: str, name: str) -> Indicator:
    """How many parameters have a gradient in this state."""

    def read(model: Model, loss: Loss, data: Any) -> float:
        if data is None:  # no signal at all
            return float(sum(1 for _ in model.parameters()))
        return float((data.grad_state.values == state).sum())

    return Indicator(name, read)


def gradients(model: Model, loss: Loss) -> list[tuple[Tensor, Tensor]]:
    """Weights with their gradients, where they have dense ones."""
    wanted = [p for p in model.parameters() if p.requires_grad and p.dim() > 1]
    found = torch.autograd.grad(loss(model), wanted, allow_unused=True)
    return [(p, g) for p, g in zip(wanted, found, strict=True) if g is not None and not g.is_sparse]


def _ratio(model: Model, loss: Loss, data: Any) -> float:
    return math.nan if data is None else signal_ratio(data)


def _broken(model: Model, loss: Loss, data: Any) -> float:
    if data is None:
        return math.nan
    known = float((data.grad_state.values == "nonfinite").sum())
    return known or float(bool(data.attrs["first_non_finite"]))


SIGNAL_RATIO = Indicator("signal, first layer over last", _ratio, decades)
NON_FINITE = Indicator("parameters with a gradient of NaN or Inf", _broken)
