"""Which layers a model has, in which order they run, and which activation follows each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vgplib.measures import calls
from vgplib.measures.layers import eager
from vgplib.measures.preserve import left_as_they_were

MATRICES = ("linear", "conv")
_RECURRENT = (nn.RNNBase, nn.RNNCellBase)
_CONVS = nn.modules.conv._ConvNd
# "leakyrelu" -> "leaky_relu": PyTorch's activation modules are called like their functions.
_FUNCTIONS = {f.__name__.replace("_", ""): f.__name__ for f, _ in calls.ACTIVATIONS.values()}


@dataclass
class Part:
    """A layer with weights.

    Attributes:
        kind: linear, conv, recurrent, attention or embedding.
        module: Its name; "" where a parameter is used without a module.
        weight: Name of the weight; "" where there are several (recurrent, attention).
        bias: Name of the bias, or "".
        transposed: Whether the weight stands behind the input, as in ``x @ W``.
        activation: Name of the function that follows before the next layer, or "".
        activation_module: The module that applies it, or "" where a function does.
        before: The activation that comes before the layer, or "".
        dims: Dimensions of its output; 2 where it was not seen to run.
        batch: First dimension of its output; 0 where it was not seen to run.
        steps: How many time steps it ran for: of a recurrent layer, or as often as it was used.
        same_shape: Whether its output has the shape of its input.
    """

    kind: str
    module: str
    weight: str
    bias: str
    transposed: bool = False
    activation: str = ""
    activation_module: str = ""
    before: str = ""
    dims: int = 2
    batch: int = 0
    steps: int = 1
    same_shape: bool = False


def parts(model: nn.Module, loss: Callable[[nn.Module], Tensor] | None = None) -> list[Part]:
    """The layers of ``model`` that hold weights.

    Args:
        model: Any network; it is left as it was.
        loss: As for ``vgp.measure``. It is run once, without a backward pass, to see the order of
            layers and activations that are no modules. Without it, or if it raises, layers stand
            in the order in which the model holds them, and such activations are not seen.
    """
    if loss is not None:
        watcher = _Watcher(model)
        try:
            with left_as_they_were(list(model.modules())), torch.enable_grad(), eager(), watcher:
                loss(model)
        except Exception:
            # A model that cannot run is what the doctor may be called for.
            return _as_held(model)
        if watcher.found:
            return list(watcher.found.values())
    return _as_held(model)


def readout(found: list[Part]) -> Part | None:
    """The last linear or convolutional layer, if there are two or more."""
    matrices = [part for part in found if part.kind in MATRICES]
    return matrices[-1] if len(matrices) > 1 else None


def activation_name(module: nn.Module) -> str:
    """``"relu"`` for ``nn.ReLU()``; "" for what is no activation of PyTorch's."""
    return _FUNCTIONS.get(type(module).__name__.lower(), "") if not list(module.children()) else ""


