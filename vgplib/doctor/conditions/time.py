"""The error signal vanishes or explodes on its way back through time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from vgplib.doctor.conditions.condition import (
    EXPLODING_CHAPTER,
    REACH_CHAPTER,
    Condition,
    Finding,
    Indicator,
    Loss,
    Model,
)
from vgplib.doctor.conditions.indicators import decades
from vgplib.doctor.evidence.gather import Evidence
from vgplib.doctor.evidence.signal_profile import Recurrence, recurrences

_LOOKS_AT = "error signal at the first steps over that at the last"


def _vanishing(evidence: Evidence, threshold: float) -> Finding | None:
    """The signal falls on its way to the first step."""
    worst = _worst(evidence, lambda ratio: ratio < threshold)
    if worst is None:
        return None
    cause = "forget gate" if _is_gated(evidence, worst) else "recurrent weight"
    return TEMPORAL_VANISHING.finding("critical", (worst.name,), cause, worst.proof)


def _exploding(evidence: Evidence, threshold: float) -> Finding | None:
    """The signal grows on its way to the first step."""
    worst = _worst(evidence, lambda ratio: ratio > threshold)
    if worst is None:
        return None
    return TEMPORAL_EXPLODING.finding("critical", (worst.name,), "recurrent weight", worst.proof)


def _worst(evidence: Evidence, is_sick: Callable[[float], bool]) -> Recurrence | None:
    seen = evidence.clearest
    if seen is None:
        return None
    sick = [layer for layer in recurrences(seen) if layer.in_time and is_sick(layer.ratio)]
    return max(sick, key=lambda layer: abs(math.log(layer.ratio)), default=None)


def _is_gated(evidence: Evidence, layer: Recurrence) -> bool:
    if layer.kind != "recurrent":
        return False
    module = evidence.snapshot.model.get_submodule(layer.name)
    return type(module).__name__.startswith(("LSTM", "GRU"))


def _step_ratio(model: Model, loss: Loss, data: Any) -> float:
    if data is None or "step_ratio" not in data:
        return math.nan
    ratios = [float(r) for r in data.step_ratio.values if not math.isnan(r)]
    return max(ratios, key=decades, default=math.nan)


_INDICATOR = Indicator("signal, first step over last", _step_ratio, decades)

TEMPORAL_VANISHING = Condition(
    name="temporal_vanishing",
    meaning=(
        "The error signal shrinks on its way back through time, so early steps are not learned."
    ),
    lesson=REACH_CHAPTER,
    looks_at=_LOOKS_AT,
    threshold=1e-3,
    source="Bengio, Simard and Frasconi 1994",
    judge=_vanishing,
    indicator=_INDICATOR,
    remedies={
        "forget gate": "chrono_bias forget_bias recurrent_orthogonal",
        "": "irnn gru chrono_bias forget_bias recurrent_orthogonal",
    },
    controls=("clip",),
)

TEMPORAL_EXPLODING = Condition(
    name="temporal_exploding",
    meaning="The error signal grows on its way back through time.",
    lesson=EXPLODING_CHAPTER,
    looks_at=_LOOKS_AT,
    threshold=1e3,
    source="Pascanu, Mikolov and Bengio 2013",
    judge=_exploding,
    indicator=_INDICATOR,
    remedies={"": "recurrent_orthogonal irnn gru clip lr_down"},
    implies=("exploding", "lr_too_high"),
)
