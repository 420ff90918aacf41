"""What is measured at an examination, before anything is judged."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from vgplib.doctor.copies import Snapshot
from vgplib.doctor.evidence.first_nonfinite import Broken, first_broken
from vgplib.doctor.evidence.graph import takes_gradients, why_zero
from vgplib.doctor.evidence.passes import Pass, run_pass
from vgplib.doctor.evidence.perturbations import ablated, matters, stuck
from vgplib.doctor.evidence.trial import Trial, changed_nothing, train, untrained_loss, went_up
from vgplib.measures.layer import Layer
from vgplib.measures.layers import NotConnected
from vgplib.measures.preserve import left_as_they_were
from vgplib.measures.uncheckpointed import uncheckpointed

# Steps that part what is zero or equal by design from what stays so; no two of them cancel.
_NUDGES = (1e-2, 7e-3, 4e-3)
_TINY = 1e-3  # a scale
# Multiplications in a forward pass, and parameters, up to which more steps than asked are cheap.
_CHEAP, _LIGHT = 2e8, 1e7
_MORE = 4  # times as many
_DRAWS = 6  # passes in which what is drawn at random may show up
_NAMED = 6  # parameters in a note
_USUAL = (3e-3, 3e-2)  # relative changes in a step with which networks learn


@dataclass
class Evidence:
    """All that the rules may look at.

    Attributes:
        snapshot: What the caller gave.
        detached: Whether the loss has no history, or none with a layer in it: then there is nothing
            else.
        reached: Parameters that such a loss reaches all the same.
        first: The pass at the weights as they came.
        later: A pass after some small steps, where something in the first was exactly zero or
            exactly equal; else the first again.
        stuck: Parameters on their own, such as a single scale, whose gradient is 0 in both passes
            although the loss would change if they were moved far enough.
        zeroing: What in the graph makes gradients exactly 0, as a cause, or "".
        takes_gradients: Whether the loss, where something gets a gradient of 0, takes one itself.
        ablated: The loss with the output of one layer next to 0, and at nine tenths, by name: for
            layers that are mostly saturated and that no other layer works on, such as read-outs.
        stochastic: Parameters that got a gradient in another pass and not in the first, as where
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

    snapshot: Snapshot
    detached: bool = False
    reached: frozenset[str] = frozenset()
    first: Pass | None = None
    later: Pass | None = None
    stuck: tuple[str, ...] = ()
    zeroing: str = ""
    takes_gradients: bool = False
    ablated: dict[str, tuple[float, float]] = field(default_factory=dict)
    stochastic: frozenset[str] = frozenset()
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
    def clearest(self) -> Pass | None:
        """The pass whose signals say most: not rounded to zero, not switched off by design.

        None where there is none of finite numbers.
        """
        for seen in (self.rescaled, self.later, self.first):
            if seen is not None and seen.is_finite:
                return seen
        return None

    @property
    def as_it_came(self) -> Pass | None:
        """The first pass, or None where it is not one of finite numbers."""
        seen = self.first
        return seen if seen is not None and seen.is_finite else None

    @property
    def _optimized(self) -> frozenset[str] | None:
        optimizer = self.snapshot.optimizer
        if optimizer is None:
            return None
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        return frozenset(n for n, p in self.snapshot.model.named_parameters() if id(p) in held)


def gather(snapshot: Snapshot) -> Evidence:
    """Measure what the rules need, on copies."""
    found = Evidence(snapshot)
    _run_passes(found)
    first = found.first
    if first is not None and first.is_finite and snapshot.optimizer:
        with uncheckpointed():
            _try_steps(found)
        learning = [name for name, state in first.states.items() if state == "ok"]
        if left := [name for name in learning if not found.wanted(name)]:
            more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
            names = ", ".join(left[:_NAMED])
            found.notes.append(f"in no optimizer: {names}{more}, though they get a gradient")
    return found


def _run_passes(found: Evidence) -> None:
    snapshot = found.snapshot
    model, loss = snapshot.fresh_model(), snapshot.loss
    with left_as_they_were(list(model.modules())), torch.enable_grad():
        with uncheckpointed() as ran:
            try:
                found.detached = _is_detached(model, loss)
            except Exception as problem:
                if (explained := _explained(model, loss)) is not None:
                    raise explained from problem
                raise
            if found.detached:
                return
        unreached = _unreached(model, loss) if ran else []
    with uncheckpointed():
        try:
            found.first, found.adds = run_pass(model, loss)
        except NotConnected:
            found.detached = True
            found.reached = _reached(model, loss)
            return
        found.first.states.update(dict.fromkeys(unreached, "none (unused or detached)"))
        found.later = found.first
        half = any(y.dtype == torch.float16 for y in found.first.statistics.layers.values())
        broken = not found.first.is_finite
        if half or broken:
            with left_as_they_were(list(model.modules())):
                found.broken, found.overflow = first_broken(model, loss)
        if broken:
            return
        found.ablated = {n: ablated(model, loss, n) for n in _flat_ends(found.first, model)}
        without = [n for n, s in found.first.states.items() if s == "none (unused or detached)"]
        if without:
            found.stochastic = _reached(model, loss, _DRAWS)
            found.matters = matters(model, loss, without)
        if half:
            found.rescaled = _rescaled(model, loss)
        if _is_exact(found.first):
            found.later = _later(model, loss)
            states = found.first.states.items()
            zero = [name for name, s in states if s == "zero" == found.later.states[name]]
            found.stuck = stuck(model, loss, zero)
            if zero:
                found.zeroing = why_zero(model, loss)
                found.takes_gradients = takes_gradients(model, loss)


