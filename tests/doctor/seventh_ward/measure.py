"""Facts about sick cases, measured with autograd and hooks alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import TorchFunctionMode

from tests.doctor.case import Fact

Place = str | Callable
"""A module by its name, or a torch function such as ``torch.einsum``."""
LOW, HIGH = float("-inf"), float("inf")


class _Calls(TorchFunctionMode):
    """Keep the results of these torch functions."""

    def __init__(self, kept: dict[Callable, list[Tensor]]) -> None:
        super().__init__()
        self.kept = kept

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func in self.kept:
            self.kept[func].append(result)
        return result


def trace(model: nn.Module, loss, *places: Place) -> tuple[Tensor, dict[Place, list[Tensor]]]:
    """The loss, and what came out at these places, call by call."""
    kept: dict[Place, list[Tensor]] = {place: [] for place in places}
    hooks = [
        model.get_submodule(place).register_forward_hook(
            lambda _module, _inputs, out, calls=calls: calls.append(out)
        )
        for place, calls in kept.items()
        if isinstance(place, str)
    ]
    with _Calls({place: calls for place, calls in kept.items() if callable(place)}):
        value = loss(model)
    for hook in hooks:
        hook.remove()
    return value, kept


def gradients(model: nn.Module, loss) -> dict[str, Tensor | None]:
    """Of the trainable parameters, by name."""
    wanted = {name: p for name, p in model.named_parameters() if p.requires_grad}
    found = torch.autograd.grad(loss(model), [*wanted.values()], allow_unused=True)
    return dict(zip(wanted, found, strict=True))


def _norm(x: Tensor) -> float:
    return x.detach().double().norm().item()


def _outside(ratio: float, below: float, above: float) -> None:
    assert ratio <= below or ratio >= above, f"{ratio:.3g} is within {below} and {above}"


def signal(first: Place, last: Place, *, below: float = LOW, above: float = HIGH) -> Fact:
    """Norm of dloss/dz at the first call of ``first`` against the last call of ``last``."""

    def fact(model, loss, _optimizer):
        value, kept = trace(model, loss, first, last)
        early, late = torch.autograd.grad(value, [kept[first][0], kept[last][-1]])
        assert _norm(late) > 0
        _outside(_norm(early) / _norm(late), below, above)

    return fact


def in_time(layer: str, *, dim: int = 1, below: float = LOW, above: float = HIGH) -> Fact:
    """Norm of dloss/dx_t at a recurrent layer's first step against the last.

    Of a packed sequence, its longest sample counts.
    """

    def fact(model, loss, _optimizer):
        leaves: list = []

        def leaf(_module, args):
            packed = isinstance(args[0], PackedSequence)
            x = (args[0].data if packed else args[0]).detach().requires_grad_()
            leaves.append((x, args[0].batch_sizes if packed else None))
            return (args[0]._replace(data=x) if packed else x, *args[1:])

        hook = model.get_submodule(layer).register_forward_pre_hook(leaf)
        value = loss(model)
        hook.remove()
        x, sizes = leaves[0]
        (grad,) = torch.autograd.grad(value, x)
        steps = grad.unbind(dim) if sizes is None else [g[0] for g in grad.split(sizes.tolist())]
        _outside(_norm(steps[0]) / _norm(steps[-1]), below, above)

    return fact


def activations(first: Place, last: Place, *, below: float = LOW, above: float = HIGH) -> Fact:
    """RMS at the last call of ``last`` against the first call of ``first``."""

    def fact(model, loss, _optimizer):
        _, kept = trace(model, loss, first, last)
        early, late = kept[first][0], kept[last][-1]
        ratio = _norm(late) / _norm(early) * (early.numel() / late.numel()) ** 0.5
        _outside(ratio, below, above)

    return fact


def tiny(*places: Place, under: float) -> Fact:
    """RMS of every one of these is below ``under``."""

    def fact(model, loss, _optimizer):
        _, kept = trace(model, loss, *places)
        assert all(_norm(x) / x.numel() ** 0.5 < under for calls in kept.values() for x in calls)

    return fact


def dead(place: Place, *, dim: int = -1, share: float = 0.5) -> Fact:
    """Of the units (along ``dim``) that feed or leave a ReLU, this share is never above 0."""

    def fact(model, loss, _optimizer):
        _, kept = trace(model, loss, place)
        units = kept[place][0].detach().movedim(dim, 0).flatten(1)
        assert units.shape[1] >= 32, "too few samples: this might be chance"
        got = (units <= 0).all(1).double().mean().item()
        assert got >= share, f"only {got:.2f} are dead"

    return fact


def flat(place: Place, phi: str, *, share: float = 0.5) -> Fact:
    """At ``place``, the activations' output, the slope is mostly below 5 % of its largest."""

    def fact(model, loss, _optimizer):
        _, kept = trace(model, loss, place)
        a = kept[place][0].detach().double()
        slope = 1 - a**2 if phi == "tanh" else 4 * a * (1 - a)
        got = (slope < 0.05).double().mean().item()
        assert got >= share, f"only {got:.2f} are flat"

    return fact


def collapsed(first: Place, last: Place, *, dim: int = 0, under: float = 1e-3) -> Fact:
    """Samples (or tokens along ``dim``) differ at ``first`` and are one vector at ``last``."""

    def spread(x: Tensor) -> float:
        return _norm(x - x.mean(dim, keepdim=True)) / _norm(x)

    def fact(model, loss, _optimizer):
        _, kept = trace(model, loss, first, last)
        assert spread(kept[first][0]) > 0.03
        got = spread(kept[last][-1])
        assert got < under, f"{got:.3g}"

    return fact


def copies(*names: str) -> Fact:
    """Rows of these weights are equal, and their gradients too, and not 0."""

    def fact(model, loss, _optimizer):
        grads = gradients(model, loss)
        for name in names:
            for x in (model.get_parameter(name).detach(), grads[name]):
                torch.testing.assert_close(x, x[:1].expand_as(x))
            assert grads[name].abs().max() > 0

    return fact


def depends(model: nn.Module, loss, names: tuple[str, ...]) -> bool:
    """Whether a large random change of these parameters changes the loss."""
    before = loss(model).item()
    with torch.no_grad():
        for name in names:
            p = model.get_parameter(name)
            p.add_(torch.randn_like(p))
    return loss(model).item() != before


def zero(*names: str, alive: tuple[str, ...] = ()) -> Fact:
    """These have gradient exactly 0 although the loss depends on them; ``alive`` do not."""

    def fact(model, loss, _optimizer):
        grads = gradients(model, loss)
        assert all(grads[name].abs().max() == 0 for name in names)
        assert all(grads[name].abs().max() > 0 for name in alive)
        assert depends(model, loss, names)

    return fact


def none(*names: str, matter: bool, alive: tuple[str, ...]) -> Fact:
    """These get no gradient, ``alive`` do; ``matter``: the loss depends on the former."""

    def fact(model, loss, _optimizer):
        grads = gradients(model, loss)
        assert all(grads[name] is None for name in names)
        assert all(grads[name].abs().max() > 0 for name in alive)
        assert depends(model, loss, names) == matter

    return fact


def fixed(*names: str, alive: tuple[str, ...] = ()) -> Fact:
    """These are not trainable, though the loss depends on them (none named: nothing is)."""

    def fact(model, loss, _optimizer):
        wanted = names or tuple(name for name, _ in model.named_parameters())
        assert not any(model.get_parameter(name).requires_grad for name in wanted)
        assert not alive or all(gradients(model, loss)[name].abs().max() > 0 for name in alive)
        assert depends(model, loss, wanted)

    return fact
