"""Races: the same network with each of many recipes, tuned alike.

A learning rate is chosen for each recipe by the same small search: it is trained with each of
``RATES`` from three random starts, and the rate with the highest mean accuracy on images that are
kept for this choice wins. Then five other random starts are trained at that rate, and tested on
images that neither training nor choosing has seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from vgplib.engine.experiment import Choice, Experiment
from vgplib.experiments.reading import SEEDS_OF_MANY, band, heard
from vgplib.experiments.recipe import EVERY, STEPS, Recipe, course
from vgplib.experiments.view import Axis, Film, Readout, Series, Strip, View
from vgplib.numbers import percent, short

if TYPE_CHECKING:
    import xarray as xr

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
STARTS_TO_CHOOSE, FIRST_TO_CHOOSE = 3, 100
CLASSES = 10
LEARNS, LEARNS_WELL = 0.5, 0.9  # of the test digits


def search(name: str, title: str, recipes: Mapping[str, Recipe]) -> Experiment:
    """The experiment that chooses each recipe's learning rate."""

    def run(*, row: str, seed: int) -> xr.Dataset:
        import xarray as xr

        ends = [
            course(recipes[row], rate, FIRST_TO_CHOOSE + seed, "choose", watch=False)["accuracy"][0]
            for rate in RATES
        ]
        return xr.Dataset({"accuracy": ("rate", ends)}, coords={"rate": list(RATES)})

    def view(data: xr.Dataset, *, row: str) -> View:
        del row
        means = np.nan_to_num(data["accuracy"].values).mean(axis=0)
        chosen, best = RATES[_first_best(means)], float(means.max())
        return View(
            x=Axis("learning rate", (-0.5, len(RATES) - 0.5), names=tuple(map(short, RATES))),
            y=Axis("share of digits right, on images kept for choosing", (0, 1)),
            series=(Series("share right", list(range(len(RATES))), means.tolist(), kind="bar"),),
            readouts=(
                Readout("Chosen", short(chosen), chosen),
                Readout("Digits right at that rate", percent(best), best, percent=True),
                verdict(best),
            ),
        )

    return Experiment(
        name=name,
        title=title,
        controls=(_rows(recipes),),
        start={"row": next(iter(recipes))},
        run=run,
        view=view,
        caption=f"{STEPS} steps at each rate, the mean of {STARTS_TO_CHOOSE} random starts.",
        seeds=STARTS_TO_CHOOSE,
        shares=("accuracy",),
    )


def _first_best(means: np.ndarray) -> int:
    """The place of the highest mean; of equal ones, the smallest rate."""
    return int(means.argmax())


def chosen_rate(found_by: Experiment, row: str) -> float:
    """The learning rate that a search found best for a row, from its atlas.

    Raises:
        AtlasError: The search's atlas is missing, damaged or out of date.
    """
    from vgplib.engine.atlas import at

    means = np.nan_to_num(at(found_by, {"row": row})["accuracy"].values).mean(axis=0)
    return RATES[_first_best(means)]


def race(
    name: str, title: str, recipes: Mapping[str, Recipe], found_by: Experiment, start: str
) -> Experiment:
    """The experiment in which recipes are trained at their chosen rates, and tested."""

    def run(*, row: str, shows: str, seed: int) -> xr.Dataset:
        import xarray as xr

        del shows
        rate = chosen_rate(found_by, row)
        found = course(recipes[row], rate, seed, "test", watch=True)
        steps = np.arange(len(found["loss"])) * EVERY
        return xr.Dataset(
            {
                "loss": ("step", found["loss"]),
                "accuracy": ("step", found["accuracy"]),
                "signal": (("step", "layer"), found["signal"]),
                "rate": rate,
            },
            coords={"step": steps, "layer": np.arange(len(found["signal"][0])) + 1},
        )

    def view(data: xr.Dataset, *, row: str, shows: str) -> View:
        steps, values = data["step"].values, data[shows].values
        times = recipes[row].times
        ends = data["accuracy"].values[:, -1]
        lost = np.isnan(data["loss"].values)
        end = float(np.median(np.nan_to_num(ends)))
        loss_axis = Axis("training loss", (0, 3))
        strips = [_heard(data["signal"].values[:, k]) for k in range(len(steps))]
        return View(
            x=Axis("step" if times == 1 else f"step, {times} of them at once", (0, STEPS)),
            y=loss_axis if shows == "loss" else Axis("share of test digits right", (0, 1)),
            series=(band(recipes[row].label, steps, values),),
            readouts=(
                Readout("Test digits right", percent(end), end, percent=True),
                Readout("Learning rate chosen", short(float(data["rate"][0]))),
                _judged(end, lost, steps),
            ),
            strip=strips[-1],
            film=Film(steps.tolist(), strips),
        )

    return Experiment(
        name=name,
        title=title,
        controls=(
            _rows(recipes),
            Choice("shows", "Show", {"accuracy": "test digits right", "loss": "training loss"}),
        ),
        start={"row": start, "shows": "accuracy"},
        run=run,
        view=view,
        caption=(
            "Each at the learning rate that the same search chose for it, on images kept apart. "
            f"{SEEDS_OF_MANY}"
        ),
        shares=("accuracy",),
    )


def _rows(recipes: Mapping[str, Recipe]) -> Choice:
    return Choice("row", "Network", {name: one.label for name, one in recipes.items()})


def _heard(signal: np.ndarray) -> Strip:
    """The strip of the signal at one step; ``signal``: shape (seeds, layers)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        profile = np.median(signal / signal[:, -1:], axis=0)
    return heard(profile, "layers", signal.shape[1])


def verdict(right: float) -> Readout:
    """What a share of digits means, in words."""
    if right >= LEARNS_WELL:
        return Readout("Verdict", "Learns", tone="good")
    if right >= LEARNS:
        return Readout("Verdict", "Learns in part", tone="plain")
    if right > 2 / CLASSES:
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
