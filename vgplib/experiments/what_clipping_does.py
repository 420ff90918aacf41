"""What clipping does to a gradient: to its direction, and to the layers' shares of it.

Protocol: the gradient of the cross-entropy of 64 digits, of networks of width 64 at their start,
float64. Clipped by PyTorch's own functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.experiments.reading import SEEDS_OF_MANY, back, back_axis, band
from vgplib.experiments.steps import BATCH, data
from vgplib.experiments.view import Axis, Readout, View
from vgplib.networks.feedforward import FeedForward
from vgplib.numbers import figures

if TYPE_CHECKING:
    import xarray as xr

WIDTH, DEEPEST = 64, 20
NETWORKS = {  # activation, initialiser, gain, hidden layers
    "tanh": ("tanh", "lecun", 3.0, DEEPEST),
    "sigmoid": ("sigmoid", "xavier", 1.0, 8),
}
SAME = 0.995  # a cosine that is larger is written as 1


def gradient(network: str, seed: int) -> FeedForward:
    """A fresh network with the gradient of its loss on 64 digits."""
    activation, initialiser, gain, depth = NETWORKS[network]
    net = FeedForward(64, WIDTH, depth, activation, initialiser, gain, outputs=10, seed=seed)
    x, y, _, _ = data()
    start = BATCH * seed
    F.cross_entropy(net(x[start : start + BATCH]), y[start : start + BATCH]).backward()
    return net


def clip(net: nn.Module, by: str, limit: float) -> None:
    """Clip the gradient in place."""
    if by == "norm":
        nn.utils.clip_grad_norm_(net.parameters(), limit)
    else:
        nn.utils.clip_grad_value_(net.parameters(), limit)


def flat(net: nn.Module) -> Tensor:
    """A copy of the whole gradient, as one vector."""
    return torch.cat([p.grad.flatten() for p in net.parameters()])


def by_layer(net: FeedForward) -> list[float]:
    """The length of each hidden layer's weight gradient."""
    return [layer.weight.grad.norm().item() for layer in net.hidden]


def run(*, network: str, by: str, limit: float, seed: int) -> xr.Dataset:
    """The gradient of one network before and after."""
    import xarray as xr

    net = gradient(network, seed)
    before, layers = flat(net), by_layer(net)
    clip(net, by, limit)
    after = flat(net)
    return xr.Dataset(
        {
            "before": ("layer", layers),
            "after": ("layer", by_layer(net)),
            "cosine": F.cosine_similarity(before, after, dim=0).item(),
            "length": before.norm().item(),
            "changed": (before != after).double().mean().item(),
        },
        coords={"layer": np.arange(len(layers)) + 1},
    )


def view(data: xr.Dataset, *, network: str, by: str, limit: float) -> View:
    """The weight gradient of each layer, before and after."""
    del network, by, limit
    before, after = data["before"].values, data["after"].values
    cosine = float(np.median(data["cosine"]))
    shares = [float(np.median(v[:, 0] / v[:, -1])) for v in (after, before)]
    return View(
        x=back_axis(DEEPEST),
        y=Axis("length of a layer's weight gradient", (1e-10, 1e4), log=True),
        series=(
            band("after clipping", back(before.shape[1]), after),
            band("before", back(before.shape[1]), before, role="second"),
        ),
        readouts=(
            Readout("Cosine with the old one", figures(cosine), cosine),
            Readout("First layer over last", figures(shares[0]), shares[0]),
            _verdict(data, cosine),
        ),
    )


def _verdict(data: xr.Dataset, cosine: float) -> Readout:
    if not data["changed"].values.any():
        note = "not a single bit"
        return Readout("Verdict", "Nothing changes", tone="plain", note=note)
    if cosine > SAME:
        return Readout("Verdict", "Shorter, same direction", tone="good")
    return Readout("Verdict", "Another direction", tone="warn")


EXPERIMENT = Experiment(
    name="what-clipping-does",
    title="What clipping does to a gradient",
    controls=(
        Choice(
            "network",
            "Network",
            {"tanh": "20 tanh layers that explode", "sigmoid": "8 sigmoid layers that vanish"},
        ),
        Choice("by", "Clip", {"norm": "by norm", "value": "by value"}),
        Slider("limit", "Limit", (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0), 0.001, log=True),
    ),
    start={"network": "tanh", "by": "norm", "limit": 1.0},
    run=run,
    shares=("changed",),
    view=view,
    caption=(
        "Fresh networks of width 64, one batch of digits: tanh at weight scale 3, sigmoid with "
        f"Xavier's weights. {SEEDS_OF_MANY}"
    ),
)
