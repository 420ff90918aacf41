"""What wide networks do on average: mean-field theory, and the limits of number formats.

Notation: ``z_l = W_l h_{l-1} + b_l`` and ``h_l = phi(z_l)``, weights with variance
``weight_variance / fan_in``, biases with variance ``bias_variance``. In a wide network each
``z_l`` is normal with mean 0 and variance q_l. ``chi`` is the factor of the *squared* norm of the
error signal dloss/dz when it goes back one layer; ``signal_factor`` is that of the norm itself.

Sources: Poole et al. 2016 (q and its fixed point), Schoenholz et al. 2017 (chi and the depth
scales), He et al. 2015 (ReLU).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from vgplib import errors
from vgplib.networks.activations import activation as find_activation
from vgplib.networks.activations import slope

Function = Callable[[Tensor], Tensor]

# Below the first and above the second, q counts as 0 and as infinite: the fixed point is then
# approached forever, and chi is its limit there.
_Q_ZERO, _Q_INFINITE = 1e-12, 1e12


def fixed_point(
    activation: str | Function, weight_variance: float = 1.0, bias_variance: float = 0.0
) -> float:
    """The variance q* of the pre-activations at which a deep network settles.

    Solves ``q = weight_variance * E[phi(sqrt(q) z)^2] + bias_variance`` with z ~ N(0, 1), and
    returns the solution that the layers reach from q = 1 (Poole et al. 2016).

    Returns:
        q*; 0 where the variance dies out and ``inf`` where it grows without end. Where every q is
        a solution (ReLU with weight variance 2, linear with 1) it is the 1 it starts from.

    Raises:
        ValueError: The activation is unknown, or a variance is not a finite number >= 0.
    """
    phi = _function(activation)
    weight, bias = _variances(weight_variance, bias_variance)

    def growth(q: float) -> float:
        """Relative change of q over one layer."""
        return (weight * _mean_square(phi, q) + bias) / q - 1

    if abs(growth(1.0)) < 1e-13:
        return 1.0
    # Layer after layer, q moves one way until it meets a solution: walk that way, then bisect.
    ratio = 1.25 if growth(1.0) > 0 else 0.8
    near, far = 1.0, ratio
    while growth(far) * (ratio - 1) > 0:
        near, far = far, far * ratio
        if far < _Q_ZERO:
            return 0.0
        if far > _Q_INFINITE:
            return math.inf
    return _bisect(growth, near, far)


def chi(
    activation: str | Function, weight_variance: float = 1.0, bias_variance: float = 0.0
) -> float:
    """The factor of the squared norm of the error signal, going back one layer at q*.

    ``chi_1 = weight_variance * E[phi'(sqrt(q*) z)^2]``, z ~ N(0, 1) (Schoenholz et al. 2017).
    Where q* is 0 or infinite, the limit: for tanh with weight variance up to 1 and no bias it is
    ``weight_variance * phi'(0)^2``. Below 1 signals vanish, above 1 they explode.

    Raises:
        ValueError: As :func:`fixed_point`.
    """
    q = fixed_point(activation, weight_variance, bias_variance)
    return weight_variance * _mean_square_slope(_function(activation), q)


def signal_factor(
    activation: str | Function, weight_variance: float = 1.0, bias_variance: float = 0.0
) -> float:
    """The factor of the norm of the error signal, going back one layer: ``sqrt(chi)``.

    Raises:
        ValueError: As :func:`fixed_point`.
    """
    return math.sqrt(chi(activation, weight_variance, bias_variance))


def critical_line(activation: str | Function, bias_variance: float) -> float:
    """The weight variance at which chi is 1: signals neither vanish nor explode.

    Between ordered and chaotic networks (Poole et al. 2016, Schoenholz et al. 2017). Chi is
    taken to grow with the weight variance, as it does for tanh, sigmoid and ReLU.

    Raises:
        ValueError: The activation is unknown, the bias variance is not a finite number >= 0, or
            chi does not cross 1 between weight variances of 1e-6 and 1e6.
    """

    def excess(weight_variance: float) -> float:
        return chi(activation, weight_variance, bias_variance) - 1

    low, high = 1e-6, 1e6
    if not excess(low) < 0 < excess(high):
        raise ValueError(
            f"chi does not cross 1 between weight variances {low:g} and {high:g} "
            f"at bias variance {bias_variance!r}."
        )
    return _bisect(excess, low, high)


def signal_profile(
    activation: str | Function,
    depth: int,
    weight_variance: float,
    bias_variance: float = 0.0,
    input_variance: float = 1.0,
) -> list[float]:
    """The expected norm of dloss/dz in hidden layers 1 to ``depth``, in units of the last one's.

    Follows q_l from layer to layer, not only at its fixed point:
    ``q_1 = weight_variance * input_variance + bias_variance``, and
    ``signal_l = sqrt(weight_variance * E[phi'(sqrt(q_l) z)^2]) * signal_{l+1}``.

    Args:
        activation: Name, or a function of a tensor.
        depth: Hidden layers, all of the same width.
        weight_variance: Variance of a weight times fan_in.
        bias_variance: Variance of a bias.
        input_variance: Mean square of an input feature.

    Returns:
        ``depth`` numbers, the last of them 1.

    Raises:
        ValueError: The activation is unknown, or a number is out of range.
    """
    phi = _function(activation)
    weight, bias = _variances(weight_variance, bias_variance)
    depth = errors.whole("depth", depth)
    q = weight * _at_least_0("input_variance", input_variance) + bias
    factors = []
    for _ in range(depth - 1):
        factors.append(math.sqrt(weight * _mean_square_slope(phi, q)))
        q = weight * _mean_square(phi, q) + bias
    profile = [1.0]
    for factor in reversed(factors):
        profile.append(profile[-1] * factor)
    return profile[::-1]


@dataclass(frozen=True)
class NumberFormat:
    """The limits of a floating-point format.

    Attributes:
        name: As in ``number_format("float16")``.
        smallest_subnormal: The smallest number above 0, of one significant bit.
        smallest_normal: The smallest number of full precision.
        largest: The largest finite number.
        eps: The distance from 1 to the next larger number.
    """

    name: str
    smallest_subnormal: float
    smallest_normal: float
    largest: float
    eps: float


def number_format(name: str) -> NumberFormat:
    """The limits of float16, bfloat16, float32 or float64, as PyTorch states them.

    Raises:
        ValueError: There is no such format; the message lists them.
    """
    formats = ("float16", "bfloat16", "float32", "float64")
    info = torch.finfo(getattr(torch, errors.choose("number format", name, formats)))
    return NumberFormat(
        name=name,
        smallest_subnormal=info.smallest_normal * info.eps,
        smallest_normal=info.smallest_normal,
        largest=info.max,
        eps=info.eps,
    )


def underflow_depth(factor: float, format: str) -> float:
    """How many layers back an error signal of 1 (in each unit) has become exactly 0.

    The fewest layers n with ``factor**n`` at or below half of the smallest subnormal number: what
    is not above that half rounds to 0.

    Args:
        factor: Per-layer factor of the norm (:func:`signal_factor`), above 0.
        format: A name that :func:`number_format` knows.

    Returns:
        A whole number of layers; ``inf`` for a factor of 1 or more.

    Raises:
        ValueError: The format is unknown, or the factor is not a finite number above 0.
    """
    smallest = number_format(format).smallest_subnormal
    if errors.finite("factor", factor) <= 0:
        raise ValueError(f"factor must be above 0, not {factor!r}.")
    if factor >= 1:
        return math.inf
    # Half of float64's smallest number does not exist: take its logarithm instead. The little
    # that is taken off keeps an exact power (1/2, 1/4) from being rounded up to the next layer.
    return math.ceil((math.log(smallest) - math.log(2)) / math.log(factor) - 1e-9)


def _mean_square(phi: Function, q: float) -> float:
    """E[phi(sqrt(q) z)^2], z ~ N(0, 1)."""
    nodes, weights = _quadrature()
    return float(weights @ phi(math.sqrt(q) * nodes) ** 2)


def _mean_square_slope(phi: Function, q: float) -> float:
    """E[phi'(sqrt(q) z)^2], z ~ N(0, 1)."""
    nodes, weights = _quadrature()
    # The limit at 0 and at infinity: ReLU has no slope at 0 itself, but one on either side.
    q = min(max(q, _Q_ZERO**2), _Q_INFINITE**2)
    return float(weights @ slope(phi, math.sqrt(q) * nodes) ** 2)


@lru_cache(maxsize=1)
def _quadrature() -> tuple[Tensor, Tensor]:
    """Nodes and weights of expectations over N(0, 1).

    Gauss-Legendre on either side of 0, where activations have their kinks; 1e-33 of the
    probability lies beyond 12 standard deviations.
    """
    x, w = np.polynomial.legendre.leggauss(256)
    half, weight = 6 * (x + 1), w * np.exp(-18 * (x + 1) ** 2)
    nodes = np.concatenate([-half[::-1], half])
    weights = np.concatenate([weight[::-1], weight])
    # To sum 1 exactly: a linear or ReLU network at its critical gain then stays where it is.
    return torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum())


def _bisect(function: Callable[[float], float], a: float, b: float) -> float:
    """The root between positive ``a`` and ``b``, to rounding, halving the ratio between them."""
    sign = math.copysign(1, function(a))
    for _ in range(200):
        middle = math.sqrt(a * b)
        if middle in (a, b):
            break
        if function(middle) * sign > 0:
            a = middle
        else:
            b = middle
    return math.sqrt(a * b)


def _function(activation: str | Function) -> Function:
    return find_activation(activation) if isinstance(activation, str) else activation


def _variances(weight_variance: float, bias_variance: float) -> tuple[float, float]:
    return (
        _at_least_0("weight_variance", weight_variance),
        _at_least_0("bias_variance", bias_variance),
    )


def _at_least_0(name: str, value: float) -> float:
    if errors.finite(name, value) < 0:
        raise ValueError(f"{name} must be at least 0, not {value!r}.")
    return float(value)
