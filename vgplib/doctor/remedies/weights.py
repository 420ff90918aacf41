"""Remedies that draw weights anew or set biases; each is written as the Python to paste."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from vgplib.doctor.evidence.parts import MATRICES, Part
from vgplib.doctor.remedies.case import IMPORTS, Case, NotApplicable, loop
from vgplib.doctor.remedies.treatment import treatment
from vgplib.measures.theory import gain
from vgplib.networks.activations import ACTIVATIONS

# A finding about single layers is no reason to draw the others anew.
_LOCAL = ("nan", "symmetry", "dead_relu", "saturation", "zero_gradient")
_HALF = (torch.float16, torch.bfloat16)


@treatment(
    "draw the weights anew, by role",
    "With the variance that fits the activation that follows, a layer passes on what it gets "
    "at its own size (Glorot & Bengio 2010; He et al. 2015).",
)
def reinitialise(case: Case) -> str:
    """Draw weights by the activation that follows; biases 0."""
    return by_role(case, _chosen(case))


def by_role(case: Case, chosen: Sequence[Part], orthogonal: bool = False) -> str:
    """Code that draws the weights of ``chosen``, by the activation that follows each."""
    matrices = [p for p in chosen if p.kind in MATRICES and _is_float(case, p.weight)]
    groups: dict[tuple[str, str], list[str]] = {}
    for part in matrices:
        to = "" if part is case.readout else part.activation
        draw = _orthogonal(to) if orthogonal else _draw(case, part, to)
        weight = "model.get_parameter(name)" + (".T" if part.transposed else "")
        groups.setdefault((draw[0], draw[1].format(w=weight)), []).append(part.weight)
    code = [loop(names, f"{line}{note}") for (note, line), names in groups.items()]
    if not orthogonal:
        code += _others(case, chosen)
    if not code:
        raise NotApplicable("there is no layer whose weights could be drawn anew")
    return "\n".join([IMPORTS, *code, *_biases(chosen)])


@treatment(
    "draw orthogonal weights",
    "All singular values are equal, so no direction is lost (Saxe et al. 2013).",
)
def orthogonal(case: Case) -> str:
    """Draw orthogonal weights, with the gain of the activation that follows."""
    chosen = _chosen(case)
    if any(case.model.get_parameter(p.weight).dtype in _HALF for p in chosen if p.weight):
        raise NotApplicable("orthogonal matrices are made in float32 or float64, not in half")
    return by_role(case, chosen, orthogonal=True)


@treatment(
    "set biases to 0",
    "A bias far from 0 holds its unit on one side, whatever comes in.",
)
def zero_biases(case: Case) -> str:
    """Set biases to 0."""
    sick = [p for p in case.parts if p.bias and case.is_sick(p)]
    names = [p.bias for p in sick or [p for p in case.parts if p.bias]]
    if not names:
        raise NotApplicable("the layers have no biases")
    return "\n".join([IMPORTS, loop(names, "nn.init.zeros_(model.get_parameter(name))")])


@treatment(
    "standardise the input",
    "Initial weights are made for inputs of mean 0 and variance 1.",
)
def input_scale(case: Case) -> str:
    """Standardise what comes in at the first layer."""
    if not case.layers:
        raise NotApplicable("no layer was seen")
    first = case.layers[0]
    if first.kind == "embedding":
        raise NotApplicable("the input is words or other whole numbers, which have no scale")
    if not first.module:
        raise NotApplicable(
            "the first layer is no module",
            "# Before training: x = (x - x.mean(0)) / (x.std(0) + 1e-6)",
        )
    over = "0" if first.dims == 2 and first.batch >= 8 else ""
    return f'''{IMPORTS}
first, seen = model.get_submodule("{first.module}"), []
hook = first.register_forward_pre_hook(lambda module, args: seen.append(args[0].detach()))
loss(model)
hook.remove()
mean, std = seen[0].mean({over}), seen[0].std({over})
std = std.clamp(min=1e-3 * std.max().item() + 1e-30)  # some features may never change
# Better still: do the same to your data, once.
first.register_forward_pre_hook(lambda module, args: ((args[0] - mean) / std, *args[1:]))'''


@treatment(
    "bring attention's logits to a spread of 1",
    "A softmax of large logits picks one token, and is flat there.",
)
def scale_logits(case: Case) -> str:
    """Bring attention's logits back to a spread of about 1."""
    attention = [p.module for p in case.parts if p.kind == "attention"]
    named = [p for p in case.parts if p.kind == "linear" and _is_query_or_key(p.weight)]
    sick = [p for p in named if case.is_sick(p)] or named
    code = []
    if attention:
        code.append(
            loop(
                attention,
                "layer = model.get_submodule(name)",
                "if layer.in_proj_weight is not None:  # query, key and value, one upon another",
                "    for weight in layer.in_proj_weight.data.chunk(3)[:2]:",
                "        nn.init.xavier_normal_(weight)",
            )
        )
    if sick:
        names = [p.weight for p in sick]
        code.append(
            loop(
                names,
                "weight = model.get_parameter(name)",
                "nn.init.xavier_normal_(weight)",
                "weight.data /= weight.shape[0] ** 0.25  # query and key together: 1 / sqrt(width)",
            )
        )
    for turned in (False, True):
        fused = [p.weight for p in case.parts if p.transposed is turned and _is_fused(case, p)]
        if not fused:
            continue
        data = "model.get_parameter(name).data" + (".T" if turned else "")
        code.append(
            loop(
                fused,
                f"for weight in {data}.chunk(3)[:2]:  # query and key",
                "    nn.init.xavier_normal_(weight)",
                "    weight /= weight.shape[0] ** 0.25",
            )
        )
    if not code:
        raise NotApplicable(
            "query and key could not be told from other layers",
            "# In forward(): scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5",
        )
    return "\n".join([IMPORTS, *code])


