"""How the gradient fades through time, in a recurrent network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vgplib.measures.fit import backward_factor, first_over_last
from vgplib.measures.layers import check_loss

if TYPE_CHECKING:
    import xarray as xr


def measure_time(model: nn.Module, x: Tensor, loss: Callable[[Tensor], Tensor]) -> xr.Dataset:
    """Measure the gradient at every time step: one forward and one backward pass.

    Args:
        model: A ``Recurrent``, or any module from inputs to hidden states. Its parameters and
            their gradients are left as they were.
        x: Inputs of shape ``(steps, batch, inputs)``, of the network's dtype.
        loss: Takes the hidden states, of shape ``(steps, batch, width)``, and returns a scalar
            tensor. ``lambda states: states[-1].sum()`` asks what the last state depends on.

    Returns:
        Dimension ``step``, 1 to T. Variable ``signal``: the Frobenius norm (over batch and
        features) of dloss/dx_t, the gradient of the loss with respect to the input of step t.
        It is the error signal at step t seen through the input weights, which are the same at
        every step. Attributes: ``loss``; ``factor_per_step``, the factor of the norm going back
        one step, by a log-linear fit over all steps whose signal is above 0 (below 1 is
        vanishing), with its ``r2``; ``ratio``, the first step's signal over the last step's.
        All three are NaN where ``first_non_finite`` names a step.

    Raises:
        ValueError: The loss is not a scalar tensor, or does not depend on the inputs.
    """
    import xarray as xr

    x = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        value = check_loss(loss(model(x)))
        (gradient,) = torch.autograd.grad(value, x, allow_unused=True)
    if gradient is None:
        raise ValueError("the loss does not depend on the inputs: compute it from the states.")

    signal = gradient.double().flatten(1).norm(dim=1)
    bad = _first_non_finite(value, signal)
    steps = range(1, len(signal) + 1)
    signals = [] if bad else signal.tolist()
    fit = backward_factor(steps[: len(signals)], signals)
    return xr.Dataset(
        {
            "signal": (
                "step",
                signal.numpy(force=True),
                {"units": "norm", "definition": "Frobenius norm of dloss/dx_t"},
            )
        },
        coords={"step": steps},
        attrs={
            "loss": value.item(),
            "factor_per_step": fit.factor,
            "r2": fit.r2,
            "ratio": first_over_last(signals),
            "first_non_finite": bad,
        },
    )


def _first_non_finite(value: Tensor, signal: Tensor) -> str:
    """Where Inf or NaN is met first; the backward pass starts at the last step."""
    if not value.isfinite():
        return "loss"
    bad = (~signal.isfinite()).nonzero()
    return f"signal at step {bad[-1].item() + 1}" if len(bad) else ""
