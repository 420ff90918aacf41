"""Measurements that take steps: learning, rates that are too high, updates that are too small."""

import copy

import torch

from .facts import backward, norm, within


def train(make, steps, lr_factor=1.0, default=1e-3):
    """Losses along `steps` steps with the case's optimizer (Adam if it has none)."""
    model, loss, optimizer = make()
    if optimizer is None:
        trainable = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(trainable, lr=default)
    for group in optimizer.param_groups:
        group["lr"] *= lr_factor
    values = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(model)
        values.append(value.item())
        value.backward()
        optimizer.step()
    return values


def learns(steps=30, to=0.9, default=1e-3, last=5):
    """The mean of the `last` losses is below `to` times that of the first ones."""

    def fact(make):
        values = train(make, steps, default=default)
        first = sum(values[: max(1, last // 2)]) / max(1, last // 2)
        end = sum(values[-last:]) / last
        assert end < to * first, f"loss {first:.4g} -> {end:.4g}"

    return fact


def too_high(steps=8, smaller=0.01):
    """The loss rises with the given rate, and falls with a much smaller one."""

    def fact(make):
        given, calm = train(make, steps), train(make, steps, smaller)
        worst = max(given[1:])
        assert not worst <= 1.2 * given[0], f"{given}"
        assert calm[-1] < calm[0], f"{calm}"

    return fact


def relative_update(low=None, high=None, better=1e3, steps=10):
    """Largest |dw| / |w| of a tensor in one step; `better` times the rate, unless None, learns."""

    def fact(make):
        model, loss, optimizer = make()
        before = copy.deepcopy(model.state_dict())
        backward(model, loss)
        optimizer.step()
        moved = [
            norm(p.double() - before[n].double()) / norm(before[n])
            for n, p in model.named_parameters()
            if norm(before[n])
        ]
        within(max(moved), low, high, "relative update")
        if better is None:
            return
        given, faster = train(make, steps), train(make, steps, better)
        assert faster[-1] < faster[0] - 100 * abs(given[-1] - given[0]), (given, faster)

    return fact
