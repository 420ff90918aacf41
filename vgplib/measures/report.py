"""The measurements of one pass as a labelled dataset."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vgplib.measures.fit import backward_factor, first_over_last
from vgplib.measures.layer import MATRICES, Layer
from vgplib.measures.norms import norms
from vgplib.networks.feedforward import FeedForward

if TYPE_CHECKING:
    import xarray as xr

# Name -> dimensions, unit and definition, in the order in which a reader would ask for them.
VARIABLES: dict[str, tuple[str, str, str]] = {
    "signal": ("layer", "norm", "Frobenius norm, over all entries, of dloss/dz at the output z"),
    "signal_rms": ("layer", "root mean square", "signal over the root of its number of entries"),
    "weight_grad": ("layer", "norm", "Frobenius norm of dloss/dW through this run of the layer"),
    "weight_norm": ("layer", "norm", "Frobenius norm of W"),
    "update_ratio": ("layer", "1", "norm of the optimizer's next change of W over the norm of W"),
    "output_rms": ("layer", "root mean square", "of the layer's output z"),
    "activation_mean": ("layer", "1", "mean of phi(z) over batch and units"),
    "activation_std": ("layer", "1", "standard deviation of phi(z) over batch and units"),
    "saturated": ("layer", "fraction", "entries with |phi'(z)| below 0.05 of its largest value"),
    "dead": ("layer", "fraction", "units with phi'(z) = 0 for every input of the batch"),
    "grad_state": (
        "parameter",
        "state",
        "of its gradient: ok, zero, none (frozen), none (unused or detached) or nonfinite",
    ),
    "parameter_grad": ("parameter", "norm", "Frobenius norm of dloss/dp, over all uses of p"),
    "parameter_norm": ("parameter", "norm", "Frobenius norm of the parameter p"),
}
STEP_VARIABLES: dict[str, tuple[str | tuple[str, str], str, str]] = {
    "step_signal": (
        ("recurrent", "step"),
        "norm",
        "Frobenius norm of dloss/dx_t, x_t being the layer's input at step t; where a layer that "
        "is not recurrent runs again and again, of dloss/dz at its run t",
    ),
    "step_factor": ("recurrent", "1", "factor of step_signal going back one step, fitted"),
    "step_ratio": ("recurrent", "1", "step_signal of the first step over that of the last"),
}

_RUNS = 3  # from which on a layer counts as used in time


@dataclass(slots=True)
class Parameter:
    """A parameter and what one pass tells about it; norms not known are NaN."""

    name: str
    tensor: Tensor
    gradient: Tensor | None = None
    gradient_norm: float = math.nan
    norm: float = math.nan
    update: float = math.nan

    def state(self) -> str:
        """The state of its gradient, in words."""
        if not self.tensor.requires_grad:
            return "none (frozen)"
        if self.gradient is None:
            return "none (unused or detached)"
        if not math.isfinite(self.gradient_norm):
            return "nonfinite"
        return "ok" if self.gradient_norm else "zero"


def report(
    model: nn.Module, layers: list[Layer], parameters: list[Parameter], loss: float
) -> xr.Dataset:
    """Put together what was recorded: see :func:`vgplib.measures.layers.measure`."""
    import xarray as xr

    _fill_norms(parameters)
    bad = _first_non_finite(layers, parameters, loss)
    fitted = [] if bad else _same_width(model, layers)
    signals = [layer.signal for _, layer in fitted]
    fit = backward_factor([place for place, _ in fitted], signals)
    attrs: dict[str, Any] = {
        "loss": loss,
        "factor": fit.factor,
        "r2": fit.r2,
        "ratio": first_over_last(signals),
        "first_non_finite": bad,
        "norm": "Frobenius norm over all entries, the batch included",
        "torch": torch.__version__.split("+")[0],
    }
    columns = _layer_columns(layers, parameters) | {
        "grad_state": [p.state() for p in parameters],
        "parameter_grad": [p.gradient_norm for p in parameters],
        "parameter_norm": [p.norm for p in parameters],
    }
    coords: dict[str, Any] = {
        "layer": range(1, len(layers) + 1),
        "name": ("layer", [layer.name for layer in layers]),
        "kind": ("layer", [layer.kind for layer in layers]),
        "activation": ("layer", [layer.activation for layer in layers]),
        "parameter": [p.name for p in parameters],
    }
    described: dict[str, Any] = dict(VARIABLES)
    runs = _runs_in_time(layers)
    if runs:
        described |= STEP_VARIABLES
        longest = max(map(len, runs.values()))
        told = [[] if bad else signals for signals in runs.values()]
        fits = [backward_factor(range(len(signals)), signals).factor for signals in told]
        columns |= {
            "step_signal": [s + [math.nan] * (longest - len(s)) for s in runs.values()],
            "step_factor": fits,
            "step_ratio": [first_over_last(signals) for signals in told],
        }
        coords |= {"recurrent": list(runs), "step": range(1, longest + 1)}
        attrs["factor_per_step"] = max(fits, key=_change)
    variables = {
        name: (dims, columns[name], {"units": units, "definition": definition})
        for name, (dims, units, definition) in described.items()
    }
    return xr.Dataset(variables, coords, attrs)


def _fill_norms(parameters: list[Parameter]) -> None:
    found = norms([p.tensor.detach() for p in parameters])
    for parameter, value in zip(parameters, found, strict=True):
        parameter.norm = value
    with_one = [p for p in parameters if p.gradient is not None]
    found = norms([p.gradient for p in with_one])  # type: ignore[misc]
    for parameter, value in zip(with_one, found, strict=True):
        parameter.gradient_norm = value


def _layer_columns(layers: list[Layer], parameters: list[Parameter]) -> dict[str, list[float]]:
    by_id = {id(p.tensor): p for p in parameters}
    gradients = _gradients_of_uses(layers, parameters)
    nan = math.nan
    counts = [layer.count() for layer in layers]
    columns: dict[str, list[float]] = {
        "signal": [layer.signal for layer in layers],
        "signal_rms": [layer.signal / math.sqrt(max(layer.entries, 1)) for layer in layers],
        "output_rms": [layer.output / math.sqrt(max(layer.entries, 1)) for layer in layers],
        "activation_mean": [each.mean if each else nan for each in counts],
        "activation_std": [math.sqrt(max(each.variance, 0)) if each else nan for each in counts],
        "saturated": [each.saturated if each else nan for each in counts],
        "dead": [each.dead if each else nan for each in counts],
        "weight_grad": [],
        "weight_norm": [],
        "update_ratio": [],
    }
    for layer in layers:
        owners = [by_id.get(id(w)) or by_id.get(id(w._base)) for w in layer.weights]
        whole = [p for w, p in zip(layer.weights, owners, strict=True) if p and p.tensor is w]
        if len(whole) == len(layer.weights):
            weight_norm = math.hypot(*(p.norm for p in whole))
        else:  # a part of a parameter, or made of some
            weight_norm = math.hypot(*norms([w.detach() for w in layer.weights]))
        gradient = gradients.get(layer.index, nan)
        if layer.use is None and whole and len(whole) == len(layer.weights):
            gradient = math.hypot(*(p.gradient_norm for p in whole))
        change = math.hypot(*(p.update for p in owners if p)) if all(owners) else nan
        size = math.hypot(*(p.norm for p in owners if p))
        columns["weight_norm"].append(weight_norm)
        columns["weight_grad"].append(gradient)
        columns["update_ratio"].append(_ratio(change, size))
    return columns


def _gradients_of_uses(layers: list[Layer], parameters: list[Parameter]) -> dict[int, float]:
    """Norm of the gradient through each layer's run, by the layer's index."""
    # A weight that is used once has this gradient as its own, in the same place in memory.
    known = {
        (p.gradient.data_ptr(), p.gradient.numel()): p.gradient_norm
        for p in parameters
        if p.gradient is not None and not p.gradient.is_sparse
    }
    found: dict[int, float] = {}
    others = []
    for layer in layers:
        gradient = layer.use
        if gradient is not None:
            place = (gradient.data_ptr(), gradient.numel())
            if place in known:
                found[layer.index] = known[place]
            else:
                others.append((layer.index, gradient))
    return found | dict(
        zip([index for index, _ in others], norms([g for _, g in others]), strict=True)
    )


def _ratio(change: float, size: float) -> float:
    if size:
        return change / size
    return math.inf if change > 0 else math.nan


def _change(factor: float) -> float:
    """How far a factor is from 1, up or down; a factor that is not known is last."""
    return abs(math.log(factor)) if factor > 0 else -1.0


def _first_non_finite(layers: list[Layer], parameters: list[Parameter], loss: float) -> str:
    for parameter in parameters:
        if not math.isfinite(parameter.norm):
            return f"parameter {parameter.name}"
    for layer in layers:
        if layer.trouble:
            return f"{layer.trouble} of {layer.name}"
    if not math.isfinite(loss):
        return "loss"
    for layer in reversed(layers):
        if layer.has_signal and not math.isfinite(layer.signal):
            return f"signal at {layer.name}"
    for parameter in reversed(parameters):
        if parameter.state() == "nonfinite":
            return f"gradient of {parameter.name}"
    return ""


def _same_width(model: nn.Module, layers: list[Layer]) -> list[tuple[int, Layer]]:
    """The hidden layers of the commonest shape, whose norms can be compared, and their depths."""
    matrices = [layer for layer in layers if layer.kind in MATRICES]
    if isinstance(model, FeedForward):
        hidden = matrices[: len(model.hidden)]
    else:  # the last one is a read-out unless an activation follows it
        hidden = matrices if matrices and matrices[-1].counts else matrices[:-1]
    shapes = Counter(_shape(layer) for layer in hidden if layer.has_signal)
    if not shapes:
        return []
    shape, _ = shapes.most_common(1)[0]
    return [
        (depth, layer)
        for depth, layer in enumerate(hidden)
        if _shape(layer) == shape and layer.has_signal
    ]


def _shape(layer: Layer) -> tuple[int, ...]:
    """What the layer puts out for one sample."""
    return tuple(layer.shape[1:] if len(layer.shape) > 1 else layer.shape)


def _runs_in_time(layers: list[Layer]) -> dict[str, list[float]]:
    """Signals along time, oldest first, of each layer that is recurrent or runs again and again."""
    runs: dict[str, list[float]] = {}
    counts: Counter[str] = Counter(layer.name for layer in layers)
    for layer in layers:
        if layer.kind == "recurrent" and layer.steps:
            runs.setdefault(layer.name, []).extend(layer.steps)
        elif layer.kind in MATRICES and counts[layer.name] >= _RUNS:
            runs.setdefault(layer.name, []).append(layer.signal)
    return runs
