"""Ways around a layer: what they make of the error signal, and of the activations.

A plain layer multiplies the signal by its Jacobian J; a skip connection makes that 1 + J. Where J
alone keeps all of the signal, the sum is more than all of it.

Protocol: layers 64 wide, weights that fit the activation (He's for ReLU, else Xavier's), a batch
of 32 Gaussian inputs, float64. The signal is dloss/dh of what each layer hands on, between the
blocks: inside of a branch it tells what the branch gets, not what gets past it. Along a dense path
it is that of the part which the layer adds. The loss is the mean over the batch of <v, h_L> with
one Gaussian v.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from vgplib.engine.experiment import Choice, Experiment, Settings, Slider
from vgplib.experiments.reading import (
    SEEDS_OF_MANY,
    back,
    back_axis,
    band,
    heard,
    ratio_readout,
    relative,
    verdict,
)
from vgplib.experiments.view import Axis, Readout, Scale, View
from vgplib.networks.data import gaussian
from vgplib.networks.deep import Deep
from vgplib.numbers import figures

if TYPE_CHECKING:
    import xarray as xr

WIDTH, BATCH, DEEPEST = 64, 32, 50
WEIGHTS = {"sigmoid": "xavier", "relu": "he"}
NO_NORM = "none"


def run(*, path: str, norm: str, activation: str, depth: int, seed: int) -> xr.Dataset:
    """One network before training: the signal and the activations at each layer."""
    import xarray as xr

    net = Deep(
        WIDTH,
        WIDTH,
        depth,
        activation,
        WEIGHTS[activation],
        norm=None if norm == NO_NORM else norm,
        path=path,
        seed=seed,
    ).requires_grad_(False)
    states = net.states(gaussian(BATCH, WIDTH, seed=1000 + seed).requires_grad_())
    v = gaussian(1, states[-1].shape[1], seed=2000 + seed)
    signals = torch.autograd.grad((states[-1] * v).sum(dim=1).mean(), states)
    return xr.Dataset(
        {
            "signal": ("layer", [s[:, -WIDTH:].norm().item() for s in signals]),
            "size": ("layer", [h[:, -WIDTH:].square().mean().sqrt().item() for h in states]),
        },
        coords={"layer": range(1, depth + 1)},
    )


def view(data: xr.Dataset, *, path: str, norm: str, activation: str, depth: int) -> View:
    """The signal relative to the last layer, and the activations relative to the first."""
    del path, norm, activation
    places, runs = back(depth), relative(data["signal"].values)
    sizes = data["size"].values / data["size"].values[:, :1]
    ratio, grown = float(np.median(runs[:, 0])), float(np.median(sizes[:, -1]))
    return View(
        x=back_axis(DEEPEST),
        y=Axis("size, compared with where each starts", (1e-20, 1e10), log=True),
        series=(
            band("error signal, going back", places, runs),
            band("activations, going forward", places, sizes, role="second"),
        ),
        readouts=(
            ratio_readout("Signal that reaches layer 1", ratio),
            Readout("Activations, last over first", figures(grown), grown),
            verdict(ratio),
        ),
        strip=heard(np.median(runs, axis=0), "layers", DEEPEST),
    )


def scale(start: Settings, shown: tuple[str, ...]) -> Scale:
    """Axes that reach down where sigmoid is shown, and up to where ReLU's sums grow."""
    sigmoid = start["activation"] == "sigmoid" or "activation" in shown
    domain = (1e-20, 1e10) if sigmoid else (1e-2, 1e8)
    return Scale(domain, DEEPEST if "depth" in shown else start["depth"])


EXPERIMENT = Experiment(
    name="residual",
    title="A way around each layer",
    controls=(
        Choice(
            "path",
            "Way around a layer",
            {
                "plain": "none",
                "skip": "skip connection",
                "scaled": "skip, branch × 1/√depth",
                "rezero": "skip, branch × 0 (ReZero)",
                "dense": "to all later layers (dense)",
            },
        ),
        Choice(
            "norm",
            "Norm in the branch",
            {NO_NORM: "none", "batch": "batch norm", "layer": "layer norm"},
        ),
        Choice(
            "activation",
            "Activation",
            {"sigmoid": "sigmoid, Xavier", "relu": "ReLU, He"},
        ),
        Slider("depth", "Depth", (10, 20, 30, DEEPEST), 1, "layers", whole=True),
    ),
    start={"path": "plain", "norm": NO_NORM, "activation": "sigmoid", "depth": 30},
    run=run,
    view=view,
    scale=scale,
    caption=(
        "Before training. The error signal between the layers, compared with the last layer's; "
        f"the activations, with the first layer's. {SEEDS_OF_MANY}"
    ),
)
