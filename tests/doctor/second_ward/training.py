"""Measurements that need some steps of training, by plain PyTorch."""

import copy

import torch

from tests.doctor.second_ward.proofs import backward, norm


def train(model, loss, optimizer, steps):
    """The losses before each of the steps and after the last."""
    values = []
    for _ in range(steps):
        values.append(backward(model, loss).item())
        optimizer.step()
    return [*values, loss(model).item()]


def twin(model, optimizer, factor):
    """An independent copy of both, with the learning rate multiplied."""
    model, optimizer = copy.deepcopy((model, optimizer))
    for group in optimizer.param_groups:
        group["lr"] *= factor
    return model, optimizer


def rate_too_high(steps=5, factor=1e-3):
    def check(model, loss, optimizer):
        slow, slow_optimizer = twin(model, optimizer, factor)
        calm = train(slow, loss, slow_optimizer, 20)
        wild = train(model, loss, optimizer, steps)
        return calm[-1] < calm[0] and not wild[-1] <= 1.1 * wild[0]

    return check


def rate_too_low(factor, steps=5):
    """No weight matrix moves by 10⁻⁶ of itself; multiplied by the factor, the rate learns."""

    def check(model, loss, optimizer):
        before = [p.detach().clone() for p in model.parameters() if p.ndim > 1]
        quick, fast = twin(model, optimizer, factor)
        learned = train(quick, loss, fast, 20)
        backward(model, loss)
        optimizer.step()
        after = [p for p in model.parameters() if p.ndim > 1]
        moves = [norm(a - b) / norm(b) for a, b in zip(after, before, strict=True)]
        return max(moves) < 1e-6 and learned[-1] < 0.9 * learned[0]

    return check


def learns(steps=40, drop=0.2, lr=1e-2):
    """The loss falls by this share of itself, and does not rise before it falls.

    Losses may draw at random, so they are judged by means of five calls.
    """

    def check(model, loss, optimizer):
        optimizer = optimizer or torch.optim.Adam(
            [p for p in model.parameters() if p.requires_grad], lr=lr
        )

        def level():
            return sum(loss(model).item() for _ in range(5)) / 5

        def closure():
            optimizer.zero_grad()
            value = loss(model)
            value.backward()
            return value

        before = level()
        goal, ceiling, values = before - drop * abs(before), before + 0.25 * abs(before), []
        while len(values) < steps and not (values[-5:] and max(values[-5:]) < goal):
            values.append(optimizer.step(closure).item())
        return max(values[:5]) < ceiling and level() <= goal

    return check
