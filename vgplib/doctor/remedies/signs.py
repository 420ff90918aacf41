"""One figure for each condition, to see whether a remedy moves it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vgplib.doctor.examining.look import spread, twins
from vgplib.doctor.remedies.anatomy import parts, readout

if TYPE_CHECKING:
    import xarray as xr

_STEPS = 1e-4, 1e-2  # change of a weight over the weight, in steps as they mostly are
_DEPTH = ("linear", "conv", "attention", "recurrent")

Model, Loss = nn.Module, Callable[[nn.Module], Tensor]


class Sign(NamedTuple):
    """A figure that shows how sick a model is.

    Attributes:
        name: What it is.
        read: Reads it off a model, its loss, and what ``vgp.measure`` saw, which is None where it
            could not measure; NaN where there is none.
        distance: How far a figure is from a healthy one: 0 or more.
    """

    name: str
    read: Callable[[Model, Loss, Any], float]
    distance: Callable[[float], float]

    def is_better(self, before: float, after: float) -> bool:
        """Whether at least half of the distance to health is gone."""
        if math.isnan(after):
            return False
        return math.isnan(before) or self.distance(after) < self.distance(before) / 2


def signal_ratio(data: xr.Dataset) -> float:
    """The signal of the first layer over that of the last; of hidden layers of one width if any."""
    if math.isfinite(data.attrs["ratio"]):
        return data.attrs["ratio"]
    signals = data.signal.values[np.isin(data.kind.values, _DEPTH)]
    signals = signals[np.isfinite(signals)]
    return float(signals[0] / signals[-1]) if len(signals) > 1 and signals[-1] else math.nan


def _decades(value: float) -> float:
    return abs(math.log10(value)) if 0 < value < math.inf else math.inf


def _ratio(model: Model, loss: Loss, data: Any) -> float:
    return math.nan if data is None else signal_ratio(data)


def _step_ratio(model: Model, loss: Loss, data: Any) -> float:
    if data is None or "step_ratio" not in data:
        return math.nan
    ratios = [float(r) for r in data.step_ratio.values if not math.isnan(r)]
    return max(ratios, key=_decades, default=math.nan)


def _last_output(model: Model, loss: Loss, data: Any) -> float:
    if data is None:
        return math.nan
    sizes = data.output_rms.values[np.isin(data.kind.values, _DEPTH)]
    return float(sizes[-2] if len(sizes) > 1 else sizes[-1]) if len(sizes) else math.nan


def _largest(variable: str) -> Callable[[Model, Loss, Any], float]:
    def read(model: Model, loss: Loss, data: Any) -> float:
        if data is None or not np.isfinite(data[variable].values).any():
            return math.nan
        return float(np.nanmax(data[variable].values))

    return read


def _count(*states: str) -> Callable[[Model, Loss, Any], float]:
    def read(model: Model, loss: Loss, data: Any) -> float:
        if data is None:  # no signal at all
            return float(sum(1 for _ in model.parameters()))
        return float(np.isin(data.grad_state.values, states).sum())

    return read


def _broken(model: Model, loss: Loss, data: Any) -> float:
    if data is None:
        return math.nan
    known = float((data.grad_state.values == "nonfinite").sum())
    return known or float(bool(data.attrs["first_non_finite"]))


def _update(model: Model, loss: Loss, data: Any) -> float:
    if data is None or not np.isfinite(data.update_ratio.values).any():
        return math.nan
    return float(np.nanmedian(data.update_ratio.values))


def _gradients(model: Model, loss: Loss) -> list[tuple[Tensor, Tensor]]:
    wanted = [p for p in model.parameters() if p.requires_grad and p.dim() > 1]
    found = torch.autograd.grad(loss(model), wanted, allow_unused=True)
    return [(p, g) for p, g in zip(wanted, found, strict=True) if g is not None and not g.is_sparse]


def _zeros(model: Model, loss: Loss, data: Any) -> float:
    found = [g for _, g in _gradients(model, loss)]
    entries = sum(g.numel() for g in found)
    return sum((g == 0).sum().item() for g in found) / entries if entries else math.nan


def _copies(model: Model, loss: Loss, data: Any) -> float:
    return max((twins(p, g) for p, g in _gradients(model, loss)), default=math.nan)


def _apart(model: Model, loss: Loss, data: Any) -> float:
    last = readout(parts(model, loss))
    if last is None or not last.module:
        return math.nan
    seen: list[Tensor] = []
    layer = model.get_submodule(last.module)
    hook = layer.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    with torch.no_grad():
        loss(model)
    hook.remove()
    h = seen[0]
    views = [h, h.transpose(0, 1)] if h.dim() == 3 else [h]
    return min((s for s in map(spread, views) if not math.isnan(s)), default=math.nan)


_RATIO = Sign("signal, first layer over last", _ratio, _decades)
_IN_TIME = Sign("signal, first step over last", _step_ratio, _decades)
_FORWARD = Sign("RMS of the last hidden output", _last_output, _decades)
_UPDATE = Sign(
    "median update over weight",
    _update,
    lambda value: max(_decades(value / min(max(value, _STEPS[0]), _STEPS[1])), 0.0),
)
_NON_FINITE = Sign("parameters with a gradient of NaN or Inf", _broken, float)

SIGNS: dict[str, Sign] = {
    "vanishing": _RATIO,
    "exploding": _RATIO,
    "temporal_vanishing": _IN_TIME,
    "temporal_exploding": _IN_TIME,
    "forward_vanishing": _FORWARD,
    "forward_exploding": _FORWARD,
    "dead_relu": Sign("dead units, worst layer", _largest("dead"), float),
    "saturation": Sign("saturated entries, worst layer", _largest("saturated"), float),
    "nan": _NON_FINITE,
    "fp16_overflow": _NON_FINITE,
    "zero_gradient": Sign("parameters with a gradient of 0", _count("zero"), float),
    "no_gradient": Sign(
        "parameters without a gradient", _count("none (unused or detached)"), float
    ),
    "frozen": Sign("frozen parameters", _count("none (frozen)"), float),
    "fp16_underflow": Sign("share of gradient entries that are 0", _zeros, float),
    "lr_too_high": _UPDATE,
    "lr_too_low": _UPDATE,
    "symmetry": Sign("share of units that are copies, worst layer", _copies, float),
    "rank_collapse": Sign(
        "distance between samples over their size, last layer",
        _apart,
        lambda value: max(-math.log10(value), 0.0) if value > 0 else math.inf,
    ),
}
