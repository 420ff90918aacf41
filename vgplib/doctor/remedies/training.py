"""Remedies that change how a model is trained; each is written as the Python to paste."""

from __future__ import annotations

import torch
from torch import nn

from vgplib.doctor.remedies.case import Case, NotApplicable, loop, replaced
from vgplib.doctor.remedies.treatment import treatment

EXTRA_STEPS = 270  # with the trial's own 30, ten times as many

_NN_IMPORT = "import torch\nfrom torch import nn\n"
_MODE_IMPORT = "import torch\nfrom torch.overrides import TorchFunctionMode\n"


@treatment(
    "let the frozen parameters learn",
    "Without requires_grad a parameter gets no gradient.",
)
def unfreeze(case: Case) -> str:
    """Let frozen parameters learn."""
    frozen = [name for name, p in case.model.named_parameters() if not p.requires_grad]
    named = [n for n in frozen if any(n == w or n.startswith(f"{w}.") for w in case.where)]
    frozen = [n for n in named or frozen if case.model.get_parameter(n).is_floating_point()]
    if not frozen:
        raise NotApplicable("no parameter is frozen")
    return "\n".join(
        [
            loop(frozen, "model.get_parameter(name).requires_grad_()"),
            "if optimizer:",
            '    held = {id(p) for group in optimizer.param_groups for p in group["params"]}',
            "    new = [p for p in model.parameters() if p.requires_grad and id(p) not in held]",
            "    if new:",
            '        optimizer.add_param_group({"params": new})',
        ]
    )


@treatment(
    "compute in float32",
    "It reaches from 1e-38 to 3e38, float16 from 6e-8 to 65504.",
)
def float32(case: Case) -> str:
    """Compute in float32."""
    if _has_weights_in(case, torch.float16, torch.bfloat16):
        return f"import torch\n\nmodel.float()\n{_cast('torch.float32')}"
    return "import torch\n\n# Or leave out torch.autocast where you use it." + _autocast(
        case, "enabled=False"
    )


@treatment(
    "compute in bfloat16",
    "It has float32's range, at fewer digits.",
)
def bfloat16(case: Case) -> str:
    """Compute in bfloat16, which has float32's range."""
    if _has_weights_in(case, torch.float16):
        return f"import torch\n\nmodel.bfloat16()\n{_cast('torch.bfloat16')}"
    return (
        "import torch\n\n# Or say dtype=torch.bfloat16 where you use torch.autocast."
        + _autocast(case, "dtype=torch.bfloat16")
    )


@treatment(
    "scale the loss, and gradients back",
    "Small gradients are moved into float16's range on their way (Micikevicius et al. 2018).",
)
def loss_scale(case: Case) -> str:
    """Multiply the loss, and with it all gradients, and divide those again before the step."""
    masters = ""
    if _has_weights_in(case, torch.float16):
        masters = "\nmodel.float()  # weights in float32, the computation in float16"
        masters += _autocast(case, "dtype=torch.float16") + "\n"
    return f"""import torch
{masters}
scale = 1024.0  # torch.amp.GradScaler finds it by itself


def loss(model, plain=loss):
    return scale * plain(model).float()


class Unscaled(type(optimizer)):
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad /= scale
        return super().step(closure)


optimizer.__class__ = Unscaled"""


@treatment(
    "clip the gradient's norm",
    "It caps the length of a step (Pascanu et al. 2013). It makes no gradient larger, and "
    "leaves the ratio between layers as it is.",
)
def clip(case: Case) -> str:
    """Cap the norm of the gradient."""
    # A class, not a hook: copies of the optimizer keep it.
    return """import torch


class Clipped(type(optimizer)):
    def step(self, closure=None):
        # The same as this between loss.backward() and optimizer.step():
        held = [p for group in self.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(held, max_norm=1.0)
        return super().step(closure)


optimizer.__class__ = Clipped"""


@treatment(
    "lower the learning rate",
    "Steps then stay where the gradient is still right.",
)
def lr_down(case: Case) -> str:
    """Search for a smaller learning rate."""
    return _search("[10.0**-k for k in range(1, 7)]")


@treatment(
    "raise the learning rate",
    "Steps then change something.",
)
def lr_up(case: Case) -> str:
    """Search for a larger learning rate."""
    return _search("[10.0**k for k in range(1, 9)]")


def _search(factors: str) -> str:
    return f"""import copy
import math


def loss_after(factor, steps=10):
    m, o = copy.deepcopy((model, optimizer))
    for group in o.param_groups:
        group["lr"] = group["lr"] * factor
    for _ in range(steps):
        o.zero_grad()
        loss(m).backward()
        o.step()
    value = loss(m).item()
    return value if math.isfinite(value) else math.inf


best = min({factors}, key=loss_after)
for group in optimizer.param_groups:
    group["lr"] = group["lr"] * best"""


@treatment(
    "train with Adam",
    "It divides each gradient by its own size, so that small ones count (Kingma & Ba 2015). "
    "The signal is as it was.",
)
def adam(case: Case) -> str:
    """Divide each parameter's gradient by its own size."""
    if isinstance(case.optimizer, torch.optim.Adam | torch.optim.AdamW):
        raise NotApplicable("it is trained with Adam already")
    return """import torch

optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)"""


