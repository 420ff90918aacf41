"""Recording a forward and a backward pass: which layers ran, in which order, with what signal."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge
from torch.overrides import TorchFunctionMode

from vgplib.measures import calls
from vgplib.measures.activity import FROM_VALUE, Activity
from vgplib.measures.layer import SMALL, Layer
from vgplib.measures.norms import norm, norms
from vgplib.measures.provenance import Provenance

OnLayer = Callable[[Layer, Any, Tensor], None]


class Recorder(TorchFunctionMode):
    """Sees every function of PyTorch that is called inside, and records those that are layers.

    Nothing is added to the model, and nothing is computed differently. An activation is counted
    for the layer that feeds it, since each tensor carries an origin of where it comes from.

    Attributes:
        layers: In the order in which they ran.
        leaves: Stand-ins for inputs that need no gradient, which the backward pass must reach.
        hidden: Whether all layers ran without a graph, as inside of a function with its own
            backward pass.
    """

    def __init__(self, modules: dict[str, nn.Module], on_layer: OnLayer | None = None) -> None:
        """Prepare to record a model, given all of its modules by name.

        ``on_layer``, if given, is called with each layer, its input and its output as they are.
        """
        super().__init__()
        self._on_layer = on_layer
        self.layers: list[Layer] = []
        self.leaves: list[Tensor] = []
        self.hidden = True
        self._provenance = Provenance(modules)
        self._use: Tensor | None = None
        self._activity = Activity()

    def finish(self) -> None:
        """Work out, after the backward pass, what was put off until there are many of a kind."""
        told = [(y, g) for y in self.layers for g in y.gradients if g is not None]
        for (layer, _), value in zip(told, norms([g for _, g in told]), strict=True):
            layer.receive(value)
        for layer in self.layers:
            # They hold the graph, whose tensors hold origins of the layer: a circle.
            layer.edges = layer.gradients = ()
        kept = [layer for layer in self.layers if layer.kept is not None]
        for layer, value in zip(kept, norms([y.kept.detach() for y in kept]), strict=True):  # type: ignore[union-attr]
            layer.judge(value)
        self._activity.finish()
        for layer in reversed(self.layers):
            before = layer.source
            if layer.kind in ("norm", "scale") and before is not None and not before.counts:
                before.counts, before.activation = layer.counts, layer.activation

    def __torch_function__(
        self, func: Any, types_: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Run ``func``, and note what it was and where its result comes from."""
        handler = _HANDLERS.get(func)
        if handler is not None:
            return handler(self, func, args, kwargs or {})
        out = func(*args, **kwargs) if kwargs else func(*args)
        self._provenance.carry(out, args)
        return out

    # Layers

    def _on_layer(self, func: Any, args: tuple, kwargs: dict) -> Any:
        call = calls.LAYERS[func]
        weights = list(args[call.position : call.position + call.weights])
        if not weights:  # a Python function may be given its weight by name
            weights = [kwargs.get(call.keyword)]
        origin = self._provenance.of(weights[0])
        if origin is None or origin.weight is None:
            out = func(*args, **kwargs)
            self._provenance.carry(out, args)
            return out
        name, owner = origin.weight
        inputs = args[0] if args else kwargs["input"]
        channels = 1 if call.kind == "conv" or func in calls.CHANNELS_SECOND else -1
        if call.kind == "recurrent":
            inputs = self._asked(inputs)
            args = (inputs, *args[1:])
        else:
            args, kwargs = self._one_use(weights[0], call, args, kwargs)
        out = self._run(func, args, kwargs, (name, owner or call.kind), weights, inputs, channels)
        if call.kind == "recurrent":
            self._read_steps(inputs, lambda gradient: [gradient])
        return out

    def _on_product(self, func: Any, args: tuple, kwargs: dict) -> Any:
        call = calls.PRODUCTS[func]
        operands = args[call.position : call.position + 2]
        origins = [self._provenance.of(operand) for operand in operands]
        is_weight = [origin is not None and origin.weight is not None for origin in origins]
        if len(operands) == 2 and sum(is_weight) == 1:
            side = is_weight.index(True)
            other = operands[1 - side]
            # A scale of something else than a layer's output is part of how a weight is made.
            acts = isinstance(other, Tensor) and id(other) not in self._provenance.buffers
            if acts and (call.kind != "scale" or origins[1 - side] is not None):
                name, owner = origins[side].weight  # type: ignore[misc, union-attr]
                at = call._replace(position=call.position + side)
                args, kwargs = self._one_use(operands[side], at, args, kwargs)
                channels = -1 if side or call.kind == "scale" or other.dim() < 2 else -2
                named = (name, owner or call.kind)
                return self._run(func, args, kwargs, named, [operands[side]], other, channels)
        out = func(*args, **kwargs)
        self._provenance.carry(out, args)
        return out

    def _on_recurrent(self, func: Any, args: tuple, kwargs: dict) -> Any:
        packed = isinstance(args[2], Tensor | tuple) and not isinstance(args[2], list)
        weights = args[3] if packed else args[2]
        origin = self._provenance.of(weights[0])
        if origin is None or origin.weight is None:
            return func(*args, **kwargs)
        inputs = args[0]
        inputs = self._asked(inputs)
        args = (inputs, *args[1:])
        named = (origin.weight[0], "recurrent")
        matrices = [weight for weight in weights if weight.dim() > 1]
        out = self._run(func, args, kwargs, named, matrices, inputs, -1)
        if packed:
            sizes = args[1].tolist()
            self._read_steps(inputs, lambda gradient: gradient.split(sizes))
        else:
            batch_first = args[8]
            self._read_steps(inputs, lambda gradient: gradient.unbind(int(batch_first)))
        return out

    def _run(
        self,
        func: Any,
        args: tuple,
        kwargs: dict,
        named: tuple[str, str],
        weights: list[Tensor],
        inputs: Any,
        channels: int,
    ) -> Any:
        name, kind = named
        try:
            out = func(*args, **kwargs)
        except (RuntimeError, TypeError, IndexError) as problem:
            if isinstance(problem, torch.OutOfMemoryError):
                raise
            raise ValueError(
                f"layer {name!r} ({kind}) cannot take its input: {_words(inputs)}; its weight is "
                f"{_words(weights[0])}. PyTorch says: {problem}"
            ) from problem
        z = out[0] if isinstance(out, tuple) else out
        layer = Layer(
            len(self.layers),
            name,
            kind,
            weights,
            z.shape,
            channels,
            self._provenance.layer_of(inputs),
        )
        self.layers.append(layer)
        self.hidden = self.hidden and not torch.is_grad_enabled()
        if self._on_layer is not None:
            self._on_layer(layer, inputs, z.detach())
        if not z.requires_grad and torch.is_grad_enabled():
            # Layers below are frozen; the signal at their output is there all the same.
            leaf = z.detach().requires_grad_()
            self.leaves.append(leaf)
            z = leaf.clone()
            out = (z, *out[1:]) if isinstance(out, tuple) else z
        layer.kept, layer.inputs, layer.use, self._use = z, inputs, self._use, None
        origin = self._provenance.origin(layer)
        outputs = out if isinstance(out, tuple) else (out,)
        small = layer.entries <= SMALL
        for tensor in outputs:
            tensor._vgp_origin = origin
            # The function that made it, not the tensor: an activation in place would change that.
            if tensor.requires_grad and not small:
                tensor.grad_fn.register_prehook(layer.reader(tensor.output_nr))
        if small:
            layer.edges = [GradientEdge(t.grad_fn, t.output_nr) for t in outputs if t.requires_grad]
        else:
            layer.read_output()
        return out

    def _on_in_place(self, func: Any, args: tuple, kwargs: dict) -> Any:
        """Read a layer's output before it is overwritten."""
        layer = self._provenance.layer_of(args[0]) if args else None
        if layer is not None and (func not in calls.MAYBE_IN_PLACE or _is_in_place(args, kwargs)):
            layer.read_output()
        out = func(*args, **kwargs)
        self._provenance.carry(out, args)
        return out

    def _one_use(
        self, weight: Tensor, call: calls.LayerCall, args: tuple, kwargs: dict
    ) -> tuple[tuple, dict]:
        """Put a view in the weight's place, so that the gradient of this use can be told apart."""
        if not weight.requires_grad or not torch.is_grad_enabled():
            return args, kwargs
        if call.kind == "embedding" and (kwargs.get("sparse") or any(a is True for a in args)):
            return args, kwargs  # a view takes no sparse gradient
        self._use = use = weight.view_as(weight)
        if len(args) > call.position:
            return (*args[: call.position], use, *args[call.position + 1 :]), kwargs
        return args, {**kwargs, call.keyword: use}

    # Time

    def _asked(self, inputs: Tensor) -> Tensor:
        """The input as a tensor whose gradient is that of this run alone."""
        if inputs.requires_grad:
            use = inputs.view_as(inputs)
        elif torch.is_grad_enabled() and inputs.is_floating_point():
            use = inputs.detach().requires_grad_()
            self.leaves.append(use)
        else:
            return inputs
        origin = self._provenance.of(inputs)
        if origin is not None:
            use._vgp_origin = origin  # type: ignore[attr-defined]
        return use

    def _read_steps(self, inputs: Tensor, split: Callable[[Tensor], Iterable[Tensor]]) -> None:
        layer = self.layers[-1]
        if inputs.requires_grad:
            inputs.register_hook(
                lambda gradient: setattr(layer, "steps", [norm(g) for g in split(gradient)])
            )

    # Activations

    def _on_activation(self, func: Any, args: tuple, kwargs: dict) -> Any:
        z = args[0] if args else kwargs["input"]
        origin = self._provenance.of(z)
        if origin is None or origin.layer is None or origin.active:
            out = func(*args, **kwargs)
            self._provenance.carry(out, (z,), active=True)
            return out
        plain, in_place = calls.ACTIVATIONS[func]
        before = z
        if in_place or _is_in_place(args, kwargs):
            origin.layer.read_output()
            if plain not in FROM_VALUE:
                before = z.detach().clone()
        out = func(*args, **kwargs)
        name = calls.activation_name(plain, args, kwargs)
        origin.layer.activation = origin.layer.activation or name
        self._activity.add(origin.layer, name, plain, before, out, args[1:], kwargs)
        out._vgp_origin = self._provenance.origin(origin.layer, active=True)
        return out

    def _on_softmax(self, func: Any, args: tuple, kwargs: dict) -> Any:
        out = func(*args, **kwargs)
        scores = args[0] if args else kwargs["input"]
        layer = self._provenance.layer_of(scores)
        dim = args[1] if len(args) > 1 else kwargs.get("dim")
        if layer is not None and dim is not None:
            layer.activation = layer.activation or "softmax"
            self._activity.add_softmax(layer, scores.detach(), dim)
        self._provenance.carry(out, (scores,), active=True)
        return out

    def _on_attention(self, func: Any, args: tuple, kwargs: dict) -> Any:
        out = func(*args, **kwargs)
        self._provenance.carry(out, args)
        layer = max(
            filter(None, map(self._provenance.layer_of, args[:2])),
            key=lambda found: found.index,
            default=None,
        )
        if layer is not None:
            layer.activation = layer.activation or "softmax"
            self._activity.add_attention(layer, *args, **kwargs)
        return out

    def _on_composite(self, func: Any, args: tuple, kwargs: dict) -> Any:
        """Run a Python function of PyTorch's so that the functions it calls are seen."""
        inner = types.FunctionType(
            func.__code__,
            # Under a mode, PyTorch's functions hand themselves to it before they do anything.
            {**func.__globals__, "has_torch_function": lambda _: False},
            func.__name__,
            func.__defaults__,
            func.__closure__,
        )
        inner.__kwdefaults__ = func.__kwdefaults__
        with self:
            return inner(*args, **kwargs)


_HANDLERS: dict[Any, Callable] = {
    **dict.fromkeys(calls.IN_PLACE | calls.MAYBE_IN_PLACE, Recorder._on_in_place),
    **dict.fromkeys(calls.ACTIVATIONS, Recorder._on_activation),
    **dict.fromkeys(calls.SOFTMAX, Recorder._on_softmax),
    **dict.fromkeys(calls.ATTENTION, Recorder._on_attention),
    **dict.fromkeys(calls.LAYERS, Recorder._on_layer),
    **dict.fromkeys(calls.PRODUCTS, Recorder._on_product),
    **dict.fromkeys(calls.RECURRENT, Recorder._on_recurrent),
    **dict.fromkeys(calls.COMPOSITES, Recorder._on_composite),
}


def _is_in_place(args: tuple, kwargs: dict) -> bool:
    if len(args) > 1 and any(value is True for value in args[1:]):
        return True
    return bool(kwargs) and bool(kwargs.get("inplace"))


def _words(thing: Any) -> str:
    if not isinstance(thing, Tensor):
        return type(thing).__name__
    kind = str(thing.dtype).removeprefix("torch.")
    return f"{kind} of shape {tuple(thing.shape)} on {thing.device}"
