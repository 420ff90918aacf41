"""Try a remedy: the twelve patients of "What ails it?" again, each with a treatment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vgplib.engine.experiment import Choice, Experiment
from vgplib.experiments.patients import EVERY, PATIENTS, STEPS, TREATMENTS, course
from vgplib.experiments.reading import SEEDS_OF_MANY, band
from vgplib.experiments.view import Axis, Readout, View
from vgplib.experiments.what_ails_it import LOSSES
from vgplib.numbers import apart, percent

if TYPE_CHECKING:
    import xarray as xr

# Test accuracy that the digits allow easily; a difference that is no chance; growth of the loss.
CURED, MATTERS, RUINED = 0.8, 0.1, 10.0
HARM = 0.02  # of test accuracy, lost by a network that was fine


def run(*, case: str, remedy: str, seed: int) -> xr.Dataset:
    """One network as it came, and the same with the treatment."""
    import xarray as xr

    patient = PATIENTS[case]
    before = course(patient, seed)
    after = course(TREATMENTS[remedy][1](patient), seed)
    return xr.Dataset(
        {
            "loss": (("treated", "step"), [before["loss"], after["loss"]]),
            "accuracy": ("treated", [before["accuracy"][-1], after["accuracy"][-1]]),
        },
        coords={"treated": ["no", "yes"], "step": range(0, STEPS + 1, EVERY)},
    )


def view(data: xr.Dataset, *, case: str, remedy: str) -> View:
    """The loss as it was and as it is with the remedy."""
    runs, steps = data["loss"].values, data["step"].values
    untreated, treated = runs[:, 0], runs[:, 1]
    ends = [float(np.median(part[:, -1])) for part in (untreated, treated)]
    right = [float(v) for v in np.median(data["accuracy"].values, axis=0)]
    first, last = apart(*ends)
    series = [band("as it came", steps, untreated, role="second")]
    if remedy != "nothing":
        series.insert(0, band(TREATMENTS[remedy][0], steps, treated))
    return View(
        x=Axis("step", (0, STEPS), whole=True),
        y=Axis("training loss", LOSSES, log=True),
        series=tuple(series),
        readouts=(
            Readout("Loss at the end", f"{first} → {last}", ends[1]),
            Readout(
                "Test digits right",
                f"{percent(right[0])} → {percent(right[1])}",
                right[1],
                percent=True,
            ),
            _already(case, remedy) or _verdict(right, ends, remedy),
        ),
    )


def _already(case: str, remedy: str) -> Readout | None:
    """What there is to say where the remedy is no change: true labels, or Adam, had already."""
    patient = PATIENTS[case]
    if remedy == "nothing" or TREATMENTS[remedy][1](patient) != patient:
        return None
    return Readout("Verdict", "It has that already", note="so nothing changes")


def _verdict(right: list[float], losses: list[float], remedy: str) -> Readout:
    """What the remedy did, from test accuracy and loss before and after."""
    if remedy == "nothing":
        return Readout("Verdict", "Choose a remedy")
    before, after = right
    ruined = np.isfinite(losses[0]) and not losses[1] < RUINED * losses[0]
    if after < before - MATTERS or (ruined and after < CURED):
        note = "the loss ends more than ten times as high" if ruined else ""
        return Readout("Verdict", "Makes it worse", tone="bad", note=note)
    if before > CURED and after < before - HARM:
        return Readout("Verdict", "Does harm", tone="warn", note="it was fine before")
    if before > CURED:
        return Readout("Verdict", "There was nothing to cure")
    if after > CURED:
        return Readout("Verdict", "Cures it", tone="good")
    if after > before + MATTERS:
        return Readout("Verdict", "Helps in part", tone="warn")
    return Readout("Verdict", "Changes nothing", tone="bad")


EXPERIMENT = Experiment(
    name="try-a-remedy",
    title="Try a remedy",
    controls=(
        Choice("case", "Patient", {name: name for name in PATIENTS}),
        Choice("remedy", "Remedy", {name: label for name, (label, _) in TREATMENTS.items()}),
    ),
    start={"case": "wren", "remedy": "nothing"},
    run=run,
    shares=("accuracy",),
    version=3,
    view=view,
    caption=(
        "The same network, from the same weights and on the same batches, as it came and treated. "
        f"{SEEDS_OF_MANY} A loss that is not finite leaves at the top."
    ),
)
