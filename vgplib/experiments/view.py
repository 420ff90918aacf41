"""What to draw, as data. A view says *what*; the bench, the picture and the table say *how*."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vgplib.numbers import number

Tone = Literal["plain", "good", "warn", "bad"]
Role = Literal["main", "second", "theory"]


@dataclass(frozen=True)
class Axis:
    """One axis of a chart.

    Attributes:
        label: What it shows, with its unit.
        domain: The ends that are drawn, low first. On a log axis both are above 0.
        log: Whether the axis is logarithmic.
        floor: What stands at the bottom of a log axis for the value 0 (``"0 in float32"``).
        whole: Whether only whole numbers are marked (layers, time steps).
        names: For bars: one name per position, in place of numbers.
    """

    label: str
    domain: tuple[float, float]
    log: bool = False
    floor: str | None = None
    whole: bool = False
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Series:
    """One thing that is drawn: a line (with a band where ``low`` and ``high`` are given) or bars.

    Attributes:
        name: What it is, in the legend and as the column's head in the data table.
        x: Positions; for bars, indices into ``Axis.names``.
        y: Values; 0 and non-finite values are allowed and have a place of their own.
        low, high: The range over the seeds, as long as ``y``.
        kind: ``"line"`` or ``"bar"``.
        role: ``"main"`` is the hero, ``"second"`` stands beside it, ``"theory"`` is dashed.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    kind: Literal["line", "bar"] = "line"
    role: Role = "main"


@dataclass(frozen=True)
class Readout:
    """A figure under the chart; the last of a view's three is the verdict, in words."""

    label: str
    text: str
    value: float | None = None
    tone: Tone = "plain"

    def __str__(self) -> str:
        """The text alone, as a sentence has it."""
        return self.text


@dataclass(frozen=True)
class View:
    """One chart with its three readouts: everything that a bench shows for one setting."""

    x: Axis
    y: Axis
    series: tuple[Series, ...]
    readouts: tuple[Readout, Readout, Readout]

    def summary(self) -> str:
        """The three readouts as one sentence: a description for those who do not see the chart."""
        return "; ".join(f"{r.label}: {r.text}" for r in self.readouts) + "."

    def to_json(self) -> dict:
        """The view as plain JSON data.

        Numbers keep three significant digits, two on a log axis: finer than a pixel either way.
        """
        digits = 2 if self.y.log else 3
        return {
            "x": _axis(self.x),
            "y": _axis(self.y),
            "series": [_series(s, digits) for s in self.series],
            "readouts": [
                {k: v for k, v in (("label", r.label), ("text", r.text), ("tone", r.tone))}
                | ({} if r.value is None else {"value": number(r.value)})
                for r in self.readouts
            ],
            "summary": self.summary(),
        }


def _axis(axis: Axis) -> dict:
    out: dict = {"label": axis.label, "domain": [number(d) for d in axis.domain]}
    if axis.log:
        out["log"] = True
    if axis.floor is not None:
        out["floor"] = axis.floor
    if axis.whole:
        out["whole"] = True
    if axis.names is not None:
        out["names"] = list(axis.names)
    return out


def _series(series: Series, digits: int) -> dict:
    out: dict = {"name": series.name, "kind": series.kind, "role": series.role}
    out["x"] = [number(v) for v in series.x]
    for key in ("y", "low", "high"):
        values = getattr(series, key)
        if values is not None:
            out[key] = [number(v, digits) for v in values]
    return out
