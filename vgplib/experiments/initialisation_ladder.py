"""The ladder of initialisations: what each makes of the signal before any training.

Protocol: Gaussian inputs of mean square 1, a batch of 8, float64; the loss is the sum of the last
layer's activations, averaged over the batch. (Random weights don't mind which sum it is. Equal ones
hand back only what all units are asked for in common, and here that is everything.) Layers are 128
wide, or 64 and 256 in turn: as many weights.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from vgplib.engine.experiment import Choice, Experiment, Settings, Slider
from vgplib.experiments.reading import (
    SEEDS,
    back,
    back_axis,
    band,
    heard,
    kept_per_layer,
    ratio_readout,
    relative,
    signal_readouts,
    verdict,
)
from vgplib.experiments.recipe import unit_variance
from vgplib.experiments.view import Axis, Readout, Scale, View
from vgplib.measures.layers import measure
from vgplib.networks.activations import activation as find_activation
from vgplib.networks.data import gaussian
from vgplib.networks.initialisers import INITIALISERS, initialise
from vgplib.numbers import figures

if TYPE_CHECKING:
    import xarray as xr

WIDTHS = {"equal": (128, 128), "in_turn": (256, 64)}  # of the input and every second layer; others
DEPTHS = (5, 10, 30)
BATCH, SMALL, LARGE = 8, 0.01, 0.2
SHARES = np.linspace(0, 1, 33)  # of the directions, the most stretched first
ROUNDING = 1e-14  # of the largest singular value: float64 can tell no smaller one from 0
LEAST = 1e-8  # singular value that is drawn as such; what is smaller stands below the axis

SPREADS = {"small": SMALL, "large": LARGE}  # of the weights, whatever a layer's fans are


class Ladder(nn.Module):
    """Hidden layers ``h_l = phi(W_l h_{l-1} + b_l)`` whose widths may differ.

    Attributes:
        hidden: The linear maps, in order.
        activation: The :class:`~vgplib.networks.activations.Activation` of the layers.
    """

    def __init__(self, activation: str, widths: list[int], initialiser: str, seed: int) -> None:
        """Draw the network.

        Args:
            activation: A name in ``ACTIVATIONS``.
            widths: Of the input, and of each layer.
            initialiser: A name among the options of the experiment.
            seed: Of the weights.
        """
        super().__init__()
        self.activation = find_activation(activation)
        generator = torch.Generator().manual_seed(seed)
        self.hidden = nn.ModuleList()
        for fan_in, fan_out in zip(widths, widths[1:], strict=False):
            layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out, dtype=torch.float64)
            self.hidden.append(layer)
            if initialiser in INITIALISERS:
                initialise(layer, initialiser, generator=generator)
                continue
            initialise(layer, "orthogonal" if initialiser == "lsuv" else "lecun", 1.0, generator)
            with torch.no_grad():
                if initialiser == "constant":
                    layer.weight.fill_(1 / fan_in)
                elif initialiser != "lsuv":
                    layer.weight.mul_(SPREADS[initialiser] * math.sqrt(fan_in))
        if initialiser == "lsuv":
            unit_variance(self, gaussian(256, widths[0], seed=3000 + seed), generator)

    def forward(self, x: Tensor) -> Tensor:
        """The last layer's activations, shape ``(batch, width)``."""
        return self.states(x)[-1][1]

    def states(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Of each layer its sums and its activations, both of shape ``(batch, width)``."""
        found = []
        for layer in self.hidden:
            z = layer(x)
            x = self.activation(z)
            found.append((z, x))
        return found


def run(
    *, activation: str, widths: str, initialiser: str, depth: int, shows: str, seed: int
) -> xr.Dataset:
    """One network: its error signal, its activations, and what it does to directions."""
    del shows  # the view's
    return _measured(activation, widths, initialiser, depth, seed)


@functools.lru_cache(maxsize=16)  # one network is asked for once for each thing that it shows
def _measured(activation: str, widths: str, initialiser: str, depth: int, seed: int) -> xr.Dataset:
    even, odd = WIDTHS[widths]
    each = [even if place % 2 == 0 else odd for place in range(depth + 1)]
    net = Ladder(activation, each, initialiser, seed)
    x = gaussian(BATCH, each[0], seed=1000 + seed)
    data = measure(net, lambda model: model(x).sum(dim=1).mean())[["signal"]]
    with torch.no_grad():
        states = net.states(x)
    stretch = singular_values(net, states).numpy()
    stretch[stretch < ROUNDING * stretch[0]] = 0.0
    return data.reset_coords(drop=True).assign(
        size=("layer", [h.square().mean().sqrt().item() for _, h in states]),
        stretch=("share", np.quantile(stretch, 1 - SHARES)),
    )


def singular_values(net: Ladder, states: list[tuple[Tensor, Tensor]]) -> Tensor:
    """By how much the whole network stretches its principal directions, the largest first.

    Args:
        net: The network.
        states: What its layers hold; the first sample's slopes count.
    """
    product = None
    for layer, (z, _) in zip(net.hidden, states, strict=True):
        weight = layer.weight.detach()
        jacobian = net.activation.slope(z[0])[:, None] * weight
        product = jacobian if product is None else jacobian @ product
    return torch.linalg.svdvals(product)


def view(
    data: xr.Dataset, *, activation: str, widths: str, initialiser: str, depth: int, shows: str
) -> View:
    """What was asked for: a profile along the layers, or the stretching of directions."""
    del activation, widths, initialiser
    if shows == "stretch":
        return _directions(data["stretch"].values)
    places, back_there = back(depth), back_axis(DEPTHS[-1])
    if shows == "size":
        sizes = data["size"].values
        carried = sizes / sizes[:, :1]
        ratio = float(np.median(carried[:, -1]))
        kept = float(np.median([1 / kept_per_layer(run) for run in carried]))
        return View(
            x=back_there,
            y=Axis("size of an activation (root mean square)", (1e-8, 1e6), log=True),
            series=(band("activations", places, sizes),),
            readouts=(
                Readout("Kept per layer, going forward", figures(kept, 3), kept),
                ratio_readout("Last layer, compared with layer 1", ratio),
                verdict(ratio),
            ),
            strip=heard(
                np.median(carried, axis=0),
                "layers",
                DEPTHS[-1],
                label="Carried: at least 1/50 of layer 1's",
                does=("still carry it", "still carries it"),
            ),
        )
    runs = relative(data["signal"].values)
    return View(
        x=back_there,
        y=Axis("error signal, relative to the last layer", (1e-8, 1e6), log=True),
        series=(band("error signal", places, runs),),
        readouts=signal_readouts(runs, "layer"),
        strip=heard(np.median(runs, axis=0), "layers", DEPTHS[-1]),
    )


def _directions(stretch: np.ndarray) -> View:
    """By how much each direction is stretched; ``stretch``: shape (seeds, shares)."""
    middle = np.median(stretch, axis=0)
    largest, typical = float(middle[0]), float(middle[len(SHARES) // 2])
    drawn = np.where(stretch < LEAST, 0.0, stretch)
    return View(
        x=Axis("directions, the most stretched first (%)", (0, 100)),
        y=Axis("singular value", (LEAST, 1e6), log=True, floor="less"),
        series=(band("singular value", 100 * SHARES, drawn),),
        readouts=(
            Readout("Largest", figures(largest), largest),
            Readout("The middle one", figures(typical), typical),
            _spread(typical / largest if largest else 0.0, float((middle == 0).mean())),
        ),
    )


def _spread(ratio: float, lost: float) -> Readout:
    """What the middle singular value over the largest means, in words; ``lost``: share of zeros."""

    def said(text: str, tone: str, note: str) -> Readout:
        return Readout("Verdict", text, tone=tone, note=note)  # type: ignore[arg-type]

    if ratio >= 0.2:
        return said("Most of them alike", "good", "the middle one: a fifth of the largest, or more")
    if ratio >= 0.02:
        return said("Spread out", "plain", "the middle one: a fiftieth of the largest, or more")
    if ratio > 0:
        return said(
            "A few directions carry all",
            "warn",
            "the middle one: less than a fiftieth of the largest",
        )
    return said(f"{lost:.0%} of the directions are lost", "bad", "they are stretched by 0")


def scale(start: Settings, shown: tuple[str, ...]) -> Scale | None:
    """Narrow axes where a bench shows less: directions alone, or no more than unequal widths."""
    if start["shows"] == "stretch" and "shows" not in shown:
        return Scale((LEAST, 1e2), DEPTHS[-1])
    if start["activation"] != "linear" or start["widths"] != "in_turn" or "activation" in shown:
        return None
    return Scale((1e-3, 1e1), DEPTHS[-1])


EXPERIMENT = Experiment(
    name="initialisation-ladder",
    title="The ladder of initialisations",
    controls=(
        Choice(
            "activation",
            "Activation",
            {"linear": "none", "tanh": "tanh", "relu": "ReLU", "sigmoid": "sigmoid"},
        ),
        Choice("widths", "Units in a layer", {"equal": "128", "in_turn": "64 and 256 in turn"}),
        Choice(
            "initialiser",
            "Initialisation",
            {
                "constant": "all alike",
                "small": f"spread {SMALL}",
                "large": f"spread {LARGE}",
                "pytorch": "PyTorch default",
                "lecun": "LeCun (fan-in)",
                "xavier": "Xavier",
                "he": "He",
                "orthogonal": "orthogonal",
                "lsuv": "LSUV",
            },
        ),
        Slider("depth", "Depth", DEPTHS, 1, "layers", whole=True),
        Choice(
            "shows",
            "Show",
            {
                "signal": "error signal",
                "size": "activations",
                "stretch": "singular values",
            },
        ),
    ),
    start={
        "activation": "tanh",
        "widths": "in_turn",
        "initialiser": "lecun",
        "depth": 30,
        "shows": "signal",
    },
    run=run,
    view=view,
    scale=scale,
    caption=f"Deep networks before training; the loss is the sum of their outputs. {SEEDS}",
    version=2,
)
