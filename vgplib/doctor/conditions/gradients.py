"""Gradients that are not there: no graph, no permission, or exactly zero."""

from __future__ import annotations

from torch import nn

from vgplib.doctor.conditions.causes import is_raw
from vgplib.doctor.conditions.condition import SYMPTOMS_CHAPTER, Condition, Finding
from vgplib.doctor.conditions.indicators import count
from vgplib.doctor.evidence.gather import Evidence
from vgplib.doctor.evidence.passes import Pass

# Activations made of straight lines: their second derivative is 0.
_STRAIGHT = {"", "relu", "leaky_relu", "prelu", "rrelu", "relu6", "hardtanh", "threshold"}


def _no_gradient(evidence: Evidence, threshold: float) -> Finding | None:
    """Wanted parameters without a gradient."""
    model = evidence.snapshot.model
    if evidence.detached:
        wanted = [n for n, p in model.named_parameters() if p.requires_grad]
        names = [n for n in wanted if n not in evidence.reached]
        if not names:
            return None  # everything is frozen, which another rule tells
        numbers = {"parameters without gradient": float(len(names))}
        return NO_GRADIENT.finding("critical", tuple(names), "detached", numbers)
    assert evidence.first is not None and evidence.later is not None
    without = [
        name
        for name, state in evidence.first.states.items()
        if state == "none (unused or detached)"
        and evidence.wanted(name)
        and name not in evidence.stochastic
    ]
    if not without:
        return None
    cause = "detached" if evidence.matters else "unused"
    share = len(without) / len(evidence.first.parameters)
    numbers = {"parameters without gradient": float(len(without)), "of all": share}
    severity = "critical" if share > 0.5 else "serious"
    return NO_GRADIENT.finding(severity, tuple(without), cause, numbers)


def _frozen(evidence: Evidence, threshold: float) -> Finding | None:
    """Parameters that may not learn although that was evidently wanted."""
    model = evidence.snapshot.model
    named = {n: p for n, p in model.named_parameters() if p.is_floating_point()}
    off = {n for n, p in named.items() if not p.requires_grad}
    where = [n for n in named if n in off and named[n].dim() > 1]
    if len(off) < len(named):
        if any(_is_adapted(n, named) for n in where):
            return None
        if evidence.snapshot.optimizer is not None:
            where = [n for n in where if evidence.wanted(n) and not _is_table(model, n)]
        elif off <= _parts_of_their_own(model, off):
            return None
        else:
            where = [n for n in where if _is_multiplied_by(evidence.first, n)]
    if not where:
        return None
    share = sum(named[n].numel() for n in where) / sum(p.numel() for p in named.values())
    numbers = {"frozen weights": float(len(where)), "share of all entries": share}
    severity = "critical" if len(off) == len(named) else "serious"
    return FROZEN.finding(severity, tuple(where), "not trainable", numbers)


def _is_multiplied_by(seen: Pass | None, name: str) -> bool:
    """Whether the layer of a weight ran, and something of the loss's gradient reached its output.

    A teacher that is run without gradients is meant not to learn, nor is a table that is added.
    """
    return seen is not None and any(layer.has_signal for layer in seen.runs_of(name))


def _is_table(model: nn.Module, name: str) -> bool:
    """Whether it is the table of an embedding, as of fixed positions."""
    return isinstance(model.get_submodule(name.rpartition(".")[0]), nn.Embedding)


def _is_adapted(name: str, named: dict[str, nn.Parameter]) -> bool:
    """Whether two thin trainable matrices, whose product has its shape, stand beside a weight."""
    frozen = named[name]
    if frozen.dim() != 2:
        return False
    # W and A may stand in one module, or W in a module inside of the one with A and B.
    parts = name.split(".")[:-1]
    modules = {".".join(parts[:i]) for i in range(max(len(parts) - 1, 0), len(parts) + 1)}
    thin = [
        p
        for n, p in named.items()
        if p.requires_grad
        and p.dim() == 2
        and min(p.shape) < min(frozen.shape)
        and any(not module or n.startswith(f"{module}.") for module in modules)
    ]
    ends = sorted(frozen.shape)
    return any(
        a is not b and min(a.shape) == min(b.shape) and sorted([max(a.shape), max(b.shape)]) == ends
        for a in thin
        for b in thin
    )


def _parts_of_their_own(model: nn.Module, off: set[str]) -> set[str]:
    """Frozen parameters that are frozen by design, as far as one can tell.

    A backbone is a module of modules that is frozen as a whole, and has no trained one of its
    kind before it. Embeddings and norms are often kept, and so are a model's own tables.
    """
    explained = {n for n, _ in model.named_parameters(recurse=False)}
    for prefix, module in model.named_modules():
        inside = {f"{prefix}.{n}" if prefix else n for n, _ in module.named_parameters()}
        if not inside or not inside <= off:
            continue
        composite = sum(model.get_parameter(n).dim() > 1 for n in inside) > 1
        kept = isinstance(module, nn.Embedding | nn.modules.batchnorm._BatchNorm | nn.LayerNorm)
        if kept or (composite and not _has_trained_before(model, prefix, off)):
            explained |= inside
    return explained


