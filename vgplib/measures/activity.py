"""What activations make of their inputs: mean, spread, saturation, dead units."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vgplib.measures import calls
from vgplib.networks.activations import slope

if TYPE_CHECKING:
    from vgplib.measures.layer import Layer

SATURATED = 0.05  # of the largest slope
_MOST = 2**17  # entries that wait to be worked out together

# A softmax entry has slope p (1 - p), at most 1/4. Where even the largest probability has less
# than 5 % of that, the whole distribution is flat.
_CERTAIN = (1 + math.sqrt(1 - SATURATED)) / 2


@dataclass(slots=True)
class Counts:
    """Statistics over the entries of one layer's activations.

    Attributes:
        entries: How many.
        mean: Of phi(z).
        variance: Of phi(z).
        saturated: Share of entries with |phi'(z)| below 5 % of the largest slope.
        units: How many units.
        dead: Share of units with phi'(z) = 0 for the whole batch; NaN where there are none.
    """

    entries: int
    mean: float
    variance: float
    saturated: float
    units: int = 0
    dead: float = math.nan

    def __add__(self, other: Counts) -> Counts:
        """Both together, as where the gates of a cell are parts of one layer."""
        entries = self.entries + other.entries
        a, b = self.entries / entries, other.entries / entries
        mean = a * self.mean + b * other.mean
        squares = a * (self.variance + self.mean**2) + b * (other.variance + other.mean**2)
        units = self.units + other.units
        dead = [t.dead * t.units for t in (self, other) if t.units]
        return Counts(
            entries,
            mean,
            squares - mean**2,
            a * self.saturated + b * other.saturated,
            units,
            sum(dead) / units if units else math.nan,
        )


class _FromValue(NamedTuple):
    """A common activation whose slope follows from its value, without a graph.

    Attributes:
        slope: The slope from the value, or what is 0 where the slope is 0.
        flat: Below this the entry is in the flat part.
    """

    slope: Callable[[Tensor], Tensor]
    flat: float


FROM_VALUE: dict[Callable[..., Tensor], _FromValue] = {
    # ReLU's value stands for its slope, 0 or 1: both are 0 together. Nothing lies below this but 0.
    calls.ACTIVATIONS[torch.relu][0]: _FromValue(lambda h: h, 1e-45),
    calls.ACTIVATIONS[torch.tanh][0]: _FromValue(lambda h: 1 - h * h, SATURATED),
    calls.ACTIVATIONS[torch.sigmoid][0]: _FromValue(
        lambda h: torch.addcmul(h, h, h, value=-1), SATURATED / 4
    ),
}


class _Call(NamedTuple):
    """An activation with its other arguments, equal to another one if all of them are.

    Tensors are equal to themselves only: PReLU's slope is a weight of each layer's own.
    """

    function: Callable[..., Tensor]
    rest: tuple
    named: tuple[tuple[str, Any], ...]

    def __call__(self, z: Tensor) -> Tensor:
        return self.function(z, *self.rest, **dict(self.named))

    def has_weights(self) -> bool:
        """Whether a tensor decides about its shape, as in PReLU."""
        return any(isinstance(value, Tensor) for value in (*self.rest, *dict(self.named).values()))


@lru_cache(maxsize=256)
def _largest_slope(call: _Call) -> float:
    """The largest slope between -20 and 20, up or down."""
    return slope(call, torch.linspace(-20, 20, 40_001, dtype=torch.float64)).abs().max().item()


class Activity:
    """Collects the inputs of activations, and works them out many at a time where shapes agree."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._waiting: dict[Any, list[tuple[Layer, str, Tensor]]] = {}
        self._entries = 0

    def add(
        self,
        layer: Layer,
        name: str,
        function: Callable,
        z: Tensor,
        h: Tensor,
        rest: tuple,
        named: dict[str, Any],
    ) -> None:
        """Count ``h = function(z, *rest, **named)``, not in place, for ``layer`` under a name."""
        call: Any
        if function in FROM_VALUE:
            call, tensor = FROM_VALUE[function], h.detach()
        else:
            rest = tuple(value is not True and value for value in rest)  # without inplace=True
            named = {k: v for k, v in named.items() if k not in ("input", "inplace")}
            call, tensor = _Call(function, rest, tuple(named.items())), z.detach()
        if tensor.dim() == 1 < len(layer.shape):
            tensor = tensor[:, None]  # a number for each sample, as in a hinge: one unit
        channels = layer.channels if len(layer.shape) == tensor.dim() else -1
        key = (call, tensor.shape, tensor.dtype, tensor.device, channels)
        self._waiting.setdefault(key, []).append((layer, name, tensor))
        self._entries += tensor.numel()
        if self._entries > _MOST:
            self.finish()

    def add_softmax(self, layer: Layer, scores: Tensor, dim: int, masked: bool = True) -> None:
        """Count a softmax over ``dim``; a distribution saturates as a whole."""
        if scores.shape[dim] == 1:
            return  # there is nothing to choose from
        p = scores.softmax(dim, dtype=torch.promote_types(scores.dtype, torch.float32))
        certain = p.amax(dim) > _CERTAIN
        judged = certain.numel()
        if masked:
            # Where a mask leaves one choice, its probability is 1 by design.
            choices = (scores > torch.finfo(scores.dtype).min / 2).sum(dim) > 1
            certain &= choices
            judged = int(choices.sum())
        (moments,) = _moments(p[None])
        share = int(certain.sum()) / max(judged, 1)
        _credit(layer, "softmax", Counts(p.numel(), *moments, share))

    def add_attention(
        self,
        layer: Layer,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> None:
        """Count the softmax inside ``scaled_dot_product_attention``, which has its arguments."""
        if query.is_nested:
            return
        query, key = query.detach(), key.detach()
        if enable_gqa:
            key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
        scores = query @ key.transpose(-2, -1)
        scores *= 1 / math.sqrt(query.shape[-1]) if scale is None else scale
        if is_causal:
            allowed = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
            scores = scores.masked_fill(~allowed, -math.inf)
        if attn_mask is not None:
            if attn_mask.dtype == torch.bool:
                scores = scores.masked_fill(~attn_mask, -math.inf)
            else:
                scores = scores + attn_mask.detach()
        self.add_softmax(layer, scores, -1, masked=is_causal or attn_mask is not None)

    def finish(self) -> None:
        """Work out what waits."""
        for (call, *_, channels), group in self._waiting.items():
            counts = _counts(call, [z for *_, z in group], channels)
            for (layer, name, _), one in zip(group, counts, strict=True):
                _credit(layer, name, one)
        self._waiting.clear()
        self._entries = 0


def _credit(layer: Layer, name: str, one: Counts) -> None:
    before = layer.counts.get(name)
    layer.counts[name] = one if before is None else before + one


def _counts(call: _FromValue | _Call, tensors: list[Tensor], channels: int) -> list[Counts]:
    """Counts of each of some values, or else inputs, of one shape."""
    x = tensors[0][None] if len(tensors) == 1 else torch.stack(tensors)
    if x.dim() == 1:
        x = x[:, None]
    if x.dtype in (torch.float16, torch.bfloat16):
        x = x.float()
    if isinstance(call, _FromValue):
        h, flat = x, call.flat
        with torch.no_grad():
            slopes = call.slope(h)
    else:
        alone = call.has_weights()
        with torch.enable_grad():
            x.requires_grad_()
            # PReLU's weights belong to the second dimension, which a stack would move.
            h = torch.stack([call(one) for one in x]) if alone else call(x)
            (slopes,) = torch.autograd.grad(h.sum(), x)
        slopes.abs_()
        flat = SATURATED * ((0.0 if alone else _largest_slope(call)) or slopes.max().item())
    units = channels + 1 if channels > 0 else x.dim() + channels  # behind the stack's dimension
    others = [d for d in range(1, x.dim()) if d != units]
    steepest = (slopes.amax(others) if others else slopes).numpy(force=True)
    # NumPy compares and counts many times as fast as PyTorch.
    low = slopes.flatten(1).numpy(force=True) < flat
    entries, width = low.shape[1], steepest.shape[1]
    return [
        Counts(
            entries,
            *moment,
            int(np.count_nonzero(row)) / entries,
            width,
            int(np.count_nonzero(s == 0)) / width,
        )
        for moment, row, s in zip(_moments(h.detach()), low, steepest, strict=True)
    ]


def _moments(h: Tensor) -> list[tuple[float, float]]:
    """Mean and variance of what each first index has."""
    h = h.flatten(1)
    entries = h.shape[1]
    found = []
    lengths = torch.linalg.vector_norm(h, dim=1).tolist()
    for row, mean, length in zip(h, h.mean(1).tolist(), lengths, strict=True):
        square = length * length / entries
        variance = square - mean * mean
        # Where the difference is small, rounding would show: of what is far below its format's
        # range, of what is far above it, and of what hardly varies.
        if not (variance > 0.01 * square and 1e-30 < square < 1e30):
            wide = row.double()
            mean = wide.mean().item()
            variance = (torch.linalg.vector_norm(wide - mean) ** 2).item() / entries
        found.append((mean, variance))
    return found
