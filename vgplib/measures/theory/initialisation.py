"""Variances of initial weights, and what products of random matrices do to a signal."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike

from vgplib import errors
from vgplib.measures.theory._arguments import Numbers, number, plain, whole
from vgplib.measures.theory._quadrature import Function, Phi
from vgplib.measures.theory.mean_field import mean_square, mean_square_slope


def lecun_variance(fan_in: ArrayLike) -> Numbers:
    """Variance of a weight by LeCun et al. 1998: ``1 / fan_in``.

    Args:
        fan_in: Inputs of the layer; a number or an array.

    Raises:
        ValueError: ``fan_in`` is not a whole number >= 1.
    """
    return plain(1 / whole("fan_in", fan_in))


def glorot_variance(fan_in: ArrayLike, fan_out: ArrayLike) -> Numbers:
    """Variance of a weight by Glorot & Bengio 2010: ``2 / (fan_in + fan_out)``.

    Args:
        fan_in: Inputs of the layer; a number or an array.
        fan_out: Outputs of the layer; a number or an array.

    Raises:
        ValueError: A fan is not a whole number >= 1.
    """
    return plain(2 / (whole("fan_in", fan_in) + whole("fan_out", fan_out)))


def glorot_bound(fan_in: ArrayLike, fan_out: ArrayLike) -> Numbers:
    """Bound of uniform weights by Glorot & Bengio 2010: ``sqrt(6 / (fan_in + fan_out))``.

    Uniform between -bound and bound, a weight has the variance of :func:`glorot_variance`.

    Args:
        fan_in: Inputs of the layer; a number or an array.
        fan_out: Outputs of the layer; a number or an array.

    Raises:
        ValueError: A fan is not a whole number >= 1.
    """
    return plain(np.sqrt(3 * np.asarray(glorot_variance(fan_in, fan_out))))


def he_variance(fan: ArrayLike, negative_slope: ArrayLike = 0.0) -> Numbers:
    """Variance of a weight by He et al. 2015: ``2 / ((1 + a^2) fan)``.

    Args:
        fan: fan_in keeps the forward pass, fan_out the backward pass; a number or an array.
        negative_slope: a, slope of a leaky ReLU or PReLU below 0; 0 for ReLU, 1 for linear.

    Raises:
        ValueError: ``fan`` is not a whole number >= 1, or the slope is not finite.
    """
    slope = number("negative_slope", negative_slope)
    return plain(2 / ((1 + slope**2) * whole("fan", fan)))


def pytorch_variance(fan_in: ArrayLike) -> Numbers:
    """Variance of a weight, and of a bias, in PyTorch's ``nn.Linear``: ``1 / (3 fan_in)``.

    Both are uniform within ``1 / sqrt(fan_in)`` of 0. In the terms of mean-field theory the
    weight variance is 1/3 and the bias variance what this returns.

    Args:
        fan_in: Inputs of the layer; a number or an array.

    Raises:
        ValueError: ``fan_in`` is not a whole number >= 1.
    """
    return plain(1 / (3 * whole("fan_in", fan_in)))


def preserving_variance(
    activation: str | Function, direction: str = "forward", variance: ArrayLike = 1.0
) -> Numbers:
    """The weight variance (times fan_in) with which a layer passes a size on unchanged.

    Forwards it keeps the variance of pre-activations, ``variance / E[phi(u)^2]``; backwards the
    norm of the error signal, ``1 / E[phi'(u)^2]``; u ~ N(0, variance), biases 0. The two agree
    for ReLU and its kin only, and only there every variance is kept (He et al. 2015).

    Args:
        activation: A name in ``ACTIVATIONS``, or a function of a float64 tensor, applied entry by
            entry.
        direction: ``"forward"`` or ``"backward"``.
        variance: Of the pre-activations, above 0; a number or an array.

    Returns:
        A float for a number, an array for an array.

    Raises:
        ValueError: The activation or the direction is unknown, or a variance is not a finite
            number above 0.
    """
    direction = errors.choose("direction", direction, ("forward", "backward"))
    phi, q = Phi(activation), number("variance", variance, above=0)
    if direction == "forward":
        return plain(q / mean_square(phi, q))
    return plain(1 / mean_square_slope(phi, q))


def gain(activation: str | Function, direction: str = "forward") -> float:
    """The standard deviation of weights, times sqrt(fan_in), that keeps unit variance.

    The square root of :func:`preserving_variance`. PyTorch's ``nn.init.calculate_gain`` has the
    same for linear and (leaky) ReLU, and other numbers for tanh (5/3) and SELU (3/4).

    Args:
        activation: As for :func:`preserving_variance`.
        direction: ``"forward"`` or ``"backward"``.

    Raises:
        ValueError: The activation or the direction is unknown.
    """
    return plain(np.sqrt(preserving_variance(activation, direction)))


def largest_singular_value(
    depth: ArrayLike, weights: str = "gaussian", weight_variance: ArrayLike = 1.0
) -> Numbers:
    """The largest singular value of a deep linear network: of the product of its square matrices.

    Gaussian weights: ``sqrt((L + 1)^(L + 1) / L^L * weight_variance^L)`` in the limit of wide
    layers (free probability; Pennington et al. 2017). At weight variance 1 the mean square of the
    singular values stays 1, but the largest grows as sqrt(e L). Orthogonal weights: all singular
    values are ``weight_variance^(L/2)`` (Saxe et al. 2013).

    Args:
        depth: L, number of matrices; a number or an array.
        weights: ``"gaussian"`` or ``"orthogonal"``.
        weight_variance: Variance of a weight times fan_in; a number or an array.

    Returns:
        A float for numbers, an array for arrays.

    Raises:
        ValueError: The kind of weights is unknown, a depth is not a whole number >= 1, or a
            variance is not a finite number above 0.
    """
    kind = errors.choose("kind of weights", weights, ("gaussian", "orthogonal"))
    layers = whole("depth", depth)
    log = layers * np.log(number("weight_variance", weight_variance, above=0))
    if kind == "gaussian":
        log = log + (layers + 1) * np.log(layers + 1) - layers * np.log(layers)
    return plain(np.exp(log / 2))


def log_norm_mean(activation: str, widths: Sequence[int]) -> float:
    """The mean of ln of the squared norm of the last layer, in units of the input's.

    Of networks that preserve its mean: ReLU with He's weight variance 2, linear with 1; Gaussian
    weights, no biases. Since norms are close to log-normal, a typical network has less than the
    mean: about ``-(5/2) sum 1/n`` for ReLU (Hanin & Nica 2020), ``-sum 1/n`` for linear layers of
    widths n. This is the exact mean; for ReLU, of networks in which no layer is all 0.

    Args:
        activation: ``"relu"`` or ``"linear"``.
        widths: Widths of the layers, input excluded.

    Raises:
        ValueError: The activation is another, or a width is not a whole number >= 1.
    """
    return sum(mean for mean, _ in _log_norm_moments(activation, widths))


def log_norm_variance(activation: str, widths: Sequence[int]) -> float:
    """The variance of ln of the squared norm of the last layer, from one network to another.

    About ``5 sum 1/n`` for ReLU (Hanin & Nica 2020) and ``2 sum 1/n`` for linear layers of widths
    n, so that depth over width says how far networks of one kind differ. This is the exact
    variance: a layer multiplies the squared norm by a sum of n independent squares, of which
    ReLU keeps each with probability 1/2.

    Args:
        activation: ``"relu"`` or ``"linear"``.
        widths: Widths of the layers, input excluded.

    Raises:
        ValueError: As :func:`log_norm_mean`.
    """
    return sum(variance for _, variance in _log_norm_moments(activation, widths))


def _log_norm_moments(activation: str, widths: Sequence[int]) -> list[tuple[float, float]]:
    """Mean and variance of ln(norm(h_l)^2 / norm(h_{l-1})^2), layer by layer."""
    kind = errors.choose("activation of random products", activation, ("relu", "linear"))
    moments = []
    for n in widths:
        n = errors.whole("width", n)
        kept = torch.arange(1, n + 1) if kind == "relu" else torch.tensor([n])
        # How likely it is that so many units are not 0; ReLU's are on with probability 1/2.
        log_share = torch.lgamma(torch.tensor(n + 1.0).double()) - (
            torch.lgamma(kept + 1.0).double() + torch.lgamma(n - kept + 1.0).double()
        )
        share = torch.softmax(log_share, dim=0)
        # ln of a chi-squared variable of k degrees: mean digamma(k/2) + ln 2, variance trigamma.
        half = kept.double() / 2
        mean = torch.digamma(half) + math.log(2) + math.log((2 if kind == "relu" else 1) / n)
        centre = (share @ mean).item()
        spread = share @ (torch.polygamma(1, half) + (mean - centre) ** 2)
        moments.append((centre, spread.item()))
    return moments


def born_dead_probability(widths: Sequence[int]) -> float:
    """How likely a ReLU network is dead for an input from the start: some layer is all 0.

    ``1 - prod(1 - 2^-n)`` over the widths n of its hidden layers, for weights symmetric about 0
    and no biases (Lu et al. 2019).

    Args:
        widths: Widths of the hidden layers.

    Raises:
        ValueError: A width is not a whole number >= 1.
    """
    return 1 - math.prod(1 - 0.5 ** errors.whole("width", n) for n in widths)


def dead_unit_probability(batch_size: ArrayLike) -> Numbers:
    """How likely a ReLU unit of the first layer is 0 for a whole batch: ``2^-batch_size``.

    For weights, or inputs that are independent of each other, symmetric about 0, without biases.
    In deeper layers samples are alike, and it is far likelier.

    Args:
        batch_size: Samples in the batch; a number or an array.

    Raises:
        ValueError: ``batch_size`` is not a whole number >= 1.
    """
    return plain(0.5 ** whole("batch_size", batch_size))
