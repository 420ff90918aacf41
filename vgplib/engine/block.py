"""A block: a few networks of one shape in memory, computed side by side.

A matrix product of 64 x 64 x 64 takes microseconds, about as long as PyTorch needs to start it.
A block starts each product once for all of its networks (``torch.bmm``), works in buffers that
are there from the start, and is small enough that what one layer touches stays in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vgplib import errors
from vgplib.networks.activations import activation as find_activation

LARGEST = 32  # networks in a block: more win nothing
LAYER_BYTES = 2**20  # of one kind of matrix, for all networks of a block: several fit a cache

_aten = torch.ops.aten

# Activations whose slope follows from their value h, so that z needs no memory: the function in
# place, and PyTorch's own backward step from dloss/dh (g) to dloss/dz, in place as well.
_IN_PLACE: dict[str, tuple[Callable, Callable]] = {
    "linear": (lambda z: z, lambda g, h: g),
    "tanh": (torch.tanh_, lambda g, h: _aten.tanh_backward.grad_input(g, h, grad_input=g)),
    "sigmoid": (torch.sigmoid_, lambda g, h: _aten.sigmoid_backward.grad_input(g, h, grad_input=g)),
    "relu": (torch.relu_, lambda g, h: _aten.threshold_backward.grad_input(g, h, 0, grad_input=g)),
}


def in_place(activation: str | Callable[[Tensor], Tensor]) -> bool:
    """Whether a block applies this activation where its input stands."""
    return isinstance(activation, str) and activation in _IN_PLACE


@dataclass(frozen=True)
class Shape:
    """What networks of one block have in common; the words are those of ``FeedForward``.

    Attributes:
        inputs: Input features.
        width: Units in each hidden layer.
        depth: Hidden layers.
        batch: Inputs that go through together.
        outputs: Features of the read-out, or None for no read-out.
        bias: Whether layers have biases.
        dtype: Of weights and activations.

    Raises:
        ValueError: A number is not whole or below 1.
    """

    inputs: int
    width: int
    depth: int
    batch: int
    outputs: int | None = None
    bias: bool = True
    dtype: torch.dtype = torch.float64

    def __post_init__(self) -> None:
        for name in ("inputs", "width", "depth", "batch"):
            object.__setattr__(self, name, errors.whole(name, getattr(self, name)))
        if self.outputs is not None:
            object.__setattr__(self, "outputs", errors.whole("outputs", self.outputs))

    @property
    def fans(self) -> list[tuple[int, int]]:
        """``(fan_out, fan_in)`` of each linear layer, the read-out last."""
        hidden = [(self.width, self.inputs)] + [(self.width, self.width)] * (self.depth - 1)
        return hidden if self.outputs is None else [*hidden, (self.outputs, self.width)]

    @property
    def parameters(self) -> int:
        """The number of weights and biases of one network."""
        return sum(o * i + (o if self.bias else 0) for o, i in self.fans)

    @property
    def largest(self) -> int:
        """The entries of the largest matrix of one network: weights, inputs or activations."""
        return max(*(o * i for o, i in self.fans), *(self.batch * n for f in self.fans for n in f))

    @property
    def block(self) -> int:
        """How many networks are computed side by side: always as many, padded at the end.

        Fixed by the shape alone, so that no network's numbers depend on which others, or how
        many, are computed with it. BLAS takes another path for one matrix than for several, and
        entries at the end of a thread's share, which do not fill a pair of vector registers, are
        computed apart, sometimes with another last bit. Where a matrix does not fill whole pairs
        (128 bytes at most), each network is therefore a block of its own. With a number of
        threads that is no power of two, shares end anywhere, and last bits may differ.
        """
        size = self.dtype.itemsize
        matrices = {o * i for o, i in self.fans} | {self.batch * n for f in self.fans for n in f}
        if any(size * entries % 128 for entries in matrices):
            return 1
        fit = min(LARGEST, LAYER_BYTES // (size * self.largest))
        return 2 ** max(2, fit.bit_length() - 1)


class Block:
    """The parameters, activations and gradients of ``shape.block`` networks.

    Attributes:
        shape: Of the networks.
        parameters: All weights, then all biases, in one flat tensor.
        weights: Views of it, shape ``(block, fan_out, fan_in)``, one for each linear layer.
        biases: Views of it, shape ``(block, 1, fan_out)``; empty where there are none.
        x: The inputs of the next :meth:`forward`, shape ``(block, batch, inputs)``.
    """

    def __init__(
        self,
        shape: Shape,
        activation: str | Callable[[Tensor], Tensor],
        device: torch.device | str = "cpu",
    ) -> None:
        """Reserve the memory; parameters are 0.

        Args:
            shape: Of the networks.
            activation: A name in ``ACTIVATIONS``, or a function that works entry by entry.
            device: Where to compute.

        Raises:
            ValueError: There is no activation of that name.
        """
        self.shape = shape
        self._function: Callable[[Tensor], Tensor] = (
            find_activation(activation).function if isinstance(activation, str) else activation
        )
        self._in_place = _IN_PLACE[activation] if in_place(activation) else None
        self._options = {"dtype": shape.dtype, "device": device}
        self.parameters, self.weights, self.biases = self.parameter_buffer()
        rows = (shape.block, shape.batch)
        self.x = torch.empty(*rows, shape.inputs, **self._options)
        self._z = [torch.empty(*rows, fan_out, **self._options) for fan_out, _ in shape.fans]
        self._h: list[Tensor] = []  # each layer's input, and the output
        self._graphs: list[tuple[Tensor, Tensor]] = []  # (z, phi(z)) for automatic differentiation
        self._back = [torch.empty(*rows, shape.width, **self._options) for _ in range(2)]

    def parameter_buffer(self) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Zeros for one number per parameter: flat, and as views like weights and biases."""
        k, fans = self.shape.block, self.shape.fans
        sizes = [(k, o, i) for o, i in fans] + [(k, 1, o) for o, _ in fans if self.shape.bias]
        lengths = [a * b * c for a, b, c in sizes]
        flat = torch.zeros(sum(lengths), **self._options)
        views = [part.view(s) for part, s in zip(flat.split(lengths), sizes, strict=True)]
        return flat, views[: len(fans)], views[len(fans) :]

    def forward(self) -> Tensor:
        """Send the inputs through; returns the outputs, shape ``(block, batch, outputs)``."""
        self._h, self._graphs = [self.x], []
        for layer, z in enumerate(self._z):
            self.linear(layer, self._h[-1], out=z)
            self._h.append(self._remembered(z) if layer < self.shape.depth else z)
        return self._h[-1]

    def linear(self, layer: int, h: Tensor, out: Tensor) -> Tensor:
        """``h W^T + b`` of one layer, into ``out``."""
        weight = self.weights[layer].transpose(1, 2)
        if self.shape.bias:
            return torch.baddbmm(self.biases[layer], h, weight, out=out)
        return torch.bmm(h, weight, out=out)

    def backward(self, gradient: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Send ``gradient`` back through the networks of the last :meth:`forward`.

        Args:
            gradient: dloss/doutput, shape ``(block, batch, outputs)``; it is overwritten.

        Yields:
            Layer, dloss/dz at it and the layer's input, from the last layer to the first. They
            hold until the next step.
        """
        gradient = gradient.contiguous()
        for layer in reversed(range(len(self.weights))):
            if layer < self.shape.depth:
                gradient = self._through_activation(layer, gradient)
            h = self._h[layer]
            yield layer, gradient, h
            if layer:
                gradient = torch.bmm(gradient, self.weights[layer], out=self._back[layer % 2])

    def activate(self, z: Tensor) -> Tensor:
        """phi(z), which may overwrite ``z``."""
        return self._in_place[0](z) if self._in_place else self._function(z)

    def spread(self, values: list[float]) -> Tensor:
        """One value for each network, as a flat tensor with one number per parameter."""
        flat, weights, biases = self.parameter_buffer()
        each = torch.tensor(values, dtype=torch.float64).view(-1, 1, 1)
        for part in (*weights, *biases):
            part.copy_(each)
        return flat

    def _remembered(self, z: Tensor) -> Tensor:
        """phi(z), with what :meth:`backward` will need."""
        if self._in_place:
            return self.activate(z)
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            self._graphs.append((z, self._function(z)))
        return self._graphs[-1][1].detach()

    def _through_activation(self, layer: int, gradient: Tensor) -> Tensor:
        if self._in_place:
            return self._in_place[1](gradient, self._h[layer + 1])
        z, h = self._graphs.pop()
        return torch.autograd.grad(h, z, gradient)[0]
