"""Measurements in plain torch, independent of what they test, and facts made of them."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tests.doctor.case import Fact, Loss

FAR = 1e3  # what counts as vanished or exploded


@dataclass
class Call:
    """One call of a module: its first tensor out, which keeps its gradient."""

    name: str
    module: nn.Module
    output: Tensor

    @property
    def signal(self) -> float:
        """The norm of dloss/d output; 0 where none arrived."""
        return 0.0 if self.output.grad is None else self.output.grad.double().norm().item()

    @property
    def rms(self) -> float:
        """The root mean square of the output."""
        return self.output.detach().double().square().mean().sqrt().item()


def _tensor(output: object) -> Tensor | None:
    """The first tensor in what a module returned."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, tuple | list) and output:
        return _tensor(output[0])
    return None


def trace(model: nn.Module, loss: Loss) -> list[Call]:
    """Every call of every module, in order of its end, after one backward pass."""
    calls: list[Call] = []

    def keep(name: str) -> Callable:
        def hook(module: nn.Module, _: object, output: object) -> None:
            tensor = _tensor(output)
            if tensor is not None and tensor.requires_grad:
                tensor.retain_grad()
                calls.append(Call(name, module, tensor))

        return hook

    handles = [m.register_forward_hook(keep(n)) for n, m in model.named_modules() if n]
    model.zero_grad()
    loss(model).backward()
    for handle in handles:
        handle.remove()
    return calls


def of(calls: list[Call], name: str, which: int = 0) -> Call:
    """The first (or `which`-th) call of the module with this name."""
    return [call for call in calls if call.name == name][which]


def gradients(model: nn.Module, loss: Loss) -> dict[str, Tensor | None]:
    """The gradient of each trainable parameter by name."""
    model.zero_grad()
    loss(model).backward()
    return {n: p.grad for n, p in model.named_parameters() if p.requires_grad}


def losses(
    model: nn.Module, loss: Loss, optimizer: torch.optim.Optimizer, steps: int, factor: float = 1.0
) -> list[float]:
    """The loss before each of `steps` steps and after the last, on copies; rates times `factor`."""
    model, optimizer = copy.deepcopy((model, optimizer))
    for group in optimizer.param_groups:
        group["lr"] *= factor
    record = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(model)
        value.backward()
        record.append(value.item())
        optimizer.step()
    return [*record, loss(model).item()]


def spread(x: Tensor, dim: int = 0) -> float:
    """How far the vectors along `dim` are from their mean, relative to their own length."""
    x = x.detach().double().movedim(dim, 0).flatten(1)
    return ((x - x.mean(0)).norm() / x.norm()).item()


# Facts about sick models.


def vanishing(first: str, last: str, which: int = -1) -> Fact:
    """The error signal at `first` is 10^3 times or more below that at the last call of `last`."""

    def fact(model: nn.Module, loss: Loss, _: object) -> None:
        calls = trace(model, loss)
        at_first, at_last = of(calls, first).signal, of(calls, last, which).signal
        assert at_first * FAR < at_last, (at_first, at_last)

    return fact


def exploding(first: str, last: str, which: int = -1) -> Fact:
    """The error signal at `first` is 10^3 times or more above that at the last call of `last`."""

    def fact(model: nn.Module, loss: Loss, _: object) -> None:
        calls = trace(model, loss)
        at_first, at_last = of(calls, first).signal, of(calls, last, which).signal
        assert at_first > FAR * at_last > 0, (at_first, at_last)

    return fact


def activations(first: str, last: str, low: float = 0.0, high: float = float("inf")) -> Fact:
    """RMS at `last` over that at `first` lies strictly between `low` and `high`."""

    def fact(model: nn.Module, loss: Loss, _: object) -> None:
        calls = trace(model, loss)
        ratio = of(calls, last, -1).rms / of(calls, first).rms
        assert low < ratio < high, ratio

    return fact


def collapsed(name: str, dim: int = 0, below: float = 2e-3) -> Fact:
    """The vectors along `dim` of this module's last output are one vector."""

    def fact(model: nn.Module, loss: Loss, _: object) -> None:
        value = spread(of(trace(model, loss), name, -1).output, dim)
        assert value < below, value

    return fact


def apart(name: str, dim: int = 0, above: float = 1e-2) -> Fact:
    """The vectors along `dim` of this module's output differ."""

    def fact(model: nn.Module, loss: Loss, _: object) -> None:
        value = spread(of(trace(model, loss), name, -1).output, dim)
        assert value > above, value

    return fact


