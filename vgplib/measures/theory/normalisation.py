"""What normalisation, dropout and weight norm do to the error signal, layer by layer.

Every factor here is of the *norm* of dloss/dz, going back from the output of one linear layer to
that of the one before it; its square is the factor of the squared norm. Layers are wide, and
``eps`` is 0. Weights may have any variance: normalisation cancels it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike

from vgplib.measures.theory._arguments import Numbers, number, plain, whole
from vgplib.measures.theory._quadrature import Function, Phi, normal_mean, sphere_nodes
from vgplib.measures.theory.mean_field import mean_square, mean_square_slope, signal_factor


def batch_norm_factor(activation: str | Function, batch_size: ArrayLike | None = None) -> Numbers:
    """The factor of the norm of the error signal in a network of linear -> batch norm -> phi.

    Without ``batch_size`` the limit of large batches, ``sqrt(E[phi'(z)^2] / Var[phi(z)])`` with
    z ~ N(0, 1): it is above 1 for every activation that is not linear. ReLU has
    sqrt(pi / (pi - 1)) = 1.2112 (Yang et al. 2019).

    With it, exact for wide networks under two assumptions of Yang et al. 2019: that the samples
    of a batch have become equally alike (their fixed point for common activations), and that the
    weights of the backward pass may be taken as drawn anew. The B values x of a normalised
    feature then are ``sqrt(B) u``, u a random unit vector at right angles to (1, ..., 1), and the
    squared factor is::

        E[(B - 1) d1^2 - x1^2 d1^2 + d1 d2 + x1 d1 x2 d2]
            / ((B - 3) E[phi(x1)^2 - phi(x1) phi(x2)]),    d = phi'(x)

    For linear layers that is (B - 2) / (B - 3), as they have it.

    Args:
        activation: A name in ``ACTIVATIONS``, or a function of a float64 tensor, applied entry by
            entry.
        batch_size: B, samples in a batch, at least 4: the expected factor is infinite for 3, and
            for 2 the signal is 0. A number, an array, or None for the limit.

    Returns:
        A float, or an array for an array.

    Raises:
        ValueError: The activation is unknown, or a batch size is not a whole number >= 4.
    """
    phi = Phi(activation)
    if batch_size is None:
        mean = normal_mean(phi, np.ones(()), phi.breaks)
        return plain(np.sqrt(mean_square_slope(phi, 1.0) / (mean_square(phi, 1.0) - mean**2)))
    sizes = whole("batch_size", batch_size, least=4)
    squared = [_batch_norm_chi(phi, size.item()) for size in sizes.ravel()]
    return plain(np.sqrt(squared).reshape(sizes.shape))


def layer_norm_factor(activation: str | Function) -> float:
    """The factor of the norm of the error signal in a network of linear -> layer norm -> phi.

    ``sqrt(E[phi'(z)^2] / E[phi(z)^2])``, z ~ N(0, 1): the norm makes every layer's q 1, and takes
    no more than two of many dimensions from the gradient (Ba et al. 2016; derived here). RMS norm
    has the same factor. It is 1 for ReLU and 0.39 for a sigmoid. At a finite width it is
    :func:`group_norm_factor` with one group.

    Args:
        activation: As for :func:`batch_norm_factor`.

    Raises:
        ValueError: The activation is unknown.
    """
    phi = Phi(activation)
    return plain(np.sqrt(mean_square_slope(phi, 1.0) / mean_square(phi, 1.0)))


def group_norm_factor(activation: str | Function, group_size: ArrayLike) -> Numbers:
    """The factor of the norm of the error signal in a network of linear -> group norm -> phi.

    Each sample's features are normalised in groups of m (Wu & He 2018). The values x of a group
    are then sqrt(m) times a random unit vector at right angles to (1, ..., 1), and the squared
    factor is (derived here, for features in a vector)::

        E[(m - 1) phi'(x)^2 - x^2 phi'(x)^2] / ((m - 3) E[phi(x)^2])

    It is (m - 2) / (m - 3) for linear layers and for ReLU. One group of all features is layer
    norm.

    Args:
        activation: As for :func:`batch_norm_factor`.
        group_size: m, features in a group, at least 4: the expected factor is infinite for 3. A
            number or an array.

    Returns:
        A float, or an array for an array.

    Raises:
        ValueError: The activation is unknown, or a group size is not a whole number >= 4.
    """
    phi = Phi(activation)
    sizes = whole("group_size", group_size, least=4)
    squared = []
    for m in sizes.ravel():
        x, weights = _normalised(phi, m.item())
        squares = phi.slope(x) ** 2
        kept = (weights * (m - 1 - x**2) * squares).sum().item()
        squared.append(kept / (m - 3) / (weights * phi(x) ** 2).sum().item())
    return plain(np.sqrt(squared).reshape(sizes.shape))


def dropout_factor(
    activation: str | Function,
    drop_rate: ArrayLike,
    weight_variance: ArrayLike = 1.0,
    bias_variance: ArrayLike = 0.0,
) -> Numbers:
    """The factor of the norm of the error signal with dropout after every activation.

    Units are dropped with probability p and the others divided by 1 - p: that is as if the weight
    variance were divided by 1 - p, both forwards and backwards (Schoenholz et al. 2017). For ReLU
    with He's weight variance, 2, it is sqrt(1 / (1 - p)).

    Args:
        activation: As for :func:`signal_factor`.
        drop_rate: p, from 0 to below 1; a number or an array.
        weight_variance: As for :func:`signal_factor`.
        bias_variance: As for :func:`signal_factor`.

    Returns:
        A float for numbers, an array for arrays.

    Raises:
        ValueError: As :func:`signal_factor`, or a rate is not from 0 to below 1.
    """
    kept = 1 - number("drop_rate", drop_rate, least=0)
    if not (kept > 0).all():
        raise ValueError(f"drop_rate must be below 1, not {1 - kept.min().item():g}.")
    weight = number("weight_variance", weight_variance, least=0)
    return signal_factor(activation, weight / kept, bias_variance)


def weight_norm_factor(
    activation: str | Function, g: ArrayLike = 1.0, bias_variance: ArrayLike = 0.0
) -> Numbers:
    """The factor of the norm of the error signal where every row of weights has the length g.

    Weight normalisation, ``w = g v / norm(v)`` (Salimans & Kingma 2016), makes g^2 the weight
    variance (times fan_in): nothing is normalised but the weights. ReLU needs g = sqrt(2).

    Args:
        activation: As for :func:`signal_factor`.
        g: Length of a row, above 0; a number or an array.
        bias_variance: As for :func:`signal_factor`.

    Returns:
        A float for numbers, an array for arrays.

    Raises:
        ValueError: As :func:`signal_factor`, or a length is not a finite number above 0.
    """
    return signal_factor(activation, number("g", g, above=0) ** 2, bias_variance)


def _normalised(phi: Phi, count: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The values of one of ``count`` numbers of mean 0 and mean square 1; and their weights."""
    radius = torch.tensor([(count - 1) ** 0.5], dtype=torch.float64)
    x, weights = sphere_nodes(count - 1, phi.breaks, torch.zeros_like(radius), radius)
    return x[0], weights[0]


def _batch_norm_chi(phi: Phi, batch: float) -> float:
    """The factor of the squared norm, see :func:`batch_norm_factor`."""
    x, weights = _normalised(phi, batch)
    # Given one value, the others lie on a sphere of one dimension less. Their mean is what makes
    # the sum of all 0.
    dimension = batch - 1
    rest = (torch.clamp(dimension - x**2, min=1e-30) * (1 - dimension**-2)).sqrt()
    others, shares = sphere_nodes(dimension - 1, phi.breaks, -x / dimension, rest)
    value, slope = phi(x), phi.slope(x)
    other_value, other_slope = phi(others), phi.slope(others)
    mean_value = (shares * other_value).sum(dim=1)
    mean_slope = (shares * other_slope).sum(dim=1)
    mean_product = (shares * others * other_slope).sum(dim=1)
    spread = (weights * value * (value - mean_value)).sum().item()
    kept = (dimension - x**2) * slope**2 + slope * mean_slope + x * slope * mean_product
    return (weights * kept).sum().item() / ((batch - 3) * spread)
