"""Dead units: those with slope 0 for every image, so that no gradient reaches their weights.

Beside them, each layer's typical slope: a unit that's on for one image is alive, and passes little.

Protocol: the digits, three hidden layers 64 wide, He's weights, batches of 64, momentum 0.9, 100
steps, float64; all hidden biases start at one value.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.engine.rounding import OtherRounding
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
Y = {"dead": "share of dead units", "slope": "typical slope"}
OFFERED = ("relu", "leaky_relu", "prelu", "elu", "gelu", "silu")


def run(*, activation: str, learning_rate: float, bias: float, shows: str, seed: int) -> xr.Dataset:
    """One training run; dead units and typical slope of each layer, over all training images."""
    del shows  # the view's
    return _trained(activation, learning_rate, bias, seed, OtherRounding.inside)


@functools.lru_cache(maxsize=16)  # one run is asked for once for each thing that it shows
def _trained(
    activation: str, learning_rate: float, bias: float, seed: int, other_rounding: bool
) -> xr.Dataset:
    import xarray as xr

    del other_rounding  # a run under other rounding is another run

    x, y, x_test, y_test = training.data()
    net = FeedForward(64, WIDTH, DEPTH, activation, "he", outputs=10, seed=seed)
    with torch.no_grad():
        for layer in net.hidden:
            layer.bias.fill_(bias)
    rule = torch.optim.SGD(net.parameters(), lr=learning_rate, momentum=training.MOMENTUM)
    shares, slopes = [], []
    for step in training.taken(net, rule, x, y, steps=STEPS, seed=seed):
        if step % EVERY == 0:
            shares.append(training.dead(net, x))
            slopes.append(typical_slopes(net, x))
    return xr.Dataset(
        {
            "dead": (("step", "layer"), shares),
            "slope": (("step", "layer"), slopes),
            "accuracy": training.accuracy(net, x_test, y_test),
        },
        coords={"step": range(0, STEPS + 1, EVERY), "layer": range(1, DEPTH + 1)},
    )


@torch.no_grad()
def typical_slopes(net: FeedForward, x: Tensor) -> list[float]:
    """For each hidden layer the root mean square of its units' slopes, over all images.

    NaN from the first layer on whose pre-activations are not finite.
    """
    found, h = [], x
    for layer in net.hidden:
        z = layer(h)
        slope = net.activation.slope(z).square().mean().sqrt().item()
        found.append(slope if z.isfinite().all() else float("nan"))
        h = net.activation(z)
    return found


def view(
    data: xr.Dataset, *, activation: str, learning_rate: float, bias: float, shows: str
) -> View:
    """The share of dead units by step, or the typical slope: a line for each layer."""
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
        y=Axis(Y[shows], (0, 1)),
        series=tuple(
            band(
                f"layer {layer}",
                data["step"].values,
                data[shows].values[:, :, layer - 1],
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
        Choice("shows", "Show", {"dead": "dead units", "slope": "typical slope"}),
    ),
    start={"activation": "relu", "learning_rate": 0.03, "bias": 0.0, "shows": "dead"},
    run=run,
    shares=("dead", "accuracy"),
    view=view,
    caption=(
        "A unit is dead when its slope is 0 for all 1400 training digits. Three hidden "
        f"layers of 64 units, He's weights, momentum 0.9. {SEEDS_OF_MANY}"
    ),
)
