"""Dead units: those with slope 0 for every image, so that no gradient reaches their weights.

Protocol: the digits, three hidden layers 64 wide, He's weights, batches of 64, momentum 0.9, 100
steps, float64; all hidden biases start at one value.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.experiments import steps as training
from vgplib.experiments.reading import SEEDS_OF_MANY, band
from vgplib.experiments.view import Axis, Readout, View
from vgplib.networks.activations import ACTIVATIONS
from vgplib.networks.feedforward import FeedForward
from vgplib.numbers import percent

if TYPE_CHECKING:
    import xarray as xr

WIDTH, DEPTH, STEPS, EVERY = 64, 3, 100, 10
MOST, MANY = 0.5, 0.2  # of a layer's units: the course calls it sick from a half on
LEARNS = 0.5  # of the test digits
OFFERED = ("relu", "leaky_relu", "prelu", "elu", "gelu", "silu")


def run(*, activation: str, learning_rate: float, bias: float, seed: int) -> xr.Dataset:
    """One training run; the share of dead units in each layer, over all training images."""
    import xarray as xr

    x, y, x_test, y_test = training.data()
    net = FeedForward(64, WIDTH, DEPTH, activation, "he", outputs=10, seed=seed)
    with torch.no_grad():
        for layer in net.hidden:
            layer.bias.fill_(bias)
    rule = torch.optim.SGD(net.parameters(), lr=learning_rate, momentum=training.MOMENTUM)
    shares = [
        training.dead(net, x)
        for step in training.taken(net, rule, x, y, steps=STEPS, seed=seed)
        if step % EVERY == 0
    ]
    return xr.Dataset(
        {
            "dead": (("step", "layer"), shares),
            "accuracy": training.accuracy(net, x_test, y_test),
        },
        coords={"step": range(0, STEPS + 1, EVERY), "layer": range(1, DEPTH + 1)},
    )


def view(data: xr.Dataset, *, activation: str, learning_rate: float, bias: float) -> View:
    """The share of dead units by step, a line for each layer."""
    del activation, learning_rate, bias
    lost = np.isnan(data["dead"].values[:, -1]).any(axis=1)
    diverged = f"{lost.sum()} of {len(lost)} runs have diverged"
    if lost.mean() < 0.5:
        data = data.isel(seed=~lost)
    dead = data["dead"].values
    worst = float(np.median(dead[:, -1].max(axis=1)))
    accuracy = float(np.median(data["accuracy"].values))
    if not np.isfinite(worst):
        verdict = Readout("Verdict", "Not finite", tone="bad")
    elif worst >= MOST:
        note = "half of its units, or more"
        verdict = Readout("Verdict", "A layer is mostly dead", tone="bad", note=note)
    elif worst >= MANY:
        note = "a fifth of a layer, or more"
        verdict = Readout("Verdict", "Many dead units", tone="warn", note=note)
    elif accuracy < LEARNS:
        note = "fewer than half of the digits are right"
        verdict = Readout("Verdict", "Alive, but hardly learning", tone="warn", note=note)
    else:
        note = "few units are dead, or none"
        verdict = Readout("Verdict", "Alive, and learning", tone="good", note=note)
    if lost.any():
        verdict = replace(verdict, note=diverged)
    return View(
        x=Axis("step", (0, STEPS), whole=True),
        y=Axis("share of dead units", (0, 1)),
        series=tuple(
            band(
                f"layer {layer}",
                data["step"].values,
                dead[:, :, layer - 1],
                role="main" if layer == DEPTH else "second",
            )
            for layer in range(DEPTH, 0, -1)
        ),
        readouts=(
            Readout("Dead in the worst layer", percent(worst), worst, percent=True),
            Readout("Test digits right", percent(accuracy), accuracy, percent=True),
            verdict,
        ),
    )


EXPERIMENT = Experiment(
    name="dead-units",
    title="Dead units",
    controls=(
        Choice("activation", "Activation", {name: ACTIVATIONS[name].label for name in OFFERED}),
        Slider(
            "learning_rate",
            "Learning rate",
            (0.01, 0.03, 0.1, 0.15, 0.2, 0.3),
            step=0.01,
            log=True,
        ),
        Slider("bias", "All biases at the start", (-3.0, -2.0, -1.0, 0.0), step=0.1),
    ),
    start={"activation": "relu", "learning_rate": 0.03, "bias": 0.0},
    run=run,
    shares=("dead", "accuracy"),
    view=view,
    caption=(
        "A unit is dead when its slope is 0 for all 1400 training digits. Three hidden "
        f"layers of 64 units, He's weights, momentum 0.9. {SEEDS_OF_MANY}"
    ),
)