def dead(name: str, least: float = 0.5, channels: int = -1) -> Fact:
    """At least this share of the units after module `name` (a ReLU follows) never get above 0."""

    def fact(model: nn.Module, loss: Loss, _: object) -> None:
        out = of(trace(model, loss), name).output.detach()
        units = out.movedim(channels, 0).flatten(1)
        share = (units <= 0).all(1).double().mean().item()
        assert share >= least, share

    return fact


SLOPES = {
    "tanh": lambda z: 1 - torch.tanh(z).square(),
    "sigmoid": lambda z: 4 * torch.sigmoid(z) * torch.sigmoid(-z),
}


def flat_share(name: str, low: float = -1.0, high: float = 2.0, kind: str = "tanh") -> Fact:
    """The share of entries of `name` (before its `kind`) with < 5 % slope is in (low, high)."""

    def fact(model: nn.Module, loss: Loss, _: object) -> None:
        z = of(trace(model, loss), name, -1).output.detach()
        share = (SLOPES[kind](z) < 0.05).double().mean().item()
        assert low < share < high, share

    return fact


def rate_too_high(steps: int = 6, factor: float = 1e-3) -> Fact:
    """With its optimizer the loss rises; with a rate `factor` times as large it falls."""

    def fact(model: nn.Module, loss: Loss, optimizer: torch.optim.Optimizer) -> None:
        asked, small = (losses(model, loss, optimizer, steps, f) for f in (1.0, factor))
        assert not asked[-1] < asked[0], asked
        assert small[-1] < small[0], small

    return fact


def unwatched(_: Tensor) -> None:
    """Where a loop's `watch` sends its states when nobody measures."""


def through_time(low: float = 0.0, high: float = float("inf")) -> Fact:
    """|dloss/dh_first| / |dloss/dh_last|, states given to `model.watch`, is in (low, high)."""

    def fact(model: nn.Module, loss: Loss, _: object) -> None:
        states: list[Tensor] = []
        model.watch = states.append
        ends = torch.autograd.grad(loss(model), [states[0], states[-1]])
        ratio = (ends[0].norm() / ends[1].norm()).item()
        assert low <= ratio < high, ratio

    return fact


# Facts about healthy models (and about what a sick one does not have).


def learns(steps: int = 40, fall: float = 0.9, rate: float | None = None) -> Fact:
    """Its own optimizer (or Adam at `rate`) takes the loss below `fall` times its beginning."""

    def fact(model: nn.Module, loss: Loss, optimizer: torch.optim.Optimizer | None) -> None:
        if rate is not None or optimizer is None:
            wanted = [p for p in model.parameters() if p.requires_grad]
            optimizer = torch.optim.Adam(wanted, lr=rate or 1e-3)
        record = losses(model, loss, optimizer, steps)
        begin, end = sum(record[:3]) / 3, sum(record[-3:]) / 3
        assert end < begin - (1 - fall) * abs(begin), (begin, end)

    return fact


def gradients_arrive(but: tuple[str, ...] = ()) -> Fact:
    """Each wanted parameter has a finite gradient not all 0; names with a part in `but` aside."""

    def fact(model: nn.Module, loss: Loss, optimizer: torch.optim.Optimizer | None) -> None:
        given = None
        if optimizer is not None:
            given = {id(p) for group in optimizer.param_groups for p in group["params"]}
        wanted = {n for n, p in model.named_parameters() if given is None or id(p) in given}
        for name, gradient in gradients(model, loss).items():
            if name in wanted and not any(part in name for part in but):
                assert gradient is not None, name
                assert gradient.isfinite().all(), name
                assert gradient.count_nonzero() > 0, name

    return fact


def steady(within: float = FAR, but: tuple[str, ...] = (), waves: float = 30.0) -> Fact:
    """All signals lie within a factor `within`, all RMS within `waves` of their median."""

    def fact(model: nn.Module, loss: Loss, _: object) -> None:
        calls = [c for c in trace(model, loss) if not any(part in c.name for part in but)]
        signals = {c.name: c.signal for c in calls if c.output.is_floating_point()}
        assert calls
        low, high = min(signals, key=signals.get), max(signals, key=signals.get)
        assert signals[low] * within > signals[high], (low, signals[low], high, signals[high])
        sizes = sorted((c.rms, c.name) for c in calls)
        middle = sizes[len(sizes) // 2][0]
        assert middle / waves < sizes[0][0] and sizes[-1][0] < middle * waves, (sizes, middle)

    return fact


def alive(name: str, channels: int = -1) -> Fact:
    """Fewer than a third of the units after module `name` are 0 on the whole batch."""

    def fact(model: nn.Module, loss: Loss, _: object) -> None:
        for call in trace(model, loss):
            if call.name == name:
                units = call.output.detach().movedim(channels, 0).flatten(1)
                assert (units <= 0).all(1).double().mean().item() < 1 / 3, name

    return fact
