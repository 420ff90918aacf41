"""Numbers that are no numbers any more."""

from __future__ import annotations

from vgplib.doctor.conditions.causes import TOO_LARGE
from vgplib.doctor.conditions.condition import SYMPTOMS_CHAPTER, Condition, Finding
from vgplib.doctor.conditions.indicators import NON_FINITE
from vgplib.doctor.evidence.first_nonfinite import GROWING
from vgplib.doctor.evidence.gather import Evidence


def _nan(evidence: Evidence, threshold: float) -> Finding | None:
    """The first place that is not finite."""
    first = evidence.first
    if first is None or not first.data.attrs["first_non_finite"]:
        return None
    told = first.data.attrs["first_non_finite"]
    place, _, name = told.partition(" of ") if " of " in told else told.partition(" at ")
    numbers = {"loss": first.data.attrs["loss"]}
    if told.startswith("parameter "):
        name, cause = told.removeprefix("parameter "), "NaN in the weights"
    elif place in ("signal", "gradient"):
        cause = "singular derivative"
    elif evidence.broken is None:
        cause = "NaN in the data"
    else:
        broken = evidence.broken
        name = name or broken.where
        grown = broken.operation in GROWING
        cause = "initialisation too large" if grown else "operation out of its range"
        numbers[f"entries that {broken.operation} made not finite"] = float(broken.entries)
    return NAN.finding("critical", (name,) if name else (), cause, numbers)


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
        "NaN in the weights": "reinitialise",
        "learning rate too high": "lr_down clip",
        "initialisation too large": TOO_LARGE,
        "half precision": "bfloat16 float32",
        "": "safe_roots nan_inputs reinitialise float32 lr_down",
    },
    alone=True,
)
