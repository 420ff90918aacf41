"""Numbers that are no numbers any more."""

from __future__ import annotations

from vgplib.doctor.conditions.causes import TOO_LARGE, is_raw
from vgplib.doctor.conditions.condition import SYMPTOMS_CHAPTER, Condition, Finding
from vgplib.doctor.conditions.indicators import NON_FINITE
from vgplib.doctor.evidence.first_nonfinite import GROWING, Broken
from vgplib.doctor.evidence.gather import Evidence
from vgplib.doctor.evidence.passes import Pass

_EXPONENTIALS = ("exp", "exp2", "expm1", "sinh", "cosh")


def _nan(evidence: Evidence, threshold: float) -> Finding | None:
    """The first place that is not finite."""
    first = evidence.first
    if first is None or first.is_finite:
        return None
    told = first.data.attrs["first_non_finite"]
    place, _, name = told.partition(" of ") if " of " in told else told.partition(" at ")
    numbers = {"loss": first.data.attrs["loss"]}
    if told.startswith("parameter "):
        name, cause = told.removeprefix("parameter "), "NaN in the weights"
    elif place in ("signal", "gradient"):
        cause = "singular derivative"
    elif evidence.broken is None:
        cause = "NaN in the targets" if place == "loss" else "NaN in the data"
    else:
        broken = evidence.broken
        name = name or broken.where
        cause = _why(broken, first)
        numbers[f"entries that {broken.operation} made not finite"] = float(broken.entries)
    return NAN.finding("critical", (name,) if name else (), cause, numbers)


def _why(broken: Broken, first: Pass) -> str:
    """What the operation lacked that made the first number which is none."""
    if broken.operation in GROWING:
        return "initialisation too large"
    if broken.after_lost_epsilon:
        return "epsilon below the format's resolution"
    if broken.of_nothing or "nll_loss" in broken.operation:
        return "mean over nothing"
    if broken.operation in _EXPONENTIALS:
        return "input scale" if is_raw(first) else "exponent too large"
    if broken.operation in ("div", "reciprocal"):
        return "division by 0"
    if "softmax" in broken.operation:
        return "row masked out whole"
    return "operation out of its range"


NAN = Condition(
    name="nan",
    meaning="A number stopped being a number, and everything after it is lost.",
    lesson=SYMPTOMS_CHAPTER,
    looks_at="the first Inf or NaN, in the order parameters, forward pass, loss, backward pass",
    threshold=0.0,
    source="a ratio with NaN in it compares as false, so this comes first",
    judge=_nan,
    indicator=NON_FINITE,
    remedies={
        "singular derivative": "safe_roots",
        "NaN in the data": "nan_inputs",
        "NaN in the targets": "drop_targets",
        "NaN in the weights": "reinitialise",
        "exponent too large": "bound_exponent input_scale",
        "input scale": "input_scale bound_exponent",
        "division by 0": "safe_division",
        "mean over nothing": "guard_means",
        "row masked out whole": "guard_rows",
        "epsilon below the format's resolution": "float32 bfloat16",
        "learning rate too high": "lr_down clip",
        "initialisation too large": TOO_LARGE,
        "half precision": "bfloat16 float32",
        "": "safe_roots nan_inputs reinitialise float32 lr_down",
    },
    alone=True,
)
