"""Signals through time: recurrent layers, gates, and linear recurrences."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike

from vgplib.measures.theory._arguments import Numbers, number, plain, whole
from vgplib.measures.theory._quadrature import normal_mean
from vgplib.measures.theory.mean_field import deviations
from vgplib.networks.activations import activation as find_activation


def linear_recurrence(eigenvalue: ArrayLike, steps: ArrayLike) -> Numbers:
    """The gradient over so many steps of ``h_t = eigenvalue * h_{t-1} + x_t``: its power.

    So for a diagonal state-space layer, an eigenvector of a linear recurrent layer, and a ReLU
    layer with a multiple of the identity whose units stay on (IRNN; Le et al. 2015).

    Args:
        eigenvalue: Real; a number or an array.
        steps: Time steps, 0 or more; a number or an array.

    Returns:
        A float for numbers, an array for arrays.

    Raises:
        ValueError: An eigenvalue is not finite, or a number of steps is not whole or below 0.
    """
    return plain(number("eigenvalue", eigenvalue) ** whole("steps", steps, least=0))


def recurrent_bound(
    largest_singular_value: ArrayLike, steps: ArrayLike, activation: str = "tanh"
) -> Numbers:
    """What the norm of a recurrent layer's signal is at most multiplied by, over so many steps.

    ``(gamma * largest_singular_value)^steps``, gamma the largest slope of the activation: 1 for
    tanh, 1/4 for a sigmoid. Below 1 for one step, the gradient is certain to vanish; above 1 it
    may explode or not (Pascanu et al. 2013).

    Args:
        largest_singular_value: Of the recurrent matrix; a number or an array.
        steps: Time steps, 0 or more; a number or an array.
        activation: A name in ``ACTIVATIONS``.

    Returns:
        A float for numbers, an array for arrays.

    Raises:
        ValueError: The activation is unknown, a singular value is not a finite number >= 0, or a
            number of steps is not whole or below 0.
    """
    value = number("largest_singular_value", largest_singular_value, least=0)
    slope = find_activation(activation).max_slope
    return plain((slope * value) ** whole("steps", steps, least=0))


def gate_path(gates: ArrayLike) -> Numbers:
    """The gradient along a gated memory, ``prod_t gates_t``: the additive path alone.

    For an LSTM, dc_T/dc_0 by its forget gates (Hochreiter & Schmidhuber 1997; Gers et al. 2000).
    For a GRU, by the gates z of ``h' = (1 - z) n + z h``, as PyTorch has it; Cho et al. 2014 write
    that the same way, Chung et al. 2014 with z and 1 - z exchanged.

    Args:
        gates: Of shape ``(steps,)`` or ``(steps, units)``, from 0 to 1.

    Returns:
        A float, or an array of shape ``(units,)``.

    Raises:
        ValueError: A gate is not a number from 0 to 1, or there are no steps.
    """
    values = number("gates", gates, least=0, most=1)
    if values.ndim == 0 or not len(values):
        raise ValueError("gates must have at least one step along its first axis.")
    return plain(values.prod(axis=0))


def mean_gate(bias: ArrayLike, variance: ArrayLike = 0.0) -> Numbers:
    """The mean of a gate, ``E[sigmoid(bias + sqrt(variance) z)]`` with z ~ N(0, 1).

    Of the forget gate of an LSTM, or the gate z of a GRU, at the start of training. In PyTorch
    the bias is the sum of two parameters, ``bias_ih + bias_hh``.

    Args:
        bias: A number or an array.
        variance: Of the gate's pre-activation about its bias; a number or an array.

    Returns:
        A float for numbers, an array for arrays.

    Raises:
        ValueError: A bias is not finite, or a variance not a finite number >= 0.
    """
    biases, spreads = np.broadcast_arrays(
        number("bias", bias), number("variance", variance, least=0)
    )
    means = np.empty(biases.shape)
    for i in np.ndindex(biases.shape):
        centre = torch.tensor([biases[i]])
        means[i] = normal_mean(
            lambda u, b=centre: torch.sigmoid(b + u), deviations(spreads[i]), -centre
        )
    return plain(means)


def chrono_bias(longest: ArrayLike, quantile: ArrayLike = 0.5) -> Numbers:
    """The forget gate's bias by chrono initialisation; the input gate's is minus it.

    ``ln u`` with u uniform from 1 to ``longest - 1``: units that remember over all time scales up
    to the longest (Tallec & Ollivier 2018). A layer's biases are those of uniform random
    quantiles.

    Args:
        longest: Time steps of the longest dependency, at least 2; a number or an array.
        quantile: From 0 (the shortest memory) to 1; a number or an array.

    Returns:
        A float for numbers, an array for arrays.

    Raises:
        ValueError: ``longest`` is not a finite number >= 2, or a quantile is not from 0 to 1.
    """
    steps = number("longest", longest, least=2)
    share = number("quantile", quantile, least=0, most=1)
    return plain(np.log(1 + share * (steps - 2)))
