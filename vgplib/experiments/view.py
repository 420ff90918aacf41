"""What to draw, as data. A view says *what*; the bench, the picture and the table say *how*."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vgplib.numbers import number

Tone = Literal["plain", "good", "warn", "bad"]
Role = Literal["main", "second", "theory"]


@dataclass(frozen=True)
class Axis:
    """One axis of a chart.

    Attributes:
        label: What it shows, with its unit.
        domain: The ends that are drawn, low first. On a log axis both are above 0. They belong
            to the bench, not to the setting: a move changes the line, never the axes under it.
            What lies outside is drawn at the edge, with an arrow and its number.
        log: Whether the axis is logarithmic.
        floor: What stands at the bottom of a log axis for the value 0 (``"0 in float32"``).
        whole: Whether only whole numbers are marked (layers, time steps).
        names: For bars: one name per position, in place of numbers.
        reverse: Whether the axis runs from right to left, as a signal does on its way back.
    """

    label: str
    domain: tuple[float, float]
    log: bool = False
    floor: str | None = None
    whole: bool = False
    names: tuple[str, ...] | None = None
    reverse: bool = False


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
    """A figure beside the chart; the last of a view's three is the verdict, in words.

    Attributes:
        label: What it is.
        text: What the reader sees.
        value: The number behind the text, if there is one.
        tone: Whether it is good news.
        note: A few words under a verdict that say what it means.
        percent: Whether ``value`` is a share that is read, and guessed, in percent.
    """

    label: str
    text: str
    value: float | None = None
    tone: Tone = "plain"
    note: str = ""
    percent: bool = False

    def __str__(self) -> str:
        """The text alone, as a sentence has it."""
        return self.text


@dataclass(frozen=True)
class Strip:
    """One cell a layer (or time step) above the chart, filled on a *linear* scale.

    Attributes:
        label: What fills a cell, or from when on a place counts.
        values: One per place, the first nearest the input; 1 fills the cell, and what is more
            than :data:`LOUD` is drawn as too loud.
        count: How many places are reached, in words (``"3 of 30 layers still hear it"``).
        slots: How many places the largest setting has.
        ends: What stands before the first place, and where the signal comes from.
    """

    label: str
    values: Sequence[float]
    count: str
    slots: int
    ends: tuple[str, str] = ("input", "loss")


@dataclass(frozen=True)
class Film:
    """The strip at several moments, of which the view's own is the last.

    Attributes:
        at: Where on the horizontal axis each moment is (a step of training), ascending.
        strips: The strip at each; they differ in values and count alone.
    """

    at: Sequence[float]
    strips: Sequence[Strip]


LOUD = 50.0


@dataclass(frozen=True)
class Scale:
    """The axes of one bench, where they are not those of a bench that shows every control.

    Attributes:
        domain: The ends of the vertical axis.
        places: How many layers (or steps) there is room for, along the axis and in the strip.
    """

    domain: tuple[float, float]
    places: int


@dataclass(frozen=True)
class View:
    """One chart with its strip and three readouts: what a bench shows for one setting.

    Attributes:
        x, y: Its axes.
        series: What is drawn, the hero first.
        readouts: The figures beside it, the last a verdict.
        strip: Who gets enough of the signal, above it.
        film: The strip along the horizontal axis, where that is time.
    """

    x: Axis
    y: Axis
    series: tuple[Series, ...]
    readouts: tuple[Readout, Readout, Readout]
    strip: Strip | None = None
    film: Film | None = None

    def scaled(self, scale: Scale) -> View:
        """The same, on the axes of one bench: the vertical one, and one that runs back."""
        return replace(
            self,
            x=replace(self.x, domain=(-0.5, scale.places - 0.5)) if self.x.reverse else self.x,
            y=replace(self.y, domain=scale.domain),
            strip=self.strip and replace(self.strip, slots=scale.places),
        )

    def summary(self) -> str:
        """Readouts and strip as one sentence: a description for those who do not see them."""
        parts = [f"{r.label}: {r.text}" for r in self.readouts]
        if self.strip:
            parts.append(self.strip.count)
        return "; ".join(parts) + "."

    def to_json(self) -> dict:
        """The view as plain JSON data.

        Numbers keep three significant digits, two on a log axis: finer than a pixel either way.
        """
        digits = 2 if self.y.log else 3
        return {
            "x": _axis(self.x),
            "y": _axis(self.y),
            "series": [_series(s, digits) for s in self.series],
            "readouts": [_readout(r) for r in self.readouts],
            "summary": self.summary(),
            **({"strip": _strip(self.strip)} if self.strip else {}),
            **({"film": _film(self.film)} if self.film else {}),
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
    if axis.reverse:
        out["reverse"] = True
    return out


def _readout(readout: Readout) -> dict:
    out: dict = {"label": readout.label, "text": readout.text, "tone": readout.tone}
    if readout.value is not None:
        out["value"] = number(readout.value)
    if readout.note:
        out["note"] = readout.note
    if readout.percent:
        out["percent"] = True
    return out


def _film(film: Film) -> dict:
    return {
        "at": [number(v) for v in film.at],
        "cells": [_cells(strip) for strip in film.strips],
        "counts": [strip.count for strip in film.strips],
    }


def _cells(strip: Strip) -> list:
    # A hundredth of a cell is less than a pixel. What is not a number does not fill its cell.
    return [number(round(min(v, 2 * LOUD), 2)) if v > 0 else 0 for v in strip.values]


def _strip(strip: Strip) -> dict:
    return {
        "label": strip.label,
        "cells": _cells(strip),
        "count": strip.count,
        "slots": strip.slots,
        "ends": list(strip.ends),
    }


def _series(series: Series, digits: int) -> dict:
    out: dict = {"name": series.name, "kind": series.kind, "role": series.role}
    out["x"] = [number(v) for v in series.x]
    if series.kind == "bar":  # the chart rounds their labels: a number must not be rounded twice
        digits = 9
    for key in ("y", "low", "high"):
        values = getattr(series, key)
        if values is not None:
            out[key] = [number(v, digits) for v in values]
    return out
