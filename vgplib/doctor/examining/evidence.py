"""What is measured at an examination, before anything is judged."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vgplib.doctor.examining.graph import additions
from vgplib.doctor.examining.look import Looks, twins
from vgplib.doctor.examining.overflow import Broken, first_broken
from vgplib.doctor.examining.steps import Trial, changed_nothing, train, untrained_loss, went_up
from vgplib.doctor.examining.stuck import matters, relieved, stuck
from vgplib.doctor.visit import Visit
from vgplib.measures.layer import MATRICES, Layer, homes
from vgplib.measures.layers import NotConnected, observe
from vgplib.measures.preserve import left_as_they_were
from vgplib.measures.report import Parameter, report
from vgplib.measures.uncheckpointed import uncheckpointed

if TYPE_CHECKING:
    import xarray as xr

# Steps that part what is zero or equal by design from what stays so; no two of them cancel.
_NUDGES = (1e-2, 7e-3, 4e-3)
_TINY = 1e-3  # a scale
# Multiplications in a forward pass, and parameters, up to which more steps than asked are cheap.
_CHEAP, _LIGHT = 2e8, 1e7
_MORE = 4  # times as many
_DRAWS = 6  # passes in which what is drawn at random may show up
_USUAL = (3e-3, 3e-2)  # relative changes in a step with which networks learn


@dataclass
class Pass:
    """One forward and one backward pass.

    Attributes:
        data: As ``vgp.measure`` reports it.
        layers: As they ran.
        looks: What else was seen of them.
        parameters: With the norms of their gradients.
        states: Of each parameter's gradient, as ``grad_state`` of ``vgp.measure``.
        twins: Share of a weight's units that are copies of each other; by parameter.
        zeros: Share of exact zeros in the gradients of weights.
    """

    data: xr.Dataset
    layers: list[Layer]
    looks: Looks
    parameters: list[Parameter]
    states: dict[str, str]
    twins: dict[str, float]
    zeros: float

    @property
    def matrices(self) -> list[Layer]:
        """The layers that multiply by a matrix of weights."""
        return [layer for layer in self.layers if layer.kind in MATRICES]

    def runs_of(self, parameter: str) -> list[Layer]:
        """The layers that ran with a parameter of this name."""
        return [layer for layer in self.layers if layer.name in homes(parameter)]


@dataclass
class Evidence:
    """All that the rules may look at.

    Attributes:
        visit: What the caller gave.
        detached: Whether the loss has no history at all, in which case there is nothing else.
        first: The pass at the weights as they came.
        later: A pass after some small steps, where something in the first was exactly zero or
            exactly equal; else the first again.
        stuck: Parameters on their own, such as a single scale, whose gradient is 0 in both passes
            although the loss would change if they were moved far enough.
        relieved: The loss with the output of one layer next to 0, and at nine tenths, by name: for
            layers that are mostly saturated and that no other layer works on, such as read-outs.
        drawn: Parameters that got no gradient in the first pass and got one in another, as where
            layers are left out at random.
        matters: Whether the loss changes when the parameters without a gradient are moved.
        broken: Where something is not finite, the operation that first made it so, if any did.
        overflow: Where float16 is used, the operation in which it first leaves its range, if any.
        rescaled: Where float16 is used, a pass with the loss scaled up; else None.
        trial: Steps of the caller's optimizer, if there is one.
        slower: The same, if the loss went up, at a hundredth of the rate, or at one with which
            networks learn if that is still lower: at whichever does better.
        faster: The same at two higher rates, if next to nothing changed.
        untrained: The loss with each weight's entries shuffled, if next to nothing changed.
        adds: How many places of the graph add up two paths, as skip connections do.
        notes: What could not be tried, and why.
    """

    visit: Visit
    detached: bool = False
    first: Pass | None = None
    later: Pass | None = None
    stuck: tuple[str, ...] = ()
    relieved: dict[str, tuple[float, float]] = field(default_factory=dict)
    drawn: frozenset[str] = frozenset()
    matters: bool = False
    broken: Broken | None = None
    overflow: Broken | None = None
    rescaled: Pass | None = None
    trial: Trial | None = None
    slower: Trial | None = None
    faster: tuple[Trial, ...] = ()
    untrained: float = math.nan
    adds: int = 0
    notes: list[str] = field(default_factory=list)

    def wanted(self, name: str) -> bool:
        """Whether a parameter is meant to learn: in the optimizer, if there is one."""
        return self._optimized is None or name in self._optimized

    @property
    def _optimized(self) -> frozenset[str] | None:
        optimizer = self.visit.optimizer
        if optimizer is None:
            return None
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        return frozenset(n for n, p in self.visit.model.named_parameters() if id(p) in held)


def gather(visit: Visit) -> Evidence:
    """Measure what the rules need, on copies."""
    found = Evidence(visit)
    _run_passes(found)
    first = found.first
    if first is not None and not first.data.attrs["first_non_finite"] and visit.optimizer:
        with uncheckpointed():
            _try_steps(found)
    return found


def _run_passes(found: Evidence) -> None:
    visit = found.visit
    model, loss = visit.fresh_model(), visit.loss
    with left_as_they_were(list(model.modules())), torch.enable_grad():
        with uncheckpointed() as ran:
            if _is_detached(model, loss):
                found.detached = True
                return
        unreached = _unreached(model, loss) if ran else []
    with uncheckpointed():
        try:
            found.first, found.adds = _run(model, loss)
        except NotConnected:
            found.detached = True
            return
        found.first.states.update(dict.fromkeys(unreached, "none (unused or detached)"))
        found.later = found.first
        half = any(y.dtype == torch.float16 for y in found.first.looks.layers.values())
        broken = bool(found.first.data.attrs["first_non_finite"])
        if half or broken:
            with left_as_they_were(list(model.modules())):
                found.broken, found.overflow = first_broken(model, loss)
        if broken:
            return
        found.relieved = {n: relieved(model, loss, n) for n in _flat_ends(found.first, model)}
        without = [n for n, s in found.first.states.items() if s == "none (unused or detached)"]
        if without:
            found.drawn = _drawn(model, loss)
            found.matters = matters(model, loss, without)
        if half:
            found.rescaled = _rescaled(model, loss)
        if _is_exact(found.first):
            found.later = _later(model, loss)
            states = found.first.states.items()
            zero = [name for name, s in states if s == "zero" == found.later.states[name]]
            found.stuck = stuck(model, loss, zero)


def _flat_ends(seen: Pass, model: nn.Module) -> set[str]:
    """Names of saturated layers that no other one works on."""
    tallies = [(y.name, t) for y in seen.layers for t in y.tallies.values()]
    flat = {name for name, tally in tallies if tally.saturated >= 0.5}
    feeding = {y.source.name for y in seen.layers if y.source is not None}
    return (flat - feeding) & dict(model.named_modules()).keys()


def _unreached(model: nn.Module, loss: Callable) -> list[str]:
    """Parameters that want a gradient and get none, with checkpoints as they are."""
    loss(model).backward()
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    unreached = [n for n, p in named if p.grad is None]
    for _, parameter in named:
        parameter.grad = None
    return unreached


def _is_detached(model: nn.Module, loss: Callable) -> bool:
    value = loss(model)
    one = isinstance(value, Tensor) and value.numel() == 1
    return one and not value.requires_grad


def _drawn(model: nn.Module, loss: Callable) -> frozenset[str]:
    """Parameters that get a gradient in some of several passes."""
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    found: set[str] = set()
    with left_as_they_were(list(model.modules())), torch.enable_grad():
        for _ in range(_DRAWS):
            gradients = torch.autograd.grad(loss(model), [p for _, p in named], allow_unused=True)
            found |= {n for (n, _), g in zip(named, gradients, strict=True) if g is not None}
    return frozenset(found)


def _run(model: nn.Module, loss: Callable) -> tuple[Pass, int]:
    """One pass over a copy, which is left as it was; and how many places add up two paths."""
    modules = dict(model.named_modules())
    looks = Looks(modules)
    adds = 0

    def counted(model: nn.Module) -> Tensor:
        nonlocal adds
        value = loss(model)
        adds = additions(value) if isinstance(value, Tensor) else 0
        return value

    with left_as_they_were(list(modules.values())):
        try:
            with looks.at_inputs(model):
                seen = observe(modules, counted, model, looks.take, looks.leaves)
        except RuntimeError:  # some set requires_grad on their inputs themselves
            looks = Looks(modules)
            seen = observe(modules, counted, model, looks.take)
    looks.modules = {}  # or the copy would live as long as what was seen of it
    named = [p for p in seen.parameters if p.gradient is not None and p.tensor.dim() > 1]
    # Rows of embeddings, and of parameters that no layer multiplies by, are no units.
    own = {y.name for y in seen.layers if y.kind not in ("embedding", "scale", "norm")}
    units = [p for p in named if not own.isdisjoint(homes(p.name))]
    copies = {p.name: twins(p.tensor, p.gradient) for p in units}
    dense = [p.gradient for p in named if not p.gradient.is_sparse]  # type: ignore[union-attr]
    zeros = sum((g == 0).sum().item() for g in dense)  # type: ignore[union-attr]
    entries = sum(g.numel() for g in dense)  # type: ignore[union-attr]
    data = report(model, seen.layers, seen.parameters, seen.loss)
    states = {p.name: p.state() for p in seen.parameters}
    for parameter in seen.parameters:  # shapes are still asked for; the memory is not
        parameter.gradient, parameter.tensor = None, parameter.tensor.detach().to("meta")
    for layer in seen.layers:
        layer.use, layer.weights = None, [w.detach().to("meta") for w in layer.weights]
    return Pass(
        data, seen.layers, looks, seen.parameters, states, copies, zeros / max(entries, 1)
    ), adds


def _is_exact(seen: Pass) -> bool:
    """Whether something is exactly zero or equal, or a scale next to 0, which may be by design."""
    scales = {y.name for y in seen.layers if y.kind == "scale"}
    sizes = [p.norm / math.sqrt(p.tensor.numel()) for p in seen.parameters if p.name in scales]
    zero = "zero" in seen.states.values()
    silent = any(layer.signal == 0 for layer in seen.layers)
    same = any(share >= 0.5 for share in seen.twins.values())
    return zero or silent or same or any(0 < size < _TINY for size in sizes)


def _later(model: nn.Module, loss: Callable) -> Pass:
    """A pass over the model after some small steps, which change it."""
    wanted = [p for p in model.parameters() if p.requires_grad]
    with left_as_they_were(list(model.modules())), torch.enable_grad():
        for size in _NUDGES:
            gradients = torch.autograd.grad(loss(model), wanted, allow_unused=True)
            with torch.no_grad():
                for parameter, gradient in zip(wanted, gradients, strict=True):
                    if gradient is not None:
                        if gradient.is_sparse:
                            gradient = gradient.to_dense()
                        parameter -= size * _scale(parameter) * gradient.sign()
    return _run(model, loss)[0]


def _scale(parameter: Tensor) -> float:
    """The size of a parameter's entries; of one that is zero, the size that they usually have."""
    usual = 1 / math.sqrt(max(parameter[0].numel(), 1)) if parameter.dim() > 1 else 1.0
    size = torch.linalg.vector_norm(parameter.float()).item() / math.sqrt(parameter.numel() or 1)
    return max(size, 0.1 * usual)


