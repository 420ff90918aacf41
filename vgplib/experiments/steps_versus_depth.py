"""How many steps a depth costs, and how many layers a faster machine buys.

Protocol: hidden layers 64 wide with Xavier's weights on scikit-learn's digits; all 1400 training
images at once, float64; gradient descent with momentum 0.9 and learning rate 0.1; training ends
when the loss is below 1.5, between guessing (2.3) and knowing (0), or after 3000 steps.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.engine.rounding import OtherRounding
from vgplib.experiments import steps as training
from vgplib.experiments.reading import SEEDS, band
from vgplib.experiments.view import Axis, Readout, Series, View
from vgplib.networks.feedforward import FeedForward
from vgplib.numbers import figures, short

if TYPE_CHECKING:
    import xarray as xr

DEEPEST, MOST, ENOUGH = 5, 3000, 1.5
RATE, WIDTH = 0.1, 64
TODAY = 1000  # steps that the usual machine has time for
FARTHEST = 25  # layers on the axis
SPEEDS = tuple(10.0**power for power in range(7))


@functools.lru_cache(maxsize=32)
def _steps(activation: str, seed: int, rounding: int | None) -> list[float]:
    """Steps to the loss at each depth from 1 on; NaN where they do not suffice."""
    del rounding  # what else its numbers depend on
    x, y, _, _ = training.data()
    found = []
    for depth in range(1, DEEPEST + 1):
        net = FeedForward(64, WIDTH, depth, activation, "xavier", outputs=10, seed=seed)
        rule = torch.optim.SGD(net.parameters(), lr=RATE, momentum=training.MOMENTUM)
        step, loss = 0, F.cross_entropy(net(x), y)
        while loss.item() >= ENOUGH and step < MOST:
            rule.zero_grad()
            loss.backward()
            rule.step()
            step, loss = step + 1, F.cross_entropy(net(x), y)
        found.append(float(step) if loss.item() < ENOUGH else float("nan"))
    return found


def run(*, activation: str, faster: float, seed: int) -> xr.Dataset:
    """The steps that each depth takes."""
    import xarray as xr

    del faster  # it changes none of them
    found = _steps(activation, seed, OtherRounding.inside)
    return xr.Dataset({"steps": ("depth", found)}, coords={"depth": range(1, DEEPEST + 1)})


def fitted(depths: np.ndarray, runs: np.ndarray) -> tuple[float, float]:
    """The growth per layer and the steps at depth 0 of an exponential through the medians.

    Args:
        depths: Shape ``(depths,)``.
        runs: Steps, shape ``(seeds, depths)``.
    """
    slope, start = np.polyfit(depths, np.log(np.median(runs, axis=0)), 1)
    return float(np.exp(slope)), float(np.exp(start))


def view(data: xr.Dataset, *, activation: str, faster: float) -> View:
    """The steps per depth, the exponential through them, and what a machine has time for."""
    del activation
    depths, runs = data["depth"].values, data["steps"].values
    budget = TODAY * faster
    growth, start = fitted(depths, runs)
    reach = float(np.log(budget / start) / np.log(growth)) if growth > 1 else float("inf")
    line = np.arange(1, FARTHEST + 1)
    series = [
        band("measured", depths, runs),
        Series(
            "the same growth, further on",
            line.tolist(),
            (start * growth**line).tolist(),
            role="theory",
        ),
        Series("what the machine has time for", [1, FARTHEST], [budget, budget], role="second"),
    ]
    return View(
        x=Axis("hidden layers", (1, FARTHEST), whole=True),
        y=Axis("steps until the loss is 1.5", (1, 1e10), log=True),
        series=tuple(series),
        readouts=(
            Readout("Each layer: steps times", figures(growth), growth),
            Readout("The machine has time for", f"{short(budget)} steps", budget),
            _verdict(reach),
        ),
    )


def _verdict(reach: float) -> Readout:
    note = "in that time, if steps grow on like that" if reach >= DEEPEST + 1 else "in that time"
    if reach >= FARTHEST:
        return Readout("Verdict", f"{FARTHEST} layers or more", tone="good", note=note)
    return Readout("Verdict", f"{int(reach)} layers, no more", tone="warn", note=note)


EXPERIMENT = Experiment(
    name="steps-versus-depth",
    title="How many layers does a faster machine buy?",
    controls=(
        Choice("activation", "Activation", {"sigmoid": "sigmoid", "tanh": "tanh"}),
        Slider("faster", "Machine: times as fast", SPEEDS, step=1.0, log=True),
    ),
    start={"activation": "sigmoid", "faster": 1.0},
    run=run,
    view=view,
    caption=(
        f"Layers of {WIDTH} units, Xavier's weights, learning rate {RATE}. Measured up to "
        f"{DEEPEST} layers; the dashed line goes on as they grow. The usual machine has time for "
        f"{TODAY} steps. {SEEDS}"
    ),
    version=2,
)
