"""The freeze test: which layers does the learning need?

Some hidden layers stay as they were drawn, the others and the read-out are trained. If freezing a
layer changes nothing, it was not learning. All freezings of a setting train side by side, on the
same batches and from the same weights.

Protocol: the digits, hidden layers 64 wide, batches of 64, momentum 0.9, float32; learning rate
0.1 for sigmoid, 0.03 for the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.experiments.reading import SEEDS_OF_MANY, band
from vgplib.experiments.steps import BATCH, MOMENTUM
from vgplib.experiments.view import Axis, Readout, Series, View
from vgplib.networks.activations import activation as find_activation
from vgplib.networks.data import digits
from vgplib.networks.feedforward import FeedForward
from vgplib.numbers import percent

if TYPE_CHECKING:
    import xarray as xr

WIDTH, DEEPEST = 64, 5
NETWORKS = {"sigmoid": ("xavier", 0.1), "tanh": ("xavier", 0.03), "relu": ("he", 0.03)}


def run(*, activation: str, depth: int, steps: int, seed: int) -> xr.Dataset:
    """Test accuracy with the first, or the last, 0 to ``depth`` hidden layers frozen."""
    import xarray as xr

    x, y, x_test, y_test = digits()
    initialiser, rate = NETWORKS[activation]
    net = FeedForward(
        64, WIDTH, depth, activation, initialiser, outputs=10, seed=seed, dtype=torch.float32
    )
    plans = _plans(depth)
    nets = Copies(net, len(plans))
    free = torch.ones(len(plans), depth + 1)
    for row, frozen in enumerate(plans):
        free[row, list(frozen)] = 0
    rule = torch.optim.SGD(nets.parameters, lr=rate, momentum=MOMENTUM)
    order = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        pick = torch.randint(len(x), (BATCH,), generator=order)
        rule.zero_grad()
        nets.loss(x[pick], y[pick]).backward()
        nets.stop(free)
        rule.step()
    found = nets.accuracy(x_test, y_test)
    return xr.Dataset(
        {"accuracy": (("side", "frozen"), found.view(2, depth + 1).numpy())},
        coords={"side": ["input", "output"], "frozen": range(depth + 1)},
    )


def _plans(depth: int) -> list[range]:
    """Which layers are frozen: 0 to ``depth`` from the input side, then from the output side."""
    return [range(k) for k in range(depth + 1)] + [
        range(depth - k, depth) for k in range(depth + 1)
    ]


class Copies:
    """Copies of one network that train side by side.

    Attributes:
        parameters: Weights ``(copies, fan_out, fan_in)``, then biases ``(copies, 1, fan_out)``.
    """

    def __init__(self, net: FeedForward, copies: int) -> None:
        """Copy the parameters of ``net``."""
        assert net.readout is not None
        layers = (*net.hidden, net.readout)
        self._weights = [_copied(layer.weight, copies) for layer in layers]
        self._biases = [_copied(layer.bias[None], copies) for layer in layers]
        self.parameters = [*self._weights, *self._biases]
        self._phi = find_activation(net.activation.name).function

    def _forward(self, x: Tensor) -> Tensor:
        h = x.expand(len(self._weights[0]), -1, -1)
        for place, (w, b) in enumerate(zip(self._weights, self._biases, strict=True)):
            z = torch.baddbmm(b, h, w.transpose(1, 2))
            h = self._phi(z) if place < len(self._weights) - 1 else z
        return h

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """The sum over the copies of the mean cross-entropy: each gets its own gradient."""
        out = self._forward(x)
        target = y.expand(len(out), -1).flatten()
        return F.cross_entropy(out.flatten(0, 1), target, reduction="sum") / len(x)

    def stop(self, free: Tensor) -> None:
        """Set gradients to 0 where a copy's layer is frozen.

        Args:
            free: 1 or 0, shape ``(copies, layers)``.
        """
        for place, (w, b) in enumerate(zip(self._weights, self._biases, strict=True)):
            for parameter in (w, b):
                assert parameter.grad is not None
                parameter.grad.mul_(free[:, place, None, None])

    @torch.no_grad()
    def accuracy(self, x: Tensor, y: Tensor) -> Tensor:
        """The share of right answers of each copy."""
        return (self._forward(x).argmax(dim=2) == y).double().mean(dim=1)


def _copied(parameter: Tensor, copies: int) -> Tensor:
    return parameter.detach().expand(copies, *parameter.shape).clone().requires_grad_()


def view(data: xr.Dataset, *, activation: str, depth: int, steps: int) -> View:
    """Test accuracy by how many hidden layers stay as they were drawn, from either side."""
    del activation, steps
    frozen = data["frozen"].values
    first, last = (data["accuracy"].sel(side=side).values for side in ("input", "output"))
    trained = float(np.median(first[:, 0]))
    one = float(np.median(first[:, 1]))
    only_first, only_last = (float(np.median(side[:, depth - 1])) for side in (last, first))
    return View(
        x=Axis(
            "how many hidden layers stay as drawn (frozen)", (-0.25, DEEPEST + 0.25), whole=True
        ),
        y=Axis("share of test digits right", (0, 1)),
        series=(
            band("first layers frozen, last ones trained", frozen, first),
            band("last layers frozen, first ones trained", frozen, last, role="second"),
            Series("guessing", [0, DEEPEST], [0.1, 0.1], role="theory"),
        ),
        readouts=(
            Readout("All layers trained", percent(trained), trained, percent=True),
            Readout("All but layer 1 trained", percent(one), one, percent=True),
            _verdict(trained, only_first, only_last, depth),
        ),
    )


def _verdict(trained: float, first: float, last: float, depth: int) -> Readout:
    """Which layer does more when it alone is trained, the first or the last, in words."""
    if trained < 0.2:
        note = "even with all layers trained"
        return Readout("Verdict", "Nobody learns anything", tone="bad", note=note)
    if percent(first) == percent(last):
        note = f"{percent(first)} with layer 1 or layer {depth} alone"
        return Readout("Verdict", "It makes no difference", note=note)
    (more, winner), (less, other) = sorted([(first, 1), (last, depth)], reverse=True)
    note = f"{percent(more)} against {percent(less)}, each trained alone"
    return Readout("Verdict", f"Layer {winner} beats layer {other}", note=note)


EXPERIMENT = Experiment(
    name="freeze-test",
    title="The freeze test",
    controls=(
        Choice(
            "activation",
            "Network",
            {"sigmoid": "sigmoid, Xavier", "tanh": "tanh, Xavier", "relu": "ReLU, He"},
        ),
        Slider("depth", "Hidden layers", (2, 3, 4, DEEPEST), 1, whole=True),
        # A step as long as the slider: no values in between, for which PyTorch would take too long.
        Slider("steps", "Steps of training", (30, 100, 300), 300, whole=True),
    ),
    start={"activation": "relu", "depth": 5, "steps": 300},
    run=run,
    shares=("accuracy",),
    view=view,
    caption=(
        "A frozen layer stays as it was drawn. The other hidden layers are trained, and the output "
        "layer always is. 397 test digits; layers of 64 units, batches of 64, momentum 0.9. "
        f"{SEEDS_OF_MANY} Dashed: guessing."
    ),
)
