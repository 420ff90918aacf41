"""Depth against width: what a factor of 1 on average leaves of the signal in a typical network.

Protocol: ReLU with He's weights, so that the mean square of the error signal is the same at every
layer. One Gaussian input, float64, the loss is <v, h_L> with one Gaussian v. A hundred networks
for each setting, since they differ widely: that is what is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vgplib.engine.batched import Network, nbytes
from vgplib.engine.block import Shape
from vgplib.engine.experiment import Batch, Experiment, Settings, Slider
from vgplib.experiments.batches import projected
from vgplib.experiments.reading import back, back_axis, band, relative, thin
from vgplib.experiments.view import Axis, Readout, Series, View
from vgplib.measures import theory
from vgplib.measures.layers import measure
from vgplib.networks.data import gaussian
from vgplib.networks.feedforward import FeedForward
from vgplib.numbers import figures

if TYPE_CHECKING:
    import xarray as xr


DEEPEST = 50


def run(*, width: int, depth: int, seed: int) -> xr.Dataset:
    """One network, one input, one backward pass."""
    net = FeedForward(width, width, depth, "relu", "he", seed=seed)
    x, v = gaussian(1, width, seed=1000 + seed), gaussian(1, width, seed=2000 + seed)
    data = measure(net, lambda model: (model(x) * v).sum())
    return data[["signal"]].reset_coords(drop=True)


def run_many(settings: list[Settings], seeds: list[int]) -> xr.Dataset:
    """Many runs of one width and depth; numbers are those of :func:`run`."""
    networks = [Network(seed, "he") for seed in seeds]
    return projected(_shape(settings[0]), "relu", networks, weight_gradients=False)[["signal"]]


def _shape(settings: Settings) -> Shape:
    return Shape(settings["width"], settings["width"], settings["depth"], batch=1)


def typical(width: int, depth: int) -> np.ndarray:
    """The signal per layer relative to the last one, in a typical network (Hanin & Nica 2020)."""
    per_layer = theory.log_norm_mean("relu", [width]) / 2
    return np.exp(per_layer * np.arange(depth - 1, -1, -1))


def view(data: xr.Dataset, *, width: int, depth: int) -> View:
    """The signal relative to the last layer: typical network, all networks, theory."""
    places = back(depth)
    runs = relative(data["signal"].values)
    ratio = float(np.median(runs[:, 0]))
    level = int(((runs[:, 0] > 0.5) & (runs[:, 0] < 2)).sum())
    keep = thin(depth)
    points = typical(width, depth)[keep].tolist()
    return View(
        x=back_axis(DEEPEST),
        y=Axis("error signal, relative to the last layer", (1e-4, 1e2), log=True),
        series=(
            band("error signal", places, runs),
            Series("theory", places[keep].tolist(), points, role="theory"),
        ),
        readouts=(
            Readout("Reaches layer 1, typically", figures(ratio), ratio),
            Readout("Networks that keep it", f"{level} of {len(runs)}", level),
            _verdict(level / len(runs)),
        ),
    )


def _verdict(share: float) -> Readout:
    """What the share of networks whose signal stays within a factor of two means, in words."""
    note = "to keep it means to end within a factor of two"
    if share >= 0.7:
        return Readout("Verdict", "Most networks keep it", tone="good", note=note)
    if share >= 0.4:
        return Readout("Verdict", "A matter of luck", tone="warn", note=note)
    return Readout("Verdict", "Few networks keep it", tone="bad", note=note)


EXPERIMENT = Experiment(
    name="depth-and-width",
    title="A hundred networks with a factor of 1",
    controls=(
        Slider("width", "Width", (16, 32, 64, 128, 256), 1, "units", whole=True, log=True),
        Slider("depth", "Depth", (5, 10, 20, 30, DEEPEST), 1, "layers", whole=True),
    ),
    start={"width": 32, "depth": 50},
    run=run,
    batch=Batch(
        run=run_many,
        group=lambda settings: (settings["width"], settings["depth"]),
        nbytes=lambda settings: nbytes(_shape(settings), "relu"),
    ),
    view=view,
    caption=(
        "ReLU with He's weights; the error signal relative to the last layer's. Line: the middle "
        "one of a hundred networks, the typical one; band: all of them. Dashed: what theory "
        "expects of it."
    ),
    seeds=100,
)
