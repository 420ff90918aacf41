"""What an optimizer's next step would change."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from vgplib.measures.norms import norm

if TYPE_CHECKING:
    from vgplib.measures.report import Parameter


def updates(optimizer: torch.optim.Optimizer, parameters: list[Parameter]) -> None:
    """Fill in the norm of the update that each parameter would get; 0 where it would get none.

    A copy of the optimizer takes the step, on copies of the parameters.

    Raises:
        ValueError: It needs a closure (LBFGS), so one step is more than one backward pass.
    """
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ValueError("LBFGS runs the loss several times in one step: give another optimizer.")
    copies: dict[int, object] = {}
    twin = copy.deepcopy(optimizer, copies)
    steps = []
    for parameter in parameters:
        moved = copies.get(id(parameter.tensor))
        parameter.update = 0.0
        if isinstance(moved, torch.Tensor):
            gradient = parameter.gradient
            moved.grad = None if gradient is None else gradient.detach().clone()
            steps.append((parameter, moved))
    # The class's own: a scheduler replaces the attribute by one that steps the original.
    type(twin).step(twin)
    for parameter, moved in steps:
        parameter.update = norm((moved - parameter.tensor).detach())
