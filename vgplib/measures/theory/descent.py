"""Steps of gradient descent: clipping, decay, Adam's first step, the loss to start from."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from vgplib.measures.theory._arguments import Numbers, number, plain, whole


def clip_coefficient(norm: ArrayLike, max_norm: ArrayLike, eps: float = 0.0) -> Numbers:
    """What clipping by norm multiplies a gradient by: ``min(1, max_norm / (norm + eps))``.

    With ``eps`` 0 as Pascanu et al. 2013 have it, with 1e-6 as PyTorch's ``clip_grad_norm_``. An
    infinite norm gives 0, NaN gives NaN.

    Args:
        norm: Of the whole gradient, 0 or more; a number or an array.
        max_norm: Above 0; a number or an array.
        eps: Added to the norm.

    Raises:
        ValueError: ``max_norm`` is not a finite number above 0, or ``eps`` not one >= 0.
    """
    limit = number("max_norm", max_norm, above=0)
    with np.errstate(divide="ignore"):
        ratio = limit / (np.asarray(norm, dtype=np.float64) + number("eps", eps, least=0))
    return plain(np.minimum(1, ratio))


def clip_by_norm(gradient: ArrayLike, max_norm: float, eps: float = 0.0) -> np.ndarray:
    """The gradient times :func:`clip_coefficient`: its length at most ``max_norm``.

    The direction stays. An infinite entry becomes NaN and the others 0; with a NaN all are NaN.

    Args:
        gradient: All of it, of any shape.
        max_norm: Above 0.
        eps: As for :func:`clip_coefficient`.

    Raises:
        ValueError: As :func:`clip_coefficient`.
    """
    values = np.asarray(gradient, dtype=np.float64)
    coefficient = clip_coefficient(np.linalg.norm(values.ravel()), max_norm, eps)
    with np.errstate(invalid="ignore"):
        return values * coefficient


def clip_by_value(gradient: ArrayLike, limit: float) -> np.ndarray:
    """The gradient with each entry held between ``-limit`` and ``limit``: its direction changes.

    As PyTorch's ``clip_grad_value_``: an infinite entry becomes the limit, NaN stays.

    Args:
        gradient: Of any shape.
        limit: Above 0.

    Raises:
        ValueError: The limit is not a finite number above 0.
    """
    bound = number("limit", limit, above=0)
    return np.clip(np.asarray(gradient, dtype=np.float64), -bound, bound)


def decay_left(learning_rate: ArrayLike, weight_decay: ArrayLike, steps: ArrayLike) -> Numbers:
    """What L2 decay leaves of a weight without a gradient: ``(1 - rate * decay)^steps``.

    Under plain SGD. A vanished gradient leaves weights where they were; decay shrinks them.

    Args:
        learning_rate: 0 or more; a number or an array.
        weight_decay: 0 or more; a number or an array.
        steps: Whole, 0 or more; a number or an array.

    Raises:
        ValueError: A number is out of range.
    """
    rate = number("learning_rate", learning_rate, least=0)
    decay = number("weight_decay", weight_decay, least=0)
    return plain((1 - rate * decay) ** whole("steps", steps, least=0))


def adam_first_step(
    gradient: ArrayLike, learning_rate: ArrayLike = 1e-3, eps: ArrayLike = 1e-8
) -> Numbers:
    """The size of Adam's first step: ``rate * abs(g) / (abs(g) + eps)`` (Kingma & Ba 2015).

    The learning rate, however small the gradient, as long as it is well above ``eps``.

    Args:
        gradient: Of one parameter; a number or an array.
        learning_rate: 0 or more; a number or an array.
        eps: Above 0; a number or an array.

    Raises:
        ValueError: A number is out of range.
    """
    size = np.abs(number("gradient", gradient))
    rate = number("learning_rate", learning_rate, least=0)
    return plain(rate * size / (size + number("eps", eps, above=0)))


def guessing_loss(classes: ArrayLike) -> Numbers:
    """The cross-entropy, in nats, of giving every class the same probability: ``ln(classes)``.

    About the loss before training, and of a network that has learnt nothing from its input.

    Args:
        classes: A number or an array.

    Raises:
        ValueError: ``classes`` is not a whole number >= 1.
    """
    return plain(np.log(whole("classes", classes)))
