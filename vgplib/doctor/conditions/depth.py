"""The error signal vanishes or explodes with depth."""

from __future__ import annotations

import math

from vgplib.doctor.conditions.causes import TOO_LARGE, TOO_SMALL, of_depth, scale
from vgplib.doctor.conditions.condition import (
    CAUSES_CHAPTER,
    EXPLODING_CHAPTER,
    Condition,
    Finding,
)
from vgplib.doctor.conditions.indicators import SIGNAL_RATIO
from vgplib.doctor.evidence.gather import Evidence
from vgplib.doctor.evidence.passes import Pass
from vgplib.doctor.evidence.signal_profile import (
    Endpoints,
    endpoints,
    known,
    places,
    recurrences,
)

_STRAIGHT = 0.6  # R^2 from which on a profile is a steady fall or rise
_LEVEL = 0.03  # of the signal, that is left where it does not fall
_NEXT_TO_0 = 0.05  # a standard deviation of weights, times the root of their fan-in
_SLOPE = "to_tanh skips batch_norm reinitialise to_relu adam"
_PATH = "skips pre_norm reinitialise orthogonal batch_norm adam"
_LOOKS_AT = "error signal at the input end over that at the output end"
_SOURCE = "the error signal, since weight gradients of homogeneous networks are blind to it"


def _vanishing(evidence: Evidence, threshold: float) -> Finding | None:
    """The signal falls on its way to the input."""
    seen = evidence.clearest
    if seen is None:
        return None
    for layer in recurrences(seen):
        if not layer.in_time and layer.ratio < threshold:
            return VANISHING.finding("critical", (layer.name,), "missing residual", layer.proof)
    found = endpoints(seen)
    if found is None:
        return None
    steady = found.hidden < threshold and found.r2 >= _STRAIGHT and found.factor < 0.9
    at_the_end = found.body > _LEVEL and _reads_next_to_nothing(seen)
    fallen = (0 < found.strongest < threshold and not at_the_end) or _underflown(seen)
    moved = seen is not evidence.first  # what steps bring about is not how it came
    if not (steady or fallen) or (moved and _strongest(evidence.first) >= threshold):
        return None
    ratio = min(x for x in (found.strongest, found.hidden) if not math.isnan(x))
    cause = of_depth(evidence, seen, found.factor, too_small=True)
    return VANISHING.finding("critical", found.front, cause, _proof(found, ratio))


def _strongest(first: Pass | None) -> float:
    """Signal at the input end over that at the output end, at the weights as they came."""
    found = endpoints(first) if first is not None else None
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


def _exploding(evidence: Evidence, threshold: float) -> Finding | None:
    """The signal grows on its way to the input, or a gradient is absurd."""
    seen = evidence.clearest
    if seen is None:
        return None
    for layer in recurrences(seen):
        if not layer.in_time and layer.ratio > threshold:
            cause = "initialisation too large"
            return EXPLODING.finding("critical", (layer.name,), cause, layer.proof)
    found = endpoints(seen)
    steady = found is not None and found.hidden > threshold and found.r2 >= _STRAIGHT
    grown = steady or (found is not None and found.first > threshold)
    if found is not None and grown and found.settled > threshold:
        ratio = max(x for x in (found.first, found.hidden) if not math.isnan(x))
        cause = of_depth(evidence, seen, found.factor, too_small=False)
        return EXPLODING.finding("critical", found.front, cause, _proof(found, ratio))
    return _absurd(seen, threshold)


def _proof(found: Endpoints, ratio: float) -> dict[str, float]:
    numbers = {
        "signal, first over last": ratio,
        "factor per layer": found.factor,
        "R^2": found.r2,
    }
    return known(numbers)


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
    return EXPLODING.finding("critical", (worst.name,), "singular derivative", numbers)


VANISHING = Condition(
    name="vanishing",
    meaning="The error signal shrinks on its way back, so the first layers hardly learn.",
    lesson=CAUSES_CHAPTER,
    looks_at=_LOOKS_AT,
    threshold=1e-3,
    source=_SOURCE,
    judge=_vanishing,
    indicator=SIGNAL_RATIO,
    remedies={
        "saturating activation": _SLOPE,
        "slope of the activation": _SLOPE,
        "missing residual": _PATH,
        "attention without skip": _PATH,
        "post-norm depth": "pre_norm adam",
        "attention logit scale": "scale_logits reinitialise",
        "input scale": f"input_scale {TOO_SMALL}",
        "bias": f"zero_biases {TOO_SMALL}",
        "loss choice": "loss_choice reinitialise",
        "": TOO_SMALL,
    },
    controls=("clip", "more_steps"),
)

EXPLODING = Condition(
    name="exploding",
    meaning="The error signal grows on its way back, so the first layers take wild steps.",
    lesson=EXPLODING_CHAPTER,
    looks_at=_LOOKS_AT,
    threshold=1e3,
    source=_SOURCE,
    judge=_exploding,
    indicator=SIGNAL_RATIO,
    remedies={
        "normalisation without skip": "skips to_tanh reinitialise adam clip lr_down",
        "residual without normalisation": "scale_branches layer_norm reinitialise clip lr_down",
        "post-norm depth": "pre_norm adam clip lr_down",
        "input scale": f"input_scale {TOO_LARGE}",
        "": TOO_LARGE,
    },
    controls=("more_steps",),
    implies=("lr_too_high",),
)
