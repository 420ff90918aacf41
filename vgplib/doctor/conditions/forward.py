"""Activations vanish or explode on their way from the input to the output."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vgplib.doctor.conditions.causes import TOO_LARGE, TOO_SMALL, gain
from vgplib.doctor.conditions.condition import (
    CAUSES_CHAPTER,
    EXPLODING_CHAPTER,
    Condition,
    Finding,
    Indicator,
    Loss,
    Model,
)
from vgplib.doctor.conditions.indicators import DEPTH, decades
from vgplib.doctor.evidence.gather import Evidence
from vgplib.doctor.evidence.passes import Pass
from vgplib.doctor.evidence.signal_profile import Place, forward_change, known, places

_LOOKS_AT = "RMS of the outputs of the last hidden layers over that of the first"
_SOURCE = "He et al. 2015, on the variance of activations"


def _vanishing(evidence: Evidence, threshold: float) -> Finding | None:
    """Activations shrink with depth, or are next to nothing from the start."""
    seen = evidence.as_it_came
    if seen is None:
        return None
    change, found, largest = _sizes(seen)
    if not (change < threshold and found[-1].rms < 0.03 or 0 < largest < 0.1 * threshold):
        return None
    small_input = _input_size(seen) < threshold
    cause = "input scale" if small_input else "initialisation too small"
    numbers = {"activations, last over first": change, "largest RMS": largest}
    return FORWARD_VANISHING.finding("serious", (found[-1].name,), cause, known(numbers))


def _exploding(evidence: Evidence, threshold: float) -> Finding | None:
    """Activations grow with depth."""
    seen = evidence.as_it_came
    if seen is None:
        return None
    change, found, largest = _sizes(seen)
    if not (change > threshold or largest > 1e3 * threshold):
        return None
    skips = evidence.adds >= max(2, len(found) / 4)
    if skips:
        cause = "residual without normalisation"
    elif not change > threshold and _input_size(seen) > threshold:
        cause = "input scale"
    else:
        large = gain(seen) > 1.0
        cause = "initialisation too large" if large else "scale in the forward pass"
    numbers = {"activations, last over first": change, "largest RMS": largest}
    return FORWARD_EXPLODING.finding("serious", (found[-1].name,), cause, known(numbers))


def _sizes(seen: Pass) -> tuple[float, list[Place], float]:
    """How activations change from the first hidden layers to the last; those; the largest RMS."""
    found = [p for p in places(seen)[:-1] if p.kind != "embedding"]
    return forward_change(seen), found, max((p.rms for p in found), default=math.nan)


def _input_size(seen: Pass) -> float:
    each = seen.statistics.layers.get(seen.layers[0])
    return each.largest if each is not None else math.nan


def _last_output(model: Model, loss: Loss, data: Any) -> float:
    if data is None:
        return math.nan
    sizes = data.output_rms.values[np.isin(data.kind.values, DEPTH)]
    return float(sizes[-2] if len(sizes) > 1 else sizes[-1]) if len(sizes) else math.nan


_INDICATOR = Indicator("RMS of the last hidden output", _last_output, decades)

FORWARD_VANISHING = Condition(
    name="forward_vanishing",
    meaning="Activations shrink from layer to layer, until nothing of the input is left.",
    lesson=CAUSES_CHAPTER,
    looks_at=_LOOKS_AT,
    threshold=1e-3,
    source=_SOURCE,
    judge=_vanishing,
    indicator=_INDICATOR,
    remedies={"input scale": f"input_scale {TOO_SMALL}", "": TOO_SMALL},
)

FORWARD_EXPLODING = Condition(
    name="forward_exploding",
    meaning="Activations grow from layer to layer.",
    lesson=EXPLODING_CHAPTER,
    looks_at=_LOOKS_AT,
    threshold=1e3,
    source=_SOURCE,
    judge=_exploding,
    indicator=_INDICATOR,
    remedies={
        "residual without normalisation": "scale_branches layer_norm reinitialise",
        "input scale": f"input_scale {TOO_LARGE}",
        "": "reinitialise layer_norm batch_norm to_tanh",
    },
    implies=("lr_too_high",),
)
