"""The record of a watched training loop: what it keeps, how it is judged, how it is drawn."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from vgplib.doctor.conditions.condition import Condition, Finding
from vgplib.doctor.conditions.depth import EXPLODING, VANISHING
from vgplib.doctor.conditions.nonfinite import NAN
from vgplib.doctor.watching.passes import Passes, joined
from vgplib.drawing import LIGHT

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

JUDGED = frozenset((EXPLODING.name, NAN.name, VANISHING.name))  # what a record can tell
_HOPELESS = 1e4  # by which it does where nothing was learned in 300 steps of SGD
_UNDERFLOW = 1e-25  # of the largest signal: what lies in front of it was rounded to zero
_NAMED = 5  # lines that a legend has room for

VARIABLES = {
    "signal": "Frobenius norm of dloss/dz at the output z, over all of the layer's runs",
    "weight_grad": "Frobenius norm of the weights' .grad after the backward pass, before clipping",
    "peak": "largest absolute entry of the output z",
}


@dataclass(slots=True)
class _Row:
    """What is kept of one step: of each layer by name, the variables in their order."""

    step: int
    names: tuple[str, ...]
    values: np.ndarray
    loss: float | None


class History:
    """The steps that are kept: step 0 and every so many-th after it, thinned out when many.

    Attributes:
        rows: What is kept, oldest first.
        every: Every how many steps one is kept.
    """

    def __init__(self, every: int, most: int) -> None:
        self.rows: list[_Row] = []
        self.every = self._asked = every
        self._most = most
        self._next = 0
        self._order: list[str] = []

    def wants(self, step: int) -> bool:
        """Whether this step, or an earlier one in its place, is to be kept."""
        return step >= self._next

    def add(self, step: int, passes: Passes, loss: float | None) -> None:
        """Keep what was read in a step."""
        names = tuple(passes.signal)
        if self.rows and names == self.rows[-1].names:
            names = self.rows[-1].names  # one copy for all
        self._order = joined(self._order, list(names))
        values = np.array([[getattr(passes, v).get(n, math.nan) for n in names] for v in VARIABLES])
        self.rows.append(_Row(step, names, values, loss))
        if len(self.rows) > self._most:
            self.rows = self.rows[::2]
            self.every *= 2
        self._next = (step // self.every + 1) * self.every

    def tell(self, step: int, loss: float | Tensor) -> None:
        """Add the loss of the last step that was kept, if it is this one and lacks it."""
        if self.rows and self.rows[-1].step == step and self.rows[-1].loss is None:
            self.rows[-1].loss = float(loss)

    def bad_loss(self) -> int | None:
        """The first step of those kept whose loss is known not to be finite."""
        steps = (r.step for r in self.rows if r.loss is not None and not math.isfinite(r.loss))
        return next(steps, None)

    def dataset(self, attrs: dict) -> xr.Dataset:
        """The rows as a table: see :meth:`vgp.watch.dataset`."""
        import xarray as xr

        columns = {name: i for i, name in enumerate(self._order)}
        values = np.full((len(VARIABLES), len(self.rows), len(columns)), math.nan)
        for i, row in enumerate(self.rows):
            values[:, i, [columns[name] for name in row.names]] = row.values
        variables: dict = {
            name: (("step", "layer"), table, {"definition": VARIABLES[name]})
            for name, table in zip(VARIABLES, values, strict=True)
        }
        if any(row.loss is not None for row in self.rows):
            losses = [math.nan if row.loss is None else row.loss for row in self.rows]
            variables["loss"] = ("step", losses, {"definition": "as it was told"})
        coords = {
            "step": [row.step for row in self.rows],
            "layer": range(1, len(columns) + 1),
            "name": ("layer", self._order),
        }
        attrs = {"every": self.every, "every_at_first": self._asked, **attrs}
        return xr.Dataset(variables, coords, attrs)


def judge(dataset: xr.Dataset) -> tuple[Finding, ...]:
    """Findings from a record of steps, as ``vgp.watch(...).dataset()`` gives it.

    The signals at both ends are compared in every step, and what holds in the median step is
    told: what is so at the first step alone, such as a read-out that starts at zero, is not.
    """
    found = []
    if "not_finite_step" in dataset.attrs:
        layer = dataset.attrs["not_finite_layer"]
        numbers = {"step": float(dataset.attrs["not_finite_step"])}
        where, cause = (layer,) if layer else (), dataset.attrs["not_finite_cause"]
        found.append(NAN.finding("critical", where, cause, numbers))
    compared = [ends for row in dataset.signal.values if (ends := _ends(row)) is not None]
    if not compared:
        return tuple(found)
    strongest, weakest = np.median([ends for ends, _ in compared], axis=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice")
        ratios = np.nanmedian([row for _, row in compared], axis=0)
    names = [str(name) for name in dataset.name.values]
    little, much = VANISHING.threshold, EXPLODING.threshold
    if strongest < little:
        where = tuple(names[i] for i in np.argsort(ratios) if ratios[i] < little)
        found.append(_of_ratio(VANISHING, where, strongest, len(compared)))
    elif weakest > much:
        where = tuple(names[i] for i in np.argsort(-ratios) if ratios[i] > much)
        found.append(_of_ratio(EXPLODING, where, weakest, len(compared)))
    return tuple(found)


def _of_ratio(condition: Condition, where: tuple[str, ...], ratio: float, steps: int) -> Finding:
    hopeless = not 1 / _HOPELESS < ratio < _HOPELESS
    numbers = {"signal, first over last": float(ratio), "steps looked at": float(steps)}
    return condition.finding("critical" if hopeless else "serious", where, "", numbers)


def _ends(signals: np.ndarray) -> tuple[tuple[float, float], np.ndarray] | None:
    """Compare both ends of one step.

    Returns:
        The largest and the smallest of the first layers' signals over the largest of the last
        ones', and the same ratio of every layer. None where no ratio can be made: there is an Inf
        or NaN, there are fewer than two layers, or a whole end is exactly zero and nothing shows
        that it got there step by step.
    """
    seen = signals[~np.isnan(signals)]
    if len(seen) < 2 or np.isinf(seen).any():
        return None
    several = max(1, min(3, len(seen) // 3))
    front, back = seen[:several], seen[-several:].max()
    if back == 0 or (front.max() == 0 and seen[seen > 0].min() > _UNDERFLOW * seen.max()):
        return None
    return (front.max() / back, front.min() / back), signals / back


def draw(dataset: xr.Dataset, axes: Axes | None = None) -> Axes:
    """Draw the signal over the steps, a line for each layer: dark is near the input.

    Args:
        dataset: As ``vgp.watch(...).dataset()`` gives it.
        axes: Where; by default a new figure of ``matplotlib.pyplot``.
    """
    import matplotlib as mpl

    if axes is None:
        import matplotlib.pyplot as plt

        axes = plt.subplots(figsize=(7, 3.6), layout="constrained")[1]
    steps, signals = dataset.step.values, dataset.signal.values
    drawable = np.where(np.isfinite(signals) & (signals > 0), signals, np.nan)
    names = [str(name) for name in dataset.name.values]
    # Without its lightest part, which is faint on white.
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.85, len(names)))
    labelled = set(np.linspace(0, len(names) - 1, min(_NAMED, len(names))).round().astype(int))
    for i, name in enumerate(names):
        axes.plot(
            steps,
            drawable[:, i],
            color=colours[i],
            linewidth=2 if i in labelled else 0.8,
            marker="o" if len(steps) == 1 else "",
            markersize=4,
            label=f"layer {i + 1}, {_escaped(name)}" if i in labelled else None,
        )
    if "not_finite_step" in dataset.attrs:
        at = dataset.attrs["not_finite_step"]
        axes.axvline(at, color=LIGHT["bad"], linestyle="--", label=f"Inf or NaN, step {at}")
    axes.set_yscale("log")
    axes.set_xlabel("step", loc="right", color=LIGHT["muted"])
    axes.set_title("error signal by layer", loc="left", fontsize=10, color=LIGHT["muted"])
    axes.grid(axis="y", color=LIGHT["line"])
    axes.set_axisbelow(True)
    axes.tick_params(colors=LIGHT["muted"], length=0, which="both")
    axes.spines[:].set_visible(False)
    axes.legend(
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        frameon=False,
        fontsize=9,
        labelcolor=LIGHT["ink"],
    )
    return axes


def _escaped(name: str) -> str:
    """A name in which matplotlib sees no formula."""
    return name.replace("$", r"\$")
