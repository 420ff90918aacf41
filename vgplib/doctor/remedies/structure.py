"""Remedies that change what a model is made of; each is written as the Python to paste."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from vgplib.doctor.evidence.parts import MATRICES, Part, activation_name
from vgplib.doctor.remedies.case import (
    HAND_OVER,
    IMPORTS,
    REPLACE,
    Case,
    NotApplicable,
    loop,
    replaced,
)
from vgplib.doctor.remedies.treatment import treatment
from vgplib.doctor.remedies.weights import by_role

_FLAT = ("sigmoid", "tanh", "hardtanh", "hardsigmoid", "softsign", "logsigmoid", "relu6", "clamp")
_RELUS = ("relu", "relu6")
_MODULES = {"tanh": "nn.Tanh()", "relu": "nn.ReLU()", "leaky_relu": "nn.LeakyReLU(0.1)"}
_NORMS = tuple(
    getattr(nn, name)
    for name in ("LayerNorm", "GroupNorm", "RMSNorm", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d")
    if hasattr(nn, name)
)
_ENCODERS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)


@treatment(
    "swap activations for tanh",
    "Its slope is 1 at 0, four times a sigmoid's, and its values are bounded.",
)
def to_tanh(case: Case) -> str:
    """Swap activations for tanh, which is steep at 0 and cannot explode."""
    names = {p.activation for p in case.hidden} - {"tanh"}
    return _swap(case, tuple(names), "tanh")


@treatment(
    "swap activations for ReLU",
    "Its slope is 1 on half of all inputs; it may need a smaller learning rate.",
)
def to_relu(case: Case) -> str:
    """Swap saturating activations for ReLU."""
    return _swap(case, _FLAT, "relu")


@treatment(
    "swap ReLU for leaky ReLU",
    "A unit that is off still gets a gradient, and can come back.",
)
def to_leaky_relu(case: Case) -> str:
    """Swap ReLU for leaky ReLU, which is nowhere flat."""
    return _swap(case, _RELUS, "leaky_relu")


def _swap(case: Case, old: Sequence[str], new: str) -> str:
    affected = [p for p in case.hidden if p.activation in old]
    if case.condition in ("dead_relu", "saturation"):
        affected = [p for p in affected if case.is_sick(p)] or affected
    if not affected:
        raise NotApplicable(f"no hidden layer has an activation to swap for {new}")
    as_if = [replace(p, activation=new, activation_module="") for p in affected]
    draws = by_role(case, as_if)
    names = list(dict.fromkeys(p.activation_module for p in affected if p.activation_module))
    by_hand = [p.activation for p in affected if not p.activation_module]
    if by_hand:
        raise NotApplicable(
            "the activation is called in forward(), not held as a module",
            f"# In forward(), write torch.nn.functional.{new}(z) in place of {by_hand[0]}(z).\n"
            f"# Then draw the weights for it:\n{draws}",
        )
    return draws + "\n" + replaced(names, _MODULES[new])


@treatment(
    "put batch norm before the activations",
    "Each unit's inputs are brought to variance 1 over the batch (Ioffe & Szegedy 2015).",
)
def batch_norm(case: Case) -> str:
    """Put a batch norm between each hidden layer and its activation."""
    chosen = _without_norm(case)
    if any(p.batch == 1 for p in chosen):
        raise NotApplicable("a batch of one sample has no spread to normalise by")
    if any(p.kind == "linear" and p.dims > 2 for p in chosen):
        raise NotApplicable("its layers run on sequences, whose units are not the second dimension")
    return _insert(case, chosen, {0: "nn.BatchNorm1d", 3: "nn.BatchNorm1d", 4: "nn.BatchNorm2d"})


@treatment(
    "put layer norm before the activations",
    "Each sample's inputs are brought to variance 1 (Ba et al. 2016).",
)
def layer_norm(case: Case) -> str:
    """Put a layer norm between each hidden layer and its activation."""
    over_channels = "nn.GroupNorm(1, {n})"
    return _insert(
        case, _without_norm(case), {0: "nn.LayerNorm", 3: over_channels, 4: over_channels}
    )


def _without_norm(case: Case) -> list[Part]:
    if any(isinstance(m, _NORMS) for m in case.model.modules()):
        raise NotApplicable("it has normalisation layers already")
    chosen = [p for p in case.hidden if p.module]
    if not chosen:
        raise NotApplicable("no hidden layer is a module that a norm could stand behind")
    if any(p.steps > 1 for p in chosen):
        raise NotApplicable("its layers are used again and again: the norm would have to know when")
    return chosen


def _insert(case: Case, chosen: list[Part], norms: dict[int, str]) -> str:
    """Code that puts a norm behind each layer: by 0 for linear ones, else by dimensions."""
    groups: dict[str, list[str]] = {}
    for part in chosen:
        layer = case.model.get_submodule(part.module)
        convolves = part.kind == "conv"
        width = layer.out_channels if convolves else layer.out_features
        # Not seen to run, it has two dimensions: the class tells.
        dims = 2 + int(type(layer).__name__[-2]) if convolves else 0
        kind = norms.get(dims)
        if kind is None:
            raise NotApplicable(f"there is no such norm for {type(layer).__name__}")
        call = kind.format(n=width) if "{" in kind else f"{kind}({width})"
        groups.setdefault(call, []).append(part.module)
    code = [
        loop(
            names,
            "layer = model.get_submodule(name)",
            f"norm = {call}.to(layer.weight)",
            "new += norm.parameters()",
            *(line.format(new="nn.Sequential(layer, norm)") for line in REPLACE),
        )
        for call, names in groups.items()
    ]
    return "\n".join([IMPORTS, "new = []", *code, HAND_OVER])


_SKIP = '''class Skip(nn.Module):
    """What goes in is added to what comes out."""

    def __init__(self, *inner):
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x):
        return x + self.inner(x)

'''


@treatment(
    "lead a skip around each layer",
    "The signal has a way back on which nothing is multiplied (He et al. 2016).",
)
def skips(case: Case) -> str:
    """Lead the signal around layers, or blocks of layers, that keep its shape."""
    groups = _pairs(case)
    if not groups and case.cause in ("missing residual", "attention without skip"):
        groups = [[name] for name in _blocks(case)]
    if not groups:
        raise NotApplicable(
            "no hidden layer in an nn.Sequential has as many inputs as outputs",
            "# In forward(), where shapes allow, write x = x + block(x) in place of x = block(x).",
        )
    code = [IMPORTS, _SKIP]
    whole = [group[0] for group in groups if len(group) == 1]
    if whole:
        code.append(replaced(whole, "Skip(model.get_submodule(name))"))
    for size in sorted({len(group) for group in groups} - {1}):
        code.append(
            loop(
                [group[0] for group in groups if len(group) == size],
                'parent, _, leaf = name.rpartition(".")',
                "layers = model.get_submodule(parent)",
                f"i, n = list(layers._modules).index(leaf), {size}  # up to its activation",
                "layers[i] = Skip(*[layers[j] for j in range(i, i + n)])",
                "for j in range(i + 1, i + n):",
                "    layers[j] = nn.Identity()",
            )
        )
    return "\n".join(code)


def _pairs(case: Case) -> list[list[str]]:
    """Layers in an ``nn.Sequential`` that keep the shape, each up to its activation."""
    keep = {p.module for p in case.hidden if p.same_shape and p.module}
    found = []
    for name, module in case.model.named_modules():
        if not isinstance(module, nn.Sequential):
            continue
        prefix = f"{name}." if name else ""
        children = list(module._modules.items())
        for i, (key, _) in enumerate(children):
            if prefix + key not in keep:
                continue
            group = [prefix + key]
            for later, child in children[i + 1 :]:
                group.append(prefix + later)
                if activation_name(child):
                    found.append(group)
                    break
                if not isinstance(child, _NORMS):
                    break
    return found


def _blocks(case: Case) -> list[str]:
    """Children of one class, made of several modules, in a list: the blocks of a deep network."""
    found = []
    for name, module in case.model.named_modules():
        if isinstance(module, nn.ModuleList | nn.Sequential):
            children = [m for m in module.children() if list(m.children())]
            if len(children) > 1 and len({type(m) for m in children}) == 1:
                prefix = f"{name}." if name else ""
                found += [prefix + key for key, m in module._modules.items() if list(m.children())]
    return found


@treatment(
    "leave out the activation after the read-out",
    "An answer that is cut off at 0 can't learn from being too low.",
)
def drop_last_activation(case: Case) -> str:
    """Let the last layer answer without an activation."""
    last = case.readout
    if last is None or not last.activation:
        raise NotApplicable("no activation follows the last layer")
    if not last.activation_module:
        raise NotApplicable(
            "the activation is called in forward(), not held as a module",
            f"# In forward(), leave out {last.activation} behind the last layer.",
        )
    return IMPORTS + "\n" + replaced([last.activation_module], "nn.Identity()")


@treatment(
    "make residual branches smaller",
    "What many blocks add up to then stays near the size of what came in.",
)
def scale_branches(case: Case) -> str:
    """Make what each residual block adds smaller, by the root of the number of blocks."""
    blocks = _blocks(case)
    last = [
        next(
            (p.weight for p in reversed(case.parts) if _is_inside(p, block) and p.kind in MATRICES),
            "",
        )
        for block in blocks
    ]
    last = [name for name in last if name]
    if not last:
        raise NotApplicable(
            "no list of blocks was found",
            "# In forward(), write x = x + block(x) / n ** 0.5 for n blocks.",
        )
    return "\n".join([IMPORTS, loop(last, f"model.get_parameter(name).data /= {len(last)} ** 0.5")])


def _is_inside(part: Part, block: str) -> bool:
    return part.weight.startswith(f"{block}.")


@treatment(
    "normalise before each branch, not after the sum",
    "The skips then carry the signal past every norm (Xiong et al. 2020).",
)
def pre_norm(case: Case) -> str:
    """Normalise what goes into each branch, in place of the sum."""
    if not any(isinstance(m, _ENCODERS) and not m.norm_first for m in case.model.modules()):
        raise NotApplicable(
            "its blocks are not PyTorch's own",
            "# In forward(), write x = x + f(norm(x)) in place of x = norm(x + f(x)).",
        )
    return "\n".join(
        [
            IMPORTS,
            "for layer in model.modules():",
            "    if isinstance(layer, (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)):",
            "        layer.norm_first = True  # in a model of your own: x + f(norm(x))",
        ]
    )
