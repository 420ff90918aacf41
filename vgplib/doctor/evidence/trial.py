"""Training steps on a copy, with the caller's optimizer."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vgplib.doctor.copies import Snapshot
from vgplib.measures.preserve import left_as_they_were


@dataclass
class Trial:
    """Some training steps on a copy.

    Attributes:
        losses: Before each step, and after the last; ends early at the first that is not finite.
        updates: Norm of the first step's change of each weight over that of the weight.
    """

    losses: list[float]
    updates: dict[str, float]


def untrained_loss(snapshot: Snapshot) -> float:
    """The loss with each weight's entries shuffled: of the same weights, but of no training."""
    model, loss, _ = snapshot.fresh()
    with left_as_they_were(list(model.modules())), torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                entries = parameter.flatten()
                parameter.copy_(entries[torch.randperm(len(entries))].view_as(parameter))
        with torch.enable_grad():  # some ask for gradients themselves
            return float(loss(model).detach())


RISE = 0.1  # of the loss
STILL = 3e-6  # relative change of a weight in a step


def went_up(trial: Trial, rise: float = RISE) -> bool:
    """Whether the loss jumped, ended clearly higher than it began, or became no number.

    A jump is to three times the loss; a healthy run that wobbles stays below. Where the first step
    overwrites most weights, by changing them by more than they are, any clear rise counts.
    """
    start, end = trial.losses[0], trial.losses[-3:]
    if not all(map(math.isfinite, end)):
        return True
    overwritten = bool(trial.updates) and statistics.median(trial.updates.values()) > 1
    peak = start + (rise if overwritten else 2) * abs(start)
    return min(end) > start + rise * abs(start) or max(trial.losses) > peak


def changed_nothing(trial: Trial, still: float = STILL) -> bool:
    """Whether no weight changed by more than that in the first step, relative to its size."""
    return bool(trial.updates) and max(trial.updates.values()) < still


def train(snapshot: Snapshot, steps: int, faster: float) -> Trial:
    """Take some steps at ``faster`` times the learning rate."""
    model, loss, optimizer = snapshot.fresh()
    for group in optimizer.param_groups:  # type: ignore[union-attr]
        group["lr"] = group["lr"] * faster
    wanted = [p for p in model.parameters() if p.requires_grad]
    losses: list[float] = []
    updates: dict[str, float] = {}
    with left_as_they_were(list(model.modules())), torch.enable_grad():
        for step in range(steps):

            def closure() -> Tensor:
                optimizer.zero_grad()  # type: ignore[union-attr]
                value = loss(model)
                value.backward(inputs=wanted)
                return value

            # One that searches along a line calls it itself, several times.
            needs_closure = isinstance(optimizer, torch.optim.LBFGS)
            value = optimizer.step(closure) if needs_closure else closure()  # type: ignore[union-attr]
            losses.append(float(value.detach()))
            if not math.isfinite(losses[-1]):
                return Trial(losses, updates)
            if not needs_closure:
                optimizer.step()  # type: ignore[union-attr]
            if step == 0:
                updates = _relative_changes(snapshot.model, model)
        losses.append(float(loss(model).detach()))  # some ask for gradients themselves
    return Trial(losses, updates)


def _relative_changes(before: nn.Module, after: nn.Module) -> dict[str, float]:
    """Norm of each trained weight's change over its own; infinite of one that was 0."""
    changes = {}
    was = dict(before.named_parameters())
    for name, parameter in after.named_parameters():
        if parameter.dim() > 1 and parameter.requires_grad:
            old, new = was[name].detach(), parameter.detach()
            size = torch.linalg.vector_norm(old, dtype=torch.float64).item()
            changed = torch.linalg.vector_norm(new - old, dtype=torch.float64).item()
            if size or changed:
                changes[name] = changed / size if size else math.inf
    return changes
