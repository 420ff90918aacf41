"""How alike two inputs become in a wide network, layer after layer."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from vgplib import errors
from vgplib.measures.theory._arguments import Numbers, number, plain
from vgplib.measures.theory._quadrature import Function, Phi, normal_mean, normal_nodes
from vgplib.measures.theory.mean_field import (
    deviations,
    fixed_points,
    mean_square,
    mean_square_slope,
    times,
    variances,
)

# A slope this close to 1 is 1 to rounding.
ROUNDING = 1e-13
# Terms of the correlation map's power series; and rows to have in memory at a time.
_TERMS, _ROWS = 256, 256


def fixed_correlation(
    activation: str | Function, weight_variance: ArrayLike = 1.0, bias_variance: ArrayLike = 0.0
) -> Numbers:
    """The correlation c* that two different inputs reach, layer after layer, at q*.

    1 in the ordered phase (chi_1 up to 1): the network cannot tell them apart. Below 1 in the
    chaotic phase: however alike, they come to differ (Poole et al. 2016).

    The map ``c -> (weight_variance * E[phi(u1) phi(u2)] + bias_variance) / q*`` is a power series
    in c whose coefficients, from the Hermite expansion of phi, are not negative (Daniely et al.
    2016). It is therefore convex between 0 and 1, and has at most one fixed point below 1.
    Where 256 terms are not enough (a kink, and c* close to 1) it is integrated in two dimensions
    instead.

    Args:
        activation: As for :func:`fixed_point`.
        weight_variance: As for :func:`fixed_point`.
        bias_variance: As for :func:`fixed_point`.

    Returns:
        A correlation from 0 to 1; a float for numbers, an array for arrays.

    Raises:
        ValueError: The activation is unknown, or a variance is not a finite number >= 0.
    """
    weight, bias, shape = variances(weight_variance, bias_variance)
    phi = Phi(activation)
    c, _ = correlations(phi, weight, bias, fixed_points(phi, weight, bias))
    return plain(c.reshape(shape))


def difference_profile(
    activation: str | Function,
    depth: int,
    weight_variance: float,
    bias_variance: float = 0.0,
    difference: float = 1.0,
    input_variance: float = 1.0,
) -> list[float]:
    """How different two inputs still are in layers 1 to ``depth``, relative to their size.

    ``sqrt(E[(u1 - u2)^2] / q_l) = sqrt(2 (1 - c_l))`` of the pre-activations u1, u2 of two inputs
    of equal size. Near 0 it is multiplied by ``sqrt(chi_1)`` per layer once q has settled, as the
    error signal is on its way back: chi_1 is the slope of the correlation map at c = 1. Below
    about 1e-13 rounding shows.

    Args:
        activation: As for :func:`fixed_point`.
        depth: Layers.
        weight_variance: Variance of a weight times fan_in.
        bias_variance: Variance of a bias.
        difference: Of the inputs, relative to their size: above 0 and below 2 (opposites).
        input_variance: Mean square of an input feature.

    Returns:
        ``depth`` numbers.

    Raises:
        ValueError: The activation is unknown, or a number is out of range.
    """
    phi, depth = Phi(activation), errors.whole("depth", depth)
    weight, bias = (
        number(name, value, least=0).item()
        for name, value in [("weight_variance", weight_variance), ("bias_variance", bias_variance)]
    )
    inputs = number("input_variance", input_variance, above=0).item()
    start = number("difference", difference, above=0).item()
    if start >= 2:
        raise ValueError(f"difference must be below 2, not {difference!r}.")
    q, squared = weight * inputs + bias, weight * inputs * start**2
    profile = []
    for _ in range(depth):
        profile.append(math.sqrt(squared / q))
        u1, u2, shares = _pairs(phi, q - squared / 4, squared / 4)
        squared = weight * (shares * (phi(u1) - phi(u2)) ** 2).sum().item()
        q = weight * mean_square(phi, q).item() + bias
    return profile


def correlation_map(
    activation: str | Function,
    correlation: ArrayLike,
    weight_variance: ArrayLike = 1.0,
    bias_variance: ArrayLike = 0.0,
) -> Numbers:
    """The correlation that two inputs of this correlation have one layer later, at q*.

    ``c -> (weight_variance * E[phi(u1) phi(u2)] + bias_variance) / q*``, u1 and u2 ~ N(0, q*) of
    correlation c (Poole et al. 2016). It maps 1 to 1. Where q* is finite and above 0, its slope
    there is chi_1 (Schoenholz et al. 2017): below 1, inputs that are almost alike become more so
    from layer to layer; above 1, less. Where q* is 0 or infinite, the limit. For ReLU with weight
    variance 2 it is ``(sqrt(1 - c^2) + c (pi - arccos c)) / pi`` (Cho & Saul 2009).

    Args:
        activation: As for :func:`fixed_point`.
        correlation: From -1 to 1; a number or an array.
        weight_variance: As for :func:`fixed_point`.
        bias_variance: As for :func:`fixed_point`.

    Returns:
        A float for numbers, an array for arrays, of their common shape; NaN where q* is 0 because
        nothing passes on.

    Raises:
        ValueError: As :func:`fixed_point`, or a correlation is not a number from -1 to 1.
    """
    c = number("correlation", correlation, least=-1, most=1)
    weight, bias, shape = variances(weight_variance, bias_variance)
    phi = Phi(activation)
    q = fixed_points(phi, weight, bias)
    rows = np.broadcast_arrays(c, *(v.reshape(shape) for v in (weight, bias, q)))
    mapped = [_mapped(phi, *row) for row in zip(*(v.ravel() for v in rows), strict=True)]
    return plain(np.reshape(mapped, rows[0].shape))


def _mapped(phi: Phi, c: float, weight: float, bias: float, q: float) -> float:
    """One correlation, one layer later."""
    if c == 1:
        return 1.0
    bias = 0.0 if math.isinf(q) else bias  # it counts for nothing there
    variance = (deviations(q) ** 2).item()
    if c == -1:
        both = torch.cat([phi.breaks, -phi.breaks])
        mean = normal_mean(lambda u: phi(u) * phi(-u), deviations(q), both).item()
    else:
        u1, u2, shares = _pairs(phi, *_independent(variance, c))
        mean = (shares * phi(u1) * phi(u2)).sum().item()
    whole = weight * mean_square(phi, q).item() + bias
    return (weight * mean + bias) / whole if whole else math.nan


def correlations(
    phi: Phi, weight: np.ndarray, bias: np.ndarray, q: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """c* and the slope of the correlation map there, for flat arrays of variances and their q*."""
    c = np.ones(len(q))
    slope = times(weight, mean_square_slope(phi, q))
    # Where q grows without end phi has become two straight lines, and biases count for nothing:
    # the correlation then approaches 1, with slope 1.
    slope[np.isinf(q)] = 1.0
    chaotic = np.flatnonzero(slope > 1 + ROUNDING)
    # Rows of like q need like numbers of terms.
    chaotic = chaotic[np.argsort(q[chaotic])]
    for rows in np.array_split(chaotic, len(chaotic) // _ROWS + 1):
        squares, left = _hermite_squares(phi, q[rows])
        series = weight[rows, None] * squares / q[rows, None]
        series[:, 0] += bias[rows] / q[rows]
        c[rows], slope[rows] = _lower_fixed_point(series)
        cut = left * c[rows] ** series.shape[1] > 1e-12 * q[rows] / weight[rows]
        for row in rows[cut]:
            c[row], slope[row] = _close_in(phi, weight[row], bias[row], q[row], c[row])
    return c, slope


def _lower_fixed_point(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least c with ``sum_k series_k c^k = c``, and the slope of the sum there; row by row.

    Newton's steps from 0 never pass it, since the sum is convex and not below c on the way.
    """
    powers = np.arange(series.shape[1])
    c = np.zeros(len(series))
    for _ in range(200):
        at = np.cumprod(np.where(powers, c[:, None], 1.0), axis=1)
        value = (series * at).sum(axis=1)
        slope = (series[:, 1:] * powers[1:] * at[:, :-1]).sum(axis=1)
        step = np.where(slope < 1, (value - c) / np.where(slope < 1, 1 - slope, 1), 0)
        c = np.clip(c + step, 0, 1)
        if not (step > 1e-15).any():
            break
    return c, slope


