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
    if any(t.is_sparse or t.dtype not in _SAFE for t in tensors):
        return [norm(t) for t in tensors]
    fast = torch.stack(torch._foreach_norm(tensors)).tolist()
    return [
        value if _SAFE[tensor.dtype][0] < value < _SAFE[tensor.dtype][1] else norm(tensor)
        for value, tensor in zip(fast, tensors, strict=True)
    ]
