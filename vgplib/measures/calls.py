"""Which of PyTorch's functions are layers and which are activations.

A network is read at the level of function calls, not of modules: ``F.linear`` is a layer whether
``nn.Linear``, attention or a hand-written ``forward`` calls it, and ``torch.relu`` is an
activation whether or not there is an ``nn.ReLU``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_PLACES = (F, torch, Tensor, torch._C._nn, torch.special)


class LayerCall(NamedTuple):
    """A function with weights: what kind of layer it is, and where its weights stand.

    Attributes:
        kind: As in the coordinate ``kind``.
        position: Of the first weight among the positional arguments.
        keyword: The weight's keyword; a call of a Python function may use either.
        weights: How many weights follow each other from ``position`` on.
    """

    kind: str
    position: int
    keyword: str = "weight"
    weights: int = 1


def _named(*names: str) -> Iterator[Any]:
    """Every function of those names that a call can arrive as."""
    for name in names:
        for place in _PLACES:
            if hasattr(place, name):
                yield getattr(place, name)


LAYERS: dict[Any, LayerCall] = {
    **dict.fromkeys(_named("linear"), LayerCall("linear", 1)),
    **dict.fromkeys(_named("bilinear"), LayerCall("linear", 2)),
    **dict.fromkeys(
        _named(*(f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3))),
        LayerCall("conv", 1),
    ),
    **dict.fromkeys([F.embedding, F.embedding_bag], LayerCall("embedding", 1)),
    **dict.fromkeys(
        [F.layer_norm, F.group_norm, F.rms_norm, torch.layer_norm, torch.group_norm],
        LayerCall("norm", 2),
    ),
    **dict.fromkeys([F.batch_norm, F.instance_norm], LayerCall("norm", 3)),
    **dict.fromkeys([torch.batch_norm, torch.instance_norm], LayerCall("norm", 1)),
    **dict.fromkeys(
        [torch.rnn_tanh_cell, torch.rnn_relu_cell, torch.lstm_cell, torch.gru_cell],
        LayerCall("recurrent", 2, "w_ih", 2),
    ),
}

# Products of two tensors, layers where one of the two comes from parameters alone; the position is
# that of the first of the two.
PRODUCTS: dict[Any, LayerCall] = {
    **dict.fromkeys(_named("matmul", "mm", "bmm", "__matmul__"), LayerCall("linear", 0)),
    **dict.fromkeys([*_named("addmm", "baddbmm"), torch.einsum], LayerCall("linear", 1)),
    **dict.fromkeys(_named("mul", "multiply", "__mul__", "__rmul__"), LayerCall("scale", 0)),
}

# Norms whose units are the second dimension, as in convolutions.
CHANNELS_SECOND = frozenset(
    [F.batch_norm, F.instance_norm, F.group_norm]
    + [torch.batch_norm, torch.instance_norm, torch.group_norm]
)

# Whole recurrent layers. Their weights are one list, behind the input and the first state, or
# behind the packed input, its batch sizes and the first state.
RECURRENT = frozenset([torch.rnn_tanh, torch.rnn_relu, torch.lstm, torch.gru])

SOFTMAX = frozenset(_named("softmax"))

ATTENTION = frozenset([F.scaled_dot_product_attention])

# Python functions in which layers run without a module of their own.
COMPOSITES = frozenset([F.multi_head_attention_forward])

_ENTRYWISE = (
    *("celu", "clamp", "clamp_max", "clamp_min", "clip", "elu", "erf", "gelu", "hardshrink"),
    *("hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish", "prelu"),
    *("relu", "relu6", "rrelu", "selu", "sigmoid", "silu", "softplus", "softshrink", "softsign"),
    *("tanh", "tanhshrink", "threshold"),
)


# Every way to call an activation -> the function that leaves its input alone, and whether the
# call itself does not.
ACTIVATIONS: dict[Any, tuple[Callable[..., Tensor], bool]] = {
    function: (next(_named(name)), in_place)
    for name in _ENTRYWISE
    for in_place in (False, True)
    for function in _named(f"{name}_" if in_place else name)
}


def activation_name(function: Callable[..., Tensor], args: tuple, kwargs: dict) -> str:
    """What the function is; PyTorch computes several ones by ``hardtanh`` or ``clamp``."""
    name = function.__name__.strip("_")
    if name not in ("hardtanh", "clamp", "clamp_min", "clamp_max", "clip"):
        return name
    given = dict(zip(("input", "min", "max"), args, strict=False))
    low = kwargs.get("min_val", kwargs.get("min", given.get("min")))
    high = kwargs.get("max_val", kwargs.get("max", given.get("max")))
    if name == "hardtanh":
        return "relu6" if low == 0 else name
    if isinstance(low, int | float) and low == 0:
        return "relu" if high is None else "relu6"
    return "clamp"


# Modules of which a layer takes the name, the parameter's own name being of no interest.
_ORDINARY = ("weight", "bias")


IN_PLACE = frozenset(
    getattr(place, name)
    for place in (torch, Tensor, F)
    for name in dir(place)
    if (name.endswith("_") and not name.startswith("_"))
    or (place is Tensor and name.startswith("__i") and name != "__init__")
    or name == "__setitem__"
)
MAYBE_IN_PLACE = frozenset(  # with inplace=True
    [F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout]
)


def layer_names(modules: dict[str, nn.Module]) -> dict[int, tuple[str, str]]:
    """``id(parameter)`` -> the name of the layer it is a weight of, and that module's kind.

    The layer's name is its module's; of a parameter that a module of the user's holds directly,
    it is the parameter's. A tensor that stands in two modules has the first one's name.
    """
    names: dict[int, tuple[str, str]] = {}
    for prefix, module in modules.items():
        for leaf, parameter in module._parameters.items():
            if parameter is not None:
                names.setdefault(id(parameter), _layer_name(prefix, module, leaf))
    return names


def _layer_name(prefix: str, module: nn.Module, leaf: str) -> tuple[str, str]:
    full = f"{prefix}.{leaf}" if prefix else leaf
    if ".parametrizations." in f".{full}":  # of weight norm and its kin: the module around them
        return f".{full}".partition(".parametrizations.")[0].lstrip(".") or full, ""
    if isinstance(module, nn.MultiheadAttention):
        part = leaf.removesuffix("_weight").removesuffix("_bias")
        return (f"{prefix}.{part}" if prefix else part), "attention"
    if isinstance(module, nn.modules.linear.NonDynamicallyQuantizableLinear):
        return prefix, "attention"  # the class of its out_proj, and of nothing else
    whole = isinstance(module, nn.ParameterList | nn.ParameterDict)  # where each is on its own
    if not whole and (leaf.startswith(_ORDINARY) or type(module) in vars(nn).values()):
        return prefix or full, ""
    return full, ""
