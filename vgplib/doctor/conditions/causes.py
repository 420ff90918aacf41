"""Mechanisms behind conditions; and which of them makes a signal change with depth."""

from __future__ import annotations

import math

from vgplib.doctor.evidence.gather import Evidence
from vgplib.doctor.evidence.passes import Pass
from vgplib.measures.layer import Layer, owners

# Mechanisms, in the words that a finding's ``cause`` uses.
CAUSES: tuple[str, ...] = (
    "saturating activation",
    "slope of the activation",
    "initialisation too small",
    "initialisation too large",
    "initialisation constant",
    "bias",
    "learning rate too high",
    "learning rate too low",
    "half precision",
    "loss choice",
    "detached",
    "unused",
    "not trainable",
    "recurrent weight",
    "forget gate",
    "input scale",
    "normalisation without skip",
    "missing residual",
    "residual without normalisation",
    "post-norm depth",
    "attention without skip",
    "attention logit scale",
    "non-differentiable operation",
    "axis of size 1",
    "factor of 0",
    "clamped loss",
    "activation without curvature",
    "activation after the read-out",
    "singular derivative",
    "operation out of its range",
    "exponent too large",
    "division by 0",
    "mean over nothing",
    "row masked out whole",
    "epsilon below the format's resolution",
    "scale in the forward pass",
    "NaN in the data",
    "NaN in the targets",
    "NaN in the weights",
    "dead units",
)

# Keys of treatments for weights that are too small or too large, whatever comes of it. Those that
# train a deep network best come first, as measured for sigmoid networks of 8 layers (vanishing) and
# ReLU networks of 12 layers at twice He's gain (exploding); the tests measure the order again.
TOO_SMALL = "reinitialise orthogonal layer_norm batch_norm skips adam"
TOO_LARGE = "reinitialise layer_norm batch_norm to_tanh adam clip lr_down"

# Scale of the weights, sigma_w, that keeps the signal where it is: He et al. 2015 for ReLU,
# 1 / phi'(0) for the others.
_NEEDED = {"relu": math.sqrt(2), "sigmoid": 4.0, "gelu": 1.5, "silu": 1.7, "softplus": 1.8}
LARGE_INPUT = 30.0  # its largest entry
_SQUASHING = ("sigmoid", "tanh", "hardtanh", "hardsigmoid", "softsign")
_SMALL, _LOSS = 0.85, 0.7  # of the scale that is needed; of the signal, in a layer


def of_depth(evidence: Evidence, seen: Pass, factor: float, too_small: bool) -> str:
    """Why a signal changes with depth.

    Args:
        evidence: All that was measured.
        seen: The pass that is judged.
        factor: Of the signal per layer, or NaN.
        too_small: Whether it falls.
    """
    rows = seen.matrices
    hidden = rows[:-1]
    squashed = [t for y in hidden if (t := y.count(*_SQUASHING, "softmax"))]
    if too_small and any(counts.saturated >= 0.5 for counts in squashed):
        return "saturating activation"
    norms = sum(layer.kind == "norm" for layer in seen.layers)
    skips = evidence.adds >= max(2, len(hidden) / 4)
    if skips and norms:
        return "post-norm depth"
    size = gain(seen)
    if skips and not (too_small and size < _SMALL):  # by which a skip would lose nothing
        return "scale in the forward pass" if too_small else "residual without normalisation"
    if any(y.kind == "attention" or _scores(y) for y in rows):
        return "attention without skip"
    if norms >= len(hidden) / 2 and not too_small:
        return "normalisation without skip"
    if not too_small:
        return "initialisation too large" if size > 1.0 else "scale in the forward pass"
    if any(y.activation in ("sigmoid", "softmax") for y in hidden):
        return "slope of the activation"
    if size < _SMALL:
        return "initialisation too small"
    return "scale in the forward pass" if factor < _LOSS else "missing residual"


def _scores(layer: Layer) -> bool:
    """Whether a softmax follows that is over something else than the layer's own output."""
    counts = layer.counts.get("softmax")
    return counts is not None and counts.entries != layer.entries


def gain(seen: Pass) -> float:
    """Scale of the hidden layers' weights over that which keeps the signal, in the median."""
    hidden = [y for y in seen.layers if y.kind in ("linear", "conv")][:-1]
    found = sorted(scale(seen, y) / _NEEDED.get(y.activation, 1.0) for y in hidden)
    return found[len(found) // 2] if found else 1.0


def scale(seen: Pass, layer: Layer) -> float:
    """sigma_w of a layer's weight: its standard deviation times the root of its fan-in."""
    for parameter in seen.parameters:
        if layer.name in owners(parameter.name) and parameter.tensor.dim() > 1:
            return parameter.norm / math.sqrt(max(layer.units, 1))
    return 1.0


def bias_share(seen: Pass, layer: Layer) -> float:
    """How much of a layer's output is its bias: RMS over RMS; 0 where there is none."""
    size = layer.output / math.sqrt(max(layer.entries, 1))
    for parameter in seen.parameters:
        if parameter.name == f"{layer.name}.bias" and size:
            return parameter.norm / math.sqrt(parameter.tensor.numel()) / size
    return 0.0


def is_raw(seen: Pass) -> bool:
    """Whether what the first layer takes in was not scaled."""
    return next(iter(seen.statistics.layers.values())).largest > LARGE_INPUT
