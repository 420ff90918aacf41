"""What one waits for: the book, and an import; for notebooks, see ``learners``.

``python -m benchmarks.times`` prints a table; ``make bench`` runs it too.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from tools import book

ROUNDS = 7


def seconds(code: str) -> float:
    """The seconds that a new Python needs for ``code``."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def import_cost() -> float:
    """The seconds that ``import vgplib`` adds to ``import torch``: median of interleaved pairs."""
    pairs = [(seconds("import torch"), seconds("import torch, vgplib")) for _ in range(ROUNDS)]
    return statistics.median(with_ours - alone for alone, with_ours in pairs)


def main() -> None:
    """Print the table."""
    print("\nseconds")
    print(f"{import_cost():8.2f}  import vgplib, beyond import torch (at most 0.5)")
    book.STAMP.unlink(missing_ok=True)
    start = time.perf_counter()
    book.build()
    print(f"{time.perf_counter() - start:8.1f}  building the book (make serve: at most 180)")


if __name__ == "__main__":
    main()
