"""Which remedies a finding gets, in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from vgplib import errors
from vgplib.doctor.diagnosis import Remedy
from vgplib.doctor.remedies.drafting import Case, NotApplicable
from vgplib.doctor.remedies.treatments import TREATMENTS

# Condition -> cause -> keys of treatments; "" for any other cause. Those that train a deep network
# best come first, as measured for sigmoid networks of 8 layers (vanishing) and ReLU networks of 12
# layers at twice He's gain (exploding); tests/doctor/test_trials.py measures the order again.
_SLOPE = "to_tanh skips batch_norm reinitialise to_relu adam"
_SIZE = "reinitialise orthogonal layer_norm batch_norm skips adam"
_TOO_LARGE = "reinitialise layer_norm batch_norm to_tanh adam clip lr_down"
_PATH = "skips pre_norm reinitialise orthogonal batch_norm adam"
_THROUGH_TIME = "irnn gru chrono_bias forget_bias recurrent_orthogonal"
_HALF = "bfloat16 float32"

_TABLE: dict[str, dict[str, str]] = {
    "vanishing": {
        "saturating activation": _SLOPE,
        "slope of the activation": _SLOPE,
        "missing residual": _PATH,
        "attention without skip": _PATH,
        "post-norm depth": "pre_norm adam",
        "attention logit scale": "scale_logits reinitialise",
        "input scale": f"input_scale {_SIZE}",
        "bias": f"zero_biases {_SIZE}",
        "loss choice": "loss_choice reinitialise",
        "": _SIZE,
    },
    "exploding": {
        "normalisation without skip": "skips to_tanh reinitialise adam clip lr_down",
        "residual without normalisation": "scale_branches layer_norm reinitialise clip lr_down",
        "post-norm depth": "pre_norm adam clip lr_down",
        "input scale": f"input_scale {_TOO_LARGE}",
        "": _TOO_LARGE,
    },
    "temporal_vanishing": {
        "forget gate": "chrono_bias forget_bias recurrent_orthogonal",
        "": _THROUGH_TIME,
    },
    "temporal_exploding": {"": "recurrent_orthogonal irnn gru clip lr_down"},
    "forward_vanishing": {
        "input scale": f"input_scale {_SIZE}",
        "": _SIZE,
    },
    "forward_exploding": {
        "residual without normalisation": "scale_branches layer_norm reinitialise",
        "input scale": f"input_scale {_TOO_LARGE}",
        "": "reinitialise layer_norm batch_norm to_tanh",
    },
    "dead_relu": {
        "bias": "zero_biases to_leaky_relu reinitialise",
        "learning rate too high": "to_leaky_relu lr_down reinitialise",
        "input scale": "input_scale to_leaky_relu reinitialise",
        "": "to_leaky_relu reinitialise zero_biases batch_norm",
    },
    "saturation": {
        "bias": "zero_biases reinitialise to_relu",
        "input scale": "input_scale reinitialise batch_norm to_relu",
        "attention logit scale": "scale_logits reinitialise",
        "loss choice": "loss_choice reinitialise",
        "": "reinitialise batch_norm layer_norm to_relu input_scale",
    },
    "nan": {
        "singular derivative": "safe_roots",
        "NaN in the data": "nan_inputs",
        "NaN in the weights": "reinitialise",
        "learning rate too high": "lr_down clip",
        "initialisation too large": _TOO_LARGE,
        "half precision": _HALF,
        "": "safe_roots nan_inputs reinitialise float32 lr_down",
    },
    "zero_gradient": {
        "non-differentiable operation": "straight_through connect",
        "dead units": "to_leaky_relu reinitialise zero_biases",
        "half precision": f"loss_scale {_HALF}",
        "loss choice": "loss_choice reinitialise",
        "": "reinitialise straight_through to_leaky_relu",
    },
    "no_gradient": {
        "not trainable": "unfreeze",
        "non-differentiable operation": "straight_through connect",
        "": "connect",
    },
    "frozen": {"": "unfreeze"},
    "fp16_underflow": {"": f"loss_scale {_HALF}"},
    "fp16_overflow": {"": f"{_HALF} reinitialise"},
    "lr_too_high": {"": "lr_down clip adam"},
    "lr_too_low": {"": "lr_up adam"},
    "symmetry": {"": "reinitialise orthogonal"},
    "rank_collapse": {
        "attention without skip": "skips reinitialise",
        "missing residual": "skips batch_norm reinitialise",
        "": "reinitialise skips batch_norm orthogonal to_tanh",
    },
}

# What is often tried in vain: shown beside the remedies, never prescribed.
_IN_VAIN = {
    "vanishing": ("clip", "more_steps"),
    "temporal_vanishing": ("clip",),
    "exploding": ("more_steps",),
    "dead_relu": ("clip",),
    "saturation": ("clip",),
}


def remedies(
    condition: str,
    cause: str,
    where: tuple[str, ...],
    model: nn.Module,
    loss: Callable[[nn.Module], Any] | None = None,
    optimizer: torch.optim.Optimizer | None = None,
) -> tuple[Remedy, ...]:
    """What to do about a finding, the most likely to help first.

    Args:
        condition: What is wrong, one of the vocabulary's.
        cause: Why, one of the vocabulary's, or "".
        where: Names of modules or parameters, as in a finding.
        model: The sick model, whose names stand in the code. It is left as it was.
        loss: As for ``vgp.measure``. With it, the model is run once to see which activation
            follows which layer; without it, only activations that are modules are known.
        optimizer: Over the model's parameters. Without it, it is not known what it is.

    Returns:
        Those that can be applied as they are, and then those that have to be done by hand, of
        which the code says how. Their code runs where ``model``, ``loss`` and ``optimizer`` exist.

    Raises:
        ValueError: There is no such condition.
    """
    errors.choose("condition", condition, _TABLE)
    case = Case(model, loss, condition, cause, where, optimizer)
    ready, by_hand = [], []
    causes = _TABLE[condition]
    for key in causes.get(cause, causes[""]).split():
        treatment = TREATMENTS[key]
        try:
            ready.append(Remedy(key, treatment.name, treatment.why, treatment.write(case)))
        except NotApplicable as no:
            if no.code:
                by_hand.append(Remedy(key, treatment.name, treatment.why, no.code))
    return (*ready, *by_hand)


def in_vain(condition: str) -> tuple[str, ...]:
    """Keys of treatments that people try for the condition although they cannot help."""
    return _IN_VAIN.get(condition, ())
