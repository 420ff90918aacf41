"""What measuring costs: in units of a bare training step, in one interleaved run.

``python -m benchmarks.measure`` prints a table; ``make bench`` runs it too. A bare step is
forward, backward and a step of the optimizer: of AdamW, with which most people train and which
the limits are about, and of plain SGD, which costs next to nothing itself. Each round runs every
way once, so that whatever else the machine does falls on all of them alike; the ratios are medians
over the rounds.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

import vgplib as vgp

ROUNDS = 40


def mlp() -> tuple[nn.Module, Callable]:
    """50 hidden ReLU layers 64 wide; a batch of 128."""
    layers = [module for _ in range(50) for module in (nn.Linear(64, 64), nn.ReLU())]
    x, y = torch.randn(128, 64), torch.randint(10, (128,))
    return nn.Sequential(*layers, nn.Linear(64, 10)), lambda m: F.cross_entropy(m(x), y)


def encoder() -> tuple[nn.Module, Callable]:
    """Six layers of PyTorch's TransformerEncoder, 128 wide; a batch of 16 with 32 tokens."""
    layer = nn.TransformerEncoderLayer(128, 4, 512, batch_first=True)
    model = nn.Sequential(
        nn.TransformerEncoder(layer, 6, enable_nested_tensor=False), nn.Linear(128, 10)
    )
    x, y = torch.randn(16, 32, 128), torch.randint(10, (16 * 32,))
    return model, lambda m: F.cross_entropy(m(x).flatten(0, 1), y)


def hooks(model: nn.Module, signals: list[torch.Tensor]) -> list:
    """Full backward hooks that keep a norm: what one would write without this package."""

    def keep(_module: nn.Module, _inputs: tuple, outputs: tuple) -> None:
        signals.append(outputs[0].norm())

    leaves = [m for m in model.modules() if not list(m.children())]
    return [module.register_full_backward_hook(keep) for module in leaves]


def ways(
    model: nn.Module, loss: Callable, optimizer: torch.optim.Optimizer
) -> dict[str, Callable[[], object]]:
    """What is compared, by name; the first is the bare step."""

    def bare() -> None:
        optimizer.zero_grad()
        loss(model).backward()
        optimizer.step()

    seen = vgp.record(model)

    def light() -> tuple:
        optimizer.zero_grad()
        with seen:
            loss(model).backward()
        optimizer.step()
        return seen.signal, seen.weight_grad

    def hooked() -> list[float]:
        signals: list[torch.Tensor] = []
        handles = hooks(model, signals)
        bare()
        for handle in handles:
            handle.remove()
        return [signal.item() for signal in signals]

    return {
        "bare step": bare,
        "vgp.measure": lambda: vgp.measure(model, loss),
        "vgp.record, in the step": light,
        "full backward hooks": hooked,
    }


def costs(make: Callable, kind: type[torch.optim.Optimizer]) -> dict[str, float]:
    """Median seconds of each way, over rounds in which each ran once."""
    torch.manual_seed(0)
    model, loss = make()
    found = ways(model, loss, kind(model.parameters(), lr=1e-4))
    times: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(ROUNDS + 3):
        for name, run in found.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values[3:]) for name, values in times.items()}


LIMITS = {"vgp.measure": (2.0, 1.25), "vgp.record, in the step": (1.35, 1.12)}


def main() -> None:
    """Print the table."""
    warnings.filterwarnings("ignore", "Full backward hook is firing")
    print("\ncost in bare training steps (at most)")
    for column, make in enumerate((mlp, encoder)):
        print(make.__doc__)
        for kind in (torch.optim.AdamW, torch.optim.SGD):
            found = costs(make, kind)
            bare = found["bare step"]
            print(f"  with {kind.__name__}, bare step {1000 * bare:.1f} ms")
            for name, seconds in list(found.items())[1:]:
                limited = name in LIMITS and kind is torch.optim.AdamW
                limit = f"({LIMITS[name][column]})" if limited else ""
                print(f"{seconds / bare:10.2f} {limit:7} {name}")


if __name__ == "__main__":
    main()