_SLOPES = {"relu": 0.0, "leaky_relu": 0.01, "prelu": 0.25, "relu6": 0.0}


def _is_query_or_key(name: str) -> bool:
    words = name.removesuffix(".weight").split(".")[-1].lower().split("_")
    return any(word in ("q", "k", "query", "key", "wq", "wk") for word in words)


def _is_fused(case: Case, part: Part) -> bool:
    """Whether the layer makes query, key and value at once, one upon another."""
    owner = part.weight.rpartition(".")[0].rpartition(".")[2].lower()
    called_so = "qkv" in owner or owner in ("in_proj", "c_attn", "query_key_value")
    if part.kind != "linear" or not called_so:
        return False
    weight = case.model.get_parameter(part.weight)
    outputs, inputs = weight.T.shape if part.transposed else weight.shape
    return outputs == 3 * inputs


def _is_float(case: Case, name: str) -> bool:
    return bool(name) and case.model.get_parameter(name).is_floating_point()


def _chosen(case: Case) -> list[Part]:
    """The layers to draw anew: all, or those that a finding about single layers names."""
    if case.condition == "nan":
        return [part for part in case.layers if _is_broken(case, part)]
    if case.condition in _LOCAL:
        return [part for part in case.parts if case.is_sick(part)] or case.parts
    return case.parts


def _is_broken(case: Case, part: Part) -> bool:
    names = [name for name in (part.weight, part.bias) if name]
    held = (
        [case.model.get_parameter(name) for name in names]
        if names
        else list(case.model.get_submodule(part.module).parameters())
    )
    return not all(torch.isfinite(p.detach()).all() for p in held)


