"""Run every benchmark, each in a process of its own.

On Linux a new process begins with its parent's peak of memory: where one benchmark had run before
in the same process, the next one's networks seemed to take none.
"""

import subprocess
import sys

NAMES = "measure watch examine doctor engine grid pages moves live times learners".split()

for name in NAMES:
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
