"""What can be wrong with a network: a file for each kind, where a record stands beside its judge.

A condition is asked for in the order of :data:`CONDITIONS`.
"""

from __future__ import annotations

from collections.abc import Iterable

from vgplib.doctor.conditions import (
    depth,
    forward,
    gradients,
    half,
    nonfinite,
    rate,
    sameness,
    time,
    units,
)
from vgplib.doctor.conditions.condition import Condition, Finding
from vgplib.doctor.evidence.gather import Evidence

CONDITIONS: dict[str, Condition] = {
    condition.name: condition
    for condition in (
        half.OVERFLOW,
        nonfinite.NAN,
        gradients.NO_GRADIENT,
        gradients.FROZEN,
        sameness.SYMMETRY,
        gradients.ZERO_GRADIENT,
        depth.VANISHING,
        depth.EXPLODING,
        time.TEMPORAL_VANISHING,
        time.TEMPORAL_EXPLODING,
        forward.FORWARD_VANISHING,
        forward.FORWARD_EXPLODING,
        units.DEAD_RELU,
        units.SATURATION,
        sameness.RANK_COLLAPSE,
        half.UNDERFLOW,
        rate.TOO_HIGH,
        rate.TOO_LOW,
    )
}


def judged(
    evidence: Evidence, conditions: Iterable[Condition] = tuple(CONDITIONS.values())
) -> list[Finding]:
    """All findings on some evidence, without those that follow from another."""
    found: list[tuple[Condition, Finding]] = []
    for condition in conditions:
        finding = condition.judge(evidence, condition.threshold)
        if finding is not None and condition.alone:
            return [finding]
        if finding is not None:
            found.append((condition, finding))
    implied = {name for condition, _ in found for name in condition.implies}
    return [finding for condition, finding in found if condition.name not in implied]
