"""Where tensors come from: each carries the layer that ran last on its way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from vgplib.measures import calls
from vgplib.measures.layer import Layer


@dataclass(slots=True, eq=False)
class Origin:
    """Where a tensor comes from; it is kept on the tensor itself.

    Attributes:
        made_by: What another recorder noted does not count. An object that stands for the recorder,
            which its own notes would keep alive.
        weight: Where it comes from parameters alone: name and kind of the first one's layer.
        layer: Else the layer that ran last on its way.
        active: Whether an activation came after that layer.
    """

    made_by: object
    weight: tuple[str, str] | None = None
    layer: Layer | None = None
    active: bool = False


class Provenance:
    """The origins of one recording.

    Attributes:
        buffers: Of the model, by ``id``: what is computed from them alone is no data.
    """

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        """Know the parameters of a model, given all of its modules by name."""
        self._token = object()
        self._known = {
            key: Origin(self._token, weight=name)
            for key, name in calls.layer_names(modules).items()
        }
        self.buffers = {id(b) for module in modules.values() for b in module._buffers.values()}
        self._models = self.buffers | self._known.keys()

    def origin(self, layer: Layer, active: bool = False) -> Origin:
        """An origin that names a layer."""
        return Origin(self._token, layer=layer, active=active)

    def of(self, tensor: Any) -> Origin | None:
        """The origin of a tensor, if it has one of ours."""
        if not isinstance(tensor, Tensor):
            return None
        origin = self._known.get(id(tensor))
        if origin is None:
            origin = getattr(tensor, "_vgp_origin", None)
            if origin is None and tensor._base is not None:
                origin = self._known.get(id(tensor._base))
        return origin if origin is not None and origin.made_by is self._token else None

    def layer_of(self, tensor: Any) -> Layer | None:
        """The layer that ran last on the way to a tensor."""
        origin = self.of(tensor)
        return origin.layer if origin else None

    def carry(self, out: Any, args: Iterable[Any], active: bool = False) -> None:
        """Origin ``out`` by the arguments: by the layer that ran last, else by the parameter."""
        if not isinstance(out, Tensor) and type(out) not in (tuple, list):
            return
        last: Origin | None = None
        layers: list[Layer] = []
        weight: Origin | None = None
        dims, data = 0, False
        for arg in args:
            for tensor in arg if isinstance(arg, tuple | list) else (arg,):
                origin = self.of(tensor)
                if origin is None:
                    data = data or (isinstance(tensor, Tensor) and id(tensor) not in self.buffers)
                    continue
                if origin.layer is None:
                    weight, dims = weight or origin, max(dims, tensor.dim())
                    continue
                layers.append(origin.layer)
                if last is None or origin.layer.index > last.layer.index:  # type: ignore[union-attr]
                    last = origin
        if len(layers) > 1:
            last.layer.merged.update(y for y in layers if y is not last.layer)  # type: ignore[union-attr]
        if last is not None and active and not last.active:
            last = self.origin(last.layer, active=True)
        found = last or weight
        if found is None:
            return
        if found is weight and data and isinstance(out, Tensor) and out.dim() > dims:
            return  # a parameter spread over a batch of data is no weight
        for tensor in (out,) if isinstance(out, Tensor) else out:
            # What was changed in place, such as a parameter or a buffer, is not ours to origin.
            if isinstance(tensor, Tensor) and id(tensor) not in self._models:
                tensor._vgp_origin = found  # type: ignore[attr-defined]
