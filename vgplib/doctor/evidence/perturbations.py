"""What stands on a flat place of the loss although it is not where it should be."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from vgplib.measures.preserve import left_as_they_were

_MOVES = (-10.0, -1.0, 1.0, 10.0)
_NEXT_TO_0 = 0.01
_MOST = 8  # parameters that are tried
_CHANGE, _ROUNDING = 1e-3, 1e-5  # of the loss, relative; of what cancels out, per move


def stuck(
    model: nn.Module, loss: Callable[[nn.Module], Tensor], names: list[str]
) -> tuple[str, ...]:
    """Which parameters on their own change the loss when they are moved far.

    A clamp is flat where it cuts off, and the loss changes on its other side. Of a bias before a
    normalisation, or of the keys in attention, the 0 is by symmetry, and what other biases get
    may cancel out: parameters of a module with a matrix are not looked at.

    Args:
        model: Is left as it was.
        loss: As for ``vgp.examine``.
        names: Parameters whose gradient is exactly 0; of many, the first are tried.
    """
    matrices = {name for name, p in model.named_parameters() if p.dim() > 1}
    modules = {name.rpartition(".")[0] for name in matrices}
    alone = [
        name
        for name in names
        if not (name in matrices or name.endswith("bias") or name.rpartition(".")[0] in modules)
    ]
    if not alone:
        return ()
    found = []
    with left_as_they_were(list(model.modules())), torch.no_grad():
        for name in alone[:_MOST]:
            parameter = model.get_parameter(name)
            if parameter.dtype not in (torch.float32, torch.float64):
                continue  # a move that a symmetry takes back leaves more than rounding
            before = parameter.clone()
            values = []
            for move in (0.0, *_MOVES):
                parameter.copy_(before + move)
                values.append(_seeded(model, loss))
            parameter.copy_(before)
            still = values[0]
            told = zip(_MOVES, values[1:], strict=True)
            if any(abs(v - still) > _CHANGE * abs(still) + _ROUNDING * abs(m) for m, v in told):
                found.append(name)
    return tuple(found)


def matters(model: nn.Module, loss: Callable[[nn.Module], Tensor], names: list[str]) -> bool:
    """Whether the loss changes when these parameters are moved, by as much as they are large.

    It does where they are used, and the graph is cut behind them.
    """
    moved = [model.get_parameter(name) for name in names]
    before = [parameter.detach().clone() for parameter in moved]
    with left_as_they_were(list(model.modules())), torch.no_grad():
        still = _seeded(model, loss)
        for parameter in moved:
            usual = parameter.abs().mean() + _NEXT_TO_0
            parameter += usual * torch.randn_like(parameter)
        other = _seeded(model, loss)
        for parameter, was in zip(moved, before, strict=True):
            parameter.copy_(was)
    return abs(other - still) > _ROUNDING * abs(still)


def ablated(
    model: nn.Module, loss: Callable[[nn.Module], Tensor], name: str
) -> tuple[float, float]:
    """The loss with the output of one layer next to 0, and at nine tenths.

    Next to 0, what follows is not flat: the loss is lower where a saturated read-out is wrong, and
    higher where it is right. At nine tenths it is as it was, if what follows is flat.
    """
    return _with_output(model, loss, name, _NEXT_TO_0), _with_output(model, loss, name, 0.9)


def _with_output(
    model: nn.Module, loss: Callable[[nn.Module], Tensor], name: str, share: float
) -> float:
    """The loss with the output of one layer multiplied by a number."""
    layer = model.get_submodule(name)
    handle = layer.register_forward_hook(
        lambda _module, _args, out: share * out if isinstance(out, Tensor) else out
    )
    try:
        with left_as_they_were(list(model.modules())), torch.enable_grad():
            return _tried(model, loss)
    finally:
        handle.remove()


def _seeded(model: nn.Module, loss: Callable[[nn.Module], Tensor]) -> float:
    """The loss; one that draws its batch draws the same one each time."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        return _tried(model, loss)


def _tried(model: nn.Module, loss: Callable[[nn.Module], Tensor]) -> float:
    """The loss; NaN where it refuses to be computed this far from where the model was."""
    try:
        return loss(model).item()
    except Exception:
        # Distributions check their arguments, for one. What is not known tells nothing.
        return math.nan