class _Watcher(TorchFunctionMode):
    """Sees which parameters are used as layers, and which activations follow."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.found: dict[str, Part] = {}
        self._modules = dict(model.named_modules())
        self._names = {id(p): name for name, p in model.named_parameters()}
        self._inside = ""  # which module without children is running
        self._last: Part | None = None
        self._activation = ""
        self._handles: list[Any] = []

    def __enter__(self) -> _Watcher:
        for name, module in self._modules.items():
            if not list(module.children()) or isinstance(module, nn.MultiheadAttention):
                self._handles += [
                    module.register_forward_pre_hook(lambda *_, name=name: self._enter(name)),
                    module.register_forward_hook(lambda *_: self._enter("")),
                ]
        return super().__enter__()

    def __exit__(self, *problem: Any) -> None:
        for handle in self._handles:
            handle.remove()
        super().__exit__(*problem)

    def _enter(self, name: str) -> None:
        self._inside = name

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Run ``func``, and note it if it is a layer or an activation."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if func in calls.ACTIVATIONS:
            self._act(calls.ACTIVATIONS[func][0].__name__)
        elif func in calls.RECURRENT or (
            func in calls.LAYERS and calls.LAYERS[func].kind == "recurrent"
        ):
            self._add_module("recurrent", args, out)
        elif func in calls.COMPOSITES:
            self._add_module("attention", args, out)
        elif func in calls.LAYERS:
            call = calls.LAYERS[func]
            self._use(call.kind, call.position, args, kwargs, out)
        elif func in calls.PRODUCTS and func is not torch.einsum:
            call = calls.PRODUCTS[func]
            if call.kind == "linear":
                self._use("linear", call.position + 1, args, kwargs, out, transposed=True)
        return out

    def _module(self) -> nn.Module | None:
        return self._modules.get(self._inside) if self._inside else None

    def _act(self, name: str) -> None:
        self._activation = name
        if self._last is not None and not self._last.activation:
            self._last.activation = name
            module = self._module()
            if module is not None and activation_name(module) == name:
                self._last.activation_module = self._inside

    def _use(
        self,
        kind: str,
        position: int,
        args: tuple,
        kwargs: dict,
        out: Tensor,
        transposed: bool = False,
    ) -> None:
        weight = args[position] if len(args) > position else kwargs.get("weight")
        if transposed and isinstance(weight, Tensor) and weight._base is not None:
            transposed, weight = False, weight._base  # x @ W.T
        name = self._names.get(id(weight), "")
        if not name or kind not in (*MATRICES, "embedding"):
            return
        module, _, leaf = name.rpartition(".")
        owner = self._modules[module]
        if leaf == "weight":
            bias = getattr(owner, "bias", None)
        else:
            bias = args[position + 1] if len(args) > position + 1 else kwargs.get("bias")
        whole = isinstance(owner, nn.Linear | _CONVS | nn.Embedding | nn.EmbeddingBag)
        bias_name = self._names.get(id(bias), "")
        part = Part(kind, module if whole else "", name, bias_name, transposed)
        self._note(name, part, args[position - 1] if position else None, out)

    def _add_module(self, kind: str, args: tuple, out: Any) -> None:
        part = Part(kind, self._inside, "", "")
        known = self._inside in self.found
        z = out[0] if isinstance(out, tuple) else out
        if self._inside and isinstance(z, Tensor):
            self._note(self._inside, part, None, z)
            module = self._module()
            if isinstance(module, nn.RNNBase) and not known and args[0].dim() > 1:
                part.steps = args[0].shape[1 if module.batch_first and args[0].dim() == 3 else 0]

    def _note(self, key: str, part: Part, inputs: Any, out: Tensor) -> None:
        if key in self.found:
            self._last = self.found[key]
            self._last.steps += 1
        else:
            part.before = self._activation
            part.dims, part.batch = out.dim(), out.shape[0] if out.dim() else 1
            part.same_shape = isinstance(inputs, Tensor) and inputs.shape == out.shape
            self.found[key] = self._last = part
        self._activation = ""


def _as_held(model: nn.Module) -> list[Part]:
    """The layers in the order in which the model holds them."""
    names = {id(p): name for name, p in model.named_parameters()}
    found: dict[str, Part] = {}
    last, activation = None, ""
    for name, module in model.named_modules(remove_duplicate=False):
        if activation_name(module):
            activation = activation_name(module)
            if last is not None and not last.activation:
                last.activation, last.activation_module = activation, name
            continue
        part = _held(module, name, names)
        if part is not None and (part.weight or name) not in found:
            part.before, activation = activation, ""
            found[part.weight or name] = last = part
    return list(found.values())


def _held(module: nn.Module, name: str, names: dict[int, str]) -> Part | None:
    if isinstance(module, _RECURRENT):
        return Part("recurrent", name, "", "")
    if isinstance(module, nn.MultiheadAttention):
        return Part("attention", name, "", "")
    kinds = {nn.Linear: "linear", _CONVS: "conv", nn.Embedding: "embedding"}
    kind = next((k for c, k in kinds.items() if isinstance(module, c)), "")
    weight = names.get(id(module.weight), "") if kind else ""
    if not weight or isinstance(module, nn.modules.linear.NonDynamicallyQuantizableLinear):
        return None
    bias = names.get(id(getattr(module, "bias", None)), "")
    same = weight and kind == "linear" and len(set(module.weight.shape)) == 1
    return Part(kind, name, weight, bias, same_shape=bool(same))
