"""A case of a ward: a model as a practitioner brings it, its condition, and the proof of that."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from zlib import crc32

import torch
from torch import Tensor, nn

# Read when transformers is imported: models come from configurations, and nothing is fetched.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

Loss = Callable[[nn.Module], Tensor]
Made = tuple[nn.Module, Loss, torch.optim.Optimizer | None]
Fact = Callable[[nn.Module, Loss, torch.optim.Optimizer | None], None]


@dataclass(frozen=True)
class Case:
    """One model with its loss; ``condition`` is None where it is healthy."""

    name: str
    condition: str | None
    also: tuple[str, ...]
    """Whatever else truly holds, mostly as a consequence."""
    cause: tuple[str, ...]
    """What may be called the cause of the condition."""
    about: str
    facts: tuple[Fact, ...]
    """Each asserts by plain PyTorch that the label is true."""
    story: Callable[[], Made]
    seed: int

    def make(self) -> Made:
        """Model, loss and optimizer, built anew; always the same."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.story()

    def prove(self) -> None:
        """Run every fact on a model of its own."""
        assert self.facts, f"{self.name} proves nothing"
        for fact in self.facts:
            with torch.random.fork_rng(devices=[]):
                made = self.make()
                torch.manual_seed(1)
                fact(*made)


def case(
    condition: str | None,
    *,
    about: str,
    facts: Sequence[Fact],
    also: Sequence[str] = (),
    cause: str | Sequence[str] = (),
) -> Callable[[Callable[[], Made]], Case]:
    """Turn a function that builds model, loss and optimizer (or None) into a `Case`."""

    def made(story: Callable[[], Made]) -> Case:
        name = story.__name__
        causes = (cause,) if isinstance(cause, str) else tuple(cause)
        seed = crc32(name.encode())
        return Case(name, condition, tuple(also), causes, about, tuple(facts), story, seed)

    return made


def cases(ward: ModuleType, seed: int | None = None) -> tuple[Case, ...]:
    """All cases that the modules of a ward define; with one seed for all if it is given."""
    names = [f"{ward.__name__}.{module.name}" for module in pkgutil.iter_modules(ward.__path__)]
    found = [
        c
        for name in names
        for c in vars(importlib.import_module(name)).values()
        if isinstance(c, Case) and c.story.__module__ == name
    ]
    return tuple(found if seed is None else (replace(c, seed=seed) for c in found))
