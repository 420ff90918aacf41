"""Races: one network or task in many variants, tuned alike.

A learning rate is chosen for each variant by the same small search: it is trained at each of the
rates from five random starts, and the rate with the highest mean share of right answers, on
examples that are kept for this choice, wins. Then five other random starts are trained at that
rate, and tested on examples that neither training nor choosing has seen.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vgplib.engine.experiment import Choice, Experiment, Settings
from vgplib.engine.rounding import OtherRounding
from vgplib.experiments.reading import SEEDS_OF_MANY, band, heard, relative
from vgplib.experiments.view import Axis, Film, Readout, Series, Strip, View
from vgplib.numbers import percent, short

if TYPE_CHECKING:
    import xarray as xr

STARTS_TO_CHOOSE, FIRST_TO_CHOOSE = 5, 100
LEARNS, LEARNS_WELL, BEGUN = 0.5, 0.9, 0.2  # shares of right answers
SHOWS = Choice("shows", "Show", {"accuracy": "right answers", "loss": "training loss"})

# train(rate, seed, part, watch, **settings): see Field.
Train = Callable[..., Mapping[str, Any]]


@dataclass(frozen=True)
class Field:
    """What is raced.

    Attributes:
        controls: Choices: the variants, named ``row``; and more, such as the task.
        train: ``train(rate, seed, part, watch, **settings)`` trains once. It gives ``step`` (time,
            in the usual number of steps), ``loss`` and ``accuracy``: one value a record; and
            ``signal``, shape ``(records, places)``: the error signal's norm along the network.
            ``accuracy`` is of the examples of a part: those to ``"choose"`` by, or to ``"test"``.
            Without ``watch``, the last record alone is wanted, and no signal. What diverged is NaN.
        rates: The learning rates that are tried, ascending.
        right: What a right answer is, in the plural (``"test digits right"``).
        places: What the signal passes on its way, in the plural (``"layers"``).
        first: Where the first of them is (``"input"``).
        losses: The axis on which charts show the loss.
        most_places: How many places the largest variant has, where variants differ in that.
        clock: What runs along them: steps, or what makes steps of unequal work comparable.
    """

    controls: tuple[Choice, ...]
    train: Train
    rates: tuple[float, ...]
    right: str
    places: str = "layers"
    first: str = "input"
    losses: Axis = Axis("training loss", (0, 3.0))
    most_places: int | None = None
    clock: str = "step"

    def label(self, settings: Settings) -> str:
        """The variant's name, as the reader sees it."""
        return self.controls[0].show(settings["row"])


def search(name: str, title: str, field: Field) -> Experiment:
    """The experiment that chooses each variant's learning rate."""

    def run(*, seed: int, **settings: Any) -> xr.Dataset:
        import xarray as xr

        ends = [
            field.train(rate, FIRST_TO_CHOOSE + seed, "choose", False, **settings)["accuracy"][-1]
            for rate in field.rates
        ]
        return xr.Dataset({"accuracy": ("rate", ends)}, coords={"rate": list(field.rates)})

    def view(data: xr.Dataset, **settings: Any) -> View:
        del settings
        means = _means(data)
        chosen, best = field.rates[means.argmax()], float(means.max())
        names = tuple(map(short, field.rates))
        return View(
            x=Axis("learning rate", (-0.5, len(names) - 0.5), names=names),
            y=Axis(f"share of {field.right}, on those kept for choosing", (0, 1)),
            series=(Series("share right", list(range(len(names))), means.tolist(), kind="bar"),),
            readouts=(
                Readout("Chosen", short(chosen), chosen),
                Readout("Right at that rate", percent(best), best, percent=True),
                verdict(best),
            ),
        )

    return Experiment(
        name=name,
        title=title,
        controls=field.controls,
        start={c.name: c.values[0] for c in field.controls},
        run=run,
        view=view,
        caption=(
            f"The mean of {STARTS_TO_CHOOSE} random starts at each learning rate. One whose loss "
            "blows up has none right."
        ),
        seeds=STARTS_TO_CHOOSE,
        shares=("accuracy",),
    )


def _means(data: xr.Dataset) -> np.ndarray:
    """The mean share at each rate; what diverged has none right."""
    return np.nan_to_num(data["accuracy"].values).mean(axis=0)


