"""Layer by layer: what practice before training, and losses along the way, do for a deep network.

Protocol: that of :mod:`vgplib.experiments.recipe`, with eight sigmoid layers, Xavier's weights and
learning rate 0.1. Before it, each hidden layer may practise alone, from the input on, to keep what
it is given (:func:`vgplib.experiments.recipe.greedy`): without labels, and without the loss.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
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
from vgplib.experiments.view import Axis, Film, Readout, Series, Strip, View
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
    found: dict[str, list[Any]] = {"accuracy": [], "signal": [], "last_alone": []}

    def answers(x: Tensor) -> list[Tensor]:
        """What each output says, the one at the network's end last."""
        *early, last = net.states(x)
        return [head(h) for head, h in zip(heads, early, strict=False)] + [net.readout(last)]

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return torch.stack([F.cross_entropy(answer, y) for answer in answers(x)]).sum()

    def signal(of: Callable[[Tensor, Tensor], Tensor]) -> np.ndarray:
        seen = measure(net, lambda _: of(x[:SEEN], y[:SEEN]))
        return seen["signal"].values[seen["name"].str.startswith("hidden.").values]

    for step in range(STEPS + 1):
        if step % EVERY == 0:
            found["signal"].append(signal(loss))
            found["last_alone"].append(signal(lambda x, y: F.cross_entropy(net(x), y)))
            with torch.no_grad():
                right = [(a.argmax(dim=1) == y_test).double().mean() for a in answers(x_test)]
            found["accuracy"].append([np.nan] * (DEPTH - len(right)) + [r.item() for r in right])
        if step < STEPS:
            pick = torch.randint(len(x), (BATCH,), generator=batches)
            rule.zero_grad()
            loss(x[pick], y[pick]).backward()
            rule.step()
    return found


def run(*, length: int, then: str, shows: str, seed: int) -> xr.Dataset:
    """What each layer's output gets right, and the error signal of each layer, along the training.

    ``accuracy`` is NaN where a layer has no output of its own. ``signal`` is of the whole loss,
    ``last_alone`` of the loss at the network's end.
    """
    import xarray as xr

    del shows
    found = _trained(length, then, seed, OtherRounding.inside)
    return xr.Dataset(
        {name: (("step", "layer"), values) for name, values in found.items()},
        coords={"step": range(0, STEPS + 1, EVERY), "layer": range(1, DEPTH + 1)},
    )


def view(data: xr.Dataset, *, length: int, then: str, shows: str) -> View:
    """The signal before and after the training, or the accuracy along it."""
    del length
    steps, signal = data["step"].values, data["signal"].values
    outputs = data["accuracy"].values
    accuracy = outputs[..., -1]
    start, end = relative(signal[:, 0]), relative(signal[:, -1])
    right = float(np.median(accuracy[:, -1]))
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
                band("at the first step", back(DEPTH), start),
                band("after the last", back(DEPTH), end, role="second"),
            ),
            readouts=readouts,
            strip=heard(np.median(start, axis=0), "layers", DEPTH, "Heard at the first step"),
        )
    series = [band("the last output" if then == "heads" else "the network", steps, accuracy)]
    if then == "heads":
        series.append(band("the output at layer 1", steps, outputs[..., 0], role="second"))
        strips = [_answering(np.median(outputs[:, k], axis=0)) for k in range(len(steps))]
    else:
        shares = np.median(signal / signal[..., -1:], axis=0)
        strips = [heard(one, "layers", DEPTH, "Heard at the step shown") for one in shares]
    return View(
        x=Axis("step", (0, STEPS)),
        y=Axis("share of test digits right", (0, 1)),
        series=(*series, Series("guessing", [0, STEPS], [0.1, 0.1], role="theory")),
        readouts=readouts,
        strip=strips[-1],
        film=Film(steps.tolist(), strips),
    )


def _answering(right: np.ndarray) -> Strip:
    """The strip of what the output at each layer gets right."""
    words = f"{(right >= 0.5).sum()} of {DEPTH} outputs get half of the digits right"
    return Strip("Filled: what its output gets right", right.tolist(), words, DEPTH)


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
        f"{DEPTH} sigmoid layers of 64 units, {STEPS} steps of training at learning rate {RATE}. "
        f"{SEEDS_OF_MANY}"
    ),
    version=2,
    shares=("accuracy",),
)
