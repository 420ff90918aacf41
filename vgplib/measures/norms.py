"""Norms that neither underflow nor overflow."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Between these, the squares that a norm adds up are safely inside the format.
_SAFE = {torch.float32: (1e-15, 1e15), torch.float64: (1e-140, 1e140)}


def norm(tensor: Tensor) -> float:
    """The Frobenius norm, right also where squares of the entries leave the tensor's format."""
    if tensor.is_sparse:
        tensor = tensor.coalesce().values()
    safe = _SAFE.get(tensor.dtype)
    if safe is not None:
        fast = torch.linalg.vector_norm(tensor).item()
        if safe[0] < fast < safe[1]:
            return fast
    if tensor.dtype != torch.float64:
        return torch.linalg.vector_norm(tensor, dtype=torch.float64).item()
    largest = torch.linalg.vector_norm(tensor, math.inf).item()
    if largest == 0 or not math.isfinite(largest):
        return largest
    return largest * torch.linalg.vector_norm(tensor / largest).item()


def norms(tensors: list[Tensor]) -> list[float]:
    """:func:`norm` of each, in one call where that is safe."""
    if not tensors:
        return []
    kinds = {(t.dtype, t.device, t.is_sparse) for t in tensors}
    dtype, _, sparse = next(iter(kinds))
    if len(kinds) > 1 or sparse or dtype not in _SAFE:
        return [norm(t) for t in tensors]
    low, high = _SAFE[dtype]
    values = torch.stack(torch._foreach_norm(tensors)).tolist()
    unsafe = [i for i, value in enumerate(values) if not low < value < high]
    if unsafe and dtype == torch.float32:
        again = torch._foreach_norm([tensors[i] for i in unsafe], 2, torch.float64)
        wide = torch.stack(again).tolist()
    else:
        wide = [norm(tensors[i]) for i in unsafe]
    for i, value in zip(unsafe, wide, strict=True):
        values[i] = value
    return values
