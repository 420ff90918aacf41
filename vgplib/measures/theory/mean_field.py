"""Wide networks on average: the variance that layers settle at, and what signals do there.

Notation: ``z_l = W_l h_{l-1} + b_l`` and ``h_l = phi(z_l)``, weights with variance
``weight_variance / fan_in``, biases with variance ``bias_variance``. In a wide network each
``z_l`` is normal with mean 0 and variance q_l.

Sources: Poole et al. 2016 (q and its fixed point), Schoenholz et al. 2017 (chi), He et al. 2015
(ReLU).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from vgplib import errors
from vgplib.measures.theory._arguments import Numbers, number, plain
from vgplib.measures.theory._quadrature import Function, Phi, normal_mean
from vgplib.measures.theory._roots import find_roots

# Below 1e-306 and above 1e306, q counts as 0 and as infinite: floats end, and with them its square.
# Steps of q, upwards, by which fixed points are looked for: small ones where activations bend.
_LADDER = np.concatenate([1.1 ** np.arange(290), 10.0 ** np.arange(12, 307)])
# Where q* is 0 or infinite, chi is its limit: its value at these standard deviations.
_NEAR_0, _NEAR_INFINITY = 1e-12, 1e12
# Rows of variances to have in memory at a time.
_ROWS = 256
# Relative to q, what is smaller than this is rounding.
_ROUNDING = 1e-13


def fixed_point(
    activation: str | Function, weight_variance: ArrayLike = 1.0, bias_variance: ArrayLike = 0.0
) -> Numbers:
    """The variance q* of the pre-activations at which a deep network settles.

    Solves ``q = weight_variance * E[phi(sqrt(q) z)^2] + bias_variance`` with z ~ N(0, 1), and
    returns the solution that the layers reach from q = 1 (Poole et al. 2016).

    Args:
        activation: A name in ``ACTIVATIONS``, or a function of a float64 tensor, applied entry by
            entry; it may have kinks and need not be 0 at 0.
        weight_variance: Variance of a weight times fan_in; a number or an array.
        bias_variance: Variance of a bias; a number or an array.

    Returns:
        q*; 0 where the variance dies out (below 1e-306) and ``inf`` where it grows without end
        (above 1e306). Where every q is a solution (ReLU with weight variance 2, linear with 1) it
        is the 1 it starts from; a change by less than 1e-13 of itself in a layer is none. A float
        for numbers, an array for arrays, of their common shape.

    Raises:
        ValueError: The activation is unknown, or a variance is not a finite number >= 0.
    """
    weight, bias, shape = variances(weight_variance, bias_variance)
    return plain(fixed_points(Phi(activation), weight, bias).reshape(shape))


def chi(
    activation: str | Function, weight_variance: ArrayLike = 1.0, bias_variance: ArrayLike = 0.0
) -> Numbers:
    """The factor of the squared norm of the error signal, going back one layer at q*.

    ``chi_1 = weight_variance * E[phi'(sqrt(q*) z)^2]``, z ~ N(0, 1) (Schoenholz et al. 2017).
    Where q* is 0 or infinite, the limit: for tanh with weight variance up to 1 and no bias it is
    ``weight_variance * phi'(0)^2``. Below 1 signals vanish, above 1 they explode.

    Args:
        activation: As for :func:`fixed_point`.
        weight_variance: As for :func:`fixed_point`.
        bias_variance: As for :func:`fixed_point`.

    Returns:
        A float for numbers, an array for arrays.

    Raises:
        ValueError: As :func:`fixed_point`.
    """
    weight, bias, shape = variances(weight_variance, bias_variance)
    phi = Phi(activation)
    q = fixed_points(phi, weight, bias)
    return plain(times(weight, mean_square_slope(phi, q)).reshape(shape))


def signal_factor(
    activation: str | Function, weight_variance: ArrayLike = 1.0, bias_variance: ArrayLike = 0.0
) -> Numbers:
    """The factor of the norm of the error signal, going back one layer: ``sqrt(chi)``.

    Args:
        activation: As for :func:`fixed_point`.
        weight_variance: As for :func:`fixed_point`.
        bias_variance: As for :func:`fixed_point`.

    Returns:
        A float for numbers, an array for arrays.

    Raises:
        ValueError: As :func:`fixed_point`.
    """
    return plain(np.sqrt(chi(activation, weight_variance, bias_variance)))


def critical_line(activation: str | Function, bias_variance: ArrayLike) -> Numbers:
    """The weight variance at which chi is 1: signals neither vanish nor explode.

    Between ordered and chaotic networks (Poole et al. 2016, Schoenholz et al. 2017). Chi is
    taken to grow with the weight variance, as it does for tanh, sigmoid and ReLU. For GELU, SiLU
    and Mish with small biases there is no such line: q* leaps, from small to infinite, and chi
    leaps over 1 with it.

    Args:
        activation: As for :func:`fixed_point`.
        bias_variance: Variance of a bias; a number or an array.

    Returns:
        A float for a number, an array for an array.

    Raises:
        ValueError: The activation is unknown, a bias variance is not a finite number >= 0, or
            chi does not cross 1 between weight variances of 1e-6 and 1e6, or leaps over it.
    """
    bias = number("bias_variance", bias_variance, least=0)
    phi, flat = Phi(activation), bias.ravel()

    def excess(weight: np.ndarray, which: np.ndarray) -> np.ndarray:
        return times(weight, mean_square_slope(phi, fixed_points(phi, weight, flat[which]))) - 1

    low, high, every = np.full(flat.size, 1e-6), np.full(flat.size, 1e6), np.arange(flat.size)
    outside = ~((excess(low, every) < 0) & (excess(high, every) > 0))
    if outside.any():
        raise ValueError(
            f"chi does not cross 1 between weight variances {low[0]:g} and {high[0]:g} "
            f"at bias variance {flat[outside][0].item()!r}."
        )
    line = find_roots(excess, low, high)
    leaps = np.abs(excess(line, every)) > 1e-6
    if leaps.any():
        raise ValueError(
            f"chi leaps over 1 at weight variance {line[leaps][0]:.4g} and bias variance "
            f"{flat[leaps][0].item()!r}, where the variance of the pre-activations leaps: it is "
            "1 nowhere."
        )
    return plain(line.reshape(bias.shape))


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
        activation: As for :func:`fixed_point`.
        depth: Hidden layers, all of the same width.
        weight_variance: Variance of a weight times fan_in.
        bias_variance: Variance of a bias.
        input_variance: Mean square of an input feature.

    Returns:
        ``depth`` numbers, the last of them 1.

    Raises:
        ValueError: The activation is unknown, or a number is out of range.
    """
    phi = Phi(activation)
    depth = errors.whole("depth", depth)
    weight, bias, inputs = (
        number(name, value, least=0).item()
        for name, value in [
            ("weight_variance", weight_variance),
            ("bias_variance", bias_variance),
            ("input_variance", input_variance),
        ]
    )
    q = weight * inputs + bias
    factors = []
    for _ in range(depth - 1):
        factors.append(math.sqrt(weight * mean_square_slope(phi, q)))
        q = weight * mean_square(phi, q).item() + bias
    profile = [1.0]
    for factor in reversed(factors):
        profile.append(profile[-1] * factor)
    return profile[::-1]


def normal_expectation(function: str | Function, variance: ArrayLike = 1.0) -> Numbers:
    """E[f(sqrt(variance) z)], z ~ N(0, 1): what mean-field theory is made of.

    Args:
        function: A name in ``ACTIVATIONS``, or a function of a float64 tensor, applied entry by
            entry; it may have kinks.
        variance: Above 0; a number or an array.

    Returns:
        A float for a number, an array for an array; to about 1e-14, relative to the largest
        ``abs(f)`` where the probability is.

    Raises:
        ValueError: The activation is unknown, or a variance is not a finite number above 0.
    """
    phi, deviation = Phi(function), np.sqrt(number("variance", variance, above=0))
    return plain(normal_mean(phi, deviation, phi.breaks))


def variances(
    weight_variance: ArrayLike, bias_variance: ArrayLike
) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Both variances, checked, as flat arrays of the same length; and their common shape."""
    weight, bias = np.broadcast_arrays(
        number("weight_variance", weight_variance, least=0),
        number("bias_variance", bias_variance, least=0),
    )
    return weight.ravel(), bias.ravel(), weight.shape


def fixed_points(phi: Phi, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """:func:`fixed_point` for flat arrays of variances."""
    start = _growth(weight, mean_square(phi, 1.0), bias, np.ones(1))
    q = np.ones(len(weight))
    # Layer after layer, q moves one way until it meets a solution: walk that way, then close in.
    for away, moving in [(1, start >= _ROUNDING), (-1, start <= -_ROUNDING)]:
        q[moving] = _walk(phi, weight[moving], bias[moving], away)
    return q


def _walk(phi: Phi, weight: np.ndarray, bias: np.ndarray, away: int) -> np.ndarray:
    """The first fixed point above 1 (``away`` = 1) or below (-1); inf or 0 where there is none."""
    if not len(weight):
        return weight
    steps, squares = _ladder(phi, away)
    # The last step before, and the first step after the fixed point; 0 where there is none. What
    # is below rounding counts for neither: softplus at weight variance 2 grows ever more slowly.
    before, after = np.zeros(len(weight), dtype=int), np.zeros(len(weight), dtype=int)
    for rows in np.array_split(np.arange(len(weight)), len(weight) // _ROWS + 1):
        ahead = _growth(weight[rows, None], squares, bias[rows, None], steps) * away
        behind = ahead < -_ROUNDING
        after[rows] = np.where(behind.any(axis=1), behind.argmax(axis=1), 0)
        on = (ahead > _ROUNDING) & (np.arange(len(steps)) < after[rows, None])
        before[rows] = np.where(on.any(axis=1), len(steps) - 1 - on[:, ::-1].argmax(axis=1), 0)
    q = np.full(len(weight), math.inf if away > 0 else 0.0)
    (found,) = after.nonzero()
    q[found] = find_roots(
        lambda x, which: _growth(weight[found[which]], mean_square(phi, x), bias[found[which]], x),
        steps[before[found]],
        steps[after[found]],
    )
    return q


def _growth(weight: np.ndarray, square: np.ndarray, bias: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Relative change of q over one layer; ``square`` is E[phi^2] there."""
    with np.errstate(over="ignore"):
        return (times(weight, square) + bias) / q - 1


@lru_cache(maxsize=32)
def _ladder(phi: Phi, away: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of q from 1 upwards (``away`` = 1) or downwards (-1), and E[phi^2] at each."""
    steps = _LADDER ** float(away)
    return steps, mean_square(phi, steps)


def times(weight: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Their product: 0 where the weight is, whatever the mean, and else infinite beyond floats."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(weight == 0, 0.0, weight * mean)


def mean_square(phi: Phi, q: ArrayLike) -> np.ndarray:
    """E[phi(sqrt(q) z)^2], z ~ N(0, 1), of the shape of ``q``."""
    return normal_mean(lambda u: phi(u) ** 2, deviations(q), phi.breaks)


def mean_square_slope(phi: Phi, q: ArrayLike) -> np.ndarray:
    """E[phi'(sqrt(q) z)^2], z ~ N(0, 1), of the shape of ``q``."""
    return normal_mean(lambda u: phi.slope(u) ** 2, deviations(q), phi.breaks)


def deviations(q: ArrayLike) -> np.ndarray:
    """sqrt(q), close to 0 or very large in place of 0 and infinity.

    The limit there: ReLU has no slope at 0 itself, but one on either side.
    """
    deviation = np.sqrt(q)
    deviation = np.where(deviation == 0, _NEAR_0, deviation)
    return np.where(np.isinf(deviation), _NEAR_INFINITY, deviation)
