"""What the doctor looks at in each layer besides what ``vgp.measure`` reports."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from vgplib.doctor.evidence.recurrent_saturation import flat_share
from vgplib.measures.layer import Layer
from vgplib.measures.norms import norm

_FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass
class LayerStatistics:
    """One layer's input and output.

    Attributes:
        dtype: Of the output.
        largest: Largest magnitude of the input.
        size: Its RMS.
        samples: How many samples each unit saw: the batch, times places or tokens.
        apart: How far the samples are from their mean, relative to their size (RMS over RMS):
            0 where all have become one vector. NaN for a single sample.
        tokens_apart: The same for the tokens of a sequence; NaN where there is no sequence.
        flat: Of a recurrent layer: see :func:`flat_share`. NaN for others.
    """

    dtype: torch.dtype
    largest: float
    size: float
    samples: int
    apart: float
    tokens_apart: float
    flat: float


@dataclass
class StatisticsReader:
    """Reads every layer of one pass, and the gradients at the model's inputs.

    Attributes:
        modules: Of the model, by name.
        layers: By layer.
        leaves: Stand-ins for the model's inputs, which the backward pass must reach.
        input_signals: Norms of dloss/dx at the floating-point inputs x, as they arrived.
    """

    modules: dict[str, nn.Module]
    layers: dict[Layer, LayerStatistics] = field(default_factory=dict)
    leaves: list[Tensor] = field(default_factory=list)
    input_signals: list[float] = field(default_factory=list)

    def take(self, layer: Layer, inputs: Any, z: Tensor) -> None:
        """Read one layer as it runs."""
        h = inputs.detach() if isinstance(inputs, Tensor) else z
        apart = tokens = math.nan
        if h.dtype in _FLOATING and h.dim() > 1 and not h.is_nested and h.numel():
            apart = spread(h)
            if h.dim() == 3 and layer.kind != "conv":
                # Which of the two counts the batch is not known; a batch of one tells nothing.
                tokens = min(
                    (s for s in (spread(h), spread(h.transpose(0, 1))) if s == s), default=math.nan
                )
        told = h.dtype in _FLOATING and h.numel() > 0
        largest = h.abs().max().item() if told else math.nan
        size = norm(h) / math.sqrt(h.numel()) if told else math.nan
        flat = math.nan
        if layer.kind == "recurrent" and isinstance(inputs, Tensor) and layer.name in self.modules:
            flat = flat_share(self.modules[layer.name], inputs)
        samples = z.numel() // max(layer.units, 1)
        self.layers[layer] = LayerStatistics(z.dtype, largest, size, samples, apart, tokens, flat)

    @contextmanager
    def at_inputs(self, model: nn.Module) -> Iterator[None]:
        """Read the gradient at every floating-point input of the model inside."""
        handle = model.register_forward_pre_hook(self._stand_in, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()

    def _stand_in(self, _model: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        return tuple(map(self._asked, args)), {k: self._asked(v) for k, v in kwargs.items()}

    def _asked(self, value: Any) -> Any:
        plain = type(value) is Tensor and value.dtype in _FLOATING and torch.is_grad_enabled()
        if not plain or value.is_nested or value.is_sparse:
            return value
        if not value.requires_grad:
            leaf = value.detach().requires_grad_()
            self.leaves.append(leaf)
            value = leaf
        use = value.view_as(value)
        use.register_hook(lambda gradient: self.input_signals.append(norm(gradient.detach())))
        return use


def spread(h: Tensor) -> float:
    """Distance of the rows of ``h`` (first dimension) from their mean, relative to their size."""
    if h.shape[0] < 2:
        return math.nan
    flat = h.flatten(1).double() if h.numel() <= 2**16 else h.flatten(1).float()
    size = torch.linalg.vector_norm(flat).item()
    if not 0 < size < math.inf:
        return math.nan
    return torch.linalg.vector_norm(flat - flat.mean(0)).item() / size


def duplicate_share(weight: Tensor, gradient: Tensor | None) -> float:
    """Share of units (first dimension) whose weights and gradients equal another unit's."""
    if weight.dim() < 2 or weight.shape[0] < 2 or gradient is None or gradient.is_sparse:
        return 0.0
    rows = torch.cat([_scaled(weight.detach()), _scaled(gradient)], 1)
    rows = rows[:_UNITS]
    # Seen from a few random directions, copies stand in one place and others do not.
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(rows.shape[1], 4, generator=generator).to(rows)
    places = rows @ directions
    places = places[places[:, 0].argsort()]
    close = (places[1:] - places[:-1]).abs().amax(1) < 1e-5 * math.sqrt(rows.shape[1])
    no = close.new_zeros(1)
    return (torch.cat([close, no]) | torch.cat([no, close])).double().mean().item()


_UNITS = 1024  # that are compared; in a layer of copies they are enough


def _scaled(tensor: Tensor) -> Tensor:
    flat = tensor.flatten(1).float()
    largest = flat.abs().max()
    return flat / largest if largest > 0 else flat
