"""What the tests of remedies are made of: networks, losses, and ways to treat them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vgplib.doctor.remedies.case import Case, NotApplicable
from vgplib.doctor.remedies.treatment import TREATMENTS, apply
from vgplib.networks import digits


def mlp(depth, activation, draw, width=64, bias=True):
    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [nn.Linear(64 if i == 0 else width, width, bias), activation()]
    net = nn.Sequential(*layers, nn.Linear(width, 10, bias))
    for layer in net[::2]:
        draw(layer.weight)
        if bias:
            nn.init.zeros_(layer.bias)
    return net


def on_digits(samples=128):
    x, y, _, _ = digits()
    x, y = x[:samples], y[:samples]
    return lambda model: F.cross_entropy(model(x), y)


def he(weight, gain=1.0):
    nn.init.kaiming_normal_(weight, nonlinearity="relu")
    weight.data *= gain


def sgd(model, lr=0.1, momentum=0.9):
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)


def treat(key, model, loss, optimizer=None, condition="vanishing", cause="", where=()):
    """The model, loss and optimizer after a treatment."""
    code = TREATMENTS[key].write(Case(model, loss, condition, cause, where, optimizer))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return apply(code, model, loss, optimizer)


def refused(key, model, loss, optimizer=None, condition="vanishing", cause=""):
    """Why a treatment cannot be applied, and what it says to do by hand."""
    with pytest.raises(NotApplicable) as caught:
        TREATMENTS[key].write(Case(model, loss, condition, cause, (), optimizer))
    return caught.value.reason, caught.value.code
