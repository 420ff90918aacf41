"""What the graph of a loss shows: paths that are added up, and what makes a gradient exactly 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from vgplib.measures.preserve import left_as_they_were

_FLAT = ("Ceil", "Floor", "Fmod", "Frac", "Heaviside", "Round", "Sign", "Trunc")
_FLAT_OPERATION = "non-differentiable operation"
_OWN_FUNCTION = "a function with a backward pass of its own"
_PRODUCTS = ("Mul", "Mm", "Bmm", "Addmm", "Baddbmm", "Mv", "Dot", "Div")
# What a node saves of what it multiplies, and which of its inputs that is.
_FACTORS = {"self": 0, "other": 1, "vec": 1, "tensor": 1, "mat1": 1, "batch1": 1}
_FACTORS |= {"mat2": -1, "batch2": -1}


def nodes(loss: Tensor) -> Iterator[Any]:
    """Every node of a graph once."""
    seen, stack = set(), [loss.grad_fn]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        stack += [n for n, _ in node.next_functions]


def additions(loss: Tensor) -> int:
    """How many places of the graph add up two paths, as skip connections do.

    A bias is no path: what comes from a parameter alone does not count.
    """
    count = 0
    for node in nodes(loss):
        if node.name().startswith("AddBackward"):
            inputs = [n for n, _ in node.next_functions if n is not None]
            count += sum(not _is_parameter(n) for n in inputs) > 1
    return count


def _is_parameter(node: Any) -> bool:
    """Whether a parameter comes in here, or a function of one alone."""
    while node.name() != "torch::autograd::AccumulateGrad":
        inputs = [n for n, _ in node.next_functions if n is not None]
        if len(inputs) != 1:
            return False
        node = inputs[0]
    return True


def takes_gradients(model: nn.Module, loss: Callable[[nn.Module], Tensor]) -> bool:
    """Whether a loss asks for a gradient itself, as that of a differential equation does."""
    asked = False
    plain = torch.autograd.grad

    def noticed(*args: Any, **kwargs: Any) -> Any:
        nonlocal asked
        asked = True
        return plain(*args, **kwargs)

    with left_as_they_were(list(model.modules())), torch.enable_grad():
        torch.autograd.grad = noticed
        try:
            loss(model)
        finally:
            torch.autograd.grad = plain
    return asked


def why_zero(model: nn.Module, loss: Callable[[nn.Module], Tensor]) -> str:
    """What in the graph makes gradients exactly 0: the cause, or "" where nothing shows."""
    with left_as_they_were(list(model.modules())), torch.enable_grad():
        value = loss(model)
        owned = {p.data_ptr() for p in model.parameters()}
        found = {_zeroing(node, owned) for node in nodes(value)}
    for cause in (_FLAT_OPERATION, "axis of size 1", "initialisation constant", "factor of 0"):
        if cause in found:
            return cause
    # Where a backward pass was written by hand, its zeros may be, too.
    return _FLAT_OPERATION if _OWN_FUNCTION in found else ""


def _zeroing(node: Any, owned: set[int]) -> str:
    name = node.name().partition("Backward")[0]
    if isinstance(node, torch.autograd.function.BackwardCFunction):
        return _OWN_FUNCTION
    nearest = name.startswith("GridSampler") and node._saved_interpolation_mode == 1
    if name in _FLAT or nearest:
        return _FLAT_OPERATION
    if name in ("Softmax", "LogSoftmax"):
        return "axis of size 1" if node._saved_result.shape[_signed(node._saved_dim)] == 1 else ""
    if name == "NativeLayerNorm":
        return "axis of size 1" if math.prod(node._saved_normalized_shape) == 1 else ""
    if name not in _PRODUCTS:
        return ""
    for factor, place in _FACTORS.items():
        tensor = _saved(node, factor)
        if isinstance(tensor, Tensor) and tensor.numel() and not tensor.any():
            if tensor.data_ptr() in owned:
                return "initialisation constant"
            if node.next_functions[place][0] is None:  # else it is what the network gives
                return "factor of 0"
    return ""


def _saved(node: Any, name: str) -> Any:
    try:
        return getattr(node, f"_saved_{name}", None)
    except RuntimeError:  # changed in place since
        return None


def _signed(dim: int) -> int:
    """A dimension that is counted from the end is saved as a huge number."""
    return dim - 2**64 if dim >= 2**63 else dim
