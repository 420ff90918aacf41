"""The bench on which theory is held to measurement."""

import functools
import math

import pytest
import torch

from vgplib.measures.layers import measure
from vgplib.networks import FeedForward, gaussian

WIDTH, SEEDS = 256, range(6)


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small matrices: more threads are slower, and the machine may be shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def wide():
    """Measure wide networks at the start of training: one Dataset for each of six seeds.

    Width 256, inputs N(0, 1), float64; the loss is the batch mean of <v, h_L>, v Gaussian.
    """

    @functools.cache
    def runs(
        activation, initialiser="lecun", gain=1.0, *, depth=20, batch=8, bias=True, bias_variance=0
    ):
        out = []
        for seed in SEEDS:
            net = FeedForward(WIDTH, WIDTH, depth, activation, initialiser, gain, bias, seed=seed)
            if bias_variance:
                drawn = math.sqrt(bias_variance) * gaussian(depth, WIDTH, 3000 + seed)
                for layer, values in zip(net.hidden, drawn, strict=True):
                    layer.bias.data.copy_(values)
            x, v = gaussian(batch, WIDTH, 1000 + seed), gaussian(1, WIDTH, 2000 + seed)[0]
            out.append(measure(net, lambda m, x=x, v=v: (m(x) @ v).mean()))
        return out

    return runs


@pytest.fixture(scope="session")
def chain_factor():
    """Measure the factor of the norm per layer in chains of a linear layer and any ``step``."""

    def measured(step, *, width, batch, weight_variance=1.0, bias_variance=0.0, depth=14, seeds=3):
        """Mean over seeds; from layer 4, where the variance has settled, to the last."""
        logs = []
        for seed in range(seeds):
            zs, h = [], gaussian(batch, width, seed).requires_grad_()
            for layer in range(depth):
                number = 1000 * (seed + 1) + layer
                weight = math.sqrt(weight_variance / width) * gaussian(width, width, number)
                bias = math.sqrt(bias_variance) * gaussian(1, width, 500 + number)
                zs.append(h @ weight + bias)
                h = step(zs[-1])
            # Each sample has a read-out of its own: batch norm makes the mean over samples 0.
            loss = (h * gaussian(batch, width, 900 + seed)).sum()
            signals = [s.norm().item() for s in torch.autograd.grad(loss, zs)]
            logs.append(math.log(signals[3] / signals[-1]) / (depth - 4))
        return math.exp(sum(logs) / seeds)

    return measured
