"""The activation functions, with what the measures need to know about each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vgplib import errors


@dataclass(frozen=True)
class Activation:
    """An activation function phi.

    Attributes:
        name: As in ``activation="leaky_relu"``.
        label: As the reader sees it: ``"leaky ReLU"``.
        function: phi, applied entry by entry.
        max_slope: The largest value of phi' (for softplus and SELU: the supremum).
            A unit counts as saturated where ``|phi'(z)| < 0.05 * max_slope``.
    """

    name: str
    label: str
    function: Callable[[Tensor], Tensor]
    max_slope: float

    def __call__(self, z: Tensor) -> Tensor:
        """phi(z), of the shape of ``z``."""
        return self.function(z)

    def slope(self, z: Tensor) -> Tensor:
        """phi'(z) by automatic differentiation, of the shape and dtype of ``z``.

        At a kink it is PyTorch's choice: the slope of ReLU at 0 is 0.
        """
        return slope(self.function, z)


def slope(function: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """The derivative of an entry-by-entry ``function`` at ``z``, by automatic differentiation.

    Raises:
        ValueError: PyTorch cannot differentiate the function.
    """
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        values = function(z)
        if not values.requires_grad:
            raise ValueError(
                f"PyTorch cannot differentiate {function!r}: its values have no graph."
            )
        (derivative,) = torch.autograd.grad(values.sum(), z)
    return derivative


def _identity(z: Tensor) -> Tensor:
    return z.clone()


def _prelu(z: Tensor) -> Tensor:
    # He et al. 2015 start its slope at 1/4, and so does nn.PReLU: here it stays there.
    return F.leaky_relu(z, 0.25)


# The largest slopes of GELU, SiLU and Mish lie above 1, where their second derivative vanishes:
# at sqrt(2), 2.39936 and 1.49057. SELU's is scale * alpha, reached just below 0.
ACTIVATIONS: dict[str, Activation] = {
    a.name: a
    for a in (
        Activation("sigmoid", "sigmoid", torch.sigmoid, 0.25),
        Activation("tanh", "tanh", torch.tanh, 1.0),
        Activation("relu", "ReLU", F.relu, 1.0),
        Activation("gelu", "GELU", F.gelu, 1.1289041778),
        Activation("silu", "SiLU", F.silu, 1.0998393194),
        Activation("linear", "linear", _identity, 1.0),
        Activation("leaky_relu", "leaky ReLU", F.leaky_relu, 1.0),
        Activation("prelu", "PReLU (slope 1/4)", _prelu, 1.0),
        Activation("elu", "ELU", F.elu, 1.0),
        Activation("selu", "SELU", F.selu, 1.0507009873554805 * 1.6732632423543772),
        Activation("softplus", "softplus", F.softplus, 1.0),
        Activation("mish", "Mish", F.mish, 1.0884981613),
        Activation("softsign", "softsign", F.softsign, 1.0),
    )
}


def activation(name: str) -> Activation:
    """The activation of that name.

    Raises:
        ValueError: There is none; the message lists the names and the closest.
    """
    return ACTIVATIONS[errors.choose("activation", name, ACTIVATIONS)]
