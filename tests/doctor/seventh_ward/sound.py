"""What makes a model healthy, measured in plain PyTorch: the facts of the healthy cases."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence
from torch.overrides import TorchFunctionMode

from tests.doctor.case import Fact, Loss

Optimizer = torch.optim.Optimizer


def train(model: nn.Module, loss: Loss, optimizer: Optimizer | None, steps: int) -> None:
    """Train as its owner would; a learning rate in its warm-up is taken to be at its peak."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = optimizer or torch.optim.Adam(trained, lr=1e-3)
    for group in optimizer.param_groups:
        group["lr"] = max(group.get(name, 0.0) for name in ("lr", "initial_lr", "max_lr"))

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(model)
        value.backward()
        return value

    for _ in range(steps):
        optimizer.step(closure)


def value(model: nn.Module, loss: Loss, draws: int = 1) -> float:
    """The mean loss over the same ``draws`` seeds each time, so that two of them compare."""
    total = 0.0
    for seed in range(draws):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            total += float(loss(model).detach())
    return total / draws


def learns(*, steps: int = 30, to: float = 0.8, drop: float | None = None, draws: int = 1) -> Fact:
    """Its own optimizer (Adam if it has none) lowers the loss clearly and without a jump upwards.

    ``to`` is the part of the first loss that may be left; or ``drop`` says by how much it falls.
    """

    def fact(model: nn.Module, loss: Loss, optimizer: Optimizer | None) -> None:
        start = value(model, loss, draws)
        path = []
        for few in (1, 1, 2, steps - 4):
            train(model, loss, optimizer, few)
            path.append(value(model, loss, draws))
        fall = (1 - to) * abs(start) if drop is None else drop
        assert max(path) <= start + 0.25 * fall, ("the loss jumps up", start, path)
        assert path[-1] <= start - fall, ("it does not learn", start, path)
        assert all(p.isfinite().all() for p in model.parameters())

    return fact


def wired(
    *,
    dark: Sequence[str] = (),
    idle: Sequence[str] = (),
    absent: Sequence[str] = (),
    after: int = 3,
) -> Fact:
    """Every wanted parameter has a finite gradient that is not 0, but for the named patterns.

    ``dark`` ones are exactly 0 at first and have woken up ``after`` steps; ``idle`` ones are 0 up
    to rounding always (a bias before a normalisation); ``absent`` ones belong to another optimizer.
    No two units of a layer have the same weights and the same gradient.
    """

    def named(name: str, patterns: Sequence[str]) -> bool:
        return any(fnmatch(name, pattern) for pattern in patterns)

    def fact(model: nn.Module, loss: Loss, optimizer: Optimizer | None) -> None:
        held = optimizer and {id(p) for g in optimizer.param_groups for p in g["params"]}
        wanted = {
            name: p
            for name, p in model.named_parameters()
            if p.requires_grad and not named(name, absent)
        }
        assert held is None or held == {id(p) for p in wanted.values()}, "not what it trains"
        assert all(any(fnmatch(n, d) for n in wanted) for d in (*dark, *idle)), "no such name"
        grads = gradients(wanted, loss(model))
        for name, grad in grads.items():
            if not named(name, idle):
                assert bool(grad.any()) != named(name, dark), (name, grad.abs().max())
        if dark:
            train(model, loss, optimizer, after)
            grads = gradients(wanted, loss(model))
        tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
        for name, grad in grads.items():
            assert named(name, idle) or grad.any(), (name, "stays dark")
            if grad.ndim > 1 and id(wanted[name]) not in tables and not named(name, idle):
                rows = torch.cat([wanted[name].detach().flatten(1), grad.flatten(1)], 1)
                rows = rows[grad.flatten(1).abs().sum(1) > 0]
                assert len(rows.unique(dim=0)) == len(rows), (name, "has copies")

    return fact


def gradients(wanted: dict[str, Tensor], total: Tensor) -> dict[str, Tensor]:
    """The loss's gradient by name; all of them must be there and finite."""
    assert total.isfinite() and total.ndim == 0, total
    grads = torch.autograd.grad(total, list(wanted.values()), allow_unused=True)
    missing = [name for name, grad in zip(wanted, grads, strict=True) if grad is None]
    assert not missing, ("no gradient", missing)
    found = {n: g.to_dense() if g.is_sparse else g for n, g in zip(wanted, grads, strict=True)}
    assert all(g.isfinite().all() for g in found.values())
    return found


class Tap:
    """Keeps every output of some modules, with its gradient, in the order of the calls."""

    def __init__(self, model: nn.Module, *names: str) -> None:
        self.outputs: dict[str, list[Tensor]] = {name: [] for name in names}
        for name in names:
            model.get_submodule(name).register_forward_hook(self.keep(name))

    def keep(self, name: str):
        def hook(module: nn.Module, inputs: tuple, output: object) -> None:
            while isinstance(output, tuple):
                output = output[0]
            if output.requires_grad:
                output.retain_grad()
                self.outputs[name].append(output)

        return hook


