"""The signal profile of a diagnosis: as points, as a picture, and in words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vgplib.doctor.output import words
from vgplib.drawing import LIGHT
from vgplib.numbers import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vgplib.doctor.diagnosis import Diagnosis

_TICKS = 12  # names that find room on an axis
_CHARACTERS = 18  # of a name on the axis
_MOST = 200  # decades up or down; matplotlib cannot put ticks around the largest floats
_STYLES = (("accent", "-", "o"), ("second", "-.", "s"), ("muted", "--", "^"), ("good", ":", "v"))


@dataclass(frozen=True)
class Profile:
    """What is drawn.

    Attributes:
        places: What the places are called, from the input on, or from the first step on.
        lines: Name -> one value a place; NaN where there is none.
        marked: Which places the main finding names.
        along: What the places are: ``"layer"`` or ``"time step"``.
    """

    places: tuple[str, ...]
    lines: dict[str, np.ndarray]
    marked: tuple[int, ...]
    along: str


def profile(diagnosis: Diagnosis) -> Profile | None:
    """The signal along the layers or, if the main finding is about time, along the steps.

    Returns:
        None if nothing could be measured.
    """
    data = diagnosis.measured
    if data is None or not data.sizes["layer"]:
        return None
    first = diagnosis.findings[0] if diagnosis.findings else None
    where = first.where if first else ()
    if first and first.condition.startswith("temporal_") and "step_signal" in data:
        names = [str(name) for name in data.recurrent.values]
        drawn = [n for n in names if _is_in(n, where)] or names
        drawn = drawn[: len(_STYLES)]
        lines = {
            f"error signal in {words.plain(n)}": data.step_signal.values[names.index(n)]
            for n in drawn
        }
        return Profile(tuple(map(str, data.step.values)), lines, (), "time step")
    names = [str(name) for name in data.name.values]
    lines = {
        "error signal, norm of dloss/dz": data.signal.values,
        "output z, root mean square": data.output_rms.values,
    }
    marked = tuple(i for i, name in enumerate(names) if _is_in(name, where))
    return Profile(tuple(map(words.plain, names)), lines, marked, "layer")


def plot(diagnosis: Diagnosis, axes: Axes | None = None) -> Axes:
    """Draw the profile with matplotlib on a log axis, the place of the main finding marked.

    Zeros and infinities, and what is beyond 10^-200 and 10^200, are crosses at the edges.

    Args:
        diagnosis: What to draw.
        axes: Where; by default a new figure of ``matplotlib.pyplot``.

    Raises:
        ValueError: Nothing could be measured.
    """
    shown = profile(diagnosis)
    if shown is None:
        raise ValueError("no layer of this model could be measured, so there is nothing to plot.")
    if axes is None:
        from matplotlib import pyplot

        axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")[1]
    _draw(axes, shown)
    return axes


def described(shown: Profile) -> str:
    """The picture in words and numbers, for those who do not see it."""
    first, last = shown.places[0], shown.places[-1]
    said = [
        f"{name} {words.value(float(values[0]))} to {words.value(float(values[-1]))}"
        for name, values in shown.lines.items()
    ]
    marked = words.places([shown.places[i] for i in shown.marked], 200)
    where = f" Marked: {marked}." if shown.marked else ""
    return f"From {shown.along} {first} to {shown.along} {last}: {'; '.join(said)}.{where}"


def _is_in(name: str, where: tuple[str, ...]) -> bool:
    """Whether a finding's place is this layer, one of its parameters, or a module around it."""
    return any(w == name or w.startswith(f"{name}.") or name.startswith(f"{w}.") for w in where)


def _draw(axes: Any, shown: Profile) -> None:
    x = np.arange(len(shown.places))
    low, high = _decades(shown.lines.values())
    marks = len(x) <= 30
    for (name, values), (colour, line, mark) in zip(shown.lines.items(), _STYLES, strict=False):
        drawable = np.where((values >= low) & (values <= high), values, np.nan)
        look = {"color": LIGHT[colour], "linewidth": 2, "linestyle": line, "markersize": 4}
        axes.plot(x, drawable, marker=mark if marks else "", label=name, **look)
        for missing, edge in ((values < low, low), (values > high, high)):
            if missing.any():
                axes.plot(x[missing], np.full(missing.sum(), edge), "x", color=LIGHT[colour])
    for i in shown.marked:
        axes.axvspan(i - 0.5, i + 0.5, color=LIGHT["bad"], alpha=0.14, linewidth=0, zorder=0)
        axes.plot([i - 0.5, i + 0.5], [low, low], color=LIGHT["bad"], lw=7, solid_capstyle="butt")
    if shown.marked:  # one name for all
        axes.patches[-1].set_label("where it is")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: short(value))  # mathtext takes far longer
    axes.yaxis.set_minor_formatter("")
    axes.set_ylim(low, high)
    axes.set_xlim(-0.5, len(x) - 0.5)
    ticks = x[:: math.ceil(len(x) / _TICKS)]
    labels = [_clipped(shown.places[i]) for i in ticks]
    turned = {"rotation": 30, "ha": "right"} if max(map(len, labels)) > 5 else {}
    axes.set_xticks(ticks, labels, parse_math=False, **turned)
    start = "input" if shown.along == "layer" else "first"
    axes.set_xlabel(f"{shown.along}, the {start} at the left", color=LIGHT["muted"])
    axes.grid(axis="y", color=LIGHT["line"])
    axes.set_axisbelow(True)
    axes.tick_params(colors=LIGHT["muted"], length=0, which="both")
    axes.spines[:].set_visible(False)
    legend = axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=3,
        frameon=False,
        fontsize=9,
        labelcolor=LIGHT["ink"],
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # names are no formulas


def _decades(lines: Iterable[np.ndarray]) -> tuple[float, float]:
    """The ends of the log axis: powers of ten around all that can stand on it, and room for 0."""
    flat = np.concatenate([np.asarray(values, dtype=float) for values in lines])
    drawable = flat[np.isfinite(flat) & (flat > 0)]
    if not drawable.size:
        return 0.1, 10.0
    low, high = np.floor(np.log10(drawable.min())), np.ceil(np.log10(drawable.max()))
    low -= (flat == 0).any() or low == high
    return float(10.0 ** max(low, -_MOST)), float(10.0 ** min(high, _MOST))


def _clipped(name: str) -> str:
    return name if len(name) <= _CHARACTERS else f"…{name[1 - _CHARACTERS :]}"
