"""How different two inputs remain on their way through a network, beside the error signal.

A Jacobian says how a layer answers a small change. Forward it multiplies the difference of two
inputs, backward the error signal: in a wide random network both keep sqrt(chi_1) per layer.

Protocol: layers 256 wide, float64, two inputs of mean square 1 at an exact distance. Biases of
variance 0.05, for without them the activations of an ordered tanh or ReLU network shrink for
ever, and differences relative to them do not. The error signal is that of the first input; the
loss is <v, h_L> with one Gaussian v.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.experiments.reading import SEEDS_OF_MANY, band, heard, kept_per_layer, relative
from vgplib.experiments.view import Axis, Readout, Series, Tone, View
from vgplib.measures import theory
from vgplib.measures.layers import measure
from vgplib.networks.data import gaussian
from vgplib.networks.feedforward import FeedForward
from vgplib.numbers import figures

if TYPE_CHECKING:
    import xarray as xr

WIDTH, DEPTH, BIAS_VARIANCE = 256, 12, 0.05

# Distance of two inputs over their size. At the root of 2 they are at right angles: unrelated.
DISTANCES = {"small": 0.01, "medium": 0.1, "unrelated": math.sqrt(2)}


def run(*, activation: str, weight_scale: float, distance: str, seed: int) -> xr.Dataset:
    """One network: two inputs on their way forward, the first one's signal on its way back."""
    import xarray as xr

    net = FeedForward(WIDTH, WIDTH, DEPTH, activation, gain=weight_scale, seed=seed)
    generator = torch.Generator().manual_seed(3000 + seed)
    with torch.no_grad():
        for layer in net.hidden:
            layer.bias.normal_(0.0, math.sqrt(BIAS_VARIANCE), generator=generator)
        pair = inputs(DISTANCES[distance], seed)
        difference = [_distance(pair)]
        h = pair
        for layer in net.hidden:
            z = layer(h)
            difference.append(_distance(z))
            h = net.activation(z)
    v = gaussian(1, WIDTH, seed=2000 + seed)
    signal = measure(net, lambda model: (model(pair[:1]) * v).sum())["signal"].values
    return xr.Dataset(
        {
            "difference": ("place", difference),
            "signal": ("layer", signal),
            "expected": ("place", expected(activation, weight_scale, distance)),
        },
        coords={"place": np.arange(DEPTH + 1), "layer": np.arange(1, DEPTH + 1)},
    )


def inputs(distance: float, seed: int) -> Tensor:
    """Two inputs of mean square 1, as far apart as asked for, relative to their size."""
    first, other = gaussian(2, WIDTH, seed=1000 + seed)
    first = first / first.square().mean().sqrt()
    other = other - first * (other @ first) / (first @ first)
    other = other / other.square().mean().sqrt()
    cosine = 1 - distance**2 / 2
    return torch.stack([first, cosine * first + math.sqrt(1 - cosine**2) * other])


def _distance(pair: Tensor) -> float:
    """How far two vectors are apart, relative to the root of their mean squared norm."""
    return ((pair[0] - pair[1]).norm() / (pair.norm() / math.sqrt(2))).item()


@functools.cache
def expected(activation: str, weight_scale: float, distance: str) -> np.ndarray:
    """The difference of the inputs and then at each layer, in mean-field theory."""
    start = DISTANCES[distance]
    profile = theory.difference_profile(
        activation, DEPTH, weight_scale**2, BIAS_VARIANCE, difference=start
    )
    return np.array([start, *profile])


def view(data: xr.Dataset, *, activation: str, weight_scale: float, distance: str) -> View:
    """The difference going forward, and the error signal going back, relative to its start."""
    del activation, weight_scale, distance
    places = np.arange(1, DEPTH + 1)
    runs, signal = data["difference"].values, relative(data["signal"].values)
    # From the first layer on: what the input's own layer does depends on the input's size.
    kept = float(np.median([1 / kept_per_layer(run[1:]) for run in runs]))
    signal_kept = float(np.median([kept_per_layer(run) for run in signal]))
    left = float(np.median(runs[:, -1]))
    return View(
        # Numbered forward, since one of the lines goes that way; each above its cell of the strip.
        x=Axis("layer, from the input to the loss", (0.5, DEPTH + 0.5), whole=True),
        y=Axis("difference, and error signal, compared", (1e-8, 1e3), log=True),
        series=(
            band("difference, going forward", places, runs[:, 1:], role="second"),
            band("error signal, going back", places, signal),
            Series(
                "theory",
                places.tolist(),
                data["expected"].values[0, 1:].tolist(),
                role="theory",
            ),
        ),
        readouts=(
            Readout("Difference kept per layer", figures(kept), kept),
            Readout("Signal kept per layer", figures(signal_kept), signal_kept),
            _verdict(left, float(np.median(runs[:, 0]))),
        ),
        strip=heard(np.median(signal, axis=0), "layers", DEPTH),
    )


def _verdict(left: float, start: float) -> Readout:
    """What became of the difference after the last layer, in words."""

    def said(text: str, tone: Tone, note: str) -> Readout:
        return Readout("Verdict", text, left, tone, note)

    if left > 2 * start:
        return said("They grow apart", "warn", "the difference has more than doubled")
    if left > start / 2:
        return said("Differences survive", "good", "at least half of the difference is left")
    if left > 1e-2 * start:
        return said("More alike", "warn", "less than half of the difference is left")
    return said("They look the same", "bad", "at most a hundredth of the difference is left")


EXPERIMENT = Experiment(
    name="two-inputs",
    title="Two inputs on their way",
    controls=(
        Choice("activation", "Activation", {"sigmoid": "sigmoid", "tanh": "tanh", "relu": "ReLU"}),
        Slider(
            "weight_scale",
            "Weight scale",
            (0.71, 1.0, 1.41, 2.0, 2.83, 4.0),
            step=0.01,
            log=True,
        ),
        Choice(
            "distance",
            "The inputs differ by",
            {"small": "1 %", "medium": "10 %", "unrelated": "all (unrelated)"},
        ),
    ),
    start={"activation": "sigmoid", "weight_scale": 1.0, "distance": "unrelated"},
    run=run,
    view=view,
    caption=(
        "How different two inputs are in each layer, relative to their size: two unrelated ones "
        "start 1.4 times their size apart. And the error signal of one of them, relative to the "
        f"last layer's. With small random biases. {SEEDS_OF_MANY} Dashed: what theory expects of "
        "the difference in very wide layers."
    ),
)
