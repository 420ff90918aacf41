"""More facts: numbers that are not finite, half precision, and what a few steps do."""

from __future__ import annotations

from collections.abc import Callable

import torch

from tests.doctor.case import Fact
from tests.doctor.seventh_ward.measure import gradients, trace


def holds(check: Callable) -> Fact:
    """Any other sentence about the case: ``check(model, loss)`` is true."""

    def fact(model, loss, _optimizer):
        assert check(model, loss)

    return fact


def not_finite(*, loss: bool, weight: str = "") -> Fact:
    """Gradients are NaN or infinite in float32; the ``loss`` too, and this weight alone."""

    def fact(model, loss_of, _optimizer):
        for name, p in model.named_parameters():
            assert p.dtype == torch.float32
            assert p.isfinite().all() == (name != weight)
        assert loss_of(model).isfinite() != loss
        assert not all(g.isfinite().all() for g in gradients(model, loss_of).values())

    return fact


def underflow(*, scale: float, share: float) -> Fact:
    """In float16, this share of the gradient's entries is 0 and is not with a scaled loss."""

    def fact(model, loss, _optimizer):
        wanted = [p for p in model.parameters() if p.dtype == torch.float16]
        plain = torch.autograd.grad(loss(model), wanted)
        scaled = torch.autograd.grad(loss(model) * scale, wanted)
        assert all(g.isfinite().all() for g in scaled)
        lost = sum(((a == 0) & (b != 0)).sum().item() for a, b in zip(plain, scaled, strict=True))
        got = lost / sum(g.numel() for g in plain)
        assert got >= share, f"only {got:.2f} are lost"

    return fact


def overflow(place: str) -> Fact:
    """At ``place`` float16 leaves its range; the same net in float32 is finite throughout."""

    def fact(model, loss, _optimizer):
        _, kept = trace(model, loss, place)
        assert kept[place][0].dtype == torch.float16 and not kept[place][0].isfinite().all()
        value, kept = trace(model.float(), loss, place)
        assert value.isfinite() and kept[place][0].abs().max() > torch.finfo(torch.float16).max
        assert all(g.isfinite().all() for g in gradients(model, loss).values())

    return fact


def losses(model, loss, optimizer, steps: int) -> list[float]:
    """Train; the loss before each step and after the last."""
    seen = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(model)
        seen.append(value.item())
        value.backward()
        optimizer.step()
    return [*seen, loss(model).item()]


def rises(steps: int) -> Fact:
    """With the given optimizer the loss is higher after these steps, or no longer finite."""

    def fact(model, loss, optimizer):
        seen = losses(model, loss, optimizer, steps)
        assert not seen[-1] <= 1.2 * seen[0], seen

    return fact


def falls(steps: int, *, times: float) -> Fact:
    """With ``times`` the learning rate, the loss falls."""

    def fact(model, loss, optimizer):
        for group in optimizer.param_groups:
            group["lr"] *= times
        seen = losses(model, loss, optimizer, steps)
        assert seen[-1] < 0.95 * seen[0], seen

    return fact


def creeps(*, under: float) -> Fact:
    """One step changes no parameter by more than this, relative to its norm."""

    def fact(model, loss, optimizer):
        before = [p.detach().clone() for p in model.parameters()]
        losses(model, loss, optimizer, 1)
        for p, old in zip(model.parameters(), before, strict=True):
            assert (p.detach() - old).norm() < under * old.norm()

    return fact


def stuck(steps: int) -> Fact:
    """Training with the given optimizer leaves the loss where it is, to 1 %."""

    def fact(model, loss, optimizer):
        seen = losses(model, loss, optimizer, steps)
        assert abs(seen[-1] - seen[0]) < 0.01 * seen[0], seen

    return fact
