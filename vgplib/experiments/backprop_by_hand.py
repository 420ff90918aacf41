"""A network of three weights: small enough to work by hand, real enough for autograd.

z1 = w1 x, h1 = phi(z1); z2 = w2 h1, h2 = phi(z2); y = w3 h2; loss = (y - target)^2 / 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.experiments.view import Axis, Readout, Series, View
from vgplib.networks.activations import activation as find_activation
from vgplib.numbers import apart, figures

if TYPE_CHECKING:
    import xarray as xr

X, TARGET, RATE = 1.0, 2.0, 0.1


def forward(
    w1: torch.Tensor, w2: torch.Tensor, w3: torch.Tensor, activation: str
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The pre-activations (z1, z2, y) and the loss, all scalars."""
    phi = find_activation(activation).function
    z1 = w1 * X
    z2 = w2 * phi(z1)
    y = w3 * phi(z2)
    return [z1, z2, y], 0.5 * (y - TARGET) ** 2


def run(*, activation: str, w1: float, w2: float, w3: float, seed: int) -> xr.Dataset:
    """One forward pass, one backward pass, one update."""
    import xarray as xr

    del seed  # nothing is drawn at random
    weights = [torch.tensor(w, dtype=torch.float64, requires_grad=True) for w in (w1, w2, w3)]
    z, loss = forward(*weights, activation)
    grads = torch.autograd.grad(loss, [*z, *weights])
    stepped = [w - RATE * g for w, g in zip(weights, grads[3:], strict=True)]
    _, after = forward(*stepped, activation)
    return xr.Dataset(
        {
            "signal": ("layer", [g.item() for g in grads[:3]]),
            "weight_grad": ("layer", [g.item() for g in grads[3:]]),
            "z": ("layer", [value.item() for value in z]),
            "loss": loss.item(),
            "loss_after": after.item(),
        },
        coords={"layer": [1, 2, 3]},
    )


def view(data: xr.Dataset, *, activation: str, w1: float, w2: float, w3: float) -> View:
    """Error signal and weight gradient of each layer, as signed bars."""
    del activation, w1, w2, w3
    one = data.isel(seed=0)
    signal, grad = one["signal"].values.tolist(), one["weight_grad"].values.tolist()
    loss, after = float(one["loss"]), float(one["loss_after"])
    before, then = apart(loss, after)
    note = "in one step of 0.1 times the gradient"
    if after < loss:
        verdict = Readout("Verdict", f"Loss falls to {then}", after, "good", note)
    else:
        verdict = Readout("Verdict", f"Loss rises to {then}", after, "bad", note)
    return View(
        x=Axis("layer", (0, 2), names=("1 (input)", "2", "3 (output)")),
        y=Axis("gradient", (-2.0, 2.0)),
        series=(
            Series("error signal", [0, 1, 2], signal, kind="bar"),
            Series("weight gradient", [0, 1, 2], grad, kind="bar", role="second"),
        ),
        readouts=(
            Readout("Loss", before, loss),
            Readout("Error signal at layer 1", _written(signal[0]), signal[0]),
            verdict,
        ),
    )


def _written(value: float) -> str:
    """Two decimals, as the chapter prints them, or two digits: as the chart labels its bars."""
    return figures(value, 3 if abs(value) >= 1 else 2)


_WEIGHTS = (-2.0, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0)

EXPERIMENT = Experiment(
    name="backprop-by-hand",
    title="Three weights, forward and back",
    controls=(
        Choice("activation", "Activation", {"tanh": "tanh", "sigmoid": "sigmoid"}),
        Slider("w1", "Weight $w_1$", _WEIGHTS, step=0.1),
        Slider("w2", "Weight $w_2$", _WEIGHTS, step=0.1),
        Slider("w3", "Weight $w_3$", _WEIGHTS, step=0.1),
    ),
    start={"activation": "tanh", "w1": 0.5, "w2": 1.0, "w3": 1.5},
    run=run,
    view=view,
    caption=(
        "Input 1, target 2. Bars: what one backward pass finds at each layer. The verdict takes "
        "one step of gradient descent, with learning rate 0.1."
    ),
    seeds=1,
)
