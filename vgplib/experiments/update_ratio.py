"""How far each layer moves: the change of its weights, relative to their size.

Protocol: the digits, hidden layers 64 wide, batches of 64, float64; plain gradient descent with
learning rate 0.1, or Adam with 0.001.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from vgplib.engine.experiment import Choice, Experiment, Settings, Slider
from vgplib.experiments import steps as training
from vgplib.experiments.reading import (
    SEEDS,
    VANISHED,
    back,
    back_axis,
    band,
    heard,
    ratio_readout,
)
from vgplib.experiments.view import Axis, Readout, Scale, View
from vgplib.networks.feedforward import FeedForward
from vgplib.numbers import figures

if TYPE_CHECKING:
    import xarray as xr

WIDTH, DEEPEST = 64, 20
NETWORKS = {
    "sigmoid": ("sigmoid", "xavier"),
    "tanh": ("tanh", "xavier"),
    "relu": ("relu", "he"),
    "relu_xavier": ("relu", "xavier"),
}
# Change per step, relative to the weights: below CREEP a percent takes a hundred steps or more;
# above LEAP a few steps replace the weights. Conventions, between healthy and sick examples.
CREEP, LEAP = 1e-4, 1e-1
LAGS = 1 / 20  # of what the fastest, or the last hidden, layer moves


def run(
    *, network: str, depth: int, optimizer: str, loss_factor: float, steps: int, seed: int
) -> xr.Dataset:
    """Train for a few steps; what each weight matrix has changed by since the start."""
    import xarray as xr

    x, y, _, _ = training.data()
    activation, initialiser = NETWORKS[network]
    net = FeedForward(64, WIDTH, depth, activation, initialiser, outputs=10, seed=seed)
    before = training.weights(net)
    rule: torch.optim.Optimizer
    if optimizer == "adam":
        rule = torch.optim.Adam(net.parameters(), lr=1e-3)
    else:
        rule = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in training.taken(net, rule, x, y, steps=steps, seed=seed, loss_factor=loss_factor):
        pass
    return xr.Dataset(
        {"change": ("layer", training.change(training.weights(net), before))},
        coords={"layer": range(1, depth + 2)},
    )


def view(
    data: xr.Dataset, *, network: str, depth: int, optimizer: str, loss_factor: float, steps: int
) -> View:
    """The relative change of each layer, the read-out last."""
    del network, optimizer, loss_factor
    runs = data["change"].values
    first = float(np.median(runs[:, 0]))
    ratio = float(np.median(runs[:, 0] / runs[:, depth - 1]))
    middle = np.median(runs, axis=0)
    return View(
        x=back_axis(DEEPEST + 1, "layers back from the output layer"),
        y=Axis("change of the weights, relative to their size", (1e-10, 100.0), log=True),
        series=(band("change of the weights", back(depth + 1), runs),),
        readouts=(
            Readout("Layer 1 moved, of its size", figures(first), first),
            ratio_readout("Layer 1 / last hidden layer", ratio),
            _verdict(middle[:depth] / steps, ratio),
        ),
        strip=heard(
            _of_the_largest(middle),
            "layers",
            DEEPEST + 1,
            label="Keeps up: at least 1/20 of the fastest",
            does=("keep up", "keeps up"),
            ends=("layer 1", "output layer"),
            least=LAGS,
        ),
    )


def _of_the_largest(change: np.ndarray) -> np.ndarray:
    """Each layer's change over the largest one, which becomes 1."""
    most = change.max()
    return change / most if most > 0 else change


def _verdict(per_step: np.ndarray, ratio: float) -> Readout:
    if not np.isfinite(per_step).all():
        return Readout("Verdict", "Not finite", tone="bad")
    if per_step.max() > LEAP:
        return Readout(
            "Verdict",
            "Steps far too large",
            tone="bad",
            note="more than a tenth of the weights, each",
        )
    if ratio < VANISHED:
        return Readout(
            "Verdict",
            "The first layers stand still",
            tone="bad",
            note="less than a thousandth of the last",
        )
    if per_step.max() < CREEP:
        return Readout(
            "Verdict",
            "All layers creep alike",
            tone="bad",
            note="a percent takes 100 steps or more",
        )
    if ratio < LAGS:
        note = "less than a twentieth of the last"
        return Readout("Verdict", "The first layers lag", tone="warn", note=note)
    return Readout("Verdict", "All layers move", tone="good", note="within 20 times of each other")


def scale(start: Settings, shown: tuple[str, ...]) -> Scale:
    """No room for deeper networks, or other losses, where the bench has none."""
    domain = (1e-10, 100.0) if "loss_factor" in shown else (1e-8, 1.0)
    return Scale(domain, (DEEPEST if "depth" in shown else start["depth"]) + 1)


EXPERIMENT = Experiment(
    name="update-ratio",
    title="How far each layer moves",
    controls=(
        Choice(
            "network",
            "Network",
            {
                "sigmoid": "sigmoid, Xavier",
                "tanh": "tanh, Xavier",
                "relu": "ReLU, He",
                "relu_xavier": "ReLU, Xavier",
            },
        ),
        Slider("depth", "Hidden layers", (3, 8, DEEPEST), 1, whole=True),
        Choice("optimizer", "Optimiser", {"sgd": "gradient descent", "adam": "Adam"}),
        Slider("loss_factor", "Loss multiplied by", (1e-3, 1.0, 1e3), step=1e-3, log=True),
        Slider("steps", "Steps of training", (1, 10, 50), 1, whole=True),
    ),
    start={
        "network": "sigmoid",
        "depth": 8,
        "optimizer": "sgd",
        "loss_factor": 1.0,
        "steps": 50,
    },
    run=run,
    scale=scale,
    view=view,
    caption=(
        "How far the weights of each layer have moved since the start, relative to their size, "
        "while learning the digits; layers of 64 units, batches of 64; learning rate 0.1, for Adam "
        f"0.001. {SEEDS}"
    ),
)
