"""The decorator that registers a case, and the data that cases share."""

import functools
import zlib
from collections.abc import Callable
from typing import NamedTuple

import torch


class Case(NamedTuple):
    """A model with a known truth; `condition` is None for a healthy one."""

    name: str
    make: Callable
    condition: str | None
    also: tuple[str, ...]
    about: str


REGISTER: list[Case] = []


def case(condition, *, also=(), about):
    """Register a function that returns (model, loss, optimizer or None); it runs seeded."""

    def register(function):
        @functools.wraps(function)
        def make():
            with torch.random.fork_rng():
                torch.manual_seed(zlib.crc32(function.__name__.encode()))
                return function()

        REGISTER.append(Case(function.__name__, make, condition, tuple(also), about))
        return make

    return register


def blobs(count, features, classes, spread=0.7):
    """Samples around one centre a class: x (count, features), y (count,)."""
    y = torch.arange(count) % classes
    return torch.randn(classes, features)[y] + spread * torch.randn(count, features), y


def pictures(count, channels, size, classes):
    """Noisy copies of one picture a class: x (count, channels, size, size), y (count,)."""
    x, y = blobs(count, channels * size * size, classes)
    return x.view(count, channels, size, size), y
