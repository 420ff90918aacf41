"""What a condition is, and what is said where one is found."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from vgplib.doctor.evidence.gather import Evidence

SEVERITIES = ("critical", "serious", "mild")
CAUSES_CHAPTER, REACH_CHAPTER = "chapters/02-causes", "chapters/02-reach"
SYMPTOMS_CHAPTER, EXPLODING_CHAPTER = "chapters/03-symptoms", "chapters/06-exploding"

Model, Loss = nn.Module, Callable[[nn.Module], Tensor]


@dataclass(frozen=True)
class Remedy:
    """Something to do about a finding.

    Attributes:
        key: Of the treatment that tries it: see ``vgplib.doctor.remedies.treatment``.
        name: What to do, in a few words.
        why: How it acts on the cause.
        code: The Python to paste.
    """

    key: str
    name: str
    why: str
    code: str


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, with its proof.

    Attributes:
        condition: Its name: a key of :data:`~vgplib.doctor.conditions.CONDITIONS`.
        severity: critical (it cannot learn), serious (it learns badly), or mild.
        where: Exact names of modules or parameters, the worst first; empty for the whole model.
        cause: One of :data:`~vgplib.doctor.conditions.causes.CAUSES`, or "" if none is sure.
        evidence: What was measured: name -> number.
        explanation: One sentence that a newcomer understands.
        lesson: The chapter that teaches it.
        remedies: What to do, the most likely first.
    """

    condition: str
    severity: str
    where: tuple[str, ...]
    cause: str
    evidence: dict[str, float]
    explanation: str
    lesson: str
    remedies: tuple[Remedy, ...] = ()


@dataclass(frozen=True)
class Indicator:
    """One figure that shows how sick a model is, to see whether a remedy moves it.

    Attributes:
        name: What it is.
        read: Reads it off a model, its loss, and what ``vgp.measure`` saw, which is None where it
            could not measure; NaN where there is none.
        distance: How far a figure is from a healthy one: 0 or more.
    """

    name: str
    read: Callable[[Model, Loss, Any], float]
    distance: Callable[[float], float] = float

    def is_better(self, before: float, after: float) -> bool:
        """Whether at least half of the distance to health is gone."""
        if math.isnan(after):
            return False
        return math.isnan(before) or self.distance(after) < self.distance(before) / 2


@dataclass(frozen=True)
class Condition:
    """Something that can be wrong with a network: how it is told, and what is done about it.

    Attributes:
        name: In a word.
        meaning: One sentence that a newcomer understands.
        lesson: The chapter that teaches it.
        looks_at: What is measured.
        threshold: From which value on it is sick.
        source: Where the rule comes from.
        judge: Takes the evidence and the threshold; returns a finding, or None.
        indicator: The figure that a remedy should move.
        remedies: Cause -> keys of treatments, the most likely to help first; "" for other causes.
        controls: Keys of treatments that people try although they cannot help: shown beside the
            remedies, never prescribed.
        implies: Conditions that follow from it, and are not told beside it.
        alone: Whether nothing else can be told where it is found.
    """

    name: str
    meaning: str
    lesson: str
    looks_at: str
    threshold: float
    source: str
    judge: Callable[[Evidence, float], Finding | None]
    indicator: Indicator
    remedies: Mapping[str, str]
    controls: tuple[str, ...] = ()
    implies: tuple[str, ...] = ()
    alone: bool = False

    def finding(
        self, severity: str, where: tuple[str, ...], cause: str, evidence: dict[str, float]
    ) -> Finding:
        """It was found: see :class:`Finding`."""
        return Finding(self.name, severity, where, cause, evidence, self.meaning, self.lesson)
