"""The examination: measure, judge, prescribe."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from vgplib.doctor.conditions import judged
from vgplib.doctor.conditions.condition import SEVERITIES
from vgplib.doctor.copies import learning_rates, snapshot
from vgplib.doctor.diagnosis import Diagnosis
from vgplib.doctor.evidence.gather import Evidence, gather
from vgplib.doctor.evidence.trial import changed_nothing
from vgplib.doctor.remedies.prescribing import remedies
from vgplib.measures.layers import eager

LEAST_RATE = 1e-8  # below it, steps that change nothing are no sign of having converged


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
            other parameters, or has a learning rate that is not finite and above 0, or too small
            for its steps to show anything; nothing could be measured; or the model cannot be
            copied. Whatever else ``loss`` raises passes through, with a note of the layer that
            ran last.
    """
    with eager():  # to compile takes longer than all of this, and needs a compiler
        given = snapshot(model, loss, optimizer, steps)
        evidence = gather(given)
    found = judged(evidence)
    if not found:
        _refuse_unseen(evidence)
    # The caller's own may change before a remedy is tried.
    kept = given.copied()
    given_now = kept.model, kept.loss, kept.optimizer
    found = [
        replace(f, remedies=remedies(f.condition, f.cause, f.where, *given_now)) for f in found
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


def _refuse_unseen(evidence: Evidence) -> None:
    """See that there was something to look at: to have found nothing in nothing is no health."""
    if evidence.first is None:
        raise ValueError(
            "nothing could be measured: the loss has no gradient, and the model has no parameter "
            "that is to learn. Give the model with its layers, and a loss of its output."
        )
    trial, optimizer = evidence.trial, evidence.snapshot.optimizer
    if trial is None or optimizer is None:
        return
    rate = max(learning_rates(optimizer), default=math.inf)
    if rate < LEAST_RATE and changed_nothing(trial):
        raise ValueError(
            f"with a learning rate of {rate:g} the steps changed no weight noticeably: nothing can "
            "be said about them. Set the rate that you train with, or leave the optimizer out to "
            "examine the gradients alone."
        )
