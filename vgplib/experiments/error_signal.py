"""The error signal, layer by layer, in a deep network before any training.

Protocol: Gaussian inputs, because mean-field theory is about them; a batch of 8, layers
256 wide, float64; the loss is the mean over the batch of <v, h_L> with one Gaussian v, so
that nothing but the layers themselves shapes the signal on its way back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.experiments.reading import (
    band,
    decades,
    kept_per_layer,
    ratio_readout,
    relative,
    thin,
    verdict,
)
from vgplib.experiments.view import Axis, Readout, Series, View, figures
from vgplib.measures import theory
from vgplib.measures.layers import measure
from vgplib.networks.data import gaussian
from vgplib.networks.feedforward import FeedForward

if TYPE_CHECKING:
    import xarray as xr

WIDTH, BATCH = 256, 8

# Var W = factor / fan_in, and Var b = factor / fan_in: what mean-field theory needs to know.
VARIANCES = {"lecun": (1.0, 0.0), "he": (2.0, 0.0), "pytorch": (1 / 3, 1 / (3 * WIDTH))}


def run(*, activation: str, initialiser: str, weight_scale: float, depth: int, seed: int) -> xr.Dataset:
    """One network, one backward pass; see :func:`vgplib.measures.layers.measure`."""
    net = FeedForward(WIDTH, WIDTH, depth, activation, initialiser, gain=weight_scale, seed=seed)
    x = gaussian(BATCH, WIDTH, seed=1000 + seed)
    v = gaussian(1, WIDTH, seed=2000 + seed)
    data = measure(net, lambda model: (model(x) * v).sum(dim=1).mean())
    return data[["signal"]].drop_vars("name", errors="ignore")


def view(
    data: xr.Dataset, *, activation: str, initialiser: str, weight_scale: float, depth: int
) -> View:
    """The signal relative to the last layer, with the theory's line where there is one."""
    layers = data["layer"].values
    runs = relative(data["signal"].values)
    series = [band("signal", layers, runs)]
    drawn = [runs]
    if initialiser in VARIANCES:
        variance, bias = VARIANCES[initialiser]
        expected = np.asarray(
            theory.signal_profile(
                activation, depth, weight_variance=variance * weight_scale**2, bias_variance=bias
            )
        )
        keep = thin(depth)
        series.append(Series("theory", layers[keep].tolist(), expected[keep].tolist(), role="theory"))
        drawn.append(expected)
    kept = float(np.median([kept_per_layer(r) for r in runs]))
    ratio = float(np.median(runs[:, 0]))
    return View(
        x=Axis("layer (1 = nearest the input)", (1, depth), whole=True),
        y=Axis("signal vs last layer", decades(*drawn), log=True),
        series=tuple(series),
        readouts=(
            Readout("Signal kept per layer", figures(kept, 3), kept),
            ratio_readout("First layer vs last", ratio),
            verdict(ratio),
        ),
    )


EXPERIMENT = Experiment(
    name="error-signal",
    title="The error signal, layer by layer",
    controls=(
        Choice(
            "activation",
            "Activation",
            {"sigmoid": "sigmoid", "tanh": "tanh", "relu": "ReLU", "gelu": "GELU"},
        ),
        Choice(
            "initialiser",
            "Initialisation",
            {
                "lecun": "LeCun, Xavier",
                "he": "He",
                "orthogonal": "orthogonal",
                "pytorch": "PyTorch default",
            },
        ),
        Slider(
            "weight_scale",
            r"Weight scale $\sigma_w$",
            (0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0, 8.0, 16.0),
            step=0.01,
            log=True,
        ),
        Slider("depth", "Depth", (2, 3, 5, 10, 15, 20, 30, 50), 1, "layers", whole=True),
    ),
    start={"activation": "sigmoid", "initialiser": "lecun", "weight_scale": 1.0, "depth": 30},
    run=run,
    view=view,
    caption=(
        r"$\lVert \partial\text{loss}/\partial z_l \rVert$ relative to the last layer. "
        "Line: median of 5 seeds; band: their range; dashed: mean-field theory."
    ),
)
