"""What watching a training loop costs: in units of the bare loop, in one interleaved run.

``python -m benchmarks.watch`` prints a table; ``make bench`` runs it too. Each round runs every
loop once, of several steps each, so that whatever else the machine does falls on all of them
alike; the ratios are medians over the rounds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from benchmarks.measure import encoder, mlp
from vgplib.doctor.watching.watch import watch

ROUNDS = 9
STEPS = 20  # in a round: a multiple of each ``every``
EVERY = (1, 10)
LIMIT = 1.05  # at every=10, for the MLP


def by_optimizer(model: nn.Module, kind: type[torch.optim.Optimizer]) -> Callable[[], None]:
    """What updates the weights and clears the gradients."""
    optimizer = kind(model.parameters(), lr=1e-4)

    def update() -> None:
        optimizer.step()
        optimizer.zero_grad()

    return update


def by_hand(model: nn.Module) -> Callable[[], None]:
    """The same without an optimizer, so that steps are told by cleared gradients."""

    @torch.no_grad()
    def update() -> None:
        for parameter in model.parameters():
            parameter.sub_(parameter.grad, alpha=1e-4)
            parameter.grad = None

    return update


def costs(
    model: nn.Module, loss: Callable, update: Callable[[], None]
) -> tuple[float, dict[int, float]]:
    """Median seconds of a bare step; and ``every`` -> median ratio of the watched loop to it."""

    def loop() -> float:
        start = time.perf_counter()
        for _ in range(STEPS):
            loss(model).backward()
            update()
        return time.perf_counter() - start

    watches = {every: watch(model, every) for every in EVERY}
    bare: list[float] = []
    ratios: dict[int, list[float]] = {every: [] for every in EVERY}
    for _ in range(ROUNDS + 2):
        bare.append(loop())
        for every, watched in watches.items():
            with watched:
                ratios[every].append(loop() / bare[-1])
    return statistics.median(bare[2:]) / STEPS, {
        every: statistics.median(found[2:]) for every, found in ratios.items()
    }


def main() -> None:
    """Print the table."""
    print(f"\ncost of a watched loop in bare loops (every=10, MLP, AdamW: at most {LIMIT})")
    for make in (mlp, encoder):
        print(make.__doc__)
        for name in ("AdamW", "SGD", "by hand") if make is mlp else ("AdamW",):
            torch.manual_seed(0)
            model, loss = make()
            kind = getattr(torch.optim, name, None)
            update = by_optimizer(model, kind) if kind else by_hand(model)
            seconds, found = costs(model, loss, update)
            told = "  ".join(f"{ratio:5.2f} every={every}" for every, ratio in found.items())
            print(f"  {told}  {name}, bare step {1000 * seconds:.1f} ms")


if __name__ == "__main__":
    main()
