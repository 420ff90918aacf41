"""What the graph of a loss shows of a network's paths."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def additions(loss: Tensor) -> int:
    """How many places of the graph add up two paths, as skip connections do.

    A bias is no path: what comes from a parameter alone does not count.
    """
    count, seen, stack = 0, set(), [loss.grad_fn]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        inputs = [n for n, _ in node.next_functions if n is not None]
        paths = [n for n in inputs if not _is_parameter(n)]
        count += node.name().startswith("AddBackward") and len(paths) > 1
        stack += inputs
    return count


def _is_parameter(node: Any) -> bool:
    """Whether a parameter comes in here, or a function of one alone."""
    while node.name() != "torch::autograd::AccumulateGrad":
        inputs = [n for n, _ in node.next_functions if n is not None]
        if len(inputs) != 1:
            return False
        node = inputs[0]
    return True