def chosen_rate(found_by: Experiment, settings: Settings) -> float:
    """The learning rate that a search found best, from its atlas; of equal ones, the smallest.

    Raises:
        AtlasError: The search's atlas is missing, damaged or out of date.
    """
    from vgplib.engine.atlas import at

    data = at(found_by, settings)
    return float(data["rate"].values[_means(data).argmax()])


def race(
    name: str, title: str, field: Field, found_by: Experiment, start: Mapping[str, str]
) -> Experiment:
    """The experiment in which variants are trained at their chosen rates, and tested."""

    def run(*, shows: str, seed: int, **settings: Any) -> xr.Dataset:
        import xarray as xr

        del shows
        rate = chosen_rate(found_by, settings)
        found = _trained(field.train, rate, seed, tuple(settings.items()), OtherRounding.inside)
        places = np.arange(len(found["signal"][0])) + 1
        return xr.Dataset(
            {
                "step": ("record", found["step"]),
                "loss": ("record", found["loss"]),
                "accuracy": ("record", found["accuracy"]),
                "signal": (("record", "place"), found["signal"]),
                "rate": rate,
            },
            coords={"record": range(len(found["step"])), "place": places},
        )

    def view(data: xr.Dataset, *, shows: str, **settings: Any) -> View:
        steps = data["step"].values[0]  # the same for all starts
        lost = np.isnan(data["loss"].values)
        end = float(np.median(np.nan_to_num(data["accuracy"].values[:, -1])))
        shown = field.losses
        if shows == "accuracy":
            shown = Axis(f"share of {field.right}", (0, 1))
        strips = [_heard(field, data["signal"].values[:, k]) for k in range(len(steps))]
        return View(
            x=Axis(field.clock, (0, float(steps[-1]))),
            y=shown,
            series=(band(field.label(settings), steps, _counted(data[shows])),),
            readouts=(
                Readout(field.right.capitalize(), percent(end), end, percent=True),
                Readout("Learning rate chosen", short(float(data["rate"][0]))),
                _judged(end, lost, steps),
            ),
            strip=strips[-1],
            film=Film(steps.tolist(), strips),
        )

    return Experiment(
        name=name,
        title=title,
        controls=(*field.controls, SHOWS),
        start={**start, "shows": "accuracy"},
        run=run,
        view=view,
        caption=(
            "Each at the learning rate that the same search chose for it, on examples kept apart. "
            f"{SEEDS_OF_MANY}"
        ),
        shares=("accuracy",),
    )


@functools.lru_cache(maxsize=64)  # for both that can be shown
def _trained(
    train: Train, rate: float, seed: int, settings: tuple, rounding: int | None
) -> Mapping[str, Any]:
    """One run of a race; ``rounding`` is what else its numbers depend on."""
    del rounding
    return train(rate, seed, "test", True, **dict(settings))


def _counted(shown: xr.DataArray) -> np.ndarray:
    """Its values; what diverged is right about nothing, and its loss is beyond any chart."""
    lost = 0.0 if shown.name == "accuracy" else np.inf
    return np.where(np.isnan(shown.values), lost, shown.values)


def _heard(field: Field, signal: np.ndarray) -> Strip:
    """The strip at one moment, of the runs that are finite; ``signal``: shape (seeds, places)."""
    runs = relative(signal)
    sound = np.isfinite(runs).all(axis=1)
    profile = np.median(runs[sound] if sound.any() else runs, axis=0)
    return heard(
        profile, field.places, field.most_places or len(profile), ends=(field.first, "loss")
    )


def verdict(right: float) -> Readout:
    """What a share of right answers means, in words."""
    if right >= LEARNS_WELL:
        return Readout("Verdict", "Learns", tone="good")
    if right >= LEARNS:
        return Readout("Verdict", "Learns in part", tone="plain")
    if right > BEGUN:
        return Readout("Verdict", "Has hardly begun", tone="warn")
    return Readout("Verdict", "Guesses", tone="bad")


def _judged(right: float, lost: np.ndarray, steps: np.ndarray) -> Readout:
    """The verdict, and how many runs diverged when; ``lost``: shape (seeds, records)."""
    said, gone = verdict(right), lost.any(axis=1)
    if not gone.any():
        return said
    when = int(np.median([steps[run.argmax()] for run in lost[gone]]))
    note = f"{gone.sum()} of {len(gone)} runs diverged, by step {when}"
    return Readout("Verdict", said.text, tone=said.tone, note=note)
