"""Learning rates at which nothing is learned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from vgplib.doctor.conditions.condition import (
    SYMPTOMS_CHAPTER,
    Condition,
    Finding,
    Indicator,
    Loss,
    Model,
)
from vgplib.doctor.conditions.indicators import decades
from vgplib.doctor.evidence.gather import Evidence
from vgplib.doctor.evidence.trial import RISE, STILL, changed_nothing, went_up

_STEPS = 1e-4, 1e-2  # change of a weight over the weight, in steps as they mostly are


def _too_high(evidence: Evidence, threshold: float) -> Finding | None:
    """The loss goes up, and with a much smaller rate it does not."""
    trial, slower = evidence.trial, evidence.slower
    if trial is None or slower is None or not went_up(trial, threshold) or went_up(slower):
        return None
    if trial.losses[-1] <= slower.losses[-1]:
        return None  # a jump that paid off
    numbers = {
        "loss before": trial.losses[0],
        "loss after": trial.losses[-1],
        "loss after, at a far smaller rate": slower.losses[-1],
        "steps": float(len(trial.losses) - 1),
    }
    return TOO_HIGH.finding("critical", (), "learning rate too high", numbers)


def _too_low(evidence: Evidence, threshold: float) -> Finding | None:
    """Next to nothing changes, and at a higher rate the loss goes down."""
    trial, faster = evidence.trial, evidence.faster
    if trial is None or not faster or not changed_nothing(trial, threshold):
        return None
    groups = evidence.snapshot.optimizer.param_groups  # type: ignore[union-attr]
    if any(group.get("initial_lr", 0) > group["lr"] for group in groups):
        return None  # a schedule is warming up
    start, end = trial.losses[0], trial.losses[-1]
    better = min(attempt.losses[-1] for attempt in faster)
    gained = start - better
    if abs(start) < 1e-3 * abs(evidence.untrained):
        return None  # it has converged
    # Where nothing changes, what the loss changes by is noise, as of other batches.
    noise = max(trial.losses) - min(trial.losses)
    if not math.isfinite(better) or gained <= 0.005 * abs(start) + 2 * noise:
        return None
    largest = max(trial.updates.values())
    half = any(
        p.dtype in (torch.float16, torch.bfloat16) for p in evidence.snapshot.model.parameters()
    )
    numbers = {
        "largest relative change in a step": largest,
        "loss before": start,
        "loss after": end,
        "loss after, at a higher rate": better,
    }
    cause = "half precision" if largest == 0 and half else "learning rate too low"
    return TOO_LOW.finding("serious", (), cause, numbers)


def _update(model: Model, loss: Loss, data: Any) -> float:
    if data is None or not np.isfinite(data.update_ratio.values).any():
        return math.nan
    return float(np.nanmedian(data.update_ratio.values))


_INDICATOR = Indicator(
    "median update over weight",
    _update,
    lambda value: max(decades(value / min(max(value, _STEPS[0]), _STEPS[1])), 0.0),
)

TOO_HIGH = Condition(
    name="lr_too_high",
    meaning="Steps are so large that the loss goes up.",
    lesson=SYMPTOMS_CHAPTER,
    looks_at="rise of the loss over some steps, relative, where a far smaller rate does better",
    threshold=RISE,
    source="the step overshoots: the loss goes up along its own gradient",
    judge=_too_high,
    indicator=_INDICATOR,
    remedies={"": "lr_down clip adam"},
)

TOO_LOW = Condition(
    name="lr_too_low",
    meaning="Steps are so small that nothing changes.",
    lesson=SYMPTOMS_CHAPTER,
    looks_at="largest relative change of a weight in a step, where a larger rate does better",
    threshold=STILL,
    source="float32 has seven digits: such steps are next to nothing",
    judge=_too_low,
    indicator=_INDICATOR,
    remedies={"": "lr_up adam"},
)