@treatment(
    "take ten times as many steps",
    "More steps of nothing are nothing, however fast the machine.",
)
def more_steps(case: Case) -> str:
    """Train ten times as long: what a faster machine can do."""
    return f"""import torch

optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range({EXTRA_STEPS}):
    optimizer.zero_grad()
    loss(model).backward()
    optimizer.step()"""


@treatment(
    "let gradients pass straight through flat operations",
    "Rounding has slope 0; backwards, it is taken for the identity (Bengio et al. 2013).",
)
def straight_through(case: Case) -> str:
    """Backwards, take operations that are flat everywhere for the identity."""
    return (
        _MODE_IMPORT
        + '''

class StraightThrough(TorchFunctionMode):
    """To see whether it helps; then write x + (torch.round(x) - x).detach() in your own code."""

    FLAT = ("round", "sign", "floor", "ceil", "trunc", "clamp", "clip", "hardtanh")

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func.__name__ in self.FLAT and out.is_floating_point():
            return args[0] + (out - args[0]).detach()
        return out


def loss(model, plain=loss):
    with StraightThrough():
        return plain(model)'''
    )


@treatment(
    "let the loss apply the last sigmoid or softmax",
    "Cross-entropy on logits cancels the flat slope: a wrong answer gets a strong signal.",
)
def loss_choice(case: Case) -> str:
    """Let the loss apply the last sigmoid: always by hand, since a loss is a choice."""
    last = [n for n, m in case.model.named_modules() if isinstance(m, nn.Sigmoid | nn.Softmax)]
    end = replaced(last[-1:], "nn.Identity()") if last else "# ... and without it in forward()."
    raise NotApplicable(
        "which loss is right is not for the doctor to say",
        f"{_NN_IMPORT}\n# Leave out the last sigmoid (softmax) ...\n{end}\n"
        "# ... and let the loss apply it: criterion(model(x), y); for softmax, CrossEntropyLoss.\n"
        "criterion = nn.BCEWithLogitsLoss()",
    )


@treatment(
    "normalise over more than one number",
    "A softmax or a norm of a single number gives the same, whatever that is.",
)
def wider_axis(case: Case) -> str:
    """Find the axis of size 1: always by hand."""
    raise NotApplicable(
        "only you can know which axis was meant",
        "# A softmax over one logit is always 1, a layer norm over one unit always its bias.\n"
        "# For two classes and one logit: loss = F.binary_cross_entropy_with_logits(model(x), y).\n"
        "# Else look for softmax(dim), LayerNorm and x - x.mean(dim) where that axis has size 1.",
    )


@treatment(
    "let the loss go where it goes",
    "Beyond the bound of a clamp, nothing changes the loss, so nothing is learned.",
)
def unclamp(case: Case) -> str:
    """Take away the clamp: always by hand."""
    raise NotApplicable(
        "the bound is in your loss, which the doctor cannot look into",
        "# Look for clamp, minimum and maximum on the loss, and leave them out. Against steps that\n"
        "# are too long there is torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).",
    )


@treatment(
    "find what multiplies by 0",
    "0 times anything is 0, and so is its gradient.",
)
def find_zero(case: Case) -> str:
    """Find the factor: always by hand."""
    raise NotApplicable(
        "only you can know what the factor should be",
        "# Something that is 0 everywhere is multiplied with what the parameters give: print your\n"
        "# masks, weights of samples and of losses, and advantages, and see which of them is 0.",
    )


@treatment(
    "connect the loss to the parameters",
    "A gradient flows only through operations that autograd has recorded.",
)
def connect(case: Case) -> str:
    """Find where the loss is cut off from the parameters: always by hand."""
    raise NotApplicable(
        "only you can know which way the loss was meant to reach them",
        """import torch

value = loss(model)
wanted = {name: p for name, p in model.named_parameters() if p.requires_grad}
if value.requires_grad:
    gradients = torch.autograd.grad(value, list(wanted.values()), allow_unused=True)
else:
    gradients = [None] * len(wanted)
for name, gradient in zip(wanted, gradients):
    if gradient is None:
        print("the loss does not reach", name)
# On its way look for detach(), .data, .item(), .numpy(), torch.no_grad(), torch.tensor(h) and
# argmax, and for modules that forward() never calls.""",
    )


def _has_weights_in(case: Case, *dtypes: torch.dtype) -> bool:
    return any(p.dtype in dtypes for p in case.model.parameters())


def _autocast(case: Case, how: str) -> str:
    """Code that runs the model's forward pass in another format."""
    device = next((p.device.type for p in case.model.parameters()), "cpu")
    # A class, not a function in the place of ``forward``: copies of the model keep it.
    return f"""


class Cast(type(model)):
    def forward(self, *args, **kwargs):
        with torch.autocast("{device}", {how}):
            return super().forward(*args, **kwargs)


model.__class__ = Cast"""


def _cast(dtype: str) -> str:
    return f"""

def cast(value):
    is_float = torch.is_tensor(value) and value.is_floating_point()
    return value.to({dtype}) if is_float else value


# Or hand over data of that type.
model.register_forward_pre_hook(
    lambda module, args, kwargs: (
        tuple(map(cast, args)),
        {{key: cast(value) for key, value in kwargs.items()}},
    ),
    with_kwargs=True,
)"""
