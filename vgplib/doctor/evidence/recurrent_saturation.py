"""How much of the tanh inside recurrent layers is flat, which PyTorch computes out of sight."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vgplib.measures.activity import SATURATED

_STEPS, _SAMPLES = 100, 16  # that are looked at: enough for a share


def flat_share(layer: nn.Module, inputs: Tensor) -> float:
    """Share of entries of the candidate, tanh(...), with a slope below 5 % of the largest.

    The candidate is what a step would write: the new state of ``nn.RNN``, g of an LSTM, n of a
    GRU. Gates are left out, since one that is wide open or shut may be so by design.

    Args:
        layer: A recurrent layer, of which the first layer's first direction is looked at, from a
            state of 0; or a cell, as if its state were 0.
        inputs: What goes in, packed or not.

    Returns:
        NaN where there is no tanh inside.
    """
    whole = isinstance(layer, nn.RNNBase)
    if not whole and not isinstance(layer, nn.RNNCellBase):
        return math.nan
    if getattr(layer, "nonlinearity", "tanh") != "tanh":
        return math.nan
    end = "_l0" if whole else ""
    names = "weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"
    w, u, b, c, project = (getattr(layer, f"{name}{end}", None) for name in names)
    x = inputs.detach()
    if whole and x.dim() == 3:
        steps = x.transpose(0, 1) if layer.batch_first else x
        steps = steps[:_STEPS, :_SAMPLES]
    else:  # a packed sequence, whose samples are not told apart, or one step of a cell
        steps = x.reshape(1, -1, x.shape[-1])[:, : _STEPS * _SAMPLES]
    state = steps.new_zeros(steps.shape[1], u.shape[1])
    memory = steps.new_zeros(1)
    flat = 0
    with torch.no_grad():
        for step in steps:
            ours, past = F.linear(step, w, b), F.linear(state, u, c)
            if "LSTM" in type(layer).__name__:
                write, keep, new, show = (ours + past).chunk(4, -1)
                candidate = new.tanh()
                memory = keep.sigmoid() * memory + write.sigmoid() * candidate
                state = show.sigmoid() * memory.tanh()
                state = state if project is None else F.linear(state, project)
            elif "GRU" in type(layer).__name__:
                (reset, keep, new), (r, z, n) = ours.chunk(3, -1), past.chunk(3, -1)
                candidate = (new + (reset + r).sigmoid() * n).tanh()
                state = torch.lerp(candidate, state, (keep + z).sigmoid())
            else:
                state = candidate = (ours + past).tanh()
            flat += int((1 - candidate.float() ** 2 < SATURATED).sum())
    return flat / max(steps.shape[0] * candidate.numel(), 1)
