"""How long a large grid takes, and how much memory: two cores, a coffee break.

``python -m benchmarks.grid`` measures a part of a grid of 10,000 settings x 5 seeds of depth 50 and
says what the whole would take; ``python -m benchmarks.grid whole`` measures all of it. ``make
bench`` runs the part.
"""

from __future__ import annotations

import subprocess
import sys

SETTINGS, SEEDS, DEPTH, BOUND = 10_000, 5, 50, "2GiB"
PART = 200

_RUN = """
import resource, time
import numpy as np
import vgplib as vgp

def sweep(count):
    scales = np.geomspace(0.5, 4, count // 2)
    return vgp.sweep("error-signal", activation=["tanh", "relu"], weight_scale=scales,
                     depth={depth}, seeds={seeds}, memory="{bound}", progress={progress})

sweep(4)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
data = sweep({count})
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(data.signal.size, time.perf_counter() - start, peak / 2**20)
"""


def measure(count: int, progress: bool = False) -> tuple[float, float]:
    """Seconds and GiB beyond Python and its packages, for ``count`` settings, in a new process."""
    code = _RUN.format(count=count, seeds=SEEDS, depth=DEPTH, bound=BOUND, progress=progress)
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    _, seconds, peak = done.stdout.split()
    return float(seconds), float(peak)


def main(count: int = PART) -> None:
    """Print what ``count`` settings take, and what the whole grid would."""
    seconds, peak = measure(count, progress=count > PART)
    whole = seconds * SETTINGS / count
    print(f"\nerror-signal, depth {DEPTH}, width 256, float64, {SEEDS} seeds, memory={BOUND}")
    print(f"{seconds:8.1f} s for {count} settings, {peak:.2f} GiB at most")
    print(f"{whole / 60:8.1f} min for {SETTINGS} settings, by that")


if __name__ == "__main__":
    main(SETTINGS if sys.argv[1:] == ["whole"] else PART)
