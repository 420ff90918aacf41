"""Over how many layers a wide network forgets: the depth scales of Schoenholz et al. 2017."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from vgplib import errors
from vgplib.measures.theory._arguments import Numbers, plain
from vgplib.measures.theory._quadrature import Function, Phi, normal_mean
from vgplib.measures.theory.correlation import ROUNDING, correlations
from vgplib.measures.theory.mean_field import (
    deviations,
    fixed_points,
    mean_square_slope,
    times,
    variances,
)

KINDS = ("variance", "correlation", "gradient")


def depth_scale(
    activation: str | Function,
    weight_variance: ArrayLike = 1.0,
    bias_variance: ArrayLike = 0.0,
    kind: str = "gradient",
) -> Numbers:
    """The number of layers over which something falls to 1/e of what it was, at q*.

    Each is ``-1 / ln(slope)``, of a map from one layer to the next at its fixed point
    (Schoenholz et al. 2017):

    * ``"variance"`` (xi_q): how far q is from q*. Slope: ``chi_1 + weight_variance *
      E[phi''(u) phi(u)]``, u ~ N(0, q*), here as ``weight_variance * E[u phi(u) phi'(u)] / q*``,
      which is the same and has no second derivative.
    * ``"correlation"`` (xi_c): how far the correlation of two inputs is from c*. Slope:
      ``weight_variance * E[phi'(u1) phi'(u2)]`` at the stable c*, :func:`fixed_correlation`. In
      the ordered phase c* = 1 and xi_c is xi_grad; in the chaotic phase c* < 1.
    * ``"gradient"`` (xi_grad): the squared norm of the error signal, going back. Slope: chi_1.

    Sign: positive where the thing shrinks, and negative where it grows by e over so many layers.
    So xi_grad is negative in the chaotic phase (chi_1 > 1); the paper has its absolute value.
    xi_c is never negative: c* is stable.

    ``inf`` where the slope is 1, since decay is then slower than exponential: xi_c and xi_grad on
    the critical line, xi_q where every q is a fixed point. xi_c is ``inf`` as well where q* is
    infinite (ReLU with weight variance above 2). Where q* is 0, the limit from above. 0 where the
    slope is 0: all is forgotten in one layer. Within 1e-5 of a slope of 1 rounding shows in the
    scale.

    Args:
        activation: A name in ``ACTIVATIONS``, or a function of a float64 tensor, applied entry by
            entry; it may have kinks and need not be 0 at 0.
        weight_variance: Variance of a weight times fan_in; a number or an array.
        bias_variance: Variance of a bias; a number or an array.
        kind: ``"variance"``, ``"correlation"`` or ``"gradient"``.

    Returns:
        Layers; a float for numbers, an array for arrays.

    Raises:
        ValueError: The activation or the kind is unknown, or a variance is not a finite number
            >= 0.
    """
    kind = errors.choose("kind of depth scale", kind, KINDS)
    weight, bias, shape = variances(weight_variance, bias_variance)
    phi = Phi(activation)
    q = fixed_points(phi, weight, bias)
    if kind == "variance":
        slope = np.abs(times(weight, _stretch(phi, q)))
    elif kind == "gradient":
        slope = times(weight, mean_square_slope(phi, q))
    else:
        _, slope = correlations(phi, weight, bias, q)
    with np.errstate(divide="ignore"):
        scale = -1 / np.log(slope)
    scale[np.abs(slope - 1) < ROUNDING] = np.inf
    return plain(scale.reshape(shape))


def _stretch(phi: Phi, q: np.ndarray) -> np.ndarray:
    """d/dq of E[phi(sqrt(q) z)^2]."""
    deviation = deviations(q)
    mean = normal_mean(lambda u: u * phi(u) * phi.slope(u), deviation, phi.breaks)
    return mean / deviation**2
