"""What depth buys: twelve ReLU units fold a line, in one layer or in several.

Nothing is trained: the weights are those of Telgarsky (2015), set by hand. A layer of n units makes
a zigzag of n straight pieces of what it is given, each n times as steep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vgplib.engine.experiment import Choice, Experiment
from vgplib.experiments.view import Axis, Readout, Series, View
from vgplib.networks.feedforward import FeedForward

if TYPE_CHECKING:
    import xarray as xr

UNITS = 12
CELLS = 5184  # of the line: a multiple of each number of pieces, so creases lie between cells
COUNTS = {"one": 1, "two": 2, "three": 3, "four": 4, "six": 6}
LAYERS = {
    "one": "one layer of 12",
    "two": "two layers of 6",
    "three": "three layers of 4",
    "four": "four layers of 3",
    "six": "six layers of 2",
}


def zigzag(layers: int) -> FeedForward:
    """The network: each of its layers folds the line as often as it has units."""
    width = UNITS // layers
    net = FeedForward(1, width, layers, "relu", outputs=1)
    assert net.readout is not None
    place = torch.arange(width, dtype=torch.float64)
    turns = 2 * width * (-1) ** place  # at each crease the slope changes its sign
    turns[0] = width
    with torch.no_grad():
        net.hidden[0].weight.fill_(1.0)
        for layer in net.hidden[1:]:
            layer.weight.copy_(turns.expand(width, width))
        for layer in net.hidden:
            layer.bias.copy_(-place / width)
        net.readout.weight.copy_(turns[None])
        net.readout.bias.zero_()
    return net


def run(*, layers: str, seed: int) -> xr.Dataset:
    """What the network makes of the line from 0 to 1, at its creases; and its steepest slope."""
    import xarray as xr

    del seed
    net = zigzag(COUNTS[layers])
    edges = torch.linspace(0, 1, CELLS + 1, dtype=torch.float64)[:, None]
    between = (edges[1:] + edges[:-1]).div(2).requires_grad_()
    (slope,) = torch.autograd.grad(net(between).sum(), between)
    turned = (slope[1:] * slope[:-1] < 0)[:, 0]
    with torch.no_grad():
        x = torch.cat([edges[:1], edges[1:-1][turned], edges[-1:]])
        y = net(x)
    return xr.Dataset(
        {
            "x": ("crease", x[:, 0].numpy()),
            "y": ("crease", y[:, 0].numpy()),
            "slope": slope.abs().max().item(),
        }
    )


def view(data: xr.Dataset, *, layers: str) -> View:
    """The zigzag, and how many straight pieces it has."""
    by_layer = " × ".join([str(UNITS // COUNTS[layers])] * COUNTS[layers])
    x, y = data["x"].values[0], data["y"].values[0]
    pieces, slope = len(x) - 1, float(data["slope"][0])
    note = "one for each piece"
    return View(
        x=Axis("what goes in", (0, 1)),
        y=Axis("what comes out", (0, 1)),
        series=(Series(LAYERS[layers], x.tolist(), y.tolist()),),
        readouts=(
            Readout("Straight pieces", str(pieces), pieces),
            Readout("Slope, layer by layer", by_layer, slope),
            Readout("Verdict", f"One layer needs {pieces} units", tone="good", note=note),
        ),
    )


EXPERIMENT = Experiment(
    name="folds",
    title="The same twelve units",
    controls=(Choice("layers", "Units", LAYERS),),
    start={"layers": "one"},
    run=run,
    view=view,
    caption="Twelve ReLU units whose weights are set by hand: nothing is trained, nothing random.",
    seeds=1,
)
