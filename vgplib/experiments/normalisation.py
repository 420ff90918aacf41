"""What normalised layers do to the error signal of a deep network before training.

Protocol: layers 256 wide, float64, Gaussian inputs of mean square 1; linear map,
normalisation, activation. The signal is that of the sums as the activation gets them: normalised.
The loss is the mean over the batch of <v, h_L> with a Gaussian v for each sample, since what all
samples have in common does not come back through batch norm.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from vgplib.engine.experiment import Choice, Experiment, Settings, Slider
from vgplib.experiments.reading import (
    SEEDS,
    back,
    back_axis,
    band,
    heard,
    relative,
    signal_readouts,
    thin,
)
from vgplib.experiments.view import Axis, Scale, Series, View
from vgplib.measures import theory
from vgplib.measures.layers import measure
from vgplib.networks.data import gaussian
from vgplib.networks.deep import Deep
from vgplib.networks.norms import GROUPS, NORMS

if TYPE_CHECKING:
    import xarray as xr

WIDTH, DEEPEST = 256, 50

# Activation and initialiser; Var W times fan-in, and Var b, which theory needs to know.
NETWORKS = {
    "sigmoid": ("sigmoid", "xavier", 1.0, 0.0),
    "tanh": ("tanh", "xavier", 1.0, 0.0),
    "relu": ("relu", "he", 2.0, 0.0),
    "relu_default": ("relu", "pytorch", 1 / 3, 1 / (3 * WIDTH)),
}
LENGTH = 1.0  # of each unit's weights where they are normalised


def run(*, network: str, norm: str, batch: int, depth: int, seed: int) -> xr.Dataset:
    """One network, one backward pass; beside it the profile that theory expects."""
    import xarray as xr

    activation, initialiser, _, _ = NETWORKS[network]
    named = None if norm == "none" else norm
    net = Deep(WIDTH, WIDTH, depth, activation, initialiser, LENGTH, named, outputs=1, seed=seed)
    x = gaussian(batch, WIDTH, seed=1000 + seed)
    v = gaussian(batch, WIDTH, seed=2000 + seed)
    seen = measure(net, lambda model: (model.states(x)[-1] * v).sum(dim=1).mean())
    return xr.Dataset(
        {
            "signal": (
                "layer",
                seen["signal"].values[seen["name"].str.startswith(net.sums).values],
            ),
            "expected": ("layer", expected(network, norm, batch, depth)),
        },
        coords={"layer": range(1, depth + 1)},
    )


@functools.cache
def expected(network: str, norm: str, batch: int, depth: int) -> np.ndarray:
    """The signal per layer relative to the last one, in very wide layers."""
    activation, _, weight, bias = NETWORKS[network]
    if norm in ("none", "weight"):
        weight = LENGTH**2 if norm == "weight" else weight
        profile = theory.signal_profile(
            activation, depth, weight_variance=weight, bias_variance=bias
        )
        return np.asarray(profile)
    if norm == "batch":
        factor = theory.batch_norm_factor(activation, batch)
    elif norm == "group":
        factor = theory.group_norm_factor(activation, WIDTH // GROUPS)
    else:
        factor = theory.layer_norm_factor(activation)
    return factor ** back(depth)


def view(data: xr.Dataset, *, network: str, norm: str, batch: int, depth: int) -> View:
    """The signal relative to the last layer, with the theory's line."""
    del network, norm, batch
    places, keep = back(depth), thin(depth)
    runs = relative(data["signal"].values)
    points = data["expected"].values[0][keep].tolist()
    return View(
        x=back_axis(DEEPEST),
        y=Axis("error signal, relative to the last layer", (1e-10, 1e10), log=True),
        series=(
            band("error signal", places, runs),
            Series("theory", places[keep].tolist(), points, role="theory"),
        ),
        readouts=signal_readouts(runs, "layer"),
        strip=heard(np.median(runs, axis=0), "layers", DEEPEST),
    )


def scale(start: Settings, shown: tuple[str, ...]) -> Scale:
    """Less room where the bench has one network, and none for depths that it hasn't."""
    if "depth" in shown:
        return Scale((1e-10, 1e10), DEEPEST)
    if start["network"] == "sigmoid":
        domain = (1e-8, 100.0)
    else:
        domain = (1e-8 if "network" in shown else 1e-3, 1e6)
    return Scale(domain, start["depth"])


EXPERIMENT = Experiment(
    name="normalisation",
    title="The error signal in normalised layers",
    controls=(
        Choice(
            "network",
            "Network",
            {
                "sigmoid": "sigmoid, Xavier",
                "tanh": "tanh, Xavier",
                "relu": "ReLU, He",
                "relu_default": "ReLU, PyTorch default",
            },
        ),
        Choice(
            "norm",
            "Normalisation",
            {"none": "none", **{n: label for n, (label, _) in NORMS.items()}},
        ),
        Slider("batch", "Batch", (4, 8, 16, 64), 1, "samples", whole=True, log=True),
        Slider("depth", "Depth", (5, 10, 20, DEEPEST), 1, "layers", whole=True),
    ),
    start={"network": "sigmoid", "norm": "none", "batch": 64, "depth": 10},
    run=run,
    scale=scale,
    view=view,
    caption=(
        "How large the error signal of the normalised sums is at each layer, compared with the "
        f"last one, before training. Layers of {WIDTH} units. {SEEDS} Dashed: what theory expects "
        "of very wide layers."
    ),
)
