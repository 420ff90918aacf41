"""One patient of the ward: a small model, what is wrong with it, and the proof."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

# Read when transformers is imported: models come from configurations, and nothing is fetched.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

CONDITIONS = frozenset(
    """vanishing exploding temporal_vanishing temporal_exploding forward_vanishing
    forward_exploding dead_relu saturation nan zero_gradient no_gradient frozen fp16_underflow
    fp16_overflow lr_too_high lr_too_low symmetry rank_collapse""".split()
)

Loss = Callable[[nn.Module], Tensor]
Patient = tuple[nn.Module, Loss, "Optimizer | None"]
Proof = Callable[[nn.Module, Loss, "Optimizer | None"], None]


@dataclass(frozen=True)
class Case:
    """A model as a user would bring it, and what is true of it."""

    name: str
    family: str
    make: Callable[[], Patient]
    condition: str | None
    """The main condition, None if the model is healthy."""
    also: frozenset[str]
    """Whatever else truly holds, mostly as a consequence."""
    cause: str | None
    prove: Proof
    about: str


ALL: list[Case] = []


def sick(
    condition: str, *, cause: str, prove: Proof, also: Iterable[str] = ()
) -> Callable[[Callable[[], Patient]], Callable[[], Patient]]:
    """Register what the function below makes as a case with this condition."""
    unknown = {condition, *also} - CONDITIONS
    if unknown:
        raise ValueError(f"no such condition: {sorted(unknown)}; there are {sorted(CONDITIONS)}")
    return _register(condition, frozenset(also), cause, prove)


def healthy(*, prove: Proof) -> Callable[[Callable[[], Patient]], Callable[[], Patient]]:
    """Register what the function below makes as a case without any condition."""
    return _register(None, frozenset(), None, prove)


def _register(
    condition: str | None, also: frozenset[str], cause: str | None, prove: Proof
) -> Callable[[Callable[[], Patient]], Callable[[], Patient]]:
    def register(story: Callable[[], Patient]) -> Callable[[], Patient]:
        def make() -> Patient:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                return story()

        family = story.__module__.rpartition(".")[2].strip("_")
        about = " ".join((story.__doc__ or "").split())
        ALL.append(Case(story.__name__, family, make, condition, also, cause, prove, about))
        return story

    return register
