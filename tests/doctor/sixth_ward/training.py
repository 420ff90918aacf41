"""Facts about training: does the loss fall, rise, or stay, with the given optimizer?"""

import torch

from tests.doctor.case import Fact


def train(model, loss, optimizer, steps, factor=1.0, calls=4):
    """Mean loss of some calls before and after some steps, at ``factor`` times the rate."""
    if optimizer is None:
        wanted = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(wanted, lr=2e-3)
    for group in optimizer.param_groups:
        group["lr"] *= factor
    before = sum(loss(model).item() for _ in range(calls)) / calls
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model).backward()
        optimizer.step()
    return before, sum(loss(model).item() for _ in range(calls)) / calls


def learns(steps=20, to=0.9, factor=1.0, calls=4) -> Fact:
    """The loss falls to this share of itself (or by it, where it is negative)."""

    def fact(model, loss, optimizer):
        before, after = train(model, loss, optimizer, steps, factor, calls)
        assert after < before - (1 - to) * abs(before), (before, after)

    return fact


def stuck(steps=20, to=0.98, factor=1.0) -> Fact:
    """The loss does not fall to this share of itself (it may rise)."""

    def fact(model, loss, optimizer):
        before, after = train(model, loss, optimizer, steps, factor)
        assert not after < to * before, (before, after)

    return fact


def diverges(steps=8, by=2.0) -> Fact:
    """The loss rises to ``by`` times itself, or is no number."""

    def fact(model, loss, optimizer):
        before, after = train(model, loss, optimizer, steps)
        assert not after < by * before, (before, after)

    return fact


def crawls() -> Fact:
    """One step changes the parameters by less than 10^-7, relative to themselves."""

    def fact(model, loss, optimizer):
        old = torch.cat([p.detach().flatten().double() for p in model.parameters()])
        train(model, loss, optimizer, 1)
        new = torch.cat([p.detach().flatten().double() for p in model.parameters()])
        assert 0 <= (new - old).norm() <= 1e-7 * old.norm()

    return fact