def size(tensors: Sequence[Tensor | None]) -> float:
    """The norm of several tensors together."""
    return float(torch.stack([t.detach().abs().double().norm() for t in tensors]).norm())


def rms(tensors: Sequence[Tensor]) -> float:
    """Their root mean square."""
    return size(tensors) / sum(t.numel() for t in tensors) ** 0.5


def steady(
    first: str, last: str, *, after: int = 0, within: float = 1e2, spread: bool = True
) -> Fact:
    """Activations and error signal of two modules differ by less than ``within``, forth and back.

    In ``last``, samples (and the steps of a sequence) are still different vectors.
    """

    def fact(model: nn.Module, loss: Loss, optimizer: Optimizer | None) -> None:
        train(model, loss, optimizer, after)
        tap = Tap(model, first, last)
        loss(model).backward()
        near, far = (tap.outputs[name] for name in (first, last))
        signal = size([z.grad for z in near if z.grad is not None])
        signal /= size([z.grad for z in far if z.grad is not None])
        assert 1 / within < signal < within, ("signal", signal)
        assert 1 / within < rms(far) / rms(near) < within, ("activations", rms(near), rms(far))
        assert rms(near) > 1e-3, ("tiny from the start", rms(near))
        z = far[0].detach()
        for dim in range(2 if z.ndim == 3 else 1) if spread else ():
            apart = size([z - z.mean(dim, keepdim=True)]) / size([z])
            assert apart > 3e-2, ("one vector", dim, apart)

    return fact


def recalls(cell: str, *, within: float = 1e2) -> Fact:
    """Along time, the first and the last signal of a recurrent layer or cell are comparable."""

    def fact(model: nn.Module, loss: Loss, optimizer: Optimizer | None) -> None:
        layer = model.get_submodule(cell)
        kept: list[Tensor | PackedSequence] = []

        def keep(module: nn.Module, inputs: tuple) -> None:
            steps = inputs[0].data if isinstance(inputs[0], PackedSequence) else inputs[0]
            if steps.requires_grad:
                steps.retain_grad()
            else:
                steps.requires_grad_()
            kept.append(inputs[0])

        if isinstance(layer, nn.RNNBase):
            layer.register_forward_pre_hook(keep)
            loss(model).backward()
            if isinstance(kept[0], PackedSequence):
                packed = kept[0]._replace(data=kept[0].data.grad)
                signal = pad_packed_sequence(packed, True)[0].norm(dim=(0, 2))
            else:
                signal = kept[0].grad.norm(dim=(0, 2))
        else:
            tap = Tap(model, cell)
            loss(model).backward()
            signal = torch.stack([h.grad.norm() for h in tap.outputs[cell]])
        ratio = float(signal[0] / signal[-1])
        assert 1 / within < ratio < within, (cell, ratio)

    return fact


class Units(TorchFunctionMode):
    """Counts the dead ReLU units and the flat entries of every bounded function that is called."""

    def __init__(self) -> None:
        super().__init__()
        self.dead: list[float] = []
        self.flat: list[tuple[str, float]] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        if name == "multi_head_attention_forward":
            kwargs |= {"need_weights": True, "average_attn_weights": False}
        out = func(*args, **kwargs)
        if name in ("relu", "relu_", "relu6") and out.ndim > 1:
            unit = 1 if out.ndim > 3 else out.ndim - 1
            self.dead.append(share((out.transpose(0, unit).flatten(1) == 0).all(1)))
        if name in ("hardtanh", "relu6", "clamp"):
            clipped = (args[0] > out) | ((args[0] < out) & (out != 0))
            self.flat.append((name, share(clipped)))
        if name == "sigmoid":
            self.flat.append((name, share(4 * out * (1 - out) < 0.05)))
        if name == "tanh":
            self.flat.append((name, share(1 - out**2 < 0.05)))
        if name == "softmax":
            self.flat.append((name, share(out.amax(-1) > 0.987)))
        if name == "multi_head_attention_forward":
            self.flat.append((name, share(out[1].amax(-1) > 0.987)))
        return out


def share(entries: Tensor) -> float:
    return float(entries.detach().double().mean())


def open_units(*, most: float = 0.4) -> Fact:
    """No layer has as many as ``most`` of its units dead, or of its entries in a flat part."""

    def fact(model: nn.Module, loss: Loss, optimizer: Optimizer | None) -> None:
        with Units() as units:
            loss(model)
        assert max(units.dead, default=0.0) < most, units.dead
        flat = [found for found in units.flat if not found[1] < most]
        assert not flat, flat

    return fact
