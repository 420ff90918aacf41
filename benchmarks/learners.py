"""What running each chapter as a notebook takes: seconds (at most 20), and its kernel's memory.

``python -m benchmarks.learners`` prints a table; ``make bench`` runs it too. Each notebook runs in
a kernel of its own, with one thread, as thirty on one server would.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from tools import notebooks

LEARNERS = 30
_PEAK = "import resource\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


def run(path: Path) -> tuple[float, float]:
    """Run a notebook from top to bottom in a fresh kernel.

    Args:
        path: The notebook.

    Returns:
        Seconds, the kernel's start among them; and the kernel's peak of memory, in GB.
    """
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(new_code_cell(_PEAK))
    start = time.perf_counter()
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": path.parent}}).execute()
    seconds = time.perf_counter() - start
    peak = int(notebook.cells[-1].outputs[0].text) * (1 if os.uname().sysname == "Darwin" else 1024)
    return seconds, peak / 1e9


def main() -> None:
    """Print seconds and memory for each notebook, and what a room of learners takes."""
    os.environ["OMP_NUM_THREADS"] = "1"
    most = 0.0
    print(f"{'a learner, after':24}{'seconds':>9}{'GB':>7}")
    for path in notebooks.paths():
        seconds, memory = run(path.with_suffix(".ipynb"))
        most = max(most, memory)
        print(f"{path.stem:24}{seconds:9.0f}{memory:7.2f}", flush=True)
    print(f"{LEARNERS} learners, a kernel each, at the heaviest: {LEARNERS * most:.0f} GB")


if __name__ == "__main__":
    main()
