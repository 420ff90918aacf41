"""Measurements that take steps: learning, rates that are too high, updates that are too small."""

import copy

import torch

from .facts import backward, norm, within


def train(model, loss, optimizer, steps, lr_factor=1.0, default=1e-3):
    """Losses along `steps` steps of a copy with its optimizer (Adam if there is none)."""
    model, optimizer = copy.deepcopy((model, optimizer))
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

    def fact(model, loss, optimizer):
        values = train(model, loss, optimizer, steps, default=default)
        first = sum(values[: max(1, last // 2)]) / max(1, last // 2)
        end = sum(values[-last:]) / last
        assert end < to * first, f"loss {first:.4g} -> {end:.4g}"

    return fact


def too_high(steps=8, smaller=0.01):
    """The loss rises with the given rate, and falls with a much smaller one."""

    def fact(model, loss, optimizer):
        given, calm = (
            train(model, loss, optimizer, steps),
            train(model, loss, optimizer, steps, smaller),
        )
        worst = max(given[1:])
        assert not worst <= 1.2 * given[0], f"{given}"
        assert calm[-1] < calm[0], f"{calm}"

    return fact


def relative_update(low=None, high=None, better=1e3, steps=10):
    """Largest |dw| / |w| of a tensor in one step; `better` times the rate, unless None, learns."""

    def fact(model, loss, optimizer):
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
        model.load_state_dict(before)
        given, faster = (
            train(model, loss, optimizer, steps),
            train(model, loss, optimizer, steps, better),
        )
        assert faster[-1] < faster[0] - 100 * abs(given[-1] - given[0]), (given, faster)

    return fact
