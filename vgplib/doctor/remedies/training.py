"""Remedies that change how a model is trained; each is written as the Python to paste."""

from __future__ import annotations

import torch

from vgplib.doctor.remedies.case import Case, NotApplicable, loop
from vgplib.doctor.remedies.treatment import treatment

EXTRA_STEPS = 270  # with the trial's own 30, ten times as many


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
