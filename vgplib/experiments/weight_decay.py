"""How long weight decay takes to make a recurrent matrix smaller, and what a task does meanwhile.

Protocol: a ReLU layer of 32 units that reads the forty steps of the adding problem (see
``memory_race.py``); a Gaussian recurrent matrix, scaled to its spectral radius; gradient descent at
rate 0.01 with decay of all weights, batches of 64, float64.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.experiments.memory_race import TASKS, WIDTH, Reader
from vgplib.experiments.reading import band
from vgplib.experiments.view import Axis, Readout, View
from vgplib.networks.data import gaussian
from vgplib.numbers import short

if TYPE_CHECKING:
    import xarray as xr

RATE, LARGE, SEEDS = 0.01, 1.6, 10
LEARNING, LONGEST = 300, 5000  # steps with a task, and without one
RECORDS = (
    0,
    1,
    2,
    3,
    5,
    7,
    10,
    15,
    20,
    30,
    50,
    70,
    100,
    150,
    200,
    LEARNING,
    *range(500, 5001, 250),
)
BLOWN = 10.0  # a radius above this is no size of weights any more
TOO_SMALL = 0.5  # below this, a few steps back nothing is left of the signal


def spectral_radius(matrix: Tensor) -> float:
    """By how much a square matrix stretches in the long run; NaN where it is not finite."""
    if not matrix.isfinite().all():
        return math.nan
    return torch.linalg.eigvals(matrix).abs().max().item()


def begin(radius: float, seed: int) -> Reader:
    """The network, its recurrent matrix scaled to a spectral radius."""
    net = Reader("irnn", TASKS["adding"].size, seed)
    matrix = gaussian(WIDTH, WIDTH, seed=3000 + seed)
    with torch.no_grad():
        net.states.cell.weight_hh_l0.copy_(radius * matrix / spectral_radius(matrix))
    return net


def run(*, training: str, radius: str, decay: float, seed: int) -> xr.Dataset:
    """One network, and the spectral radius of its recurrent matrix from step to step."""
    import xarray as xr

    net, task = begin(float(radius), seed), TASKS["adding"]
    matrix = net.states.cell.weight_hh_l0
    learns = training == "task"
    rule = torch.optim.SGD(net.parameters() if learns else [matrix], lr=RATE, weight_decay=decay)
    order = torch.Generator().manual_seed(1000 + seed)
    steps = [step for step in RECORDS if step <= (LEARNING if learns else LONGEST)]
    found = {step: math.nan for step in steps}
    for step in range(steps[-1] + 1):
        if step in found:
            found[step] = spectral_radius(matrix.detach())
        if learns:
            x, y = task.batch(order)
            rule.zero_grad()
            loss = task.loss(net(x), y)
            if not loss.isfinite():  # nor will it ever be
                break
            loss.backward()
        else:
            matrix.grad = torch.zeros_like(matrix)
        rule.step()
    return xr.Dataset({"size": ("record", list(found.values())), "step": ("record", steps)})


def view(data: xr.Dataset, *, training: str, radius: str, decay: float) -> View:
    """The spectral radius over the steps, of the runs that do not blow up; those are counted."""
    steps, sizes = data["step"].values[0], data["size"].values
    held = sizes[:, -1] < BLOWN  # NaN is not
    blown = int((~held).sum())
    shown = sizes[held] if held.any() else np.where(sizes < BLOWN, sizes, np.inf)
    middle = np.median(shown, axis=0)
    until = steps_until_one(steps, middle)
    text = f"not within {steps[-1]:.0f}" if math.isnan(until) else f"{until:.0f}"
    return View(
        x=Axis("step", (1, LONGEST), log=True),
        y=Axis("spectral radius of the recurrent matrix", (0, 2)),
        series=(band("spectral radius", steps[1:], shown[:, 1:]),),
        readouts=(
            Readout("Steps until it's 1", text, None if math.isnan(until) else until),
            Readout("Runs that blow up", f"{blown} of {len(sizes)}", blown),
            _verdict(blown, until, float(middle[-1])),
        ),
    )


def steps_until_one(steps: np.ndarray, sizes: np.ndarray) -> float:
    """When a size has come down to 1, between two records as decay has it; NaN if it has not.

    Args:
        steps: Of the records, ascending.
        sizes: One for each.
    """
    if sizes[0] <= 1:
        return 0.0
    (down,) = np.nonzero(sizes <= 1)
    if not len(down):
        return math.nan
    k = down[0]
    before, after = np.log(sizes[k - 1]), np.log(sizes[k])
    return float(steps[k - 1] + (steps[k] - steps[k - 1]) * before / (before - after))


def _verdict(blown: int, until: float, end: float) -> Readout:
    if blown:
        return Readout("Verdict", "Decay comes too late", tone="bad")
    if end < TOO_SMALL:
        return Readout("Verdict", "Far too small in the end", tone="warn")
    if until == 0:
        return Readout("Verdict", "The right size at once", tone="good")
    return Readout("Verdict", "Far too slow" if math.isnan(until) else "Slow", tone="warn")


EXPERIMENT = Experiment(
    name="weight-decay",
    title="Waiting for weight decay",
    controls=(
        Choice("training", "Training", {"alone": "decay alone", "task": "a task, and decay"}),
        Choice("radius", "Spectral radius at the start", {str(LARGE): str(LARGE), "1.0": "1"}),
        Slider("decay", "Weight decay", (0.0, 0.001, 0.01, 0.1, 1.0), step=0.001),
    ),
    start={"training": "alone", "radius": str(LARGE), "decay": 0.01},
    run=run,
    view=view,
    caption=(
        f"Of {SEEDS} random starts, those that don't blow up: the line is the middle one, the "
        f"band all of them. The learning rate is {short(RATE)}. With a task, {LEARNING} steps."
    ),
    seeds=SEEDS,
)
