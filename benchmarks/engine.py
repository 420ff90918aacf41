"""How fast many networks are measured at once, beside one after the other.

``python -m benchmarks.engine`` prints a table; ``make bench`` runs it too. Everything is timed in
turns within one run, since another program may be using the machine: read the ratios.

*loop* is plain PyTorch: for each network, forward through ``nn.Sequential`` and
``loss.backward()``, which leaves a gradient for each weight. *engine* computes the same and the
norms of each layer's signal and weight gradient. *bmm* is the engine's matrix products without
anything else. *peak* is the rate of one large matrix product.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from vgplib.engine.batched import Network, drawn, measure_block, projection
from vgplib.engine.block import Block, Shape
from vgplib.networks import FeedForward, gaussian

NETWORKS, DEPTH, WIDTH, BATCH, THREADS, ROUNDS = 64, 50, 64, 64, 2, 15
FLOPS = 3 * 2 * NETWORKS * DEPTH * BATCH * WIDTH**2  # forward, to the signal, to the weights
LEAST = {torch.float32: 4.5, torch.float64: 3.0}  # times the loop
SHARE = 0.45  # of the rate of bmm
LARGE = 2048

INITIALISER = {"tanh": "lecun", "relu": "he"}
MODULES = {"tanh": nn.Tanh, "relu": nn.ReLU}


def interleaved(work: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The median seconds of each piece of work, done in turns, after a first turn to warm up."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS + 1):
        for name, do in work.items():
            start = time.perf_counter()
            do()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found[1:]) for name, found in times.items()}


def compare(name: str, dtype: torch.dtype) -> dict[str, float]:
    """The median seconds of loop, engine, bmm, and what the engine does besides.

    Args:
        name: An activation.
        dtype: Of the networks.
    """
    shape = Shape(WIDTH, WIDTH, DEPTH, BATCH, bias=True, dtype=dtype)
    x, v = gaussian(BATCH, WIDTH, 0, dtype), gaussian(1, WIDTH, 1, dtype)
    networks = [Network(seed, INITIALISER[name]) for seed in range(NETWORKS)]

    def module(net: Network) -> nn.Module:
        made = FeedForward(
            WIDTH, WIDTH, DEPTH, name, net.initialiser, seed=net.seed, dtype=dtype
        ).hidden
        return nn.Sequential(*(part for linear in made for part in (linear, MODULES[name]())))

    def blocks(act: str) -> list[Block]:
        made = []
        for start in range(0, NETWORKS, shape.block):
            made.append(Block(shape, act))
            made[-1].x.copy_(x)
            next(drawn(made[-1], networks[start : start + shape.block]))
        return made

    modules = [module(net) for net in networks]
    target, ones = v.expand(shape.block, 1, WIDTH), torch.ones(shape.block, dtype=dtype)
    a, b, w = (torch.randn(shape.block, n, WIDTH).to(dtype) for n in (BATCH, BATCH, WIDTH))
    large = torch.randn(LARGE, LARGE).to(dtype)
    ours, linear = blocks(name), blocks("linear")

    def loop() -> None:
        for net in modules:
            net.zero_grad()
            (net(x) * v).sum(dim=1).mean().backward()

    def engine(some: list[Block]) -> None:
        for block in some:
            measure_block(block, target, projection, ones)

    def bmm() -> None:
        for block in ours:
            for weight in block.weights:
                torch.bmm(a, weight.transpose(1, 2), out=b)
                torch.bmm(a, weight, out=b)
                torch.bmm(a.transpose(1, 2), b, out=w)

    return interleaved(
        {
            "loop": loop,
            "engine": lambda: engine(ours),
            "linear": lambda: engine(linear),
            "bmm": bmm,
            "peak": lambda: torch.mm(large, large),
        }
    )


def main() -> None:
    """Print a table, and under it what the engine's time goes to."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    print(
        f"\n{NETWORKS} networks of depth {DEPTH}, width {WIDTH}, batch {BATCH}, forward and back, "
        f"on {THREADS} threads\n"
        "                loop  engine     bmm  times the loop  share of bmm   GFLOP/s  of peak"
    )
    for dtype, least in LEAST.items():
        for name in MODULES:
            t = compare(name, dtype)
            peak = 2 * LARGE**3 / t["peak"] / 1e9
            rate = FLOPS / t["engine"] / 1e9
            kind = f"{str(dtype).removeprefix('torch.')} {name}"
            print(
                f"{kind:<14}{t['loop'] * 1e3:4.0f} ms{t['engine'] * 1e3:5.0f} ms"
                f"{t['bmm'] * 1e3:5.0f} ms{t['loop'] / t['engine']:9.1f} (>= {least})"
                f"{t['bmm'] / t['engine']:7.0%} (>= {SHARE:.0%}){rate:10.0f}{rate / peak:9.0%}"
            )
            parts = {
                "products": t["bmm"],
                "activations": t["engine"] - t["linear"],
            }
            parts["the rest (norms, starting operations)"] = t["engine"] - sum(parts.values())
            told = ", ".join(f"{what} {part / t['engine']:.0%}" for what, part in parts.items())
            print(f"{'':<14}{told}; bmm is at {FLOPS / t['bmm'] / 1e9 / peak:.0%} of peak")
    torch.set_num_threads(before)


if __name__ == "__main__":
    main()
