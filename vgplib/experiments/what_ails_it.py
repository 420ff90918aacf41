"""What ails it? Twelve unlabelled runs, and five kinds of evidence.

A run is trained once; which evidence is shown is a view of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vgplib.engine.experiment import Choice, Experiment
from vgplib.experiments.patients import EVERY, PATIENTS, STEPS, course
from vgplib.experiments.reading import SEEDS_OF_MANY, back, back_axis, band
from vgplib.experiments.view import Axis, Readout, Series, View
from vgplib.numbers import apart, figures, percent

if TYPE_CHECKING:
    import xarray as xr

GUESSING = float(np.log(10))
DEEPEST = max(patient.depth for patient in PATIENTS.values())
LOSSES = (1e-4, 1e5)  # a loss that starts in the thousands is evidence: it must not leave the chart

NAMES = {
    "loss": "loss",
    "accuracy": "accuracy",
    "signal": "error signal",
    "flat": "units",
    "update": "updates",
}


def run(*, case: str, evidence: str, seed: int) -> xr.Dataset:
    """Train one of the networks, and watch it."""
    del evidence  # the view's
    import xarray as xr

    found = course(PATIENTS[case], seed)  # which trains each network once
    dims = {
        "loss": ("step",),
        "train_accuracy": ("step",),
        "accuracy": ("step",),
        "signal": ("when", "place"),
        "update": ("when", "matrix"),
        "flat": ("when", "layer"),
    }
    columns = {name: np.array(found[name]) for name in dims}
    return xr.Dataset(
        {name: (dims[name], columns[name]) for name in dims},
        coords={
            "step": range(0, STEPS + 1, EVERY),
            "when": ["start", "end"],
            "place": range(1, columns["signal"].shape[1] + 1),
            "matrix": range(1, columns["update"].shape[1] + 1),
            "layer": range(1, columns["flat"].shape[1] + 1),
        },
    )


def view(data: xr.Dataset, *, case: str, evidence: str) -> View:
    """One kind of evidence: it shows, and judges nothing."""
    x, y, series, readouts = _CHARTS[evidence](data, case)
    return View(x=x, y=y, series=series, readouts=readouts)


Chart = tuple[Axis, Axis, tuple[Series, ...], tuple[Readout, Readout, Readout]]


def _loss(data: xr.Dataset, case: str) -> Chart:
    del case
    runs = data["loss"].values
    start, end = (float(v) for v in np.median(runs[:, [0, -1]], axis=0))
    guess = Series("guessing", [0, STEPS], [GUESSING, GUESSING], role="theory")
    first, last = apart(start, end)
    return (
        Axis("step", (0, STEPS), whole=True),
        Axis("training loss", LOSSES, log=True),
        (band("training loss", data["step"].values, runs), guess),
        (
            Readout("Guessing costs", figures(GUESSING), GUESSING),
            Readout("Loss at the start", first, start),
            Readout("Loss at the end", last, end),
        ),
    )


def _accuracy(data: xr.Dataset, case: str) -> Chart:
    del case
    train, test = data["train_accuracy"].values, data["accuracy"].values
    ends = [float(np.median(runs[:, -1])) for runs in (train, test)]
    steps = data["step"].values
    return (
        Axis("step", (0, STEPS), whole=True),
        Axis("share of right answers", (0, 1)),
        (band("training digits", steps, train), band("test digits", steps, test, role="second")),
        (
            Readout("Guessing gets", percent(0.1), 0.1, percent=True),
            Readout("Training digits right", percent(ends[0]), ends[0], percent=True),
            Readout("Test digits right", percent(ends[1]), ends[1], percent=True),
        ),
    )


def _signal(data: xr.Dataset, case: str) -> Chart:
    del case
    start = np.median(data["signal"].values[:, 0, :-1], axis=0)
    first, last = float(start[0]), float(start[-1])
    return _profile(
        data,
        "signal",
        Axis("error signal", (1e-8, 1e4), log=True, floor="0"),
        "layers, or steps in time, back from the output layer",
        (
            Readout("The first hears", figures(first), first),
            Readout("The last hidden one hears", figures(last), last),
            Readout(
                "First / last, at the start", figures(first / last) if last else "the last hears 0"
            ),
        ),
    )


def _update(data: xr.Dataset, case: str) -> Chart:
    del case
    start = np.median(data["update"].values[:, 0], axis=0)
    first, last = float(start[0]), float(start[-1])
    return _profile(
        data,
        "update",
        Axis("change in one step, relative to the weights", (1e-8, 1e4), log=True, floor="0"),
        "weight matrices back from the output layer",
        (
            Readout("Step 1 moves layer 1 by", figures(first), first),
            Readout("Step 1 moves the output by", figures(last), last),
            Readout("Step 1 moves the fastest by", figures(float(start.max())), float(start.max())),
        ),
    )


def _profile(data: xr.Dataset, name: str, y: Axis, label: str, said: tuple) -> Chart:
    runs = data[name].values
    places = back(runs.shape[-1])
    return (
        back_axis(DEEPEST + 1, label),
        y,
        (
            band("at the start", places, runs[:, 0]),
            band(f"after {STEPS} steps", places, runs[:, 1], role="second"),
        ),
        said,
    )


def _flat(data: xr.Dataset, case: str) -> Chart:
    layers, runs = data["layer"].values, data["flat"].values
    start, end = (float(np.median(runs[:, k].max(axis=1))) for k in range(2))
    kind = "dead units" if PATIENTS[case].activation == "relu" else "units in the flat part"
    return (
        Axis("hidden layer", (0.5, DEEPEST + 0.5), whole=True),
        Axis("share of units: dead, or in the flat part", (0, 1)),
        (
            band("at the start", layers, runs[:, 0]),
            band(f"after {STEPS} steps", layers, runs[:, 1], role="second"),
        ),
        (
            Readout("Counted here", kind),
            Readout("Worst layer, at the start", percent(start), start, percent=True),
            Readout("Worst layer, at the end", percent(end), end, percent=True),
        ),
    )


_CHARTS: dict[str, Callable[[xr.Dataset, str], Chart]] = {
    "loss": _loss,
    "accuracy": _accuracy,
    "signal": _signal,
    "update": _update,
    "flat": _flat,
}

EXPERIMENT = Experiment(
    name="what-ails-it",
    title="What ails it?",
    controls=(
        Choice("case", "Patient", {name: name for name in PATIENTS}),
        Choice("evidence", "Evidence", NAMES),
    ),
    start={"case": "wren", "evidence": "loss"},
    run=run,
    shares=("train_accuracy", "accuracy", "flat"),
    version=2,
    view=view,
    caption=(
        f"A network on the digits, {STEPS} steps, recorded before the first step and at the end. "
        f"{SEEDS_OF_MANY} Dashed, where the loss is shown: guessing."
    ),
)
