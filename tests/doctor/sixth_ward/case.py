"""A case of the sixth ward: a model as a practitioner brings it, and the proof of its label."""

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import torch
from torch import Tensor, nn

Loss = Callable[[nn.Module], Tensor]
Made = tuple[nn.Module, Loss, torch.optim.Optimizer | None]
Fact = Callable[[nn.Module, Loss, torch.optim.Optimizer | None], None]


@dataclass(frozen=True)
class Case:
    """One model with its loss; ``condition`` is None where it is healthy."""

    name: str
    condition: str | None
    also: tuple[str, ...]
    cause: str | tuple[str, ...] | None
    about: str
    facts: list[Fact]
    story: Callable[[], Made]

    def make(self) -> Made:
        """Model, loss and optimizer, built anew; always the same."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(crc32(self.name.encode()))
            return self.story()

    def prove(self) -> None:
        """Run every fact on a model of its own."""
        assert self.facts, f"{self.name} proves nothing"
        for fact in self.facts:
            made = self.make()
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(1)
                fact(*made)


def case(
    condition: str | None,
    *,
    about: str,
    facts: list[Fact],
    also: tuple[str, ...] = (),
    cause: str | tuple[str, ...] | None = None,
) -> Callable[[Callable[[], Made]], Case]:
    """Turn a function that builds ``(model, loss, optimizer)`` into a `Case` of its name."""
    return lambda story: Case(story.__name__, condition, also, cause, about, facts, story)
