"""Weights that fit an activation, as He's fit ReLU."""

from __future__ import annotations

import functools

from vgplib.measures import theory

FITTED = "fitted"


def drawn_as(activation: str, initialiser: str, gain: float) -> tuple[str, float]:
    """The initialiser and gain to draw with; ``"fitted"`` is no initialiser of its own.

    Fitted weights keep the norm of the error signal where pre-activations have variance 1.

    Args:
        activation: A name in ``ACTIVATIONS``.
        initialiser: A name in ``INITIALISERS``, or ``"fitted"``.
        gain: Multiplies the weights.
    """
    if initialiser == FITTED:
        return "lecun", gain * _gain(activation)
    return initialiser, gain


@functools.cache
def _gain(activation: str) -> float:
    return theory.gain(activation, "backward")
