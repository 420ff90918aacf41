"""Reading every backward pass of a training loop, while it runs and whoever runs it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Variable
from torch.nn.modules.module import register_module_forward_hook
from torch.utils.hooks import RemovableHandle

from vgplib.measures.layer import SMALL
from vgplib.measures.norms import norm, norms
from vgplib.measures.record import weighted


class Passes:
    """What the layers of a model got back, summed over the backward passes since :meth:`clear`.

    Layers are the modules that hold weights themselves, as :class:`vgp.record` has them. What
    runs without gradients, such as an evaluation, leaves no trace, and neither does a forward
    pass through which nothing comes back.

    Attributes:
        only: If set, the one layer to read, so that passes are noticed at little cost.
        count: How many backward passes have ended.
        ran: Whether a layer has run, and nothing has come back since.
        signal: Layer -> norm of dloss/dz over all of its runs, in the order of the forward pass.
        peak: Layer -> largest absolute entry of its output z.
        weight_grad: Layer -> norm of its weights' ``.grad`` at the end of the last pass.
        not_finite: The layer where an Inf or NaN came up, and the cause, "" if it is not known;
            None if all is finite. The layer is "" where it was the loss.
    """

    def __init__(self, model: nn.Module, begin: Callable[[], None]) -> None:
        """Prepare to read ``model``.

        Args:
            model: Any network.
            begin: Called at the start of every backward pass that reaches a layer.
        """
        self._begin = begin
        layers = weighted(model)
        self._weights = {name: weights for name, (_, weights) in layers.items()}
        self._names = {module: name for name, (module, _) in layers.items()}
        self._parameters = list(model.parameters())
        self._handle: RemovableHandle | None = None
        self._task = -1
        self.only = ""
        self.clear()

    def clear(self) -> None:
        """Forget everything that was read."""
        self._arrived: list[tuple[str, Tensor | float, tuple[Tensor, Tensor]]] = []
        self.count = 0
        self.ran = False
        self.signal: dict[str, float] = {}
        self.peak: dict[str, float] = {}
        self.weight_grad: dict[str, float] = {}
        self.not_finite: tuple[str, str] | None = None

    def open(self) -> None:
        """Read what runs from now on.

        One hook on all modules there are, rather than one on each layer: a model that is copied
        or saved in between has nothing on it.
        """
        if self._handle is None:
            self._handle = register_module_forward_hook(self._ran)

    def close(self) -> None:
        """Read no more, nor what comes back through runs that were read."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    @property
    def unread(self) -> bool:
        """Whether a backward pass is not over, or failed."""
        return bool(self._arrived)

    def cleared(self) -> bool:
        """Whether no parameter holds a gradient, so that nothing is being added up."""
        return all(p.grad is None or norm(p.grad) == 0 for p in self._parameters)

    def front(self) -> Tensor | None:
        """The weight nearest to the input that has a gradient."""
        for name in self.signal:
            for weight in self._weights[name]:
                if weight.grad is not None and not weight.grad.is_sparse:
                    return weight
        return None

    def _ran(self, module: nn.Module, _inputs: tuple, out: Any) -> None:
        name = self._names.get(module)
        z = out[0] if isinstance(out, tuple) and out else out
        if name is None or (self.only and name != self.only):
            return
        if not isinstance(z, Tensor) or z.grad_fn is None or not z.numel():
            return
        if not z.is_floating_point():
            return  # complex numbers have no order
        if torch._C._functorch.maybe_current_level() is not None:
            return  # inside torch.func, tensors have no values to read
        self.ran = True
        # On the function, not on z: an activation in place would change z. The hook must not hold
        # z, which holds the function.
        place, small = z.output_nr, z.numel() <= SMALL
        limits = torch.aminmax(z.detach())

        def receive(gradients: tuple) -> None:
            gradient = gradients[place]
            if gradient is not None and self._handle is not None:
                self._enter_pass()
                self._arrived.append((name, gradient if small else norm(gradient), limits))

        z.grad_fn.register_prehook(receive)

    def _enter_pass(self) -> None:
        # One task is one pass: a flag would stay up after a pass that failed.
        task = torch._C._current_graph_task_id()
        if task != self._task:
            self._task = task
            self._begin()
            Variable._execution_engine.queue_callback(self.end)

    def end(self) -> None:
        """Add up what has arrived: at the end of a backward pass, or after one that failed."""
        arrived, self._arrived = self._arrived, []
        self.count += 1
        self.ran = False
        small = iter(norms([g for _, g, _ in arrived if isinstance(g, Tensor)]))
        limits = iter(_numbers([value for *_, pair in reversed(arrived) for value in pair]))
        found: dict[str, float] = {}
        for name, *_ in reversed(arrived):  # the last layer's gradient arrives first
            found.setdefault(name, 0.0)
            peak, largest = max(-next(limits), next(limits)), self.peak.get(name, 0.0)
            self.peak[name] = largest if math.isnan(largest) or peak <= largest else peak
        for name, g, _ in arrived:
            found[name] = math.hypot(found[name], next(small) if isinstance(g, Tensor) else g)
        self.signal = _joined(self.signal, found)
        self.peak = {name: self.peak[name] for name in self.signal}
        graded = [
            (name, w.grad)
            for name in self.signal
            for w in self._weights[name]
            if w.grad is not None
        ]
        self.weight_grad = {}
        for (name, _), value in zip(graded, norms([g for _, g in graded]), strict=True):
            self.weight_grad[name] = math.hypot(self.weight_grad.get(name, 0.0), value)
        # Now, since the optimizer will carry it into all weights.
        self.not_finite = self.not_finite or self._first_not_finite()

    def _first_not_finite(self) -> tuple[str, str] | None:
        for place, (name, value) in enumerate(self.peak.items()):
            if not math.isfinite(value):
                weights = norms([w.detach() for w in self._weights[name]])
                if not all(map(math.isfinite, weights)):
                    return name, "NaN in the weights"
                return name, "NaN in the data" if place == 0 and math.isnan(value) else ""
        wrong = [
            name
            for name in self.signal
            if not (
                math.isfinite(self.signal[name]) and math.isfinite(self.weight_grad.get(name, 0.0))
            )
        ]
        if not wrong:
            return None
        from_loss = not math.isfinite(self.signal[next(reversed(self.signal))])
        return ("", "") if from_loss else (wrong[-1], "singular derivative")


def _numbers(scalars: list[Tensor]) -> list[float]:
    """The values of scalars, read at once where they are in one place."""
    if len({scalar.device for scalar in scalars}) > 1:
        return [scalar.item() for scalar in scalars]
    return torch.stack(scalars).tolist() if scalars else []


def joined(order: list[str], names: list[str]) -> list[str]:
    """``order`` with the names that it lacks, each behind the one that it came after."""
    if set(names) <= set(order):
        return order
    order, place = list(order), 0
    for name in names:
        if name in order:
            place = order.index(name) + 1
        else:
            order.insert(place, name)
            place += 1
    return order


def _joined(told: dict[str, float], found: dict[str, float]) -> dict[str, float]:
    """Norms of two passes over both, in the order of the forward pass."""
    return {
        name: math.hypot(told.get(name, 0.0), found.get(name, 0.0))
        for name in joined(list(told), list(found))
    }
