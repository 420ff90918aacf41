"""The two gradients of a layer: the error signal and the weight gradient.

In a bias-free ReLU network sum(W * dloss/dW) is equal at every layer, because the forward and
the backward scale of a positively homogeneous network multiply. With equally large weights the
weight gradients are then of similar size at every layer, whatever the error signal does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vgplib.engine.batched import Network, nbytes
from vgplib.engine.block import Shape
from vgplib.engine.experiment import Batch, Choice, Experiment, Settings, Slider
from vgplib.experiments.batches import projected
from vgplib.experiments.reading import (
    FADING,
    GROWING,
    LEVEL,
    SEEDS_OF_MANY,
    back,
    back_axis,
    band,
    heard,
    ratio_readout,
    relative,
    verdict,
)
from vgplib.experiments.view import Axis, Readout, View
from vgplib.measures.layers import measure
from vgplib.networks.data import gaussian
from vgplib.networks.feedforward import FeedForward

if TYPE_CHECKING:
    import xarray as xr

WIDTH, BATCH, DEEPEST = 256, 8, 30


def run(
    *, activation: str, initialiser: str, loss_factor: float, depth: int, seed: int
) -> xr.Dataset:
    """One network, one backward pass from ``loss_factor`` times the loss."""
    name, bias = _scheme(initialiser)
    net = FeedForward(WIDTH, WIDTH, depth, activation, name, bias=bias, seed=seed)
    x = gaussian(BATCH, WIDTH, seed=1000 + seed)
    v = gaussian(1, WIDTH, seed=2000 + seed)
    data = measure(net, lambda model: loss_factor * (model(x) * v).sum(dim=1).mean())
    return data[["signal", "weight_grad"]].reset_coords(drop=True)


def run_many(settings: list[Settings], seeds: list[int]) -> xr.Dataset:
    """Many runs of one group; numbers are those of :func:`run`."""
    networks = [
        Network(seed, _scheme(s["initialiser"])[0]) for s, seed in zip(settings, seeds, strict=True)
    ]
    factors = [s["loss_factor"] for s in settings]
    data = projected(_shape(settings[0]), settings[0]["activation"], networks, factors)
    return data[["signal", "weight_grad"]]


def _scheme(initialiser: str) -> tuple[str, bool]:
    """The name of the initialiser, and whether layers have biases."""
    if initialiser == "pytorch_no_bias":
        return "pytorch", False
    return initialiser, True


def _shape(settings: Settings) -> Shape:
    bias = _scheme(settings["initialiser"])[1]
    return Shape(WIDTH, WIDTH, settings["depth"], BATCH, bias=bias)


def view(
    data: xr.Dataset, *, activation: str, initialiser: str, loss_factor: float, depth: int
) -> View:
    """Both gradients as they are, not relative to anything, so that the loss factor shows."""
    del activation, initialiser, loss_factor
    places = back(depth)
    signal, grad = data["signal"].values, data["weight_grad"].values
    signal_ratio = float(np.median(signal[:, 0] / signal[:, -1]))
    grad_ratio = float(np.median(grad[:, 0] / grad[:, -1]))
    return View(
        x=back_axis(DEEPEST),
        y=Axis("size of the gradient", (1e-12, 1e10), log=True),
        series=(
            band("error signal", places, signal),
            band("weight gradient", places, grad, role="second"),
        ),
        readouts=(
            ratio_readout("Error signal, first / last", signal_ratio),
            ratio_readout("Weight gradient, first / last", grad_ratio),
            _verdict(signal_ratio, grad_ratio),
        ),
        strip=heard(np.median(relative(signal), axis=0), "layers", DEEPEST),
    )


def _verdict(signal: float, grad: float) -> Readout:
    """What first over last of the error signal means, and whether the weight gradient says so."""
    if FADING <= signal <= GROWING:  # layer 1 hears it: nothing to hide
        return verdict(signal)
    if 1 / LEVEL <= grad <= LEVEL:
        note = "the weight gradient looks level"
        return Readout("Verdict", "Hidden: only the signal tells", tone="bad", note=note)
    note = "neither gradient is level"
    return Readout("Verdict", "Both tell", tone="warn", note=note)


EXPERIMENT = Experiment(
    name="two-gradients",
    title="The two gradients of a layer",
    controls=(
        Choice("activation", "Activation", {"relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid"}),
        Choice(
            "initialiser",
            "Initialisation",
            {
                "xavier": "Xavier",
                "he": "He",
                "pytorch": "PyTorch default",
                "pytorch_no_bias": "default, no bias",
            },
        ),
        Slider("loss_factor", "Loss multiplied by", (1e-3, 1.0, 1e3, 1e6, 1e9), step=1.0, log=True),
        Slider("depth", "Depth", (3, 5, 10, 20, DEEPEST), 1, "layers", whole=True),
    ),
    start={"activation": "relu", "initialiser": "xavier", "loss_factor": 1.0, "depth": 30},
    run=run,
    batch=Batch(
        run=run_many,
        group=lambda settings: (settings["activation"], _shape(settings)),
        nbytes=lambda settings: nbytes(_shape(settings), settings["activation"]),
    ),
    view=view,
    caption=(
        "How large the error signal and the weight gradient of each layer are, in the same "
        f"backward pass. {SEEDS_OF_MANY}"
    ),
)
