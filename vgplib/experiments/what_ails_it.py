"""What ails it? Ten unlabelled runs, their evidence, and what it says to each diagnosis.

The run alone is trained; which evidence is shown, and which diagnosis is judged, are views of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vgplib.engine.experiment import Choice, Experiment
from vgplib.experiments.patients import EVERY, PATIENTS, STEPS, course
from vgplib.experiments.reading import EXPLODED, SEEDS_OF_MANY, VANISHED, back, back_axis, band
from vgplib.experiments.view import Axis, Readout, Series, View
from vgplib.numbers import apart, figures, percent

if TYPE_CHECKING:
    import xarray as xr

GUESSING = float(np.log(10))
DEEPEST = max(patient.depth for patient in PATIENTS.values())
LEAP, CREEP = 1e-1, 1e-5  # of one step, relative to the weights: too large, and too small to see

NAMES = {
    "loss": "loss",
    "accuracy": "accuracy",
    "signal": "error signal",
    "flat": "units",
    "update": "updates",
}

TRUTH = {
    "A": "vanishing",
    "B": "rate_low",
    "C": "healthy",
    "D": "dead",
    "E": "labels",
    "F": "exploding",
    "G": "converged",
    "H": "vanishing",
    "I": "saturation",
    "J": "rate_high",
}


def run(*, case: str, evidence: str, diagnosis: str, seed: int) -> xr.Dataset:
    """Train one of the ten networks, and watch it."""
    del evidence, diagnosis  # the view's
    import xarray as xr

    found = course(PATIENTS[case], seed)  # which trains each network once
    dims = {
        "loss": ("step",),
        "train_accuracy": ("step",),
        "accuracy": ("step",),
        "signal": ("when", "place"),
        "update": ("when", "place"),
        "flat": ("when", "layer"),
    }
    columns = {name: np.array(found[name]) for name in dims}
    return xr.Dataset(
        {name: (dims[name], columns[name]) for name in dims},
        coords={
            "step": range(0, STEPS + 1, EVERY),
            "when": ["start", "end"],
            "place": range(1, columns["signal"].shape[1] + 1),
            "layer": range(1, columns["flat"].shape[1] + 1),
        },
    )


class Evidence:
    """The medians over the seeds that a diagnosis is judged by."""

    def __init__(self, data: xr.Dataset, case: str) -> None:
        """Read them off the runs of one case."""
        self.loss = np.median(data["loss"].values, axis=0)
        self.train = float(np.median(data["train_accuracy"].values[:, -1]))
        self.test = float(np.median(data["accuracy"].values[:, -1]))
        self.signal = np.median(data["signal"].values[:, 0, :-1], axis=0)
        self.update = np.median(data["update"].values[:, 0], axis=0)
        self.flat = float(np.median(data["flat"].values[:, 0].max(axis=1)))
        self.relu = PATIENTS[case].activation == "relu"

    @property
    def ratio(self) -> float:
        """The error signal of layer 1 over that of the last hidden layer, at the start."""
        return float(self.signal[0] / self.signal[-1]) if self.signal[-1] else float("nan")


Judged = tuple[bool, str]


# Each says in words which way its number points: "77 times" alone would read as for.


def _vanishing(e: Evidence) -> Judged:
    if not e.signal.any():
        return False, "the signal doesn't fade, it is cut: 0 in every hidden layer"
    if e.ratio < VANISHED:
        return True, f"layer 1 hears only {figures(e.ratio)} of what the last hidden layer hears"
    if e.ratio < 1:
        return False, f"the signal hardly fades: layer 1 still hears {figures(e.ratio)} of it"
    return False, f"the signal doesn't fade: layer 1 hears {figures(e.ratio)} times as much"


def _exploding(e: Evidence) -> Judged:
    if not e.signal.any():
        return False, "there is no signal that could grow"
    if e.ratio > EXPLODED:
        return True, f"layer 1 hears {figures(e.ratio)} times what the last hidden layer hears"
    if e.ratio > 1:
        start = figures(float(e.loss[0]))
        return False, f"the signal grows {figures(e.ratio)} times, but the loss starts at {start}"
    return False, f"the signal doesn't grow: layer 1 hears {figures(e.ratio)} of it"


def _dead(e: Evidence) -> Judged:
    if not e.relu:
        return False, "no unit gives 0 for every image"
    if e.flat >= 0.5:
        return True, f"{percent(e.flat)} of a layer give 0 for every image"
    return False, f"no more than {percent(e.flat)} of a layer give 0 for every image"


def _saturation(e: Evidence) -> Judged:
    if e.relu:
        return False, "its units are not of the kind that saturates"
    if e.flat >= 0.5:
        return True, f"{percent(e.flat)} of a layer start in the flat part"
    if not e.flat:
        return False, "before the first step, no unit is in the flat part"
    return False, f"no more than {percent(e.flat)} of a layer start in the flat part"


def _rate_low(e: Evidence) -> Judged:
    most = float(e.update.max())
    if e.loss[0] < 0.05:
        return False, f"steps are small since the loss is: {figures(e.loss[0], 1)}"
    if not most:
        return False, "the updates are exactly 0; any rate times 0 is 0"
    if most < CREEP:
        return (
            True,
            f"even the fastest layer moves by only {figures(most, 1)} of its size in a step",
        )
    return False, f"steps aren't tiny: the fastest layer moves by {figures(most, 1)} of its size"


def _rate_high(e: Evidence) -> Judged:
    least, most = float(e.update.min()), float(e.update.max())
    if e.ratio > EXPLODED:
        return False, "the steps are huge, but so is the signal that makes them"
    if most > LEAP:
        return (
            True,
            f"a level signal, and every layer moves by {figures(least, 1)} of its size or more",
        )
    return False, f"no layer moves by more than {figures(most, 1)} of its size in a step"


def _converged(e: Evidence) -> Judged:
    start = figures(float(e.loss[0]))
    if e.loss[0] < 0.05:
        return True, f"the loss starts at {start}: nothing is left to learn"
    return False, f"the loss starts at {start}, so there is much to learn"


def _labels(e: Evidence) -> Judged:
    train, test = percent(e.train), percent(e.test)
    if e.train > 0.15 and e.test < 0.15:
        return True, f"it learns only what it has seen: {train} of it right, of the test {test}"
    if e.test < 0.15:
        return (
            False,
            f"it learns neither: {train} of the training labels, {test} of the test labels",
        )
    return False, f"what it learns holds for the test, too: {test} right, in training {train}"


def _healthy(e: Evidence) -> Judged:
    start, end = apart(float(e.loss[0]), float(e.loss[-1]))
    if e.loss[0] < 0.05:
        return False, f"it has nothing left to learn: the loss starts at {start}"
    if e.loss[-1] < 0.5 * e.loss[0] and e.test > 0.8:
        return True, f"the loss falls well, from {start} to {end}"
    return False, f"the loss doesn't fall by half: it goes from {start} to {end}"


# Name -> what the reader sees, and the test of the evidence that speaks for or against it.
DIAGNOSES: dict[str, tuple[str, Callable[[Evidence], Judged]]] = {
    "vanishing": ("vanishing", _vanishing),
    "exploding": ("exploding", _exploding),
    "dead": ("dead units", _dead),
    "saturation": ("saturation", _saturation),
    "rate_low": ("rate too low", _rate_low),
    "rate_high": ("rate too high", _rate_high),
    "labels": ("broken labels", _labels),
    "converged": ("converged", _converged),
    "healthy": ("healthy", _healthy),
}


def view(data: xr.Dataset, *, case: str, evidence: str, diagnosis: str) -> View:
    """One kind of evidence, and what all of it says to the diagnosis."""
    x, y, series, first = _CHARTS[evidence](data)
    if diagnosis == "none":
        said = Readout("The evidence says", "nothing yet")
        verdict = Readout("Verdict", "Choose a diagnosis")
    else:
        fits, words = DIAGNOSES[diagnosis][1](Evidence(data, case))
        tone = "good" if fits else "bad"
        side = "For it" if fits else "Against it"
        said = Readout("The evidence says", f"{side}: {words}", tone=tone)
        right = diagnosis == TRUTH[case]
        verdict = Readout("Verdict", "That is it" if right else "That is not it", tone=tone)
    return View(x=x, y=y, series=series, readouts=(first, said, verdict))


Chart = tuple[Axis, Axis, tuple[Series, ...], Readout]


def _loss(data: xr.Dataset) -> Chart:
    runs = data["loss"].values
    start, end = (float(v) for v in np.median(runs[:, [0, -1]], axis=0))
    guess = Series("guessing", [0, STEPS], [GUESSING, GUESSING], role="theory")
    return (
        Axis("step", (0, STEPS), whole=True),
        Axis("training loss", (0, 4)),
        (band("training loss", data["step"].values, runs), guess),
        Readout("Training loss", " → ".join(apart(start, end)), end),
    )


def _accuracy(data: xr.Dataset) -> Chart:
    train, test = data["train_accuracy"].values, data["accuracy"].values
    ends = [float(np.median(runs[:, -1])) for runs in (train, test)]
    steps = data["step"].values
    return (
        Axis("step", (0, STEPS), whole=True),
        Axis("share of right answers", (0, 1)),
        (band("training digits", steps, train), band("test digits", steps, test, role="second")),
        Readout("Right, training and test", ", ".join(map(percent, ends)), ends[1]),
    )


def _signal(data: xr.Dataset) -> Chart:
    start = np.median(data["signal"].values[:, 0, :-1], axis=0)
    text = figures(float(start[0] / start[-1])) if start[-1] else "0 in both"
    return _profile(data, "signal", "error signal", Readout("Layer 1 / last hidden, start", text))


def _update(data: xr.Dataset) -> Chart:
    first = float(np.median(data["update"].values[:, 0, 0]))
    said = Readout("Layer 1 moves in step 1 by", figures(first), first)
    return _profile(data, "update", "change in one step, relative to the weights", said)


def _profile(data: xr.Dataset, name: str, label: str, said: Readout) -> Chart:
    places, runs = back(data.sizes["place"]), data[name].values
    return (
        back_axis(DEEPEST + 1, "layers back from the output layer"),
        Axis(label, (1e-7, 1e2), log=True, floor="0"),
        (
            band("at the start", places, runs[:, 0]),
            band("after 150 steps", places, runs[:, 1], role="second"),
        ),
        said,
    )


def _flat(data: xr.Dataset) -> Chart:
    layers, runs = data["layer"].values, data["flat"].values
    worst = float(np.median(runs[:, 0].max(axis=1)))
    return (
        Axis("hidden layer", (0.5, DEEPEST + 0.5), whole=True),
        Axis("share of units: dead, or in the flat part", (0, 1)),
        (
            band("at the start", layers, runs[:, 0]),
            band("after 150 steps", layers, runs[:, 1], role="second"),
        ),
        Readout("Worst layer, at the start", percent(worst), worst, percent=True),
    )


_CHARTS: dict[str, Callable[[xr.Dataset], Chart]] = {
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
        Choice("case", "Run", {name: name for name in PATIENTS}, clears=("diagnosis",)),
        Choice("evidence", "Evidence", NAMES),
        Choice(
            "diagnosis",
            "Your diagnosis",
            {"none": "none yet"} | {name: label for name, (label, _) in DIAGNOSES.items()},
        ),
    ),
    start={"case": "A", "evidence": "loss", "diagnosis": "none"},
    run=run,
    shares=("train_accuracy", "accuracy", "flat"),
    view=view,
    caption=(
        "Ten networks on the digits, 150 steps each, recorded before the first step and at the "
        f"end. {SEEDS_OF_MANY} Dashed: guessing."
    ),
)
