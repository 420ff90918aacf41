"""Reading a training step that runs anyway, in the loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from vgplib.measures.layer import SMALL
from vgplib.measures.norms import norm, norms

if TYPE_CHECKING:
    import xarray as xr


def weighted(model: nn.Module) -> dict[str, tuple[nn.Module, list[Tensor]]]:
    """The modules that hold weights themselves, by name, and those weights without biases."""
    found: dict[str, tuple[nn.Module, list[Tensor]]] = {}
    for name, module in model.named_modules():
        weights = [p for key, p in module._parameters.items() if p is not None and key != "bias"]
        if is_parametrized(module):
            weights += module.parametrizations.parameters()  # type: ignore[union-attr]
        if weights and ".parametrizations." not in f".{name}.":
            found[name or type(module).__name__] = module, weights
    return found


class record:  # noqa: N801 - read as a verb: with vgp.record(model): ...
    """Read the error signals and weight gradients of a training step, at little cost.

    Unlike :func:`~vgplib.measures.layers.measure` it runs no pass of its own, and reads whole
    modules only: those that hold weights themselves. Make it once, and enter it in every step
    that is to be read::

        seen = vgp.record(model)
        for x, y in batches:
            optimizer.zero_grad()
            with seen:
                cross_entropy(model(x), y).backward()
            optimizer.step()

    Nothing that is computed changes. Hooks are on the model only inside the block.

    Attributes:
        names: Of the modules that ran in the last block, in order; one entry for each run.
        signal: Norm of dloss/dz at each one's output z, as ``measure`` has it; NaN where the
            loss does not depend on z or no backward pass ran.
        weight_grad: Norm of the ``.grad`` of each one's own weights, as it stood at the end of the
            block: summed over all uses and earlier backward passes, and clipped if it was
            clipped inside. NaN where there is none.
    """

    def __init__(self, model: nn.Module) -> None:
        """Prepare to read ``model``.

        Raises:
            TypeError: ``model`` is no module.
        """
        if not isinstance(model, nn.Module):
            raise TypeError(f"model must be a torch.nn.Module, not {type(model).__name__}.")
        self._modules = weighted(model)
        self._handles: list[Any] = []
        self._runs: list[tuple[str, int, list[Any]]] = []
        self.names: list[str] = []
        self.signal: list[float] = []
        self.weight_grad: list[float] = []

    def __enter__(self) -> record:
        self._runs = []
        self._handles = [
            module.register_forward_hook(self._hook(name))
            for name, (module, _) in self._modules.items()
        ]
        return self

    def _hook(self, name: str) -> Callable:
        runs = self._runs

        def hook(_module: nn.Module, _inputs: tuple, out: Any) -> None:
            z = out[0] if isinstance(out, tuple) else out
            met: list[Any] = []
            runs.append((name, z.output_nr if isinstance(z, Tensor) else 0, met))
            if isinstance(z, Tensor) and z.grad_fn is not None:
                # On the function, not on z: an activation in place would change z.
                place = z.output_nr
                z.grad_fn.register_prehook(
                    met.append
                    if z.numel() <= SMALL
                    else lambda gradients: met.append(
                        None if gradients[place] is None else norm(gradients[place])
                    )
                )

        return hook

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self.names = [name for name, *_ in self._runs]
        # Of a function with several results, one may get nothing back.
        got = [
            met[-1][place] if met and type(met[-1]) is tuple else met[-1] if met else None
            for _, place, met in self._runs
        ]
        values = iter(norms([g for g in got if isinstance(g, Tensor)]))
        self.signal = [
            next(values) if isinstance(g, Tensor) else math.nan if g is None else g for g in got
        ]
        graded = [
            (name, w.grad)
            for name in dict.fromkeys(self.names)
            for w in self._modules[name][1]
            if w.grad is not None
        ]
        found: dict[str, float] = {}
        for (name, _), value in zip(graded, norms([g for _, g in graded]), strict=True):
            found[name] = math.hypot(found[name], value) if name in found else value
        self.weight_grad = [found.get(name, math.nan) for name in self.names]
        self._runs = []

    def dataset(self) -> xr.Dataset:
        """The last block as a dataset: ``signal`` and ``weight_grad`` by ``layer``."""
        import xarray as xr

        return xr.Dataset(
            {"signal": ("layer", self.signal), "weight_grad": ("layer", self.weight_grad)},
            {"layer": range(1, len(self.names) + 1), "name": ("layer", self.names)},
        )