def _flat_ends(seen: Pass, model: nn.Module) -> set[str]:
    """Names of saturated layers that no other one works on."""
    counts = [(y.name, t) for y in seen.layers for t in y.counts.values()]
    flat = {name for name, each in counts if each.saturated >= 0.5}
    feeding = {y.source.name for y in seen.layers if y.source is not None}
    return (flat - feeding) & dict(model.named_modules()).keys()


def _reached(model: nn.Module, loss: Callable, passes: int = 1) -> frozenset[str]:
    """Parameters that get a gradient in one of some passes."""
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    found: set[str] = set()
    with left_as_they_were(list(model.modules())), torch.enable_grad():
        for _ in range(passes):  # each draws other random numbers
            gradients = torch.autograd.grad(loss(model), [p for _, p in named], allow_unused=True)
            found |= {n for (n, _), g in zip(named, gradients, strict=True) if g is not None}
    return frozenset(found)


def _unreached(model: nn.Module, loss: Callable) -> list[str]:
    """Parameters that want a gradient and get none, with checkpoints as they are."""
    loss(model).backward()
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    unreached = [n for n, p in named if p.grad is None]
    for _, parameter in named:
        parameter.grad = None
    return unreached


def _explained(model: nn.Module, loss: Callable) -> ValueError | None:
    """What is wrong where a layer cannot take its input; None where it is something else."""
    try:
        run_pass(model, loss)
    except Exception as problem:
        if isinstance(problem, ValueError) and "cannot take its input" in str(problem):
            return problem
    return None


def _is_detached(model: nn.Module, loss: Callable) -> bool:
    value = loss(model)
    one = isinstance(value, Tensor) and value.numel() == 1
    return one and not value.requires_grad


def _is_exact(seen: Pass) -> bool:
    """Whether something is exactly zero or equal, or a scale next to 0, which may be by design."""
    scales = {y.name for y in seen.layers if y.kind == "scale"}
    sizes = [p.norm / math.sqrt(p.tensor.numel()) for p in seen.parameters if p.name in scales]
    zero = "zero" in seen.states.values()
    silent = any(layer.signal == 0 for layer in seen.layers)
    same = any(share >= 0.5 for share in seen.duplicates.values())
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
    return run_pass(model, loss)[0]


def _scale(parameter: Tensor) -> float:
    """The size of a parameter's entries; of one that is zero, the size that they usually have."""
    usual = 1 / math.sqrt(max(parameter[0].numel(), 1)) if parameter.dim() > 1 else 1.0
    size = torch.linalg.vector_norm(parameter.float()).item() / math.sqrt(parameter.numel() or 1)
    return max(size, 0.1 * usual)


def _rescaled(model: nn.Module, loss: Callable) -> Pass | None:
    """A pass with the loss times the largest power of two for which all stays in float16."""
    for power in range(24, 0, -3):
        seen = run_pass(model, lambda model, factor=2.0**power: loss(model).float() * factor)[0]
        if seen.is_finite:
            return seen
    return None


def _try_steps(found: Evidence) -> None:
    snapshot = found.snapshot
    count = snapshot.steps
    entries = sum(parameter.numel() for parameter in snapshot.model.parameters())
    if _multiplications(found.first.layers) <= _CHEAP and entries <= _LIGHT:  # type: ignore[union-attr]
        count *= _MORE
    try:
        found.trial = trial = train(snapshot, count, 1.0)
        largest = max((u for u in trial.updates.values() if math.isfinite(u)), default=0.0)
        if went_up(trial):
            rates = {0.01, min(0.01, _USUAL[0] / max(largest, 1e-12))}
            slower = [train(snapshot, count, rate) for rate in rates]
            found.slower = min(slower, key=lambda trial: (went_up(trial), trial.losses[-1]))
        elif changed_nothing(trial):
            found.faster = tuple(
                train(snapshot, count, min(wanted / max(largest, 1e-12), 1e8)) for wanted in _USUAL
            )
            found.untrained = untrained_loss(snapshot)
    except Exception as problem:
        found.notes.append(f"no steps of the optimizer: {type(problem).__name__}: {problem}")


def _multiplications(layers: list[Layer]) -> int:
    weights = [(y.entries, y.weights[0]) for y in layers if y.weights[0].dim()]
    return sum(entries * (w.numel() // max(w.shape[0], 1)) for entries, w in weights)
