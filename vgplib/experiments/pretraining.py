"""Layer by layer: what practice before training, and losses along the way, do for a deep network.

Protocol: that of :mod:`vgplib.experiments.recipe`, with eight sigmoid layers, Xavier's weights and
learning rate 0.1. Before it, each hidden layer may practise alone, from the input on, to keep what
it is given (:func:`vgplib.experiments.recipe.greedy`): without labels, and without the loss.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.engine.rounding import OtherRounding
from vgplib.experiments.races import verdict
from vgplib.experiments.reading import (
    SEEDS_OF_MANY,
    back,
    back_axis,
    band,
    heard,
    ratio_readout,
    relative,
)
from vgplib.experiments.recipe import BASELINE, EVERY, STEPS, Recipe, greedy, images
from vgplib.experiments.steps import BATCH, MOMENTUM
from vgplib.experiments.view import Axis, Film, Readout, Series, View
from vgplib.measures.layers import measure
from vgplib.networks.deep import Deep
from vgplib.numbers import percent

if TYPE_CHECKING:
    import xarray as xr

RATE, DEPTH = 0.1, BASELINE["depth"]
LENGTHS = (0, 10, 30, 300)
SEEN = 256  # images that the signal is measured on


@torch.no_grad()
def shuffle(net: Deep, generator: torch.Generator) -> None:
    """Put the hidden weights of each layer into a random order, and its biases likewise.

    What they had learned together is gone; how large they are is not.
    """
    for linear in net.hidden:
        for values in (linear.weight, linear.bias):
            order = torch.randperm(values.numel(), generator=generator)
            values.copy_(values.flatten()[order].view_as(values))


@functools.lru_cache(maxsize=32)
def _practised(length: int, seed: int, rounding: int | None) -> dict[str, Tensor]:
    """The weights after practice."""
    del rounding  # what else its numbers depend on
    net = Recipe("").build(seed)
    if length:
        greedy(net, images("train")[0], torch.Generator().manual_seed(seed), length)
    return net.state_dict()


@functools.lru_cache(maxsize=32)  # for both that can be shown
def _trained(length: int, then: str, seed: int, rounding: int | None) -> dict[str, list[Any]]:
    """What is seen along the training: see :func:`run`."""
    recipe = Recipe("", heads=then == "heads")  # which has a read-out for each layer
    net = recipe.build(seed)
    net.load_state_dict(_practised(length, seed, rounding))
    if then == "shuffled":
        shuffle(net, torch.Generator().manual_seed(seed))
    heads = recipe.readouts(net, seed)
    x, y = images("train")
    x_test, y_test = images("test")
    rule = torch.optim.SGD([*net.parameters(), *heads.parameters()], lr=RATE, momentum=MOMENTUM)
    batches = torch.Generator().manual_seed(seed)
    found: dict[str, list[Any]] = {"accuracy": [], "signal": []}

    def loss(x: Tensor, y: Tensor) -> Tensor:
        *early, last = net.states(x)
        total = F.cross_entropy(net.readout(last), y)
        for head, state in zip(heads, early, strict=False):
            total = total + F.cross_entropy(head(state), y)
        return total

    for step in range(STEPS + 1):
        if step % EVERY == 0:
            seen = measure(net, lambda _: loss(x[:SEEN], y[:SEEN]))
            hidden = seen["name"].str.startswith("hidden.").values
            found["signal"].append(seen["signal"].values[hidden])
            with torch.no_grad():
                right = (net(x_test).argmax(dim=1) == y_test).double().mean().item()
            found["accuracy"].append(right)
        if step < STEPS:
            pick = torch.randint(len(x), (BATCH,), generator=batches)
            rule.zero_grad()
            loss(x[pick], y[pick]).backward()
            rule.step()
    return found


def run(*, length: int, then: str, shows: str, seed: int) -> xr.Dataset:
    """Test accuracy and the error signal of each layer, of the whole loss, along the training."""
    import xarray as xr

    del shows
    found = _trained(length, then, seed, OtherRounding.inside)
    return xr.Dataset(
        {"accuracy": ("step", found["accuracy"]), "signal": (("step", "layer"), found["signal"])},
        coords={"step": range(0, STEPS + 1, EVERY), "layer": range(1, DEPTH + 1)},
    )


def view(data: xr.Dataset, *, length: int, then: str, shows: str) -> View:
    """The signal before and after the training, or the accuracy along it."""
    del length, then
    steps, signal = data["step"].values, data["signal"].values
    accuracy = data["accuracy"].values
    start, end = relative(signal[:, 0]), relative(signal[:, -1])
    right = float(np.median(accuracy[:, -1]))
    strips = [
        heard(np.median(relative(signal[:, k]), axis=0), "layers", DEPTH) for k in range(len(steps))
    ]
    readouts = (
        ratio_readout("Reaches layer 1 at first", float(np.median(start[:, 0]))),
        Readout("Test digits right at last", percent(right), right, percent=True),
        verdict(right),
    )
    if shows == "signal":
        return View(
            x=back_axis(DEPTH),
            y=Axis("error signal, relative to layer 8's", (1e-6, 100), log=True),
            series=(
                band("before the training", back(DEPTH), start),
                band("after it", back(DEPTH), end, role="second"),
            ),
            readouts=readouts,
            strip=strips[0],
        )
    return View(
        x=Axis("steps of training", (0, STEPS)),
        y=Axis("share of test digits right", (0, 1)),
        series=(
            band("the whole network", steps, accuracy),
            Series("guessing", [0, STEPS], [0.1, 0.1], role="theory"),
        ),
        readouts=readouts,
        strip=strips[-1],
        film=Film(steps.tolist(), strips),
    )


EXPERIMENT = Experiment(
    name="pretraining",
    title="Practice before the training",
    controls=(
        # A step as long as the slider: no values in between, for which PyTorch would take too long.
        Slider("length", "Practice, steps a layer", LENGTHS, LENGTHS[-1], whole=True),
        Choice(
            "then",
            "Then train",
            {
                "plain": "as ever",
                "shuffled": "with shuffled weights",
                "heads": "with a loss at every layer",
            },
        ),
        Choice("shows", "Show", {"accuracy": "right answers", "signal": "error signal"}),
    ),
    start={"length": 0, "then": "plain", "shows": "accuracy"},
    run=run,
    view=view,
    caption=(
        f"{DEPTH} sigmoid layers of 64 units, learning rate {RATE}, {STEPS} steps. In practice, "
        f"each layer learns to keep what it is given. {SEEDS_OF_MANY}"
    ),
    shares=("accuracy",),
)
