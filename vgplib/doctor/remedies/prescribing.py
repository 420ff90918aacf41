"""Which remedies a finding gets, in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from vgplib import errors
from vgplib.doctor.conditions import CONDITIONS
from vgplib.doctor.conditions.condition import Remedy
from vgplib.doctor.remedies.case import Case, NotApplicable
from vgplib.doctor.remedies.treatment import TREATMENTS


def remedies(
    condition: str,
    cause: str,
    where: tuple[str, ...],
    model: nn.Module,
    loss: Callable[[nn.Module], Any] | None = None,
    optimizer: torch.optim.Optimizer | None = None,
) -> tuple[Remedy, ...]:
    """What to do about a finding, the most likely to help first.

    Args:
        condition: What is wrong: a key of ``CONDITIONS``.
        cause: Why, one of ``CAUSES``, or "".
        where: Names of modules or parameters, as in a finding.
        model: The sick model, whose names stand in the code. It is left as it was.
        loss: As for ``vgp.measure``. With it, the model is run once to see which activation
            follows which layer; without it, only activations that are modules are known.
        optimizer: Over the model's parameters. Without it, it is not known what it is.

    Returns:
        Those that can be applied as they are, and then those that have to be done by hand, of
        which the code says how. Their code runs where ``model``, ``loss`` and ``optimizer`` exist.

    Raises:
        ValueError: There is no such condition.
    """
    errors.choose("condition", condition, CONDITIONS)
    case = Case(model, loss, condition, cause, where, optimizer)
    ready, by_hand = [], []
    by_cause = CONDITIONS[condition].remedies
    for key in by_cause.get(cause, by_cause[""]).split():
        treatment = TREATMENTS[key]
        try:
            ready.append(Remedy(key, treatment.name, treatment.why, treatment.write(case)))
        except NotApplicable as no:
            if no.code:
                by_hand.append(Remedy(key, treatment.name, treatment.why, no.code))
    return (*ready, *by_hand)
