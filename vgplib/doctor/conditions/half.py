"""Numbers that leave the range of float16."""

from __future__ import annotations

import math
from typing import Any

import torch

from vgplib.doctor.conditions.condition import (
    REACH_CHAPTER,
    Condition,
    Finding,
    Indicator,
    Loss,
    Model,
)
from vgplib.doctor.conditions.indicators import NON_FINITE, gradients
from vgplib.doctor.evidence.gather import Evidence


def _overflow(evidence: Evidence, threshold: float) -> Finding | None:
    """The first place that is not finite is a float16 result of finite numbers."""
    seen = evidence.first
    if seen is None:
        return None
    told = seen.data.attrs["first_non_finite"]
    half = [y for y in seen.layers if seen.statistics.layers[y].dtype == torch.float16]
    backward = bool(half) and told.startswith(("signal", "gradient"))
    if evidence.overflow is None and not backward:
        return None
    name = told.partition(" of ")[2] or told.partition(" at ")[2]
    sizes = [seen.statistics.layers[y].largest for y in half]
    numbers = {"largest input of a layer": max((s for s in sizes if s == s), default=math.nan)}
    place = evidence.overflow.where if evidence.overflow else name
    where = (place,) if place else ()
    return OVERFLOW.finding("critical", where, "half precision", numbers)


def _underflow(evidence: Evidence, threshold: float) -> Finding | None:
    """Gradients that float16 rounds to zero."""
    first, scaled = evidence.first, evidence.rescaled
    if first is None or scaled is None or not scaled.is_finite:
        return None
    lost = first.zeros - scaled.zeros
    if lost < threshold:
        return None
    where = [name for name, state in first.states.items() if state == "zero"]
    numbers = {"zeros": first.zeros, "zeros with the loss scaled up": scaled.zeros}
    return UNDERFLOW.finding("serious", tuple(where), "half precision", numbers)


def _zeros(model: Model, loss: Loss, data: Any) -> float:
    found = [g for _, g in gradients(model, loss)]
    entries = sum(g.numel() for g in found)
    return sum((g == 0).sum().item() for g in found) / entries if entries else math.nan


OVERFLOW = Condition(
    name="fp16_overflow",
    meaning="A value grew past 65504, the largest float16.",
    lesson=REACH_CHAPTER,
    looks_at="a float16 value that leaves its range of 65504 in a finite computation",
    threshold=65504.0,
    source="IEEE 754",
    judge=_overflow,
    indicator=NON_FINITE,
    remedies={"": "bfloat16 float32 reinitialise"},
    alone=True,
)

UNDERFLOW = Condition(
    name="fp16_underflow",
    meaning="Gradients are too small for float16 and are rounded to zero.",
    lesson=REACH_CHAPTER,
    looks_at="share of gradients that are 0 in float16, and not 0 with the loss scaled up",
    threshold=0.1,
    source="Micikevicius et al. 2018",
    judge=_underflow,
    indicator=Indicator("share of gradient entries that are 0", _zeros),
    remedies={"": "loss_scale bfloat16 float32"},
    implies=("zero_gradient",),
)
