"""What papers report and no bench shows: measured again, in networks that train within seconds.

The chapters' "published, and measured here" and the appendix on reproductions quote these numbers.
Each is that of the middle one of five random starts, unless its function says otherwise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vgplib import errors
from vgplib.experiments import steps as training
from vgplib.experiments.memory_race import sums
from vgplib.experiments.weight_decay import spectral_radius
from vgplib.measures.layers import measure
from vgplib.networks.deep import Deep
from vgplib.networks.feedforward import FeedForward
from vgplib.networks.recurrent import Recurrent

RADIUS = 1.6  # the spectral radius of a recurrent matrix that makes gradients explode


def _middle(measured: Callable[[int], float]) -> float:
    return sorted(measured(seed) for seed in range(5))[2]


def _fit(
    net: nn.Module, rate: float, steps: int, batch: int, seed: int, momentum: float = 0.0
) -> nn.Module:
    """Train on the digits by gradient descent."""
    x, y, _, _ = training.data()
    rule = torch.optim.SGD(net.parameters(), lr=rate, momentum=momentum)
    for _ in training.taken(net, rule, x, y, steps=steps, seed=seed, batch=batch):
        pass
    return net


def _tested(net: nn.Module) -> float:
    _, _, x, y = training.data()
    return training.accuracy(net.eval(), x, y)


class _Shifted(nn.Module):
    """Shifts and scales each unit's sums at random, anew at each step of training."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self, z: Tensor) -> Tensor:
        if not self.training:
            return z
        shift, scale = torch.rand(2, z.shape[1], generator=self.generator, dtype=z.dtype)
        return (1 + scale) * z + 2 * shift - 1


@functools.cache
def glorot(initialiser: str) -> tuple[float, float]:
    """Five fresh tanh layers of 256 units, without biases, on the digits (Glorot & Bengio, 2010).

    Args:
        initialiser: A name in ``vgp.networks.INITIALISERS``.

    Returns:
        The error signal at layer 1, as a share of layer 5's; and the mean singular value of layer
        3's Jacobian.
    """
    x, y, _, _ = training.data()
    ratios, means = [], []
    for seed in range(5):
        net = FeedForward(64, 256, 5, "tanh", initialiser, outputs=10, seed=seed)
        for layer in net.hidden:
            nn.init.zeros_(layer.bias)
        seen = measure(net, lambda model: F.cross_entropy(model(x[:300]), y[:300]))
        ratios.append(float(seen.signal[0] / seen.signal[4]))
        h = x[:1]
        with torch.no_grad():
            for layer in net.hidden[:2]:
                h = torch.tanh(layer(h))
            slope = net.activation.slope(net.hidden[2](h)[0])
            values = torch.linalg.svdvals(slope[:, None] * net.hidden[2].weight)
        means.append(values.mean().item())
    return sorted(ratios)[2], sorted(means)[2]


@functools.cache
def batch_norm(kind: str) -> float:
    """Three sigmoid layers after 200 steps (Ioffe & Szegedy, 2015; Santurkar et al., 2018).

    Args:
        kind: ``"none"``, ``"batch"``, or ``"shifted"``: with random shifts behind each batch norm.

    Returns:
        The share of test digits that are right.
    """
    errors.choose("kind", kind, ("none", "batch", "shifted"))

    def right(seed: int) -> float:
        norm = None if kind == "none" else "batch"
        net = Deep(64, 100, 3, "sigmoid", "xavier", norm=norm, seed=seed)
        if kind == "shifted":
            for place, norm_layer in enumerate(net.norms):
                net.norms[place] = nn.Sequential(norm_layer, _Shifted(10 * seed + place))
        return _tested(_fit(net, 0.1, 200, 60, seed))

    return _middle(right)


@functools.cache
def batch_norm_explodes(rate: float, steps: int) -> float:
    """Twenty ReLU layers with batch norm, after some steps of training (Yang et al., 2019).

    Returns:
        How many times as loud the error signal is at layer 1 as at the last layer.
    """
    x, y, _, _ = training.data()

    def louder(seed: int) -> float:
        net = Deep(64, 64, 20, "relu", "he", norm="batch", seed=seed)
        _fit(net, rate, steps, 64, seed)
        seen = measure(net, lambda model: F.cross_entropy(model(x[:64]), y[:64]))
        signal = seen.signal.values[seen["name"].str.startswith("norms.").values]
        return float(signal[0] / signal[-1])

    return _middle(louder)


@functools.cache
def two_at_a_time(norm: str) -> float:
    """Four normalised ReLU layers, after 400 batches of two digits (Wu & He, 2018).

    Returns:
        The share of test digits that are right.
    """
    return _middle(
        lambda seed: _tested(
            _fit(Deep(64, 64, 4, "relu", "he", norm=norm, seed=seed), 0.02, 400, 2, seed)
        )
    )


@functools.cache
def fifty_layers(path: str) -> float:
    """Fifty sigmoid layers after 200 steps, one run (Srivastava et al., 2015).

    Args:
        path: ``"highway"``, with gates that start nearly shut, or ``"plain"``.

    Returns:
        The share of test digits that are right.
    """
    net = Deep(64, 64, 50, "sigmoid", "xavier", path=path, seed=0)
    with torch.no_grad():
        for gate in (p.gate for p in net.paths if path == "highway"):
            gate.bias.fill_(-4)
    return _tested(_fit(net, 0.1, 200, training.BATCH, 0, training.MOMENTUM))


@functools.cache
def runs_that_diverge(clip: float | None) -> int:
    """ReLU networks over 40 steps, with recurrent weights too large (Pascanu et al., 2013).

    Args:
        clip: The largest norm of a gradient, or None.

    Returns:
        How many of ten runs of 100 steps on the adding problem end in numbers that aren't finite.
    """
    return sum(not _stays_finite(seed, clip) for seed in range(10))


def _stays_finite(seed: int, clip: float | None) -> bool:
    generator = torch.Generator().manual_seed(seed)
    net = Recurrent(2, 32, "irnn", seed=seed)
    recurrent, last = (
        torch.randn(size, 32, generator=generator, dtype=torch.float64) for size in (32, 1)
    )
    with torch.no_grad():
        net.cell.weight_hh_l0.copy_(RADIUS * recurrent / spectral_radius(recurrent))
    last = (last / 32**0.5).requires_grad_()
    weights = [*net.parameters(), last]
    rule = torch.optim.SGD(weights, lr=0.01)
    for _ in range(100):
        x, y = sums(32, generator)
        loss = F.mse_loss((net(x)[-1] @ last.T)[:, 0], y)
        if not loss.isfinite():
            return False
        rule.zero_grad()
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(weights, clip)
        rule.step()
    return all(w.isfinite().all() for w in weights)


def steps_on_a_quartic(start: float, clipped: bool) -> int:
    """Steps of gradient descent on x⁴/4 until the slope is below 0.01 (Zhang et al., 2020).

    Without clipping, the rate is the largest that's safe where the run starts; with it, the rate
    is 1/40 and the gradient at most 4.

    Args:
        start: Where it starts.
        clipped: Whether the gradient is clipped.
    """
    rate, most = (1 / 40, 4.0) if clipped else (1 / (3 * start**2), float("inf"))
    x, taken = start, 0
    while abs(x**3) > 0.01:
        x -= rate * max(-most, min(most, x**3))
        taken += 1
    return taken
