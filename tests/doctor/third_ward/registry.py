"""How a case enters the set: its condition, what else holds, and the fact that proves it."""

from collections.abc import Callable
from typing import NamedTuple

CONDITIONS = frozenset(
    "vanishing exploding temporal_vanishing temporal_exploding forward_vanishing "
    "forward_exploding dead_relu saturation nan zero_gradient no_gradient frozen "
    "fp16_underflow fp16_overflow lr_too_high lr_too_low symmetry rank_collapse".split()
)


class Case(NamedTuple):
    """One model with a known truth; `condition` is None for a healthy one."""

    name: str
    make: Callable
    condition: str | None
    also: tuple[str, ...]
    about: str


ALL: list[Case] = []
FACTS: dict[str, tuple[Callable, ...]] = {}
WAIVED: dict[str, tuple[str, ...]] = {}  # what a plain count sees, but is so by design


def case(condition, also=(), about="", facts=(), waive=()):
    """Enter the decorated function, which returns (model, loss, optimizer or None)."""
    unknown = ({condition} | set(also)) - CONDITIONS - {None}
    if unknown:
        raise ValueError(f"unknown conditions {sorted(unknown)}")

    def enter(make):
        name = make.__name__
        if name in FACTS:
            raise ValueError(f"two cases are called {name}")
        ALL.append(Case(name, make, condition, tuple(also), about))
        FACTS[name] = tuple(facts)
        WAIVED[name] = tuple(waive)
        return make

    return enter
