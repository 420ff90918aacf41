"""The first operation in which float16 leaves its range."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.module_tracker import ModuleTracker

# Operations that make large numbers of smaller ones. Filling with infinities, as masks do, and
# dividing by zero are something else.
_GROWING = frozenset(
    """add addbmm addmm addmv baddbmm bmm convolution cumprod cumsum dot exp expm1
    linalg_vector_norm matmul mm mul mv pow prod square sum _to_copy native_layer_norm""".split()
)


class _Watch(TorchDispatchMode):
    """Stops at nothing; notes the first overflow and the module it is in."""

    def __init__(self, tracker: ModuleTracker) -> None:
        super().__init__()
        self.tracker = tracker
        self.where: str | None = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__.rstrip("_")
        if self.where is None and name in _GROWING and _is_half(out) and bool(out.isinf().any()):
            given = [t for t in tree_leaves((args, kwargs)) if _is_float(t)]
            if given and all(bool(t.isfinite().all()) for t in given):
                self.where = max(self.tracker.parents, key=len).partition(".")[2]
        return out


def _is_half(thing: Any) -> bool:
    return isinstance(thing, Tensor) and thing.dtype == torch.float16


def _is_float(thing: Any) -> bool:
    return isinstance(thing, Tensor) and thing.is_floating_point()


def first_overflow(model: nn.Module, loss: Callable[[nn.Module], Tensor]) -> str | None:
    """Name of the module in whose forward pass float16 overflows first; None where none does.

    ``""`` stands for the model itself and for the loss.
    """
    tracker = ModuleTracker()
    with torch.no_grad(), tracker, _Watch(tracker) as watch:
        loss(model)
    return watch.where
