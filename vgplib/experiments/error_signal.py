"""The error signal, layer by layer, in a deep network before any training.

Protocol: Gaussian inputs of mean square 1, all that mean-field theory needs to know; a batch
of 8, layers
256 wide, float64; the loss is the mean over the batch of <v, h_L> with one Gaussian v, so
that nothing but the layers themselves shapes the signal on its way back.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from vgplib.engine.batched import Network, nbytes
from vgplib.engine.block import Shape
from vgplib.engine.experiment import Batch, Choice, Experiment, Settings, Slider
from vgplib.experiments.activation_gallery import LABELS
from vgplib.experiments.batches import projected
from vgplib.experiments.fitted import FITTED, drawn_as
from vgplib.experiments.reading import (
    LEVEL,
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
from vgplib.networks.feedforward import FeedForward

if TYPE_CHECKING:
    import xarray as xr

WIDTH, BATCH, DEEPEST = 256, 8, 50

# Var W times fan-in, and Var b: what mean-field theory needs to know.
VARIANCES = {"lecun": (1.0, 0.0), "he": (2.0, 0.0), "pytorch": (1 / 3, 1 / (3 * WIDTH))}


def run(
    *, activation: str, initialiser: str, weight_scale: float, depth: int, seed: int
) -> xr.Dataset:
    """One network, one backward pass; beside it the profile that mean-field theory expects."""
    name, gain = drawn_as(activation, initialiser, weight_scale)
    net = FeedForward(WIDTH, WIDTH, depth, activation, name, gain, seed=seed)
    x = gaussian(BATCH, WIDTH, seed=1000 + seed)
    v = gaussian(1, WIDTH, seed=2000 + seed)
    data = measure(net, lambda model: (model(x) * v).sum(dim=1).mean())[["signal"]]
    return data.reset_coords(drop=True).assign(
        expected=("layer", expected(activation, initialiser, weight_scale, depth))
    )


def run_many(settings: list[Settings], seeds: list[int]) -> xr.Dataset:
    """Many runs of one activation and depth; numbers are those of :func:`run`."""
    networks = [
        Network(seed, *drawn_as(s["activation"], s["initialiser"], s["weight_scale"]))
        for s, seed in zip(settings, seeds, strict=True)
    ]
    data = projected(
        _shape(settings[0]), settings[0]["activation"], networks, weight_gradients=False
    )
    profile = functools.cache(expected)
    return data[["signal"]].assign(
        expected=(("run", "layer"), np.array([profile(**s) for s in settings]))
    )


def _shape(settings: Settings) -> Shape:
    return Shape(WIDTH, WIDTH, settings["depth"], BATCH)


def expected(activation: str, initialiser: str, weight_scale: float, depth: int) -> np.ndarray:
    """The signal per layer relative to the last one in mean-field theory; NaN where it has none."""
    name, gain = drawn_as(activation, initialiser, weight_scale)
    if name not in VARIANCES:
        return np.full(depth, np.nan)
    weight, bias = VARIANCES[name]
    return np.asarray(
        theory.signal_profile(
            activation, depth, weight_variance=weight * gain**2, bias_variance=bias
        )
    )


def view(
    data: xr.Dataset, *, activation: str, initialiser: str, weight_scale: float, depth: int
) -> View:
    """The signal relative to the last layer, with the theory's line where there is one."""
    del activation, initialiser, weight_scale
    places = back(depth)
    runs = relative(data["signal"].values)
    theory_line = data["expected"].values[0]
    series = [band("error signal", places, runs)]
    if np.isfinite(theory_line).all():
        keep = thin(depth)
        points = theory_line[keep].tolist()
        series.append(Series("theory", places[keep].tolist(), points, role="theory"))
    return View(
        x=back_axis(DEEPEST),
        y=Axis("error signal, relative to the last layer", (1e-20, 1e10), log=True),
        series=tuple(series),
        readouts=signal_readouts(runs, "layer"),
        strip=heard(np.median(runs, axis=0), "layers", DEEPEST),
    )


def scale(start: Settings, shown: tuple[str, ...]) -> Scale:
    """Wide axes where weights can be drawn at any scale: sigmoid fades far, ReLU grows far."""
    wide = {"sigmoid": (1e-20, 100.0), "relu": (1e-12, 1e24)}.get(start["activation"], (1e-4, 1e4))
    domain = wide if "weight_scale" in shown else (1e-8, LEVEL)
    return Scale(domain, DEEPEST if "depth" in shown else start["depth"])


EXPERIMENT = Experiment(
    name="error-signal",
    title="The error signal, layer by layer",
    controls=(
        Choice(
            "activation",
            "Activation",
            LABELS,
        ),
        Choice(
            "initialiser",
            "Initialisation",
            {
                "lecun": "LeCun, Xavier",
                "he": "He",
                "orthogonal": "orthogonal",
                "pytorch": "PyTorch default",
                FITTED: "fitted to the activation",
            },
        ),
        Slider(
            "weight_scale",
            "Weight scale",
            (0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0, 8.0, 16.0),
            step=0.01,
            log=True,
        ),
        Slider("depth", "Depth", (2, 3, 5, 10, 15, 20, 30, DEEPEST), 1, "layers", whole=True),
    ),
    start={"activation": "sigmoid", "initialiser": "lecun", "weight_scale": 1.0, "depth": 30},
    run=run,
    batch=Batch(
        run=run_many,
        group=lambda settings: (settings["activation"], settings["depth"]),
        nbytes=lambda settings: nbytes(_shape(settings), settings["activation"]),
    ),
    scale=scale,
    view=view,
    caption=(
        "How large the error signal is at each layer, compared with the last one, in a network "
        f"before training. {SEEDS} Dashed: what theory expects of very wide layers."
    ),
)
