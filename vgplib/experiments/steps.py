"""Training on the digits, step by step: what the experiments on symptoms share.

In float64, because the updates of a layer that gets almost no signal are below float32's digits.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vgplib.networks.data import digits
from vgplib.networks.feedforward import FeedForward

BATCH = 64
MOMENTUM = 0.9


def data() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The digits of :func:`vgplib.networks.digits`, with float64 images."""
    x, y, x_test, y_test = digits()
    return x.double(), y, x_test.double(), y_test


def taken(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    y: Tensor,
    *,
    steps: int,
    seed: int,
    batch: int = BATCH,
    loss_factor: float = 1.0,
    clip: float | None = None,
) -> Iterator[int]:
    """Train on random batches; yields how many steps are taken: 0, 1, ..., ``steps``.

    Args:
        net: Changed from step to step.
        optimizer: Over its parameters.
        x: Images, shape ``(n, 64)``.
        y: Labels, shape ``(n,)``.
        steps: How many to take.
        seed: Of the batches, which are drawn with replacement.
        batch: Images in one of them.
        loss_factor: Multiplies the cross-entropy.
        clip: The largest norm of the whole gradient, or None.
    """
    order = torch.Generator().manual_seed(seed)
    yield 0
    for step in range(1, steps + 1):
        pick = torch.randint(len(x), (batch,), generator=order)
        optimizer.zero_grad()
        (loss_factor * F.cross_entropy(net(x[pick]), y[pick])).backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(net.parameters(), clip)
        optimizer.step()
        yield step


def weights(net: FeedForward) -> list[Tensor]:
    """A copy of every weight matrix, the read-out's last."""
    assert net.readout is not None
    return [layer.weight.detach().clone() for layer in (*net.hidden, net.readout)]


def change(now: list[Tensor], before: list[Tensor]) -> list[float]:
    """By how much each matrix has changed: the norm of the change over the norm it had."""
    return [((w - v).norm() / v.norm()).item() for w, v in zip(now, before, strict=True)]


@torch.no_grad()
def accuracy(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """The share of images whose largest logit is their label's."""
    return (net(x).argmax(dim=1) == y).double().mean().item()


@torch.no_grad()
def dead(net: FeedForward, x: Tensor) -> list[float]:
    """For each hidden layer the share of units whose slope is 0 for every image.

    NaN from the first layer on whose pre-activations are not finite: a comparison with NaN is
    false, so a network that has diverged would seem to be alive.
    """
    shares, h = [], x
    for layer in net.hidden:
        z = layer(h)
        silent = (net.activation.slope(z) == 0).all(dim=0)
        shares.append(silent.double().mean().item() if z.isfinite().all() else float("nan"))
        h = net.activation(z)
    return shares
