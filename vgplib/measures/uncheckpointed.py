"""Running models that checkpoint their activations so that every layer can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils.checkpoint
from torch import Tensor


@contextmanager
def uncheckpointed() -> Iterator[list[Callable]]:
    """Inside, keep the activations that reentrant checkpoints would compute again.

    In the backward pass these start a second one of their own, of which only ``.grad`` of the
    parameters is left. What is computed is the same: without an input that requires a gradient,
    what is inside has none. Yields the functions that ran so, for a caller that wants to know.
    """
    ran: list[Callable] = []

    class Kept:
        @staticmethod
        def apply(function: Callable, _preserve: bool, *args: Any) -> Any:
            ran.append(function)
            wanted = any(isinstance(arg, Tensor) and arg.requires_grad for arg in args)
            with torch.set_grad_enabled(wanted and torch.is_grad_enabled()):
                return function(*args)

    original = torch.utils.checkpoint.CheckpointFunction
    torch.utils.checkpoint.CheckpointFunction = Kept  # type: ignore[misc, assignment]
    try:
        yield ran
    finally:
        torch.utils.checkpoint.CheckpointFunction = original  # type: ignore[misc]
