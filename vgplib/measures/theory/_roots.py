"""Roots of many functions of one variable at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def find_roots(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray], a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """The root of each function between its two positive ends, to rounding.

    Chandrupatla's method (1997) on the logarithm: inverse quadratic interpolation where that is
    safe, halving where it is not. Every fourth step halves in any case, since rounding can make
    the others too short.

    Args:
        function: ``function(x, which)`` gives the values at ``x`` of the functions with the
            numbers ``which``, both of shape ``(n,)``. Below 1e-15 a value counts as 0.
        a: One end for each function, of shape ``(functions,)``.
        b: The other end; the function has another sign there, or is 0 at an end.

    Returns:
        The roots, of shape ``(functions,)``.
    """
    which = np.arange(len(a))
    a, b = np.log(a), np.log(b)
    fa, fb = function(np.exp(a), which), function(np.exp(b), which)
    roots = np.where(np.abs(fa) < np.abs(fb), a, b)
    step = np.full(len(a), 0.5)
    for count in range(1, 250):
        if not len(which):
            break
        x = a + step * (b - a)
        fx = function(np.exp(x), which)
        same = np.sign(fx) == np.sign(fa)
        # a is the newest point, b the one across the root from it, c the one before.
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = x, fx
        best = np.where(np.abs(fa) < np.abs(fb), a, b)
        roots[which] = best
        width, least = np.abs(b - a), 4 * np.finfo(float).eps * (np.abs(best) + 0.25)
        on = (np.minimum(np.abs(fa), np.abs(fb)) > 1e-15) & (width > least)
        which, edge = which[on], least[on] / width[on]
        a, b, c, fa, fb, fc = (values[on] for values in (a, b, c, fa, fb, fc))
        step = np.full(len(which), 0.5)
        if count % 4:
            with np.errstate(divide="ignore", invalid="ignore"):
                xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
                safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
                near = fa / (fb - fa) * fc / (fb - fc)
                far = (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
            step = np.clip(np.where(safe, near + far, 0.5), edge, 1 - edge)
    return np.exp(roots)
