"""Gradient descent on real digits: what the learning rate, the depth and the slope do to it.

Protocol: scikit-learn's bundled digits, 1400 for training; hidden layers 32 wide, Xavier
initialisation, batches of 64, SGD with momentum 0.9, 150 steps, float32.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from vgplib.engine.block import Shape
from vgplib.engine.experiment import Batch, Choice, Experiment, Settings, Slider
from vgplib.engine.training import Training, nbytes, train_batch
from vgplib.experiments.reading import SEEDS, band
from vgplib.experiments.view import Axis, Readout, Series, Tone, View
from vgplib.networks.data import TRAIN, digits
from vgplib.networks.feedforward import FeedForward
from vgplib.numbers import figures, percent

if TYPE_CHECKING:
    import xarray as xr

WIDTH, BATCH, STEPS, EVERY = 32, 64, 150, 10
GUESSING = math.log(10)  # the loss of the answer "each of ten digits is equally likely"
RATTLES = 0.5  # by so much a loss climbs, all in all, when its steps are too long to settle


def run(*, activation: str, depth: int, learning_rate: float, seed: int) -> xr.Dataset:
    """One training run; the loss is over the whole training set, every tenth step."""
    import xarray as xr

    x, y, x_test, y_test = digits()
    net = FeedForward(
        x.shape[1], WIDTH, depth, activation, "xavier", outputs=10, seed=seed, dtype=torch.float32
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate, momentum=0.9)
    order = torch.Generator().manual_seed(seed)
    loss = nn.CrossEntropyLoss()

    losses = []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            with torch.no_grad():
                losses.append(loss(net(x), y).item())
        if step < STEPS:
            batch = torch.randint(len(x), (BATCH,), generator=order)
            optimizer.zero_grad()
            loss(net(x[batch]), y[batch]).backward()
            optimizer.step()
    with torch.no_grad():
        accuracy = (net(x_test).argmax(dim=1) == y_test).double().mean().item()
    return xr.Dataset(
        {"loss": ("step", losses), "accuracy": accuracy},
        coords={"step": np.arange(0, STEPS + 1, EVERY)},
    )


def run_many(settings: list[Settings], seeds: list[int]) -> xr.Dataset:
    """Many runs of one activation and depth; numbers are those of :func:`run`."""
    x, y, x_test, y_test = digits()
    runs = [
        Training(seed, "xavier", learning_rate=s["learning_rate"])
        for s, seed in zip(settings, seeds, strict=True)
    ]
    data = train_batch(
        _shape(settings[0]),
        settings[0]["activation"],
        runs,
        train=(x, y),
        test=(x_test, y_test),
        steps=STEPS,
        record=range(0, STEPS + 1, EVERY),
    )
    return data[["loss"]].assign(accuracy=data["accuracy"].isel(step=-1, drop=True))


def _shape(settings: Settings) -> Shape:
    return Shape(64, WIDTH, settings["depth"], BATCH, outputs=10, dtype=torch.float32)


def view(data: xr.Dataset, *, activation: str, depth: int, learning_rate: float) -> View:
    """The training loss by step, with the loss of pure guessing as a line."""
    del activation, depth, learning_rate
    steps, runs = data["step"].values, data["loss"].values
    last = float(np.median(runs[:, -1]))
    accuracy = float(np.median(data["accuracy"].values))
    return View(
        x=Axis("step", (0, STEPS), whole=True),
        y=Axis("training loss", (0, 7)),
        series=(
            band("training loss", steps, runs),
            Series("guessing (ln 10)", [0, STEPS], [GUESSING, GUESSING], role="theory"),
        ),
        readouts=(
            Readout(f"Loss after {STEPS} steps", figures(last), last),
            Readout("Test digits right", percent(accuracy), accuracy, percent=True),
            _verdict(runs, last, accuracy),
        ),
    )


def _verdict(runs: np.ndarray, last: float, accuracy: float) -> Readout:
    """What the losses of all seeds say, and the medians at the end, in words."""

    def said(text: str, tone: Tone, note: str = "") -> Readout:
        return Readout("Verdict", text, tone=tone, note=note)

    climbs = float(np.median(np.diff(runs, axis=1).clip(min=0).sum(axis=1)))
    if not np.isfinite(last) or last > 1.2 * GUESSING:
        return said("Worse than guessing", "bad", "by its loss: the steps are too long")
    if last > GUESSING - 0.05 and accuracy < 0.2:
        return said("Stuck", "bad", "no better than guessing")
    if climbs > RATTLES:
        return said("Doesn't settle", "warn", "the steps are too long")
    if last > 0.5:
        return said("Learns slowly", "warn", "the loss is still falling")
    return said("Learns", "good")


EXPERIMENT = Experiment(
    name="descent",
    title="Gradient descent on real digits",
    controls=(
        Choice("activation", "Activation", {"tanh": "tanh", "sigmoid": "sigmoid", "relu": "ReLU"}),
        Slider("depth", "Hidden layers", (1, 2, 3, 5, 8), 1, whole=True),
        Slider(
            "learning_rate",
            "Learning rate",
            (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0),
            step=0.0001,
            log=True,
        ),
    ),
    start={"activation": "tanh", "depth": 2, "learning_rate": 0.01},
    run=run,
    batch=Batch(
        run=run_many,
        group=lambda settings: (settings["activation"], settings["depth"]),
        nbytes=lambda settings: nbytes(
            _shape(settings), settings["activation"], samples=TRAIN, steps=STEPS
        ),
    ),
    shares=("accuracy",),
    view=view,
    caption=(
        "The loss over all 1400 training digits; layers of 32 units, batches of 64, momentum 0.9. "
        f"{SEEDS} Dashed: the loss of guessing."
    ),
)
