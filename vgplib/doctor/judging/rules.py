"""The rules, as data: what each condition looks at, its threshold, and where that is from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vgplib.doctor.calibration import figures
from vgplib.doctor.diagnosis import Finding
from vgplib.doctor.examining.evidence import Evidence
from vgplib.doctor.examining.steps import RISE, STILL
from vgplib.doctor.judging import depth, learning, plumbing, units

if TYPE_CHECKING:
    import pandas as pd

Judge = Callable[[Evidence, float], Finding | None]


@dataclass(frozen=True)
class Rule:
    """How one condition is told.

    Attributes:
        condition: Its name.
        evidence: What is measured.
        threshold: From which value on it is sick.
        source: Where the rule comes from.
        judge: Takes the evidence and the threshold; returns a finding, or None.
    """

    condition: str
    evidence: str
    threshold: float
    source: str
    judge: Judge


_BLIND = "the error signal, since weight gradients of homogeneous networks are blind to it"

# In the order in which they are asked. Those before the line speak alone where they apply, since
# nothing else can be told of numbers that are no numbers.
FIRST: tuple[Rule, ...] = (
    Rule(
        "fp16_overflow",
        "a float16 value that leaves its range of 65504 in a finite computation",
        65504.0,
        "IEEE 754",
        learning.fp16_overflow,
    ),
    Rule(
        "nan",
        "the first Inf or NaN, in the order parameters, forward pass, loss, backward pass",
        0.0,
        "a ratio with NaN in it compares as false, so this comes first",
        plumbing.nan,
    ),
)
RULES: tuple[Rule, ...] = (
    Rule(
        "no_gradient",
        "gradients that are None, of parameters that are in the optimizer if there is one",
        0.0,
        "None is not zero: the graph does not reach them",
        plumbing.no_gradient,
    ),
    Rule(
        "frozen",
        "requires_grad=False: of everything, of weights in the optimizer, or of single layers",
        0.0,
        "a whole frozen part beside a trained one is by design",
        plumbing.frozen,
    ),
    Rule(
        "symmetry",
        "share of a layer's units whose weights and gradients equal another unit's, twice",
        0.5,
        "Goodfellow, Bengio and Courville 2016, on breaking symmetry",
        units.symmetry,
    ),
    Rule(
        "zero_gradient",
        "weights with a gradient of exactly 0, still so after small steps of everything else",
        0.0,
        "zero at the start by design is over after a step",
        plumbing.zero_gradient,
    ),
    Rule(
        "vanishing",
        "error signal at the input end over that at the output end",
        1e-3,
        _BLIND,
        depth.vanishing,
    ),
    Rule(
        "exploding",
        "error signal at the input end over that at the output end",
        1e3,
        _BLIND,
        depth.exploding,
    ),
    Rule(
        "temporal_vanishing",
        "error signal at the first steps over that at the last",
        1e-3,
        "Bengio, Simard and Frasconi 1994",
        depth.temporal_vanishing,
    ),
    Rule(
        "temporal_exploding",
        "error signal at the first steps over that at the last",
        1e3,
        "Pascanu, Mikolov and Bengio 2013",
        depth.temporal_exploding,
    ),
    Rule(
        "forward_vanishing",
        "RMS of the outputs of the last hidden layers over that of the first",
        1e-3,
        "He et al. 2015, on the variance of activations",
        depth.forward_vanishing,
    ),
    Rule(
        "forward_exploding",
        "RMS of the outputs of the last hidden layers over that of the first",
        1e3,
        "He et al. 2015, on the variance of activations",
        depth.forward_exploding,
    ),
    Rule(
        "dead_relu",
        "share of a layer's ReLU units that give 0 for the whole batch",
        0.5,
        "half of the units, of samples that are not all alike",
        units.dead_relu,
    ),
    Rule(
        "saturation",
        "share of a hidden layer's entries whose slope is below 5 % of the largest",
        0.5,
        "Glorot and Bengio 2010",
        units.saturation,
    ),
    Rule(
        "rank_collapse",
        "distance of samples or tokens from their mean before the read-out, over that at the start",
        1e-3,
        "Dong, Cordonnier and Loukas 2021",
        units.rank_collapse,
    ),
    Rule(
        "fp16_underflow",
        "share of gradients that are 0 in float16, and not 0 with the loss scaled up",
        0.1,
        "Micikevicius et al. 2018",
        learning.fp16_underflow,
    ),
    Rule(
        "lr_too_high",
        "rise of the loss over some steps, relative, where a far smaller rate does better",
        RISE,
        "the step overshoots: the loss goes up along its own gradient",
        learning.lr_too_high,
    ),
    Rule(
        "lr_too_low",
        "largest relative change of a weight in a step, where a larger rate does better",
        STILL,
        "float32 has seven digits: such steps are next to nothing",
        learning.lr_too_low,
    ),
)


def threshold(condition: str) -> float:
    """From which value on a condition is there."""
    return next(rule.threshold for rule in (*FIRST, *RULES) if rule.condition == condition)


def judged(
    evidence: Evidence, rules: tuple[Rule, ...] = RULES, first: tuple[Rule, ...] = FIRST
) -> list[Finding]:
    """All findings of the rules on some evidence."""
    for rule in first:
        finding = rule.judge(evidence, rule.threshold)
        if finding is not None:
            return [finding]
    found = [rule.judge(evidence, rule.threshold) for rule in rules]
    return _without_consequences([finding for finding in found if finding is not None])


# Condition -> others that follow from it and are not told beside it.
_FOLLOWS: dict[str, tuple[str, ...]] = {
    "symmetry": ("zero_gradient",),
    "zero_gradient": ("lr_too_low",),
    "fp16_underflow": ("zero_gradient",),
    "exploding": ("lr_too_high",),
    "forward_exploding": ("lr_too_high",),
    "temporal_exploding": ("exploding", "lr_too_high"),
}


def _without_consequences(found: list[Finding]) -> list[Finding]:
    told = {finding.condition for finding in found}
    hidden = {c for condition in told for c in _FOLLOWS.get(condition, ())}
    return [finding for finding in found if finding.condition not in hidden]


def rules() -> pd.DataFrame:
    """The rules as a table: condition, evidence, threshold, source, calibration.

    The calibration says in how many of the models that have it, of all that are known, the
    condition was named, and in how many others it was told without being there.
    """
    import pandas as pd

    counts = figures()["now"]["conditions"]
    rows = []
    for rule in (*FIRST, *RULES):
        named, of, wrongly = counts[rule.condition]
        calibration = f"{named} of {of}; wrongly {wrongly}"
        rows.append((rule.condition, rule.evidence, rule.threshold, rule.source, calibration))
    columns = ["condition", "evidence", "threshold", "source", "calibration"]
    return pd.DataFrame(rows, columns=columns).set_index("condition")
