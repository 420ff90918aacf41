"""What an examination costs: seconds, bare training steps, and memory, in one run.

``python -m benchmarks.examine`` prints a table; ``make bench`` runs it too. The limits: the small
networks in two seconds on two cores; a model of a hundred million parameters within
15 of its own training steps, and within twice the memory of one.
"""

from __future__ import annotations

import subprocess
import sys

_RUN = """
import resource, statistics, sys, time
import torch
import torch.nn.functional as F
from torch import nn
import vgplib as vgp
from benchmarks.measure import encoder, mlp

def hundred_million():
    layer = nn.TransformerEncoderLayer(1024, 16, 4096, batch_first=True, norm_first=True)
    model = nn.Sequential(nn.TransformerEncoder(layer, 8, enable_nested_tensor=False),
                          nn.Linear(1024, 10))
    x, y = torch.randn(4, 64, 1024), torch.randint(10, (4 * 64,))
    return model, lambda m: F.cross_entropy(m(x).flatten(0, 1), y)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

torch.manual_seed(0)
before = peak()
model, loss = {"mlp": mlp, "encoder": encoder, "large": hundred_million}[sys.argv[1]]()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

def bare():
    optimizer.zero_grad()
    loss(model).backward()
    optimizer.step()

def timed(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start

for _ in range(3):
    bare()
own = peak() - before
if sys.argv[1] != "large":
    vgp.examine(model, loss, optimizer=optimizer)
steps, examinations = [], []
for _ in range(1 if sys.argv[1] == "large" else 5):
    steps += [timed(bare) for _ in range(3)]
    examinations.append(timed(lambda: vgp.examine(model, loss, optimizer=optimizer)))
count = sum(p.numel() for p in model.parameters())
print(count, statistics.median(steps), statistics.median(examinations), own, peak() - before)
"""

CASES = {
    "mlp": "50 hidden layers of 64, batch 128",
    "encoder": "6-layer encoder, width 128",
    "large": "8-layer encoder, width 1024",
}


def main() -> None:
    """Print the table."""
    print("\nan examination, steps=3, with AdamW")
    print(f"{'':36}{'parameters':>12}{'seconds':>9}{'bare steps':>12}{'memory / own step':>20}")
    for name, about in CASES.items():
        command = [sys.executable, "-c", _RUN, name]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        count, step, examination, own, both = map(float, done.stdout.split())
        ratio = f"{examination / step:.1f}"
        print(f"{about:36}{count / 1e6:>11.1f}M{examination:>9.2f}{ratio:>12}{both / own:>20.2f}")


if __name__ == "__main__":
    main()
