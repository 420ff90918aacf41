"""Rules about the error signal and the activations along depth and along time."""

from __future__ import annotations

import math

from vgplib.doctor.diagnosis import Finding
from vgplib.doctor.examining.evidence import Evidence, Pass
from vgplib.doctor.judging.causes import gain, of_depth, scale
from vgplib.doctor.judging.stream import Course, Ends, courses, ends, forward_change, places

_STRAIGHT = 0.6  # R^2 from which on a profile is a steady fall or rise
_LEVEL = 0.03  # of the signal, that is left where it does not fall
_NEXT_TO_0 = 0.05  # a standard deviation of weights, times the root of their fan-in


def _judged_pass(evidence: Evidence) -> Pass | None:
    """The pass whose signals say most: not rounded to zero, not switched off by design.

    None where there is none of finite numbers.
    """
    passes = (evidence.rescaled, evidence.later, evidence.first)
    for seen in passes:
        if seen is not None and not seen.data.attrs["first_non_finite"]:
            return seen
    return None


def vanishing(evidence: Evidence, threshold: float) -> Finding | None:
    """The signal falls on its way to the input."""
    seen = _judged_pass(evidence)
    if seen is None:
        return None
    for course in courses(seen):
        if not course.in_time and course.ratio < threshold:
            return _of_course("vanishing", course, "missing residual")
    found = ends(seen)
    if found is None:
        return None
    steady = found.hidden < threshold and found.r2 >= _STRAIGHT and found.factor < 0.9
    at_the_end = found.body > _LEVEL and _reads_next_to_nothing(seen)
    fallen = (0 < found.strongest < threshold and not at_the_end) or _underflown(seen)
    moved = seen is not evidence.first  # what steps bring about is not how it came
    if not (steady or fallen) or (moved and _strongest(evidence.first) >= threshold):
        return None
    ratio = min(x for x in (found.strongest, found.hidden) if not math.isnan(x))
    return _of_ends(
        "vanishing", found, ratio, of_depth(evidence, seen, found.factor, too_small=True)
    )


def _strongest(first: Pass | None) -> float:
    """Signal at the input end over that at the output end, at the weights as they came."""
    found = ends(first) if first is not None else None
    return found.strongest if found is not None else math.nan


def _reads_next_to_nothing(seen: Pass) -> bool:
    """Whether the weights of the read-out are next to 0, where they may start by design.

    They leave it in a few steps, since their own gradient is as large as any.
    """
    return bool(seen.matrices) and scale(seen, seen.matrices[-1]) < _NEXT_TO_0


def _underflown(seen: Pass) -> bool:
    """Whether signals come down to nothing step by step, and are exactly zero from there on."""
    signals = [p.signal for p in places(seen)]
    positive = [s for s in signals if s > 0]
    return bool(signals) and signals[0] == 0 and min(positive, default=1) < 1e-25 * max(signals)


def exploding(evidence: Evidence, threshold: float) -> Finding | None:
    """The signal grows on its way to the input, or a gradient is absurd."""
    seen = _judged_pass(evidence)
    if seen is None:
        return None
    for course in courses(seen):
        if not course.in_time and course.ratio > threshold:
            return _of_course("exploding", course, "initialisation too large")
    found = ends(seen)
    steady = found is not None and found.hidden > threshold and found.r2 >= _STRAIGHT
    grown = steady or (found is not None and found.first > threshold)
    if found is not None and grown and found.settled > threshold:
        ratio = max(x for x in (found.first, found.hidden) if not math.isnan(x))
        return _of_ends(
            "exploding", found, ratio, of_depth(evidence, seen, found.factor, too_small=False)
        )
    return _absurd(seen, threshold)


def _of_ends(condition: str, found: Ends, ratio: float, cause: str) -> Finding:
    numbers = {
        "signal, first over last": ratio,
        "factor per layer": found.factor,
        "R^2": found.r2,
    }
    return Finding(condition, "critical", found.front, cause, _known(numbers))


def _absurd(seen: Pass, threshold: float) -> Finding | None:
    """A gradient far larger than its weight, and also relative to the loss."""
    loss = abs(seen.data.attrs["loss"])
    worst = max(
        (p for p in seen.parameters if p.norm > 0 and p.gradient_norm > 0 and p.tensor.dim() > 1),
        key=lambda p: p.gradient_norm / p.norm,
        default=None,
    )
    if worst is None or loss == 0:
        return None
    relative = worst.gradient_norm / worst.norm
    # The change of log(loss) with that of log(weight): it does not know the loss's unit.
    elasticity = worst.gradient_norm * worst.norm / loss
    if relative < threshold or elasticity < threshold:
        return None
    numbers = {"gradient over weight": relative, "loss": loss}
    return Finding("exploding", "critical", (worst.name,), "singular derivative", numbers)


def temporal_vanishing(evidence: Evidence, threshold: float) -> Finding | None:
    """The signal falls on its way to the first step."""
    return _temporal(evidence, "temporal_vanishing", lambda ratio: ratio < threshold)


def temporal_exploding(evidence: Evidence, threshold: float) -> Finding | None:
    """The signal grows on its way to the first step."""
    return _temporal(evidence, "temporal_exploding", lambda ratio: ratio > threshold)


def _temporal(evidence: Evidence, condition: str, is_sick) -> Finding | None:  # type: ignore[no-untyped-def]
    seen = _judged_pass(evidence)
    if seen is None:
        return None
    sick = [course for course in courses(seen) if course.in_time and is_sick(course.ratio)]
    if not sick:
        return None
    worst = max(sick, key=lambda course: abs(math.log(course.ratio)))
    module = evidence.visit.model.get_submodule(worst.name) if worst.kind == "recurrent" else None
    gated = type(module).__name__.startswith(("LSTM", "GRU"))
    cause = "forget gate" if gated and condition == "temporal_vanishing" else "recurrent weight"
    return _of_course(condition, worst, cause)


def _of_course(condition: str, course: Course, cause: str) -> Finding:
    numbers = {
        "signal, first over last step": course.ratio,
        "factor per step": course.factor,
        "steps": float(course.steps),
    }
    return Finding(condition, "critical", (course.name,), cause, _known(numbers))


def forward_vanishing(evidence: Evidence, threshold: float) -> Finding | None:
    """Activations shrink with depth, or are next to nothing from the start."""
    seen = evidence.first
    if seen is None or seen.data.attrs["first_non_finite"]:
        return None
    change = forward_change(seen)
    found = [p for p in places(seen)[:-1] if p.kind != "embedding"]
    largest = max((p.rms for p in found), default=math.nan)
    if not (change < threshold and found[-1].rms < 0.03 or 0 < largest < 0.1 * threshold):
        return None
    small_input = _input_size(seen) < threshold
    cause = "input scale" if small_input else "initialisation too small"
    numbers = {"activations, last over first": change, "largest RMS": largest}
    return Finding("forward_vanishing", "serious", (found[-1].name,), cause, _known(numbers))


def forward_exploding(evidence: Evidence, threshold: float) -> Finding | None:
    """Activations grow with depth."""
    seen = evidence.first
    if seen is None or seen.data.attrs["first_non_finite"]:
        return None
    change = forward_change(seen)
    found = [p for p in places(seen)[:-1] if p.kind != "embedding"]
    largest = max((p.rms for p in found), default=math.nan)
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
    return Finding("forward_exploding", "serious", (found[-1].name,), cause, _known(numbers))


def _input_size(seen: Pass) -> float:
    look = seen.looks.layers.get(seen.layers[0])
    return look.largest if look is not None else math.nan


def _known(numbers: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in numbers.items() if not math.isnan(value)}
