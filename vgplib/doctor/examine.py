"""The examination: measure, judge, prescribe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from vgplib.doctor.diagnosis import SEVERITIES, Diagnosis
from vgplib.doctor.examining.evidence import gather
from vgplib.doctor.judging.rules import judged
from vgplib.doctor.remedies.prescriptions import remedies
from vgplib.doctor.visit import check_in


def examine(
    model: nn.Module,
    loss: Callable[[nn.Module], Tensor],
    *,
    optimizer: torch.optim.Optimizer | None = None,
    steps: int = 3,
) -> Diagnosis:
    """Find out whether, where and why the gradients of ``model`` are sick.

    Everything is done on copies: the model, its gradients, mode, buffers and hooks, the optimizer
    and its state, and the random states are left exactly as they were.

    Args:
        model: Any network.
        loss: Takes the model, runs it, and returns a scalar tensor. It is called several times.
        optimizer: Over the parameters of the model. Without one, nothing is said about learning
            rates, and every parameter that requires a gradient is expected to get one.
        steps: How many training steps may be tried with the optimizer, on a copy; where
            a step is cheap, four times as many.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: The loss is no scalar tensor or does not run the model; the optimizer holds
            other parameters; or the model cannot be copied. Whatever else ``loss`` raises passes
            through, with a note of the layer that ran last.
    """
    visit = check_in(model, loss, optimizer, steps)
    evidence = gather(visit)
    found = judged(evidence)
    kept = visit.kept()
    found = [
        replace(
            f,
            remedies=remedies(f.condition, f.cause, f.where, kept.model, kept.loss, kept.optimizer),
        )
        for f in found
    ]
    order = sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))
    measured = evidence.first.data if evidence.first is not None else None
    losses = tuple(evidence.trial.losses) if evidence.trial is not None else ()
    if not losses and measured is not None:
        losses = (measured.attrs["loss"],)
    notes = list(evidence.notes)
    if isinstance(model, nn.parallel.DistributedDataParallel):
        notes.append("names and code are those of model.module, which is inside")
    return Diagnosis(tuple(order), measured, losses, kept, tuple(notes))