def _rescaled(model: nn.Module, loss: Callable) -> Pass | None:
    """A pass with the loss times the largest power of two for which all stays in float16."""
    for power in range(24, 0, -3):
        seen = _run(model, lambda model, factor=2.0**power: loss(model).float() * factor)[0]
        if not seen.data.attrs["first_non_finite"]:
            return seen
    return None


def _try_steps(found: Evidence) -> None:
    visit = found.visit
    count = visit.steps
    entries = sum(parameter.numel() for parameter in visit.model.parameters())
    if _multiplications(found.first.layers) <= _CHEAP and entries <= _LIGHT:  # type: ignore[union-attr]
        count *= _MORE
    try:
        found.trial = trial = train(visit, count, 1.0)
        largest = max((u for u in trial.updates.values() if math.isfinite(u)), default=0.0)
        if went_up(trial):
            rates = {0.01, min(0.01, _USUAL[0] / max(largest, 1e-12))}
            slower = [train(visit, count, rate) for rate in rates]
            found.slower = min(slower, key=lambda trial: (went_up(trial), trial.losses[-1]))
        elif changed_nothing(trial):
            found.faster = tuple(
                train(visit, count, min(wanted / max(largest, 1e-12), 1e8)) for wanted in _USUAL
            )
            found.untrained = untrained_loss(visit)
    except Exception as problem:
        found.notes.append(f"no steps of the optimizer: {type(problem).__name__}: {problem}")


def _multiplications(layers: list[Layer]) -> int:
    weights = [(y.entries, y.weights[0]) for y in layers if y.weights[0].dim()]
    return sum(entries * (w.numel() // max(w.shape[0], 1)) for entries, w in weights)
