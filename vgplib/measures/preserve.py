"""Leaving a model as it was found."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


@contextmanager
def left_as_they_were(modules: list[nn.Module]) -> Iterator[None]:
    """Put back, at the end, whatever a forward pass may change.

    Buffers (batch norm's statistics), modes, the ``.grad`` of parameters, weights that an
    embedding with ``max_norm`` renormalises, and the random states of PyTorch, NumPy and Python.
    """
    modes = [module.training for module in modules]
    buffers = [
        (module._buffers, name, buffer, buffer.detach().clone())
        for module in modules
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    gradients = [
        (parameter, parameter.grad)
        for module in modules
        for parameter in module._parameters.values()
        if parameter is not None
    ]
    renormed = [
        (module.weight, module.weight.detach().clone())
        for module in modules
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.max_norm is not None
    ]
    devices = {parameter.device for parameter, _ in gradients}
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[d for d in devices if d.type == "cuda"]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        for module, mode in zip(modules, modes, strict=True):
            if module.training is not mode:
                module.training = mode
        with torch.no_grad():
            for home, name, buffer, before in buffers:
                home[name] = buffer
                buffer.copy_(before)
            for weight, before in renormed:
                weight.copy_(before)
        for parameter, gradient in gradients:
            if parameter.grad is not gradient:
                parameter.grad = gradient
