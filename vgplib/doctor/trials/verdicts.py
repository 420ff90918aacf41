"""What became of a treated copy: its outcome, and the verdict in words."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from vgplib.doctor.conditions import CONDITIONS

_CLEARLY = 0.02  # by which share of itself a loss has to differ
_NOTHING = 1e-4  # of the loss at the start: what is left of it then does not count

# Verdict -> place in the table; "" is the untreated copy, and what cannot be applied comes last.
RANK = {
    "helps": 0,
    "helps, the sign stays": 1,
    "mends the sign, the loss is no better": 2,
    "": 3,
    "changes nothing": 4,
    "makes it worse": 5,
}


@dataclass
class Outcome:
    """What became of one copy.

    Attributes:
        ratio: Signal of the first layer over that of the last.
        sign: The condition's own figure.
        losses: Before each step, and after the last; ends early at the first that is not finite.
        sick: Names of the conditions that it still has, or None if that is not known.
        slower: Whether it needed a smaller learning rate.
        training_seconds: How long the training took.
        refusal: Why it could not be tried, or "".
    """

    ratio: float = math.nan
    sign: float = math.nan
    losses: list[float] = field(default_factory=list)
    sick: frozenset[str] | None = None
    slower: bool = False
    training_seconds: float = 0.0
    refusal: str = ""


def verdict(outcome: Outcome, untreated: Outcome, condition: str) -> tuple[str, str]:
    """What became of a treated copy, against the untreated one: a key of ``RANK``, and words.

    The loss decides. The sign, be it the condition's figure or the condition itself, decides
    where the loss is as before within 2 %.
    """
    if outcome.refusal:
        return "", f"cannot be applied: {outcome.refusal}"
    after = last(outcome.losses)
    before = _loss_after(untreated.losses, len(outcome.losses) if math.isfinite(after) else 0)
    mended = CONDITIONS[condition].indicator.is_better(untreated.sign, outcome.sign) or (
        outcome.sick is not None
        and condition not in outcome.sick
        and (untreated.sick is None or condition in untreated.sick)
    )
    margin = 0.0
    if math.isfinite(before):  # where both have all but learned it, they do not differ
        margin = _CLEARLY * abs(before) + _NOTHING * abs(untreated.losses[0])
    if after < before - margin:
        key = "helps" if mended else "helps, the sign stays"
    elif mended and math.isfinite(after):
        key = "mends the sign, the loss is no better"
    elif after > before + margin:
        key = "makes it worse"
    else:
        key = "changes nothing"
    return key, key + (" (at a tenth of the learning rate)" if outcome.slower else "")


def last(losses: list[float]) -> float:
    """The last loss; infinite if it is not finite."""
    return losses[-1] if losses and math.isfinite(losses[-1]) else math.inf


def _loss_after(losses: list[float], number: int) -> float:
    """The loss of a run after as many losses as another one has; infinite if it had ended."""
    if len(losses) >= number > 0 and math.isfinite(losses[number - 1]):
        return losses[number - 1]
    return last(losses)
