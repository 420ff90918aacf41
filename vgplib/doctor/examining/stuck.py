"""Parameters on a flat place of the loss, told from those that the loss does not know."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vgplib.measures.preserve import left_as_they_were

_MOVES = (-10.0, -1.0, 1.0, 10.0)
_MOST = 8  # parameters that are tried
_CHANGE, _ROUNDING = 1e-3, 1e-5  # of the loss, relative; of what cancels out, per move


def stuck(
    model: nn.Module, loss: Callable[[nn.Module], Tensor], names: list[str]
) -> tuple[str, ...]:
    """Which parameters change the loss when they are moved far, though their gradient is 0.

    A clamp is flat where it cuts off, and the loss changes on its other side. A bias before a
    normalisation, or of the keys in attention, may be moved anywhere: its 0 is by symmetry.

    Args:
        model: Is left as it was.
        loss: As for ``vgp.examine``.
        names: Parameters whose gradient is exactly 0; of many, the first are tried.
    """
    found = []
    with left_as_they_were(list(model.modules())), torch.no_grad():
        for name in names[:_MOST]:
            parameter = model.get_parameter(name)
            if parameter.dtype not in (torch.float32, torch.float64):
                continue  # a move that a symmetry takes back leaves more than rounding
            before = parameter.clone()
            values = []
            for move in (0.0, *_MOVES):
                parameter.copy_(before + move)
                with torch.random.fork_rng(devices=[]), torch.enable_grad():
                    torch.manual_seed(0)  # a loss that draws its batch draws the same one
                    values.append(float(loss(model)))
            parameter.copy_(before)
            still = values[0]
            told = zip(_MOVES, values[1:], strict=True)
            if any(abs(v - still) > _CHANGE * abs(still) + _ROUNDING * abs(m) for m, v in told):
                found.append(name)
    return tuple(found)
