"""How weights are drawn. Every scheme is a variance, or an orthogonal matrix, times a gain."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vgplib import errors

Unit = Callable[[int, int, torch.Generator | None], Tensor]
Scale = Callable[[int, int, float], float]


@dataclass(frozen=True)
class Initialiser:
    """A way to draw the weights of one linear layer: a scale times a matrix that has none.

    Networks that differ in the gain alone can so share the draw, which is the costly part.

    Attributes:
        name: As in ``initialiser="xavier"``.
        label: As the reader sees it.
        unit: ``unit(fan_out, fan_in, generator)`` draws a float64 matrix of scale 1.
        scale: ``scale(fan_out, fan_in, gain)`` is what multiplies it.
        draws_bias: Whether biases are drawn too, as PyTorch does; else they are 0.
    """

    name: str
    label: str
    unit: Unit
    scale: Scale
    draws_bias: bool = False

    def draw(
        self, fan_out: int, fan_in: int, gain: float, generator: torch.Generator | None
    ) -> Tensor:
        """A float64 weight matrix of shape ``(fan_out, fan_in)``."""
        return self.scale(fan_out, fan_in, gain) * self.unit(fan_out, fan_in, generator)


def _normal(fan_out: int, fan_in: int, generator: torch.Generator | None) -> Tensor:
    """Independent normal entries with mean 0 and variance 1."""
    return torch.randn(fan_out, fan_in, dtype=torch.float64, generator=generator)


def _variance(variance: Callable[[int, int], float]) -> Scale:
    """The scale that makes a variance of 1 into ``gain**2 * variance(fan_out, fan_in)``."""
    return lambda fan_out, fan_in, gain: gain * math.sqrt(variance(fan_out, fan_in))


def _orthogonal(fan_out: int, fan_in: int, generator: torch.Generator | None) -> Tensor:
    weight = torch.empty(fan_out, fan_in, dtype=torch.float64)
    return nn.init.orthogonal_(weight, generator=generator)


def _uniform(fan_out: int, fan_in: int, generator: torch.Generator | None) -> Tensor:
    """Independent entries, uniform between -1 and 1."""
    weight = torch.empty(fan_out, fan_in, dtype=torch.float64)
    return weight.uniform_(-1.0, 1.0, generator=generator)


INITIALISERS: dict[str, Initialiser] = {
    i.name: i
    for i in (
        # LeCun: variance 1 / fan_in; gain is then sigma_w of mean-field theory.
        Initialiser("lecun", "LeCun", _normal, _variance(lambda fan_out, fan_in: 1 / fan_in)),
        # Glorot & Bengio 2010: the compromise between the forward and the backward pass.
        Initialiser(
            "xavier", "Xavier", _normal, _variance(lambda fan_out, fan_in: 2 / (fan_in + fan_out))
        ),
        # He et al. 2015: twice LeCun's, as ReLU passes half of the mean square.
        Initialiser("he", "He", _normal, _variance(lambda fan_out, fan_in: 2 / fan_in)),
        # Saxe et al. 2013: rows (or columns) of length gain, at right angles to each other.
        Initialiser("orthogonal", "orthogonal", _orthogonal, lambda fan_out, fan_in, gain: gain),
        # nn.Linear's own: variance 1 / (3 fan_in), for the biases too.
        Initialiser(
            "pytorch",
            "PyTorch's default",
            _uniform,
            lambda fan_out, fan_in, gain: gain / math.sqrt(fan_in),
            draws_bias=True,
        ),
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
