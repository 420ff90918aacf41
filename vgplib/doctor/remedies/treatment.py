"""A kind of remedy: what it is called, how it acts, and what writes the code that applies it.

A remedy is code. What :func:`apply` runs on a copy is, to the letter, what a reader is given to
paste, so a remedy that was seen to help is the one that stands there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn

from vgplib.doctor.remedies.case import Case

Writer = Callable[[Case], str]


class Treatment(NamedTuple):
    """A kind of remedy.

    Attributes:
        name: What to do, in a few words.
        why: How it acts on the cause.
        write: Makes the Python that applies it, given the case; raises
            :class:`~vgplib.doctor.remedies.case.NotApplicable`.
    """

    name: str
    why: str
    write: Writer


TREATMENTS: dict[str, Treatment] = {}


def treatment(name: str, why: str) -> Callable[[Writer], Writer]:
    """Make a treatment of what writes its code; its key is the function's name."""

    def known(write: Writer) -> Writer:
        TREATMENTS[write.__name__] = Treatment(name, why, write)
        return write

    return known


def apply(
    code: str,
    model: nn.Module,
    loss: Callable[[nn.Module], Any],
    optimizer: torch.optim.Optimizer | None,
) -> tuple[nn.Module, Callable[[nn.Module], Any], torch.optim.Optimizer | None]:
    """Run a remedy's code on a model, which it changes, as if it were pasted.

    Args:
        code: Of a :class:`~vgplib.doctor.conditions.condition.Remedy`.
        model: Any network.
        loss: As for ``vgp.measure``.
        optimizer: Over its parameters, or None.

    Returns:
        Model, loss and optimizer as the code leaves them; whatever it raises passes through.
    """
    names: dict[str, Any] = {"model": model, "loss": loss, "optimizer": optimizer}
    exec(compile(code, "<remedy>", "exec"), names)
    return names["model"], names["loss"], names["optimizer"]