def _close_in(phi: Phi, weight: float, bias: float, q: float, start: float) -> tuple[float, float]:
    """As :func:`_lower_fixed_point`, from a ``start`` below it, by integration."""
    c = start
    for _ in range(100):
        value, slope = _pair_means(phi, q, c)
        step = (weight * value + bias - q * c) / (q - q * weight * slope)
        # Rounding ends it: the steps are no longer upwards, or the slope no longer below 1.
        if not 1e-15 < step < 1 - c:
            break
        c += step
    return c, weight * slope


def _pair_means(phi: Phi, q: float, c: float) -> tuple[float, float]:
    """E[phi(u1) phi(u2)] and E[phi'(u1) phi'(u2)]; u1, u2 ~ N(0, q) of correlation c."""
    u1, u2, shares = _pairs(phi, *_independent(q, c))
    values = (shares * phi(u1) * phi(u2)).sum().item()
    return values, (shares * phi.slope(u1) * phi.slope(u2)).sum().item()


def _independent(q: float, c: float) -> tuple[float, float]:
    """The variances of x and y, where u1, u2 = x + y, x - y are N(0, q) of correlation c."""
    return q * (1 + c) / 2, q * (1 - c) / 2


def _pairs(phi: Phi, sums: float, differences: float) -> tuple[Tensor, Tensor, Tensor]:
    """Nodes u1 and u2 and their weights, for means over ``u1, u2 = x + y, x - y``.

    For functions that are as good with u1 and u2 exchanged. x and y are independent, of variances
    ``sums`` and ``differences``, both above 0. Given y it is known where the kinks lie.
    """
    deviation = torch.tensor([math.sqrt(differences)], dtype=torch.float64)
    crossings = (phi.breaks[:, None] - phi.breaks).flatten() / 2
    nodes, weights = normal_nodes(deviation, crossings)
    y, weights = deviation * nodes[nodes > 0][:, None], 2 * weights[nodes > 0]
    deviation = torch.full((len(y),), math.sqrt(sums), dtype=torch.float64)
    nodes, shares = normal_nodes(deviation, torch.cat([phi.breaks - y, phi.breaks + y], dim=1))
    x = deviation[:, None] * nodes
    return x + y, x - y, weights[:, None] * shares


