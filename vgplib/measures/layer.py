"""One run of one layer, as it is recorded."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from vgplib.measures.norms import norm

if TYPE_CHECKING:
    from vgplib.measures.activity import Counts

# Kinds that multiply by a matrix of weights: they make up the depth of a network.
MATRICES = ("linear", "conv", "attention")
# Entries up to which a layer's gradient is kept until the end, to be read together with others.
SMALL = 2**15


@dataclass(slots=True, eq=False)
class Layer:
    """One run of one layer; what is not known stays NaN or None.

    Attributes:
        index: Its place in the order in which layers ran.
        name: Of the module, or of the parameter where no module stands for it.
        kind: linear, conv, recurrent, attention, embedding, norm or scale.
        weights: The weights it ran with.
        shape: Of its output z.
        channels: Which dimension of z counts the units.
        source: The layer that its input comes from; of several, the one that ran last.
        merged: Layers whose outputs were put together with what comes from this one.
        output: Norm of z.
        steps: Of a recurrent layer: norms of dloss/dx_t, oldest first.
        counts: What each activation that follows made of z, or of a part of it, by name.
        activation: That activation's name; of several, the first one's.
        trouble: "input" or "output" where that is not finite.
        signal: Norm of dloss/dz; NaN where the loss does not depend on z.
        has_signal: Whether the loss depends on z.
        edges: Where the backward pass is to bring dloss/dz, for the caller to fill
            ``gradients``.
        gradients: What it brought; of a recurrent layer, also to its last states.
        kept: z, until its norm is read.
        inputs: What went in, until then.
        use: The view of the weight that stood for it in this run, and later its gradient.
    """

    index: int
    name: str
    kind: str
    weights: list[Tensor]
    shape: torch.Size
    channels: int
    source: Layer | None
    merged: set[Layer] = field(default_factory=set)
    output: float = math.nan
    steps: Sequence[float] = ()
    counts: dict[str, Counts] = field(default_factory=dict)
    activation: str = ""
    trouble: str = ""
    signal: float = math.nan
    has_signal: bool = False
    edges: Sequence[GradientEdge] = ()
    gradients: Sequence[Tensor | None] = ()
    kept: Tensor | None = None
    inputs: Any = None
    use: Tensor | None = None

    def works_on(self, other: Layer) -> bool:
        """Whether what another layer put out before is on a way to this one."""
        seen: set[Layer] = set()
        stack = [self.source]
        while stack:
            layer = stack.pop()
            if layer is other:
                return True
            if layer is not None and layer.index > other.index and layer not in seen:
                seen.add(layer)
                stack += [layer.source, *layer.merged]
        return False

    def read_output(self) -> None:
        """Read z now, since it is large or about to be changed."""
        if self.kept is not None:
            self.judge(norm(self.kept.detach()))

    def judge(self, output: float) -> None:
        """Note the norm of z, and where it went wrong if it is not finite."""
        self.output, self.kept = output, None
        if not math.isfinite(output):
            known = isinstance(self.inputs, Tensor) and not self.inputs.isfinite().all()
            self.trouble = "input" if known else "output"
        self.inputs = None

    def reader(self, output: int) -> Callable[[tuple[Tensor, ...]], None]:
        """What to call with the gradients of a function's outputs, of which z is the given one."""

        def read(gradients: tuple[Tensor, ...]) -> None:
            if gradients[output] is not None:
                self.receive(norm(gradients[output]))

        return read

    def receive(self, value: float) -> None:
        """Count the norm of the gradient at one of its outputs."""
        self.signal = math.hypot(self.signal, value) if self.has_signal else value
        self.has_signal = True

    def count(self, *names: str) -> Counts | None:
        """What activations of these names, or all that follow, made of z; None if none does."""
        found = [t for name, t in self.counts.items() if name in names or not names]
        return functools.reduce(operator.add, found) if found else None

    @property
    def units(self) -> int:
        """How many units z has; 1 where no dimension counts them."""
        return self.shape[self.channels] if len(self.shape) >= abs(self.channels) else 1

    @property
    def entries(self) -> int:
        """How many numbers z has."""
        return self.shape.numel()


def owners(parameter: str) -> tuple[str, str]:
    """The names that the layer of a parameter may have: the parameter's own, or its module's."""
    return parameter, parameter.rpartition(".")[0]