def _draw(case: Case, part: Part, to: str) -> tuple[str, str]:
    """Comment and call that draw a weight whose layer is followed by the activation ``to``."""
    if to in _SLOPES:
        slope = _SLOPES[to]
        if to == "leaky_relu" and part.activation_module:
            module = case.model.get_submodule(part.activation_module)
            slope = float(getattr(module, "negative_slope", slope))
        kind = 'nonlinearity="relu"' if not slope else f"a={slope:g}"
        return "  # He, for ReLU and its kin", f"nn.init.kaiming_normal_({{w}}, {kind})"
    if to == "sigmoid":
        return "  # its slope is 1/4", "nn.init.xavier_normal_({w}, gain=4)"
    if to == "selu":
        return "  # LeCun", 'nn.init.kaiming_normal_({w}, nonlinearity="linear")'
    if to in ACTIVATIONS and to != "tanh":
        # Xavier's is the mean over both directions, and a gain keeps the forward one.
        return f"  # for {to}", f"nn.init.xavier_normal_({{w}}, gain={gain(to):.3f})"
    return "  # Xavier", "nn.init.xavier_normal_({w})"


def _orthogonal(to: str) -> tuple[str, str]:
    """Comment and call that draw an orthogonal weight in front of the activation ``to``."""
    if to in _SLOPES:
        factor = math.sqrt(2 / (1 + _SLOPES[to] ** 2))
    else:
        factor = {"sigmoid": 4.0, "tanh": 1.0, "selu": 1.0}.get(to) or (
            gain(to) if to in ACTIVATIONS else 1.0
        )
    scaled = f", gain={factor:.4g}" if factor != 1 else ""
    return (f"  # for {to}" if to else ""), f"nn.init.orthogonal_({{w}}{scaled})"


def _others(case: Case, chosen: Sequence[Part]) -> list[str]:
    """Code for layers that are no plain matrix."""
    code = []
    recurrent = [p.module for p in chosen if p.kind == "recurrent"]
    if recurrent:
        code.append(
            loop(
                recurrent,
                "for key, p in model.get_submodule(name).named_parameters():",
                '    draw = nn.init.orthogonal_ if "weight_hh" in key else nn.init.xavier_normal_',
                '    if "bias" in key:',
                "        nn.init.zeros_(p)",
                "        continue",
                "    hidden = model.get_submodule(name).hidden_size",
                "    for gate in p.data.split(hidden):",
                "        draw(gate)",
            )
        )
    attention = [p.module for p in chosen if p.kind == "attention"]
    if attention:
        code.append(
            loop(
                attention,
                "for p in model.get_submodule(name).parameters():",
                "    nn.init.xavier_normal_(p) if p.dim() > 1 else nn.init.zeros_(p)",
            )
        )
    tables = [p.weight for p in chosen if p.kind == "embedding" and _is_useless(case, p)]
    if tables:
        code.append(loop(tables, "nn.init.normal_(model.get_parameter(name), std=0.02)"))
    norms = _broken_norms(case) if case.condition == "nan" else []
    if norms:
        code.append(loop(norms, "model.get_submodule(name).reset_parameters()"))
    return code


def _is_useless(case: Case, part: Part) -> bool:
    """Whether an embedding's rows are all equal, or not finite; else they may be precious."""
    weight = case.model.get_parameter(part.weight).detach()
    return _is_broken(case, part) or bool((weight == weight[:1]).all())


def _broken_norms(case: Case) -> list[str]:
    known = {p.module for p in case.layers}
    return [
        name
        for name, module in case.model.named_modules()
        if name not in known
        and hasattr(module, "reset_parameters")
        and any(not torch.isfinite(p.detach()).all() for p in module.parameters(recurse=False))
    ]


def _biases(chosen: Sequence[Part]) -> list[str]:
    """Code that sets biases: to 0, or so that inputs from 0 to 1 act as if they were centred."""
    centred = [
        p
        for p in chosen
        if p.before == p.activation == "sigmoid" and p.module and p.kind == "linear" and p.bias
    ]
    plain = [p.bias for p in chosen if p.bias and p not in centred]
    code = [loop(plain, "nn.init.zeros_(model.get_parameter(name))")] if plain else []
    if centred:
        # sigmoid(z) = 1/2 + tanh(z / 2) / 2: centred, sigmoid layers at gain 4 are tanh layers.
        code.append(
            loop(
                [p.module for p in centred],
                "layer = model.get_submodule(name)  # its inputs are 1/2 on average",
                "layer.bias.data = -layer.weight.data.sum(1) / 2",
            )
        )
    return code
