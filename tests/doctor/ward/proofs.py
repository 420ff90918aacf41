"""Truth by measurement: hooks, autograd, counting, and training, in plain PyTorch.

Each function takes what is claimed, and gives a proof: a function of ``(model, loss, optimizer)``
that measures and asserts the claim.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tests.doctor.case import Fact, Loss


def tensor_of(output: object) -> Tensor:
    """A layer's output itself, or the first tensor of a tuple or dictionary of them."""
    while not isinstance(output, Tensor):
        output = next(iter(output.values())) if isinstance(output, dict) else output[0]
    return output


def seen(model: nn.Module, loss: Loss, *names: str) -> dict[str, list[Tensor]]:
    """What the named modules gave at each call, with its gradient where it has one."""
    calls: dict[str, list[Tensor]] = {name: [] for name in names}

    def keep(name):
        def hook(module, args, output):
            output = tensor_of(output)
            if output.requires_grad:
                output.retain_grad()
            calls[name].append(output)

        return hook

    hooks = [model.get_submodule(n).register_forward_hook(keep(n)) for n in names]
    model.zero_grad()
    value = loss(model)
    if value.requires_grad:
        value.backward()
    for hook in hooks:
        hook.remove()
    return calls


def gradients(model: nn.Module, loss: Loss) -> dict[str, Tensor | None]:
    """The gradient of each parameter by name, None where it gets none."""
    model.zero_grad()
    value = loss(model)
    if value.requires_grad:
        value.backward()
    found = {
        n: None if p.grad is None else p.grad.clone().to_dense()
        for n, p in model.named_parameters()
    }
    model.zero_grad()
    return found


def within(value: float, between: tuple[float, float], what: str) -> None:
    low, high = between
    assert low <= value <= high, f"{what} is {value:.3g}, not in {low:g}..{high:g}"


def signal(first: str, last: str, between: tuple[float, float]) -> Fact:
    """The norm of dloss/d(output of ``first``), over that of ``last``, lies there."""

    def prove(model, loss, optimizer):
        calls = seen(model, loss, first, last)
        near, far = (calls[n][-1].grad.double().norm().item() for n in (first, last))
        within(near / far, between, f"signal at {first} over {last}")

    return prove


def activations(first: str, last: str, between: tuple[float, float]) -> Fact:
    """The RMS of what ``last`` gives, over that of ``first``, lies there."""

    def prove(model, loss, optimizer):
        calls = seen(model, loss, first, last)
        near, far = (calls[n][-1].double().square().mean().sqrt().item() for n in (first, last))
        within(far / near, between, f"activations at {last} over {first}")

    return prove


def in_time(layer: str, between: tuple[float, float], *, steps: int = 1, of: str = "input") -> Fact:
    """The norm of dloss/dx at the first steps in time, over the last ones, lies there.

    A layer that is called once has its time in dimension 1 of its input; a cell is called once
    a step.
    """

    def prove(model, loss, optimizer):
        if of == "calls":
            norms = [h.grad.double().norm() for h in seen(model, loss, layer)[layer]]
        else:
            leaf = []

            def swap(module, args):
                leaf.append(args[0].detach().clone().requires_grad_())
                return (leaf[0], *args[1:])

            hook = model.get_submodule(layer).register_forward_pre_hook(swap)
            loss(model).backward()
            hook.remove()
            norms = list(leaf[0].grad.double().norm(dim=(0, 2)))
        early, late = sum(norms[:steps]).item(), sum(norms[-steps:]).item()
        within(early / late, between, "signal at the first step over the last")

    return prove


def units(output: Tensor) -> Tensor:
    """One row a unit (or channel), with its values at all samples and places."""
    return output.transpose(0, 1 if output.dim() == 4 else -1).flatten(1)


def dead(layer: str, share: tuple[float, float]) -> Fact:
    """The share of the units of ``layer`` that give 0 on the whole batch."""

    def prove(model, loss, optimizer):
        output = seen(model, loss, layer)[layer][-1]
        assert output.isfinite().all()
        zero = (units(output) == 0).all(1)
        within(zero.double().mean().item(), share, f"dead units of {layer}")

    return prove


