"""A case: a model somebody might bring, its true condition, and the proof of that truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Loss = Callable[[nn.Module], Tensor]
Patient = tuple[nn.Module, Loss, torch.optim.Optimizer | None]
Fact = Callable[[nn.Module, Loss, torch.optim.Optimizer | None], None]


@dataclass(frozen=True)
class Case:
    """One patient. `condition` is None for a healthy one; `also` lists what else truly holds."""

    name: str
    condition: str | None
    also: tuple[str, ...]
    cause: str | tuple[str, ...] | None
    about: str
    facts: tuple[Fact, ...]
    story: Callable[[], Patient]

    def make(self) -> Patient:
        """The patient anew, always the same; the caller's random state stays as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            return self.story()


def case(
    condition: str | None,
    *,
    also: Sequence[str] = (),
    cause: str | tuple[str, ...] | None = None,
    about: str,
    facts: Sequence[Fact],
) -> Callable[[Callable[[], Patient]], Case]:
    """Makes a `Case` of a function that returns model, loss and optimizer (or None)."""

    def made(story: Callable[[], Patient]) -> Case:
        return Case(story.__name__, condition, tuple(also), cause, about, tuple(facts), story)

    return made
