"""The remedies the doctor knows: what each is called, how it acts, and the code that applies it.

A remedy is code. What :func:`apply` runs on a copy is, to the letter, what a reader is given to
paste, so a remedy that was seen to help is the one that stands there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn

from vgplib.doctor.remedies import recurrent, structure, training, weights
from vgplib.doctor.remedies.drafting import Case, NotApplicable

__all__ = ["TREATMENTS", "NotApplicable", "Treatment", "apply"]


class Treatment(NamedTuple):
    """A kind of remedy.

    Attributes:
        name: What to do, in a few words.
        why: How it acts on the cause.
        write: Makes the Python that applies it, given the case; raises
            :class:`~vgplib.doctor.remedies.drafting.NotApplicable`.
    """

    name: str
    why: str
    write: Callable[[Case], str]


TREATMENTS: dict[str, Treatment] = {
    # Weights and biases
    "reinitialise": Treatment(
        "draw the weights anew, by role",
        "With the variance that fits the activation that follows, a layer passes on what it gets "
        "at its own size (Glorot & Bengio 2010; He et al. 2015).",
        weights.reinitialise,
    ),
    "orthogonal": Treatment(
        "draw orthogonal weights",
        "All singular values are equal, so no direction is lost (Saxe et al. 2013).",
        weights.orthogonal,
    ),
    "recurrent_orthogonal": Treatment(
        "make the recurrent matrix orthogonal",
        "Its powers neither shrink nor grow.",
        recurrent.recurrent_orthogonal,
    ),
    "forget_bias": Treatment(
        "start with open forget gates",
        "The state is kept, and the signal with it, where the gate is near 1 (Gers et al. 2000).",
        recurrent.forget_bias,
    ),
    "chrono_bias": Treatment(
        "start gates with memories of all lengths",
        "Some units keep their state as long as the sequence is (Tallec & Ollivier 2018).",
        recurrent.chrono_bias,
    ),
    "zero_biases": Treatment(
        "set biases to 0",
        "A bias far from 0 holds its unit on one side, whatever comes in.",
        weights.zero_biases,
    ),
    "input_scale": Treatment(
        "standardise the input",
        "Initial weights are made for inputs of mean 0 and variance 1.",
        weights.input_scale,
    ),
    "scale_logits": Treatment(
        "bring attention's logits to a spread of 1",
        "A softmax of large logits picks one token, and is flat there.",
        weights.scale_logits,
    ),
    # Structure
    "to_tanh": Treatment(
        "swap activations for tanh",
        "Its slope is 1 at 0, four times a sigmoid's, and its values are bounded.",
        structure.to_tanh,
    ),
    "to_relu": Treatment(
        "swap activations for ReLU",
        "Its slope is 1 on half of all inputs; it may need a smaller learning rate.",
        structure.to_relu,
    ),
    "to_leaky_relu": Treatment(
        "swap ReLU for leaky ReLU",
        "A unit that is off still gets a gradient, and can come back.",
        structure.to_leaky_relu,
    ),
    "batch_norm": Treatment(
        "put batch norm before the activations",
        "Each unit's inputs are brought to variance 1 over the batch (Ioffe & Szegedy 2015).",
        structure.batch_norm,
    ),
    "layer_norm": Treatment(
        "put layer norm before the activations",
        "Each sample's inputs are brought to variance 1 (Ba et al. 2016).",
        structure.layer_norm,
    ),
    "skips": Treatment(
        "lead a skip around each layer",
        "The signal has a way back on which nothing is multiplied (He et al. 2016).",
        structure.skips,
    ),
    "scale_branches": Treatment(
        "make residual branches smaller",
        "What many blocks add up to then stays near the size of what came in.",
        structure.scale_branches,
    ),
    "pre_norm": Treatment(
        "normalise before each branch, not after the sum",
        "The skips then carry the signal past every norm (Xiong et al. 2020).",
        structure.pre_norm,
    ),
    "gru": Treatment(
        "put a GRU in the place of the plain recurrent layer",
        "Its state is carried on by a gate, not by a matrix (Cho et al. 2014).",
        recurrent.gru,
    ),
    "irnn": Treatment(
        "start the recurrent matrix as the identity, with ReLU",
        "The state is handed on unchanged until something is learned (Le et al. 2015).",
        recurrent.irnn,
    ),
    "loss_choice": Treatment(
        "let the loss apply the last sigmoid or softmax",
        "Cross-entropy on logits cancels the flat slope: a wrong answer gets a strong signal.",
        training.loss_choice,
    ),
    "connect": Treatment(
        "connect the loss to the parameters",
        "A gradient flows only through operations that autograd has recorded.",
        training.connect,
    ),
    # Training
    "unfreeze": Treatment(
        "let the frozen parameters learn",
        "Without requires_grad a parameter gets no gradient.",
        training.unfreeze,
    ),
    "float32": Treatment(
        "compute in float32",
        "It reaches from 1e-38 to 3e38, float16 from 6e-8 to 65504.",
        training.float32,
    ),
    "bfloat16": Treatment(
        "compute in bfloat16",
        "It has float32's range, at fewer digits.",
        training.bfloat16,
    ),
    "loss_scale": Treatment(
        "scale the loss, and gradients back",
        "Small gradients are moved into float16's range on their way (Micikevicius et al. 2018).",
        training.loss_scale,
    ),
    "clip": Treatment(
        "clip the gradient's norm",
        "It caps the length of a step (Pascanu et al. 2013). It makes no gradient larger, and "
        "leaves the ratio between layers as it is.",
        training.clip,
    ),
    "lr_down": Treatment(
        "lower the learning rate",
        "Steps then stay where the gradient is still right.",
        training.lr_down,
    ),
    "lr_up": Treatment(
        "raise the learning rate",
        "Steps then change something.",
        training.lr_up,
    ),
    "adam": Treatment(
        "train with Adam",
        "It divides each gradient by its own size, so that small ones count (Kingma & Ba 2015). "
        "The signal is as it was.",
        training.adam,
    ),
    "more_steps": Treatment(
        "take ten times as many steps",
        "More steps of nothing are nothing, however fast the machine.",
        training.more_steps,
    ),
    "safe_roots": Treatment(
        "add an epsilon under roots and logarithms",
        "The slope of a root is infinite at 0, and 0 times infinity is NaN.",
        training.safe_roots,
    ),
    "straight_through": Treatment(
        "let gradients pass straight through flat operations",
        "Rounding has slope 0; backwards, it is taken for the identity (Bengio et al. 2013).",
        training.straight_through,
    ),
    "nan_inputs": Treatment(
        "put 0 where the input is not a number",
        "One NaN in the input is enough to spoil every weight.",
        training.nan_inputs,
    ),
}


def apply(
    code: str,
    model: nn.Module,
    loss: Callable[[nn.Module], Any],
    optimizer: torch.optim.Optimizer | None,
) -> tuple[nn.Module, Callable[[nn.Module], Any], torch.optim.Optimizer | None]:
    """Run a remedy's code on a model, which it changes, as if it were pasted.

    Args:
        code: Of a :class:`~vgplib.doctor.diagnosis.Remedy`.
        model: Any network.
        loss: As for ``vgp.measure``.
        optimizer: Over its parameters, or None.

    Returns:
        Model, loss and optimizer as the code leaves them; whatever it raises passes through.
    """
    names: dict[str, Any] = {"model": model, "loss": loss, "optimizer": optimizer}
    exec(compile(code, "<remedy>", "exec"), names)
    return names["model"], names["loss"], names["optimizer"]
