"""Rules about number formats and learning rates."""

from __future__ import annotations

import math

import torch

from vgplib.doctor.diagnosis import Finding
from vgplib.doctor.examining.evidence import Evidence
from vgplib.doctor.examining.steps import changed_nothing, went_up


def fp16_overflow(evidence: Evidence, threshold: float) -> Finding | None:
    """The first place that is not finite is a float16 result of finite numbers."""
    seen = evidence.first
    if seen is None:
        return None
    told = seen.data.attrs["first_non_finite"]
    half = [y for y in seen.layers if seen.looks.layers[y].dtype == torch.float16]
    backward = bool(half) and told.startswith(("signal", "gradient"))
    if evidence.overflow is None and not backward:
        return None
    name = told.partition(" of ")[2] or told.partition(" at ")[2]
    sizes = [seen.looks.layers[y].largest for y in half]
    numbers = {"largest input of a layer": max((s for s in sizes if s == s), default=math.nan)}
    place = evidence.overflow.where if evidence.overflow else name
    where = (place,) if place else ()
    return Finding("fp16_overflow", "critical", where, "half precision", numbers)


def fp16_underflow(evidence: Evidence, threshold: float) -> Finding | None:
    """Gradients that float16 rounds to zero."""
    first, scaled = evidence.first, evidence.rescaled
    if first is None or scaled is None or scaled.data.attrs["first_non_finite"]:
        return None
    lost = first.zeros - scaled.zeros
    if lost < threshold:
        return None
    where = [name for name, state in first.states.items() if state == "zero"]
    numbers = {"zeros": first.zeros, "zeros with the loss scaled up": scaled.zeros}
    return Finding("fp16_underflow", "serious", tuple(where), "half precision", numbers)


def lr_too_high(evidence: Evidence, threshold: float) -> Finding | None:
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
    return Finding("lr_too_high", "critical", (), "learning rate too high", numbers)


def lr_too_low(evidence: Evidence, threshold: float) -> Finding | None:
    """Next to nothing changes, and at a higher rate the loss goes down."""
    trial, faster = evidence.trial, evidence.faster
    if trial is None or not faster or not changed_nothing(trial, threshold):
        return None
    groups = evidence.visit.optimizer.param_groups  # type: ignore[union-attr]
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
        p.dtype in (torch.float16, torch.bfloat16) for p in evidence.visit.model.parameters()
    )
    numbers = {
        "largest relative change in a step": largest,
        "loss before": start,
        "loss after": end,
        "loss after, at a higher rate": better,
    }
    cause = "half precision" if largest == 0 and half else "learning rate too low"
    return Finding("lr_too_low", "serious", (), cause, numbers)