def _hermite_squares(phi: Phi, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The squared coefficients of phi(sqrt(q) z) in normalised Hermite polynomials of z.

    ``E[phi(u1) phi(u2)] = sum_k a_k^2 c^k`` for u1, u2 ~ N(0, q) of correlation c.

    Args:
        phi: The activation.
        q: Variances, of shape ``(rows,)``.

    Returns:
        The squares, of shape ``(rows, terms)``, and the sum of those left out, ``(rows,)``.
    """
    deviation = torch.from_numpy(deviations(q))
    z, weights = normal_nodes(deviation, phi.breaks)
    values = weights * phi(deviation[:, None] * z)
    total = torch.from_numpy(mean_square(phi, q))
    squares, left = [], total.clone()
    before, polynomial = torch.zeros_like(z), torch.ones_like(z)
    for k in range(_TERMS):
        squares.append((values * polynomial).sum(dim=1) ** 2)
        left = left - squares[-1]
        if (left < 1e-13 * total).all():
            break
        # sqrt(k + 1) H_{k+1} = z H_k - sqrt(k) H_{k-1}
        after = (z * polynomial - k**0.5 * before) / (k + 1) ** 0.5
        before, polynomial = polynomial, after
    return torch.stack(squares, dim=1).numpy(), left.clamp(min=0).numpy()
