"""What running each chapter as a notebook takes: seconds (at most 20), and what its kernel used.

``python -m benchmarks.learners`` prints a table; ``make bench`` runs it too. Each notebook runs in
a kernel of its own, with one thread, as thirty on one server would. ``HOSTING.md`` tells an
administrator what follows.
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
_USED = """
import resource
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


def run(path: Path) -> tuple[float, float, float]:
    """Run a notebook from top to bottom in a fresh kernel.

    Args:
        path: The notebook.

    Returns:
        Seconds, the kernel's start among them; of these, seconds of one core that the kernel
        computed; and its peak of memory, in GB.
    """
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(new_code_cell(_USED))
    start = time.perf_counter()
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": path.parent}}).execute()
    seconds = time.perf_counter() - start
    computed, peak = map(float, notebook.cells[-1].outputs[0].text.split())
    return seconds, computed, peak * (1 if os.uname().sysname == "Darwin" else 1024) / 1e9


def main() -> None:
    """Print seconds and memory for each notebook, and what a room of learners takes."""
    os.environ["OMP_NUM_THREADS"] = "1"
    most = 0.0
    print(f"{'a learner, after':24}{'seconds':>9}{'computed':>10}{'GB':>7}")
    for path in notebooks.paths():
        seconds, computed, memory = run(path.with_suffix(".ipynb"))
        most = max(most, memory)
        print(f"{path.stem:24}{seconds:9.0f}{computed:10.1f}{memory:7.2f}", flush=True)
    print(f"{LEARNERS} learners, a kernel each, at the heaviest: {LEARNERS * most:.0f} GB")


if __name__ == "__main__":
    main()
