"""What has become the same: units that are copies of each other, samples that are all alike."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from vgplib.doctor.conditions.causes import bias_share, of_depth
from vgplib.doctor.conditions.condition import (
    SYMPTOMS_CHAPTER,
    Condition,
    Finding,
    Indicator,
    Loss,
    Model,
)
from vgplib.doctor.conditions.indicators import gradients
from vgplib.doctor.evidence.gather import Evidence
from vgplib.doctor.evidence.layer_statistics import duplicate_share, spread
from vgplib.doctor.evidence.parts import parts, readout


def _symmetry(evidence: Evidence, threshold: float) -> Finding | None:
    """Units that are copies, with equal gradients, and stay so."""
    first, later = evidence.first, evidence.later
    if first is None or later is None or not first.is_finite:
        return None
    sick = [
        name
        for name, share in first.duplicates.items()
        if share >= threshold
        and later.duplicates.get(name, 0) >= threshold
        and evidence.wanted(name)
    ]
    if not sick:
        return None
    numbers = {"units that are copies": max(first.duplicates[name] for name in sick)}
    return SYMMETRY.finding("critical", tuple(sick), "initialisation constant", numbers)


def _rank_collapse(evidence: Evidence, threshold: float) -> Finding | None:
    """Samples, or tokens, that have become one vector."""
    seen = evidence.later
    if seen is None or evidence.as_it_came is None or not seen.is_finite:
        return None
    rows = [(layer, seen.statistics.layers[layer]) for layer in seen.matrices]
    for what in ("apart", "tokens_apart"):
        told = [(y, getattr(each, what)) for y, each in rows if not math.isnan(getattr(each, what))]
        if len(told) < 2:
            continue
        start = max(apart for _, apart in told[: max(1, len(told) // 3)])
        layer, end = told[-1]
        if start > 10 * threshold and end < threshold * start:
            numbers = {"distance at the start": start, "before the last layer": end}
            return RANK_COLLAPSE.finding("serious", (layer.name,), _why_alike(evidence), numbers)
    return None


def _why_alike(evidence: Evidence) -> str:
    """Drowned in biases, or whatever makes a signal fall with depth."""
    seen = evidence.first
    assert seen is not None
    hidden = [y for y in seen.layers if y.kind in ("linear", "conv")][:-1]
    if any(bias_share(seen, y) > 0.95 and y.output**2 > 100 * y.entries for y in hidden):
        return "bias"
    return of_depth(evidence, seen, math.nan, too_small=True)


def _copies(model: Model, loss: Loss, data: Any) -> float:
    return max((duplicate_share(p, g) for p, g in gradients(model, loss)), default=math.nan)


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


SYMMETRY = Condition(
    name="symmetry",
    meaning="Units are copies of each other and get equal gradients, so they stay copies.",
    lesson=SYMPTOMS_CHAPTER,
    looks_at=("share of a layer's units whose weights and gradients equal another unit's, twice"),
    threshold=0.5,
    source="Goodfellow, Bengio and Courville 2016, on breaking symmetry",
    judge=_symmetry,
    indicator=Indicator("share of units that are copies, worst layer", _copies),
    remedies={"": "reinitialise orthogonal"},
    implies=("zero_gradient",),
)

RANK_COLLAPSE = Condition(
    name="rank_collapse",
    meaning="Different inputs have become the same vector inside the network.",
    lesson=SYMPTOMS_CHAPTER,
    looks_at=(
        "distance of samples or tokens from their mean before the read-out, over that at the start"
    ),
    threshold=1e-3,
    source="Dong, Cordonnier and Loukas 2021",
    judge=_rank_collapse,
    indicator=Indicator(
        "distance between samples over their size, last layer",
        _apart,
        lambda value: max(-math.log10(value), 0.0) if value > 0 else math.inf,
    ),
    remedies={
        "attention without skip": "skips reinitialise",
        "missing residual": "skips batch_norm reinitialise",
        "": "reinitialise skips batch_norm orthogonal to_tanh",
    },
)
