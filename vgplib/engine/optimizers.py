"""Update rules for many runs at once, each with its own learning rate and weight decay.

Parameters, gradients, rates and decays are flat tensors of the same length, so that a step is a
few operations however many layers there are. The formulas are those of ``torch.optim``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


class SGD:
    """Gradient descent with momentum as ``torch.optim.SGD`` has it: the rate is outside of it."""

    def __init__(self, parameters: Tensor, rates: Tensor, decays: Tensor, momentum: float) -> None:
        """Start at ``parameters``, which the steps change."""
        self._parameters, self._rates, self._decays = parameters, rates, decays
        self._momentum = momentum
        self._velocity = torch.zeros_like(parameters)

    def step(self, gradient: Tensor) -> None:
        """Change the parameters by one step along ``gradient``, which is overwritten."""
        gradient.addcmul_(self._decays, self._parameters)
        self._velocity.mul_(self._momentum).add_(gradient)
        self._parameters.addcmul_(self._velocity, self._rates, value=-1)


class Adam:
    """Kingma & Ba (2015), with the defaults of ``torch.optim.Adam``."""

    BETA1, BETA2, EPS = 0.9, 0.999, 1e-8

    def __init__(self, parameters: Tensor, rates: Tensor, decays: Tensor, momentum: float) -> None:
        """Start at ``parameters``, which the steps change; ``momentum`` is Adam's own."""
        del momentum
        self._parameters, self._rates, self._decays = parameters, rates, decays
        self._mean, self._square = torch.zeros_like(parameters), torch.zeros_like(parameters)
        self._steps = 0

    def step(self, gradient: Tensor) -> None:
        """Change the parameters by one step along ``gradient``, which is overwritten."""
        self._steps += 1
        gradient.addcmul_(self._decays, self._parameters)
        self._mean.lerp_(gradient, 1 - self.BETA1)
        self._square.mul_(self.BETA2).addcmul_(gradient, gradient, value=1 - self.BETA2)
        root = torch.sqrt(self._square, out=gradient)
        root.div_(math.sqrt(1 - self.BETA2**self._steps)).add_(self.EPS)
        step = torch.div(self._mean, root, out=gradient).mul_(self._rates)
        self._parameters.add_(step, alpha=-1 / (1 - self.BETA1**self._steps))


OPTIMIZERS: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam}
