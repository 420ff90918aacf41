"""Rules about gradients that are not there: no number, no graph, no permission, or exactly zero."""

from __future__ import annotations

import math

from torch import nn

from vgplib.doctor.diagnosis import Finding
from vgplib.doctor.evidence import Evidence, Pass


def nan(evidence: Evidence, threshold: float) -> Finding | None:
    """The first place that is not finite."""
    first = evidence.first
    if first is None or not first.data.attrs["first_non_finite"]:
        return None
    told = first.data.attrs["first_non_finite"]
    place, _, name = told.partition(" of ") if " of " in told else told.partition(" at ")
    if told.startswith("parameter "):
        place, name = "parameter", told.removeprefix("parameter ")
    cause = {
        "parameter": "NaN in the weights",
        "input": "NaN in the data" if _is_outside(first, told) else "",
        "signal": "singular derivative",
        "gradient": "singular derivative",
    }.get(place, "")
    if told == "loss":
        cause = _cause_of_loss(first)
    elif place == "output":
        cause = "initialisation too large"
    evidence_ = {"loss": first.data.attrs["loss"]}
    return Finding("nan", "critical", (name,) if name else (), cause, evidence_)


def _is_outside(first: Pass, told: str) -> bool:
    """Whether what is not finite came to a layer from outside of the network."""
    name = told.partition(" of ")[2]
    return all(y.source is None for y in first.layers if y.name == name and y.trouble)


def _cause_of_loss(first: Pass) -> str:
    return "singular derivative" if math.isinf(first.data.attrs["loss"]) else "NaN in the data"


def no_gradient(evidence: Evidence, threshold: float) -> Finding | None:
    """Wanted parameters without a gradient."""
    model = evidence.visit.model
    if evidence.detached:
        names = [n for n, p in model.named_parameters() if p.requires_grad]
        if not names:
            return None  # everything is frozen, which another rule tells
        numbers = {"parameters without gradient": float(len(names))}
        return Finding("no_gradient", "critical", tuple(names), "detached", numbers)
    assert evidence.first is not None and evidence.later is not None
    without = [
        name
        for name, state in evidence.first.states.items()
        if state == "none (unused or detached)"
        and evidence.wanted(name)
        and name not in evidence.drawn
    ]
    if not without:
        return None
    ran = {layer.name for layer in evidence.first.layers}
    used = [name for name in without if _module_of(name) in ran]
    cause = "detached" if used else "unused"
    share = len(without) / len(evidence.first.parameters)
    numbers = {"parameters without gradient": float(len(without)), "of all": share}
    severity = "critical" if share > 0.5 else "serious"
    return Finding("no_gradient", severity, tuple(without), cause, numbers)


def _module_of(parameter: str) -> str:
    return parameter.rpartition(".")[0] or parameter


def frozen(evidence: Evidence, threshold: float) -> Finding | None:
    """Parameters that may not learn although that was evidently wanted."""
    model, optimizer = evidence.visit.model, evidence.visit.optimizer
    named = [(n, p) for n, p in model.named_parameters() if p.is_floating_point()]
    off = [n for n, p in named if not p.requires_grad]
    if not off:
        return None
    if len(off) == len(named):
        where = off
    elif optimizer is not None:
        where = [n for n in off if evidence.wanted(n)]
        if len(where) == len(off) and _by_design(model, set(off)):
            where = []  # handed over with all the rest, and a whole part of the model
    else:
        where = [] if _by_design(model, set(off)) else [n for n in off if _is_matrix(model, n)]
    if not where:
        return None
    sizes = {n: p.numel() for n, p in named}
    share = sum(sizes[n] for n in where) / sum(sizes.values())
    numbers = {"frozen parameters": float(len(where)), "share of all entries": share}
    severity = "critical" if len(off) == len(named) else "serious"
    return Finding("frozen", severity, tuple(where), "not trainable", numbers)


def _is_matrix(model: nn.Module, name: str) -> bool:
    return model.get_parameter(name).dim() > 1


def _by_design(model: nn.Module, off: set[str]) -> bool:
    """Whether what is frozen is a part of its own, or has something trainable beside it.

    A backbone is a module of modules that is frozen as a whole. Adapters, such as LoRA's, stand
    in the same module as the weight that they adapt. Embeddings and norms are often kept.
    """
    explained: set[str] = set()
    for prefix, module in model.named_modules():
        inside = {f"{prefix}.{n}" if prefix else n for n, _ in module.named_parameters()}
        matrices = {n for n in inside if _is_matrix(model, n)}
        composite = len(matrices) > 1
        if prefix and composite and inside <= off and not _has_trained_before(model, prefix, off):
            explained |= inside
        kept = isinstance(module, nn.Embedding | nn.modules.batchnorm._BatchNorm | nn.LayerNorm)
        if kept and inside <= off:
            explained |= inside
        if composite and len(matrices) <= 4 and matrices & off and matrices - off and prefix:
            small = sum(model.get_parameter(n).numel() for n in matrices - off)
            if small < sum(model.get_parameter(n).numel() for n in matrices & off):
                explained |= inside & off
    direct = {n for n, _ in model.named_parameters(recurse=False)}
    return off <= explained | direct


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


def zero_gradient(evidence: Evidence, threshold: float) -> Finding | None:
    """Weights whose gradient is exactly zero and stays so."""
    first, later = evidence.first, evidence.later
    if first is None or later is None or first.data.attrs["loss"] == 0:
        return None
    zero = [
        name
        for name, state in first.states.items()
        if state == later.states[name] == "zero" and evidence.wanted(name)
    ]
    weights = [n for n in zero if evidence.visit.model.get_parameter(n).dim() > 1]
    if not weights:
        return None  # biases before a normalisation, keys' biases, scales: zero by symmetry
    share = len(weights) / sum(p.tensor.dim() > 1 for p in first.parameters)
    silent = any(
        layer.tally is not None and layer.tally.dead >= 0.99 and layer.activation.startswith("relu")
        for layer in first.layers
    )
    cause = "dead units" if silent else "non-differentiable operation"
    numbers = {"weights with gradient 0": float(len(weights)), "of all weights": share}
    severity = "critical" if share > 0.5 else "serious"
    return Finding("zero_gradient", severity, tuple(zero), cause, numbers)
