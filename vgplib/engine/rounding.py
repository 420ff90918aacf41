"""What depends on the processor: kept out where it must be, and imitated where it may not be.

Processors add up the terms of a matrix product in different orders, so that its last digit differs
from one to the other. Mostly that stays a last digit. A network in chaos multiplies it, as it
multiplies its signal, until a digit that everyone can see is chance.

Some go further: with units for bfloat16 or float16 products, what lies below a format's normal
numbers becomes 0, and sums are rounded less often than the format says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_aten = torch.ops.aten
_PRODUCTS = {_aten.mm, _aten.addmm, _aten.bmm, _aten.baddbmm}
_DRAWN = 2**16  # random steps to neighbours that are drawn once
_WHOLE = {torch.float16: torch.int16, torch.bfloat16: torch.int16}
_WHOLE |= {torch.float32: torch.int32, torch.float64: torch.int64}


@contextmanager
def by_the_format() -> Iterator[None]:
    """Inside, 16-bit products are what the format says, whatever units the processor has.

    oneDNN, which uses those units, is left out for the whole process.
    """
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before


class OtherRounding(TorchDispatchMode):
    """Inside, each entry of a matrix product is at random as it is, or its float's neighbour.

    As on another processor; forward and backward alike, in each float format. Zeros and what is
    not finite stay.

    Args:
        seed: Of the choice.
    """

    inside: int | None = None  # the seed of the one that is at work: part of what a cache holds

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed, self._generator = seed, torch.Generator().manual_seed(seed)
        self._steps = torch.randint(-1, 2, (_DRAWN,), dtype=torch.int8, generator=self._generator)

    def __enter__(self) -> OtherRounding:
        OtherRounding.inside = self._seed
        return super().__enter__()

    def __exit__(self, *problem: Any) -> None:
        super().__exit__(*problem)
        OtherRounding.inside = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Compute, and move the result if it is a product."""
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket in _PRODUCTS:
            result.copy_(self._moved(result))
        return result

    def _moved(self, x: Tensor) -> Tensor:
        # To draw for each product anew takes longer than the product: from another place will do.
        start = int(torch.randint(_DRAWN, (), generator=self._generator))
        turns = -(-(start + x.numel()) // _DRAWN)
        steps = self._steps.repeat(turns)[start : start + x.numel()].view(x.shape)
        whole = _WHOLE[x.dtype]
        moved = (x.contiguous().view(whole) + steps.to(whole)).view(x.dtype)
        return torch.where((x != 0) & x.isfinite(), moved, x)
