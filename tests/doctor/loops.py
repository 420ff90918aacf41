"""Small training loops to be watched."""

import torch
import torch.nn.functional as F
from torch import nn

import vgplib as vgp

X, Y = torch.randn(12, 6, generator=torch.Generator().manual_seed(1)), torch.arange(12) % 3
CLOSE = 1e-5  # relative: float32 sums over the batch, in another order


def mlp(depth=2, activation=nn.Tanh):
    torch.manual_seed(0)
    hidden = [module for _ in range(depth) for module in (nn.Linear(6, 6), activation())]
    return nn.Sequential(*hidden, nn.Linear(6, 3))


def loss_of(net, x=X, y=Y):
    return F.cross_entropy(net(x), y)


def train(net, steps, optimizer=None, between=lambda step: None):
    optimizer = optimizer or torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(steps):
        optimizer.zero_grad()
        loss_of(net).backward()
        optimizer.step()
        between(step)


def recorded(net, steps):
    """Signals and weight gradients of every step, as ``vgp.record`` reads them."""
    optimizer, seen = torch.optim.SGD(net.parameters(), lr=0.1), vgp.record(net)
    rows = []
    for _ in range(steps):
        optimizer.zero_grad()
        with seen:
            loss_of(net).backward()
        rows.append((seen.signal, seen.weight_grad))
        optimizer.step()
    return rows
