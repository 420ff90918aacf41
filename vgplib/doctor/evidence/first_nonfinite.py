"""The first operation whose result leaves the range of numbers: in float16, and in any format."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.module_tracker import ModuleTracker

# Operations that make large numbers of smaller ones.
GROWING = frozenset(
    """add addbmm addmm addmv baddbmm bmm convolution cumprod cumsum dot linalg_vector_norm matmul
    mm mul mv prod square sum to_copy layer_norm""".split()
)
_STEEP = frozenset("exp expm1 pow".split())  # these, too, but of numbers that are not so large
# Infinities that are filled in, as by masks, are meant.
_HALF = (torch.float16, torch.bfloat16)
_FILLING = frozenset("constant_pad_nd fill full full_like index_put masked_fill new_full".split())


@dataclass(frozen=True)
class Broken:
    """A result that is not finite, of arguments that are.

    Attributes:
        where: Name of the module; "" stands for the model itself and for the loss.
        operation: PyTorch's name of it.
        entries: How many of the result are not finite.
        of_nothing: Whether it was given a tensor without entries.
        after_lost_epsilon: Whether a number next to 0 was added before, or one next to 1 taken for
            a bound, that half precision rounds to 0 or 1.
    """

    where: str
    operation: str
    entries: int
    of_nothing: bool = False
    after_lost_epsilon: bool = False


class _Watch(TorchDispatchMode):
    """Stops at nothing; notes the first result that is not finite, and the first of float16."""

    def __init__(self, tracker: ModuleTracker) -> None:
        super().__init__()
        self.tracker = tracker
        self.lost_epsilon = False
        self.first: Broken | None = None
        self.half: Broken | None = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        result = out[0] if isinstance(out, tuple) and out else out
        wanted = self.first is None or self.half is None
        if _is_float(result) and result.dtype in _HALF and not self.lost_epsilon:
            self.lost_epsilon = _loses_epsilon(func, args, result.dtype)
        if wanted and _is_float(result) and not result.isfinite().all():
            self._note(func, tree_leaves((args, kwargs)), result)
        return out

    def _note(self, func: Any, arguments: list[Any], result: Tensor) -> None:
        given = [t for t in arguments if _is_float(t)]
        numbers = all(math.isfinite(a) for a in arguments if isinstance(a, float))
        name = func.overloadpacket.__name__.strip("_")
        name = name.removeprefix("native_").removesuffix("_forward")
        from_finite = bool(given) and all(bool(t.isfinite().all()) for t in given) and numbers
        if name in _FILLING:
            return
        # Of a row that is masked out whole, a softmax makes NaN of infinities that are meant.
        masked = "softmax" in name and not any(bool(t.isnan().any()) for t in given)
        if not (from_finite or masked):
            return
        module = max(self.tracker.parents, key=len).partition(".")[2]
        entries, of_nothing = int((~result.isfinite()).sum()), not all(t.numel() for t in given)
        broken = Broken(module, name, entries, of_nothing, self.lost_epsilon)
        self.first = self.first or broken
        grown = name in GROWING | _STEEP and bool(result.isinf().any())
        if self.half is None and result.dtype == torch.float16 and grown and from_finite:
            self.half = broken


def _loses_epsilon(func: Any, args: tuple, dtype: torch.dtype) -> bool:
    """Whether a number in the code is not what it was written for, once it is of this format."""
    name = func.overloadpacket.__name__.strip("_")
    if name not in ("add", "sub", "rsub", "clamp", "clamp_min", "clamp_max"):
        return False
    numbers = [float(a) for a in args[1:] if isinstance(a, float)]
    rounded = [(n, float(torch.tensor(n, dtype=dtype))) for n in numbers]
    return any(n != r and r in (0.0, 1.0) for n, r in rounded)


def _is_float(thing: Any) -> bool:
    return isinstance(thing, Tensor) and thing.is_floating_point()


def first_broken(
    model: nn.Module, loss: Callable[[nn.Module], Tensor]
) -> tuple[Broken | None, Broken | None]:
    """Where the forward pass first makes a number that is not finite of others that are.

    Returns:
        The first such place, and the first at which float16 overflows; None where there is none.
    """
    tracker = ModuleTracker()
    with torch.enable_grad(), tracker, _Watch(tracker) as watch:
        loss(model)
    return watch.first, watch.half
