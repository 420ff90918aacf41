"""The words a diagnosis is made of: conditions and the mechanisms behind them."""

from __future__ import annotations

from typing import NamedTuple


class Condition(NamedTuple):
    """What can be wrong with a network.

    Attributes:
        meaning: One sentence that a newcomer understands.
        lesson: The chapter that teaches it.
    """

    meaning: str
    lesson: str


_CAUSES, _REACH, _SYMPTOMS, _EXPLODING = (
    "chapters/02-causes",
    "chapters/02-reach",
    "chapters/03-symptoms",
    "chapters/06-exploding",
)

CONDITIONS: dict[str, Condition] = {
    "nan": Condition(
        "A number stopped being a number, and everything after it is lost.", _SYMPTOMS
    ),
    "fp16_overflow": Condition("A value grew past 65504, the largest float16.", _REACH),
    "no_gradient": Condition(
        "Parameters that should learn get no gradient at all: the loss does not reach them.",
        _SYMPTOMS,
    ),
    "frozen": Condition("Parameters are switched off: they are not allowed to learn.", _SYMPTOMS),
    "zero_gradient": Condition(
        "Parameters get a gradient of exactly zero, so they never move.", _SYMPTOMS
    ),
    "exploding": Condition(
        "The error signal grows on its way back, so the first layers take wild steps.", _EXPLODING
    ),
    "vanishing": Condition(
        "The error signal shrinks on its way back, so the first layers hardly learn.", _CAUSES
    ),
    "temporal_exploding": Condition(
        "The error signal grows on its way back through time.", _EXPLODING
    ),
    "temporal_vanishing": Condition(
        "The error signal shrinks on its way back through time, so early steps are not learned.",
        _REACH,
    ),
    "forward_exploding": Condition("Activations grow from layer to layer.", _EXPLODING),
    "forward_vanishing": Condition(
        "Activations shrink from layer to layer, until nothing of the input is left.", _CAUSES
    ),
    "dead_relu": Condition("Units give zero for every input, so nothing teaches them.", _SYMPTOMS),
    "saturation": Condition(
        "Activations sit on their flat parts, where a change of the input changes nothing.",
        _SYMPTOMS,
    ),
    "rank_collapse": Condition(
        "Different inputs have become the same vector inside the network.", _SYMPTOMS
    ),
    "symmetry": Condition(
        "Units are copies of each other and get equal gradients, so they stay copies.", _SYMPTOMS
    ),
    "fp16_underflow": Condition(
        "Gradients are too small for float16 and are rounded to zero.", _REACH
    ),
    "lr_too_high": Condition("Steps are so large that the loss goes up.", _SYMPTOMS),
    "lr_too_low": Condition("Steps are so small that nothing changes.", _SYMPTOMS),
}

# Mechanisms, in the words that a finding's ``cause`` uses.
CAUSES: tuple[str, ...] = (
    "saturating activation",
    "slope of the activation",
    "initialisation too small",
    "initialisation too large",
    "initialisation constant",
    "bias",
    "learning rate too high",
    "learning rate too low",
    "half precision",
    "loss choice",
    "detached",
    "unused",
    "not trainable",
    "recurrent weight",
    "forget gate",
    "input scale",
    "normalisation without skip",
    "missing residual",
    "residual without normalisation",
    "post-norm depth",
    "attention without skip",
    "attention logit scale",
    "non-differentiable operation",
    "singular derivative",
    "operation out of its range",
    "scale in the forward pass",
    "NaN in the data",
    "NaN in the weights",
    "dead units",
)