def _has_trained_before(model: nn.Module, name: str, off: set[str]) -> bool:
    """Whether a module of the same kind stands before it in a list, and is trained."""
    parent, _, own = name.rpartition(".")
    for other, module in model.get_submodule(parent).named_children():
        if other == own:
            return False
        trained = [n for n, _ in module.named_parameters() if f"{parent}.{other}.{n}" not in off]
        if trained and type(module) is type(model.get_submodule(name)):
            return True
    return False


def _zero_gradient(evidence: Evidence, threshold: float) -> Finding | None:
    """Weights whose gradient is exactly zero and stays so."""
    first, later = evidence.first, evidence.later
    if first is None or later is None:
        return None
    if first.data.attrs["loss"] == 0 and evidence.zeroing != "factor of 0":
        return None  # there is nothing left to learn
    zero = [
        name
        for name, state in first.states.items()
        if state == later.states[name] == "zero"
        and evidence.wanted(name)
        and not _has_nothing_in(first, name)
    ]
    model = evidence.snapshot.model
    weights = [n for n in zero if model.get_parameter(n).dim() > 1 and first.runs_of(n)]
    if not weights:
        # Most others are zero by symmetry: biases before a normalisation, keys' biases, scales.
        return _stuck(evidence)
    share = len(weights) / sum(p.tensor.dim() > 1 for p in first.parameters)
    cause = _why_zero(first)
    shapes = {layer.activation for layer in first.matrices[:-1]}
    if not cause and evidence.takes_gradients and shapes <= _STRAIGHT:
        cause = "activation without curvature"
    cause = cause or evidence.zeroing
    numbers = {"weights with gradient 0": float(len(weights)), "of all weights": share}
    severity = "critical" if share > 0.5 else "serious"
    return ZERO_GRADIENT.finding(severity, tuple(zero), cause, numbers)


def _why_zero(seen: Pass) -> str:
    """Which flat activation makes gradients 0; "" where none is flat throughout."""
    flat = [(y, name, t) for y in seen.layers for name, t in y.counts.items() if t.dead >= 0.99]
    if not flat:
        return ""
    last = seen.matrices[-1] if seen.matrices else None
    dead = {layer.name for layer, name, _ in flat if name == "relu"}
    if dead:
        return "activation after the read-out" if last and dead == {last.name} else "dead units"
    if all(counts.entries == 1 < layer.entries for layer, _, counts in flat):
        return "clamped loss"
    return "input scale" if is_raw(seen) else "saturating activation"


def _has_nothing_in(seen: Pass, name: str) -> bool:
    """Whether all that comes to its layer is 0 from outside, as first queries of a decoder are."""
    runs = seen.runs_of(name)
    read = [seen.statistics.layers[y] for y in runs if y.source is None and y.signal > 0]
    return bool(read) and len(read) == len(runs) and not any(each.largest for each in read)


def _stuck(evidence: Evidence) -> Finding | None:
    """A parameter of its own, such as a scale, where the function it goes through is flat."""
    where = tuple(name for name in evidence.stuck if evidence.wanted(name))
    if not where:
        return None
    numbers = {"parameters with gradient 0 that matter": float(len(where))}
    return ZERO_GRADIENT.finding("serious", where, "saturating activation", numbers)


NO_GRADIENT = Condition(
    name="no_gradient",
    meaning="Parameters that should learn get no gradient at all: the loss does not reach them.",
    lesson=SYMPTOMS_CHAPTER,
    looks_at="gradients that are None, of parameters that are in the optimizer if there is one",
    threshold=0.0,
    source="None is not zero: the graph does not reach them",
    judge=_no_gradient,
    indicator=count("none (unused or detached)", "parameters without a gradient"),
    remedies={
        "not trainable": "unfreeze",
        "non-differentiable operation": "straight_through connect",
        "": "connect",
    },
)

FROZEN = Condition(
    name="frozen",
    meaning="Parameters are switched off: they are not allowed to learn.",
    lesson=SYMPTOMS_CHAPTER,
    looks_at="requires_grad=False: of everything, of weights in the optimizer, or of single layers",
    threshold=0.0,
    source="a whole frozen part beside a trained one is by design",
    judge=_frozen,
    indicator=count("none (frozen)", "frozen parameters"),
    remedies={"": "unfreeze"},
)

ZERO_GRADIENT = Condition(
    name="zero_gradient",
    meaning="Parameters get a gradient of exactly zero, so they never move.",
    lesson=SYMPTOMS_CHAPTER,
    looks_at="weights with a gradient of exactly 0, still so after small steps of everything else",
    threshold=0.0,
    source="zero at the start by design is over after a step",
    judge=_zero_gradient,
    indicator=count("zero", "parameters with a gradient of 0"),
    remedies={
        "non-differentiable operation": "straight_through connect",
        "input scale": "input_scale reinitialise",
        "activation without curvature": "to_tanh",
        "clamped loss": "unclamp",
        "axis of size 1": "wider_axis",
        "factor of 0": "find_zero",
        "initialisation constant": "reinitialise orthogonal",
        "activation after the read-out": "drop_last_activation zero_biases reinitialise",
        "dead units": "to_leaky_relu reinitialise zero_biases",
        "half precision": "loss_scale bfloat16 float32",
        "loss choice": "loss_choice reinitialise",
        "": "reinitialise to_leaky_relu",
    },
    implies=("lr_too_low",),
)