def flat(layer: str, phi: Callable[[Tensor], Tensor], share: tuple[float, float]) -> Fact:
    """The share of the outputs z of ``layer`` where |phi'(z)| is under 5 % of its largest."""

    def slope(z):
        z = z.detach().double().requires_grad_()
        return torch.autograd.grad(phi(z).sum(), z)[0].abs()

    def prove(model, loss, optimizer):
        largest = slope(torch.linspace(-6, 6, 1001)).max()
        z = torch.cat([z.flatten() for z in seen(model, loss, layer)[layer]])
        within((slope(z) < 0.05 * largest).double().mean().item(), share, f"flat part of {layer}")

    return prove


def spread(layer: str, between: tuple[float, float]) -> Fact:
    """How far the vectors of ``layer`` (one a sample, or a token) lie apart, over their length."""

    def prove(model, loss, optimizer):
        output = seen(model, loss, layer)[layer][-1].double()
        # The tokens of one sequence are compared with each other; otherwise the samples are.
        sets = output if output.dim() == 3 else output.flatten(1)[None]
        apart = (sets - sets.mean(1, keepdim=True)).norm() / sets.norm()
        within(apart.item(), between, f"spread at {layer}")

    return prove


def all_alike(layer: str) -> Fact:
    """All samples get exactly the same from this layer."""

    def prove(model, loss, optimizer):
        output = seen(model, loss, layer)[layer][-1]
        assert torch.equal(output, output[:1].expand_as(output))

    return prove


def without_gradient(*names: str) -> Fact:
    """These parameters want a gradient and get None; the others get one."""

    def prove(model, loss, optimizer):
        missing = {n for n, g in gradients(model, loss).items() if g is None}
        wanted = {n for n, p in model.named_parameters() if p.requires_grad}
        assert missing & wanted == set(names)

    return prove


def zero_gradient(*names: str) -> Fact:
    """These parameters have a gradient that is exactly 0, again after a step of the others."""

    def prove(model, loss, optimizer):
        for _ in range(2):
            found = gradients(model, loss)
            for name in names:
                assert found[name] is not None and not found[name].any(), name
            with torch.no_grad():
                for name, parameter in model.named_parameters():
                    if found[name] is not None:
                        parameter -= 0.01 * found[name]

    return prove


def copies(weight: str) -> Fact:
    """The units (rows) of a weight are equal, have equal gradients, and learn without parting."""

    def prove(model, loss, optimizer):
        parameter = model.get_parameter(weight)
        for _ in range(5):
            grads = gradients(model, loss)
            for rows in (parameter.detach(), grads[weight]):
                assert (rows - rows[:1]).abs().max() <= 1e-5 * rows.abs().max()
            with torch.no_grad():
                for name, grad in grads.items():
                    model.get_parameter(name).sub_(grad, alpha=0.1)

    return prove


def history(model: nn.Module, loss: Loss, optimizer, steps: int) -> list[float]:
    """The loss before each of so many steps, and after the last."""
    values = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(model)
        values.append(value.item())
        value.backward()
        optimizer.step()
    return [*values, loss(model).item()]


def trainable(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def trains(
    to: float = 0.5, steps: int = 40, lr: float = 1e-2, scheduler: Callable | None = None
) -> Fact:
    """The loss falls to this part of itself or lower, by the given optimizer or by Adam."""

    def prove(model, loss, optimizer):
        optimizer = optimizer or torch.optim.Adam(trainable(model), lr)
        values = history(model, loss, optimizer, steps)
        assert all(map(math.isfinite, values))
        end = sorted(values[-5:])[2]  # the median of a few, since some losses are random
        assert end <= values[0] - (1 - to) * abs(values[0]), f"{values[0]:.4g} -> {end:.4g}"

    return prove


def stuck(above: float = 2.2, steps: int = 60, lr: float = 0.1, momentum: float = 0.9) -> Fact:
    """The loss stays above this, by the given optimizer or by gradient descent.

    2.2 is a little below the cross-entropy of who only knows how frequent each digit is.
    """

    def prove(model, loss, optimizer):
        optimizer = optimizer or torch.optim.SGD(trainable(model), lr, momentum)
        values = history(model, loss, optimizer, steps)
        assert not values[-1] < above, f"{values[0]:.4g} -> {values[-1]:.4g}"

    return prove


def finite_gradients(model: nn.Module, loss: Loss) -> bool:
    return all(g.isfinite().all() for g in gradients(model, loss).values() if g is not None)
