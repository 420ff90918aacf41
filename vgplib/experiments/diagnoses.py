"""What the evidence says to each diagnosis: the judge of the clinic.

A diagnosis is judged by medians over the seeds, and by numbers that the reader sees as well.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vgplib.engine.atlas import at
from vgplib.experiments import experiment, readouts
from vgplib.experiments.patients import PATIENTS, TREATMENTS
from vgplib.experiments.reading import EXPLODED, VANISHED
from vgplib.numbers import apart, figures, percent

if TYPE_CHECKING:
    import xarray as xr

LEAP, CREEP = 1e-1, 1e-5  # of one step, relative to the weights: too large, and too small to see

TRUTH = {
    "wren": "vanishing",
    "finch": "lr_too_low",
    "heron": "healthy",
    "robin": "dead_relu",
    "swift": "labels",
    "crane": "exploding",
    "lark": "converged",
    "raven": "vanishing",
    "stork": "saturation",
    "tern": "lr_too_high",
    "plover": "exploding",
    "dove": "healthy",
}


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

    @property
    def cut(self) -> str:
        """Where a signal that is exactly 0 somewhere is cut, in words; "" where it is nowhere."""
        if not self.signal.any():
            return "the signal is cut: 0 in every hidden layer"
        if not self.signal[-1]:
            return "the last hidden layer gets 0, and layer 1 doesn't"
        return ""


Judged = tuple[bool, str]


# Each says in words which way its number points: "77 times" alone would read as for.


def _vanishing(e: Evidence) -> Judged:
    if e.cut:
        return False, f"it doesn't fade from layer to layer: {e.cut}"
    if e.ratio < VANISHED:
        return True, f"the first hears only {figures(e.ratio)} of what the last hears"
    if e.ratio < 1:
        return False, f"the signal hardly fades: the first still hears {figures(e.ratio)} of it"
    return False, f"the signal doesn't fade: the first hears {figures(e.ratio)} times as much"


def _exploding(e: Evidence) -> Judged:
    if e.cut:
        return False, f"it doesn't grow from layer to layer: {e.cut}"
    if e.ratio > EXPLODED:
        return True, f"the first hears {figures(e.ratio)} times what the last hears"
    if e.ratio > 1:
        start = figures(float(e.loss[0]))
        return False, f"the signal grows {figures(e.ratio)} times, but the loss starts at {start}"
    return False, f"the signal doesn't grow: the first hears {figures(e.ratio)} of it"


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


def _lr_too_low(e: Evidence) -> Judged:
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


def _lr_too_high(e: Evidence) -> Judged:
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
    "dead_relu": ("dead units", _dead),
    "saturation": ("saturation", _saturation),
    "lr_too_low": ("rate too low", _lr_too_low),
    "lr_too_high": ("rate too high", _lr_too_high),
    "labels": ("broken labels", _labels),
    "converged": ("converged", _converged),
    "healthy": ("healthy", _healthy),
}


def judged(case: str) -> dict[str, Judged]:
    """For each diagnosis, whether a patient's evidence speaks for it, and what it says."""
    seen = _evidence(case)
    return {name: judge(seen) for name, (_, judge) in DIAGNOSES.items()}


def _evidence(case: str) -> Evidence:
    return Evidence(at(experiment("what-ails-it"), {"case": case, "evidence": "loss"}), case)


@functools.cache
def facts(case: str) -> dict[str, str]:
    """What was measured of a patient, as a story about it names it.

    Args:
        case: A name in ``PATIENTS``.

    Returns:
        ``start`` and ``end`` (of the loss), ``peak`` (the highest it gets), ``train`` and ``test``
        (right at the end), ``ratio`` (of the error signal, first over last, at the start), ``flat``
        (of the worst layer's units, at the start), ``slowest`` and ``fastest`` (relative update in
        the first step), and for each remedy ``right_`` with its name (test digits right with it).
    """
    e = _evidence(case)
    start, end = apart(float(e.loss[0]), float(e.loss[-1]))
    found = {
        "start": start,
        "end": end,
        "peak": figures(float(e.loss.max())),
        "train": percent(e.train),
        "test": percent(e.test),
        "ratio": f"{figures(float(e.signal[0]))} / 0" if e.cut else figures(e.ratio),
        "flat": percent(e.flat),
        "slowest": figures(float(e.update.min()), 1),
        "fastest": figures(float(e.update.max()), 1),
    }
    for remedy in TREATMENTS:
        right = readouts("try-a-remedy", case=case, remedy=remedy)[1]
        found[f"right_{remedy}"] = percent(float(right.value or 0))
    return found
