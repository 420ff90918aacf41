"""How many steps of gradient descent a network needs, by its depth and initialisation.

Protocol: the digits, layers 64 wide, batches of 64, momentum 0.9, float64. Learned means that the
cross-entropy of 256 training images is below 0.5; it is looked at every five steps. Each network
gets the learning rate of ``RATES`` that takes it there first.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vgplib.engine.experiment import Choice, Experiment
from vgplib.experiments import steps as training
from vgplib.experiments.reading import SEEDS, band
from vgplib.experiments.recipe import unit_variance
from vgplib.experiments.view import Axis, Readout, View
from vgplib.networks.activations import activation as find_activation
from vgplib.networks.feedforward import FeedForward

if TYPE_CHECKING:
    import xarray as xr

WIDTH, DEPTHS = 64, (2, 4, 8, 16, 32)
RATES = (0.003, 0.01, 0.03, 0.1)
MOST, EVERY = 500, 5  # steps
LEARNED, WATCHED = 0.5, 256  # loss, of so many images
HARDLY = 3.0  # times as many steps


def run(*, activation: str, initialiser: str, seed: int) -> xr.Dataset:
    """The steps that each depth takes with its best rate; inf where no rate gets there."""
    import xarray as xr

    found = [steps_to_learn(activation, initialiser, depth, seed) for depth in DEPTHS]
    steps, rates = zip(*found, strict=True)
    return xr.Dataset(
        {"steps": ("depth", list(steps)), "rate": ("depth", list(rates))},
        coords={"depth": list(DEPTHS)},
    )


def steps_to_learn(activation: str, initialiser: str, depth: int, seed: int) -> tuple[float, float]:
    """Train one network at all rates side by side, until the first of them has learned.

    Args:
        activation: A name in ``ACTIVATIONS``.
        initialiser: A name in ``INITIALISERS``, where orthogonal weights are times 1.41 for ReLU;
            or ``"lsuv"``.
        depth: Hidden layers.
        seed: Of the weights and of the batches.

    Returns:
        The steps taken, inf if more than ``MOST``; and the rate, NaN then.
    """
    drawn = "orthogonal" if initialiser == "lsuv" else initialiser
    gain = math.sqrt(2) if (activation, initialiser) == ("relu", "orthogonal") else 1.0
    net = FeedForward(64, WIDTH, depth, activation, drawn, gain, outputs=10, seed=seed)
    x, y, _, _ = training.data()
    order = torch.Generator().manual_seed(seed)
    if initialiser == "lsuv":
        unit_variance(net, x, order)
    rates = torch.tensor(RATES, dtype=x.dtype)[:, None, None]
    layers = [*net.hidden, net.readout]
    weights = [_copies(layer.weight.detach().T) for layer in layers]
    biases = [_copies(layer.bias.detach()[None]) for layer in layers]
    parameters = [*weights, *biases]
    velocity = [torch.zeros_like(p) for p in parameters]
    phi = find_activation(activation)

    def losses(images: Tensor, labels: Tensor) -> Tensor:
        h = images.expand(len(RATES), -1, -1)
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            h = phi(torch.baddbmm(bias, h, weight))
        logits = torch.baddbmm(biases[-1], h, weights[-1])
        return torch.stack([F.cross_entropy(one, labels) for one in logits])

    for step in range(MOST + 1):
        if step % EVERY == 0:
            with torch.no_grad():
                now = losses(x[:WATCHED], y[:WATCHED]).nan_to_num(math.inf, math.inf)
            if now.min() < LEARNED:
                return float(step), RATES[int(now.argmin())]
            if now.isinf().all():  # diverged at every rate: there is no way back
                break
        pick = torch.randint(len(x), (training.BATCH,), generator=order)
        # Each rate's copies get the gradient of their own loss alone.
        gradients = torch.autograd.grad(losses(x[pick], y[pick]).sum(), parameters)
        with torch.no_grad():
            for p, v, g in zip(parameters, velocity, gradients, strict=True):
                v.mul_(training.MOMENTUM).add_(g)
                p.sub_(rates * v)
    return math.inf, math.nan


def _copies(of: Tensor) -> Tensor:
    """One copy for each rate, to be trained."""
    return of.expand(len(RATES), *of.shape).clone().requires_grad_()


def view(data: xr.Dataset, *, activation: str, initialiser: str) -> View:
    """The steps by depth."""
    del activation, initialiser
    steps = data["steps"].values
    first, last = float(np.median(steps[:, 0])), float(np.median(steps[:, -1]))
    return View(
        x=Axis("hidden layers", (0, DEPTHS[-1] + 2), whole=True),
        y=Axis(f"steps until the loss is below {LEARNED}", (4, MOST), log=True),
        series=(band("steps", np.array(DEPTHS), np.minimum(steps, MOST)),),
        readouts=(
            Readout(f"Steps, {DEPTHS[0]} layers", _steps(first), first),
            Readout(f"Steps, {DEPTHS[-1]} layers", _steps(last), _finite(last)),
            _verdict(first, last),
        ),
    )


def _steps(number: float) -> str:
    return f"{number:.0f}" if math.isfinite(number) else f"more than {MOST}"


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _verdict(shallow: float, deep: float) -> Readout:
    if not math.isfinite(deep):
        return Readout("Verdict", "The deepest don't learn", tone="bad", note="at any rate")
    if deep <= HARDLY * shallow:
        note = "at most three times the steps"
        return Readout("Verdict", "Depth hardly costs time", tone="good", note=note)
    note = f"{deep / shallow:.0f} times the steps"
    return Readout("Verdict", "Deeper is slower", tone="warn", note=note)


EXPERIMENT = Experiment(
    name="learning-by-depth",
    title="What depth costs in steps",
    controls=(
        Choice("activation", "Activation", {"linear": "none", "tanh": "tanh", "relu": "ReLU"}),
        Choice(
            "initialiser",
            "Initialisation",
            {
                "xavier": "Xavier",
                "he": "He",
                "orthogonal": "orthogonal",
                "lsuv": "LSUV",
            },
        ),
    ),
    start={"activation": "linear", "initialiser": "xavier"},
    run=run,
    view=view,
    caption=(
        "Networks of 64 units a layer learn the digits, each at the best of four learning rates. "
        f"The loss is looked at every {EVERY} steps. At the top edge: not within {MOST} steps. "
        f"{SEEDS}"
    ),
)
