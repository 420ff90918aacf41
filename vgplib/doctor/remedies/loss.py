"""Remedies between the parameters and the loss; each is written as the Python to paste."""

from __future__ import annotations

from torch import nn

from vgplib.doctor.remedies.case import IMPORTS, Case, NotApplicable, replaced
from vgplib.doctor.remedies.treatment import treatment

_MODE_IMPORT = "import torch\nfrom torch.overrides import TorchFunctionMode\n"


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
        f"{IMPORTS}\n# Leave out the last sigmoid (softmax) ...\n{end}\n"
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
        "# For two classes and one logit: loss = F.binary_cross_entropy_with_logits(model(x), y).\n"
        "# A softmax over one logit is always 1, a layer norm over one unit always its bias.\n"
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
        "# Look for clamp, minimum and maximum on the loss, and leave them out. Against steps\n"
        "# that are too long there is torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).",
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
