"""How long PyTorch takes to answer a setting that is not on a page.

``python -m benchmarks.live`` prints the slowest setting of each experiment; ``make bench`` runs
it too. A reader in a notebook waits for as long.
"""

from __future__ import annotations

import statistics
import time

import vgplib as vgp

ROUNDS = 5
LIMIT = 2.0  # seconds

SLOWEST = {
    "chain": {"hops": 49},
    "backprop-by-hand": {"w1": 0.7},
    "descent": {"depth": 8, "activation": "sigmoid", "learning_rate": 0.02},
    "error-signal": {"depth": 49, "activation": "gelu"},
    "two-gradients": {"depth": 29, "activation": "sigmoid"},
    "through-time": {"steps": 99, "cell": "gru"},
    "number-formats": {"depth": 119, "number_format": "float16"},
    "update-ratio": {"network": "tanh", "depth": 19, "optimizer": "adam", "steps": 49},
    "dead-units": {"learning_rate": 0.02},
}


def answer(name: str) -> float:
    """The median seconds of an answer, after a first one that loads what is needed."""
    times = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        vgp.readouts(name, **SLOWEST[name])
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> None:
    """Print a line for each experiment."""
    print(f"\nseconds until PyTorch has answered, slowest setting (at most {LIMIT:.0f})")
    for name in SLOWEST:
        print(f"{answer(name):8.2f}  {name}")


if __name__ == "__main__":
    main()
