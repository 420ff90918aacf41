"""Where tensors come from: each carries a mark of the layer that ran last on its way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from vgplib.measures import calls
from vgplib.measures.layer import Layer


@dataclass(slots=True, eq=False)
class Mark:
    """Where a tensor comes from; it is kept on the tensor itself.

    Attributes:
        made_by: Marks that another recorder made do not count. An object that stands for it, since
            the recorder itself would be kept alive by its own marks.
        weight: Where it comes from parameters alone: name and kind of the first one's layer.
        layer: Else the layer that ran last on its way.
        active: Whether an activation came after that layer.
    """

    made_by: object
    weight: tuple[str, str] | None = None
    layer: Layer | None = None
    active: bool = False


class Marks:
    """The marks of one recording.

    Attributes:
        buffers: Of the model, by ``id``: what is computed from them alone is no data.
    """

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        """Know the parameters of a model, given all of its modules by name."""
        self._token = object()
        self._known = {
            key: Mark(self._token, weight=name) for key, name in calls.layer_names(modules).items()
        }
        self.buffers = {id(b) for module in modules.values() for b in module._buffers.values()}
        self._models = self.buffers | self._known.keys()

    def mark(self, layer: Layer, active: bool = False) -> Mark:
        """A mark that names a layer."""
        return Mark(self._token, layer=layer, active=active)

    def of(self, tensor: Any) -> Mark | None:
        """The mark of a tensor, if it has one of ours."""
        if not isinstance(tensor, Tensor):
            return None
        mark = self._known.get(id(tensor))
        if mark is None:
            mark = getattr(tensor, "_vgp_mark", None)
            if mark is None and tensor._base is not None:
                mark = self._known.get(id(tensor._base))
        return mark if mark is not None and mark.made_by is self._token else None

    def layer_of(self, tensor: Any) -> Layer | None:
        """The layer that ran last on the way to a tensor."""
        mark = self.of(tensor)
        return mark.layer if mark else None

    def carry(self, out: Any, args: Iterable[Any], active: bool = False) -> None:
        """Mark ``out`` by the arguments: by the layer that ran last, else by the parameter."""
        if not isinstance(out, Tensor) and type(out) not in (tuple, list):
            return
        last: Mark | None = None
        layers: list[Layer] = []
        weight: Mark | None = None
        dims, data = 0, False
        for arg in args:
            for tensor in arg if isinstance(arg, tuple | list) else (arg,):
                mark = self.of(tensor)
                if mark is None:
                    data = data or (isinstance(tensor, Tensor) and id(tensor) not in self.buffers)
                    continue
                if mark.layer is None:
                    weight, dims = weight or mark, max(dims, tensor.dim())
                    continue
                layers.append(mark.layer)
                if last is None or mark.layer.index > last.layer.index:  # type: ignore[union-attr]
                    last = mark
        if len(layers) > 1:
            last.layer.merged.update(y for y in layers if y is not last.layer)  # type: ignore[union-attr]
        if last is not None and active and not last.active:
            last = self.mark(last.layer, active=True)
        found = last or weight
        if found is None:
            return
        if found is weight and data and isinstance(out, Tensor) and out.dim() > dims:
            return  # a parameter spread over a batch of data is no weight
        for tensor in (out,) if isinstance(out, Tensor) else out:
            # What was changed in place, such as a parameter or a buffer, is not ours to mark.
            if isinstance(tensor, Tensor) and id(tensor) not in self._models:
                tensor._vgp_mark = found  # type: ignore[attr-defined]
