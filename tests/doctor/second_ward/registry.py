"""How a case is written down: its condition, its story, and the measurement that proves it."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

Loss = Callable[[nn.Module], torch.Tensor]
Patient = tuple[nn.Module, Loss, torch.optim.Optimizer | None]


class Case(NamedTuple):
    name: str
    make: Callable[[], Patient]
    condition: str | None  # None: healthy
    also: tuple[str, ...]
    about: str
    proofs: tuple[Callable[..., bool], ...]  # one for the condition, then one for each of also


ALL: list[Case] = []


def case(condition, *proofs, also=(), about):
    """Register a function that returns (model, loss, optimizer or None), each time the same."""

    def register(function):
        def make() -> Patient:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(2024)
                return function()

        ALL.append(Case(function.__name__, make, condition, tuple(also), about, proofs))
        return function

    return register
