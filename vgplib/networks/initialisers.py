"""How weights are drawn. Every scheme is a variance, or an orthogonal matrix, times a gain."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vgplib import errors

Draw = Callable[[int, int, float, torch.Generator | None], Tensor]


@dataclass(frozen=True)
class Initialiser:
    """A way to draw the weights of one linear layer.

    Attributes:
        name: As in ``initialiser="xavier"``.
        label: As the reader sees it.
        draw: ``draw(fan_out, fan_in, gain, generator)`` gives a float64 weight matrix.
        draws_bias: Whether biases are drawn too, as PyTorch does; else they are 0.
    """

    name: str
    label: str
    draw: Draw
    draws_bias: bool = False


def _normal(variance: Callable[[int, int], float]) -> Draw:
    """Independent normal entries with mean 0 and ``gain**2 * variance(fan_out, fan_in)``."""

    def draw(fan_out: int, fan_in: int, gain: float, generator: torch.Generator | None) -> Tensor:
        std = gain * math.sqrt(variance(fan_out, fan_in))
        return std * torch.randn(fan_out, fan_in, dtype=torch.float64, generator=generator)

    return draw


def _orthogonal(
    fan_out: int, fan_in: int, gain: float, generator: torch.Generator | None
) -> Tensor:
    weight = torch.empty(fan_out, fan_in, dtype=torch.float64)
    return nn.init.orthogonal_(weight, gain, generator=generator)


def _uniform(fan_out: int, fan_in: int, gain: float, generator: torch.Generator | None) -> Tensor:
    bound = gain / math.sqrt(fan_in)
    weight = torch.empty(fan_out, fan_in, dtype=torch.float64)
    return weight.uniform_(-bound, bound, generator=generator)


INITIALISERS: dict[str, Initialiser] = {
    i.name: i
    for i in (
        # LeCun: variance 1 / fan_in; gain is then sigma_w of mean-field theory.
        Initialiser("lecun", "LeCun", _normal(lambda fan_out, fan_in: 1 / fan_in)),
        # Glorot & Bengio 2010: the compromise between the forward and the backward pass.
        Initialiser("xavier", "Xavier", _normal(lambda fan_out, fan_in: 2 / (fan_in + fan_out))),
        # He et al. 2015: twice LeCun's, as ReLU passes half of the mean square.
        Initialiser("he", "He", _normal(lambda fan_out, fan_in: 2 / fan_in)),
        # Saxe et al. 2013: rows (or columns) of length gain, at right angles to each other.
        Initialiser("orthogonal", "orthogonal", _orthogonal),
        # nn.Linear's own: variance 1 / (3 fan_in), for the biases too.
        Initialiser("pytorch", "PyTorch's default", _uniform, draws_bias=True),
    )
}

# Other names for the same schemes: for the error message, not as a second way to say it.
_ELSEWHERE = {"glorot": "xavier", "kaiming": "he", "default": "pytorch", "uniform": "pytorch"}


def initialise(
    linear: nn.Linear,
    name: str,
    gain: float = 1.0,
    generator: torch.Generator | None = None,
) -> None:
    """Draw the weights of ``linear`` anew, in place.

    Numbers are drawn in float64 on the CPU and then rounded to the layer's dtype, so the same
    generator gives the same weights in every format.

    Args:
        linear: The layer; ``fan_in`` and ``fan_out`` are its input and output features.
        name: ``"lecun"``, ``"xavier"``, ``"he"``, ``"orthogonal"`` or ``"pytorch"``.
        gain: Multiplies the weights (not the biases); finite and above 0.
        generator: A CPU generator; without one, PyTorch's global one.

    Raises:
        ValueError: The name is unknown, or the gain is not a finite number above 0.
    """
    scheme = initialiser(name)
    gain = positive("gain", gain)
    fan_out, fan_in = linear.weight.shape
    with torch.no_grad():
        linear.weight.copy_(scheme.draw(fan_out, fan_in, gain, generator))
        if linear.bias is None:
            return
        if scheme.draws_bias:
            linear.bias.copy_(scheme.draw(fan_out, fan_in, 1.0, generator)[:, 0])
        else:
            linear.bias.zero_()


def initialiser(name: str) -> Initialiser:
    """The initialiser of that name; :class:`ValueError` lists the ones there are."""
    if name not in INITIALISERS:
        for other, ours in _ELSEWHERE.items():
            if other in str(name).lower():
                raise ValueError(
                    f"unknown initialiser {name!r}: here it is called {ours!r}. "
                    f"Allowed: {', '.join(map(repr, INITIALISERS))}."
                )
    return INITIALISERS[errors.choose("initialiser", name, INITIALISERS)]


def positive(name: str, value: float) -> float:
    """Return ``value`` as a finite float above 0; :class:`ValueError` names it otherwise."""
    number = errors.finite(name, value)
    if number <= 0:
        raise ValueError(f"{name} must be above 0, not {value!r}.")
    return number
