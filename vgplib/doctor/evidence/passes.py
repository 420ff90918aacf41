"""One forward and one backward pass over a copy, and what was seen of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn

from vgplib.doctor.evidence.graph import additions
from vgplib.doctor.evidence.layer_statistics import StatisticsReader, duplicate_share
from vgplib.measures.layer import MATRICES, Layer, owners
from vgplib.measures.layers import observe
from vgplib.measures.preserve import left_as_they_were
from vgplib.measures.report import Parameter, report

if TYPE_CHECKING:
    import xarray as xr


@dataclass
class Pass:
    """One forward and one backward pass.

    Attributes:
        data: As ``vgp.measure`` reports it.
        layers: As they ran.
        statistics: What else was seen of them.
        parameters: With the norms of their gradients.
        states: Of each parameter's gradient, as ``grad_state`` of ``vgp.measure``.
        duplicates: Share of a weight's units that are copies of each other; by parameter.
        zeros: Share of exact zeros in the gradients of weights.
    """

    data: xr.Dataset
    layers: list[Layer]
    statistics: StatisticsReader
    parameters: list[Parameter]
    states: dict[str, str]
    duplicates: dict[str, float]
    zeros: float

    @property
    def is_finite(self) -> bool:
        """Whether no Inf or NaN was met."""
        return not self.data.attrs["first_non_finite"]

    @property
    def matrices(self) -> list[Layer]:
        """The layers that multiply by a matrix of weights."""
        return [layer for layer in self.layers if layer.kind in MATRICES]

    def runs_of(self, parameter: str) -> list[Layer]:
        """The layers that ran with a parameter of this name."""
        return [layer for layer in self.layers if layer.name in owners(parameter)]


def run_pass(model: nn.Module, loss: Callable) -> tuple[Pass, int]:
    """One pass over a copy, which is left as it was; and how many places add up two paths."""
    modules = dict(model.named_modules())
    reader = StatisticsReader(modules)
    adds = 0

    def counted(model: nn.Module) -> Tensor:
        nonlocal adds
        value = loss(model)
        adds = additions(value) if isinstance(value, Tensor) else 0
        return value

    with left_as_they_were(list(modules.values())):
        try:
            with reader.at_inputs(model):
                seen = observe(modules, counted, model, reader.take, reader.leaves)
        except RuntimeError:  # some set requires_grad on their inputs themselves
            reader = StatisticsReader(modules)
            seen = observe(modules, counted, model, reader.take)
    reader.modules = {}  # or the copy would live as long as what was seen of it
    named = [p for p in seen.parameters if p.gradient is not None and p.tensor.dim() > 1]
    # Rows of embeddings, and of parameters that no layer multiplies by, are no units.
    own = {y.name for y in seen.layers if y.kind not in ("embedding", "scale", "norm")}
    units = [p for p in named if not own.isdisjoint(owners(p.name))]
    copies = {p.name: duplicate_share(p.tensor, p.gradient) for p in units}
    dense = [p.gradient for p in named if not p.gradient.is_sparse]  # type: ignore[union-attr]
    zeros = sum((g == 0).sum().item() for g in dense)  # type: ignore[union-attr]
    entries = sum(g.numel() for g in dense)  # type: ignore[union-attr]
    data = report(model, seen.layers, seen.parameters, seen.loss)
    states = {p.name: p.state() for p in seen.parameters}
    for parameter in seen.parameters:  # shapes are still asked for; the memory is not
        parameter.gradient, parameter.tensor = None, parameter.tensor.detach().to("meta")
    for layer in seen.layers:
        layer.use, layer.weights = None, [w.detach().to("meta") for w in layer.weights]
    return Pass(
        data, seen.layers, reader, seen.parameters, states, copies, zeros / max(entries, 1)
    ), adds
