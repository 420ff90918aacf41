"""A private copy of what the caller gave, so that nothing of theirs is touched."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vgplib import errors
from vgplib.measures.layers import check_arguments, check_optimizer
from vgplib.measures.preserve import left_as_they_were


class _CopiesResults(TorchFunctionMode):
    """Lets tensors be copied that a computation made, such as attention kept for a picture.

    PyTorch refuses to copy these, because the copy would have no history. Nor needs it one.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func is Tensor.__deepcopy__ and args[0].grad_fn is not None:
            tensor, memo = args
            memo[id(tensor)] = copied = tensor.detach().clone()
            return copied
        return func(*args, **(kwargs or {}))


def copied(things: tuple[Any, ...]) -> Any:
    """A deep copy of a model and its optimizer, or None in its place.

    What cannot be copied, such as a lock or an open file in an attribute, is shared.

    Raises:
        ValueError: It cannot be copied for another reason.
    """
    with _CopiesResults():
        memo: dict[int, Any] = {}
        try:
            found = copy.deepcopy(things, memo)
        except TypeError:
            memo = {id(value): value for value in _uncopyable(things)}
            try:
                found = copy.deepcopy(things, memo)
            except Exception as problem:
                raise ValueError(
                    f"the model cannot be copied ({problem}), and the doctor works on copies only."
                ) from problem
        for before, after in zip(things, found, strict=True):
            if isinstance(before, torch.optim.Optimizer):
                _complete(before, after, memo)
        return found


def _complete(optimizer: Any, copied: Any, memo: dict[int, Any]) -> None:
    """Copy what PyTorch leaves behind: an optimizer's own attributes, such as those of L-BFGS.

    Methods that were put in the place of its own, as schedulers do, belong to the original.
    """
    for name, value in vars(optimizer).items():
        if name not in vars(copied) and not callable(value) and not name.endswith("_hooks"):
            vars(copied)[name] = copy.deepcopy(value, memo)


def _uncopyable(things: Any) -> list[Any]:
    """Attributes of modules that refuse to be copied."""
    found = []
    modules = [m for thing in things if isinstance(thing, nn.Module) for m in thing.modules()]
    for module in modules:
        for name, value in vars(module).items():
            if name not in ("_parameters", "_buffers", "_modules"):
                try:
                    copy.deepcopy(value)
                except TypeError:
                    found.append(value)
    return found


@dataclass(frozen=True)
class Snapshot:
    """What is examined, as it came. Nothing is run on it or changed: copies are.

    Attributes:
        model: The caller's, or a copy of it as it came.
        loss: Takes a model and returns a scalar tensor; the caller's own.
        optimizer: Over the parameters of ``model``, or None.
        steps: How many training steps may be tried.
    """

    model: nn.Module
    loss: Callable[[nn.Module], Tensor]
    optimizer: torch.optim.Optimizer | None
    steps: int

    def fresh(self) -> tuple[nn.Module, Callable, torch.optim.Optimizer | None]:
        """A copy, to be changed at will."""
        model, optimizer = copied((self.model, self.optimizer))
        return model, self.loss, optimizer

    def fresh_model(self) -> nn.Module:
        """A copy of the model alone."""
        (model,) = copied((self.model,))
        return model

    def copied(self) -> Snapshot:
        """The same of copies, which later changes of the caller's own do not reach."""
        model, loss, optimizer = self.fresh()
        return Snapshot(model, loss, optimizer, self.steps)


def snapshot(
    model: nn.Module,
    loss: Callable[[nn.Module], Tensor],
    optimizer: torch.optim.Optimizer | None,
    steps: int,
) -> Snapshot:
    """Take what the caller gave, after seeing that it is what it should be.

    Raises:
        TypeError: An argument of the wrong kind.
        ValueError: A number of steps that is not positive; an optimizer over other parameters
            than the model's, or with a learning rate that no step can be taken with.
    """
    check_arguments(model, loss)
    steps = errors.whole("steps", steps)
    if optimizer is not None:
        check_optimizer(optimizer, model)
        _check_rates(optimizer)
    if isinstance(model, nn.parallel.DistributedDataParallel):
        model = model.module
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in model.parameters()):
        model, optimizer = copied((model, optimizer))
        with left_as_they_were([]), torch.no_grad():
            loss(model)  # makes what is made lazily
    return Snapshot(model, loss, optimizer, steps)


def learning_rates(optimizer: torch.optim.Optimizer) -> list[float]:
    """That of each group which has one; of a schedule that warms up, the rate it leads to."""
    rates = []
    for group in optimizer.param_groups:
        rate, wanted = (errors.plain_number(group.get(name)) for name in ("lr", "initial_lr"))
        if rate is not None:
            rates.append(float(wanted if wanted is not None and 0 <= rate < wanted else rate))
    return rates


def _check_rates(optimizer: torch.optim.Optimizer) -> None:
    rates = learning_rates(optimizer)
    for rate in rates:
        if not 0 <= rate < math.inf:
            ascent = " To climb, give the optimizer maximize=True." if rate < 0 else ""
            raise ValueError(
                f"the optimizer's learning rate must be a finite number above 0, not {rate!r}: "
                f"no step can be judged.{ascent}"
            )
    if rates and not any(rates):
        raise ValueError(
            "the optimizer's learning rate is 0: no step changes anything. Set the rate that you "
            "train with, or leave the optimizer out to examine the gradients alone."
        )
