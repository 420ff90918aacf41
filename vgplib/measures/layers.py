"""What every layer of a network sees in one forward and one backward pass."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vgplib.measures.fit import backward_factor, first_over_last
from vgplib.networks.activations import Activation
from vgplib.networks.feedforward import FeedForward

if TYPE_CHECKING:
    import xarray as xr

# Name -> unit and definition, in the order in which a reader would ask for them.
VARIABLES: dict[str, tuple[str, str]] = {
    "signal": ("norm", "Frobenius norm, over batch and units, of dloss/dz at the layer's output z"),
    "signal_rms": ("root mean square", "signal over the square root of its number of entries"),
    "weight_grad": ("norm", "Frobenius norm of dloss/dW"),
    "weight_norm": ("norm", "Frobenius norm of W"),
    "activation_mean": ("1", "mean of phi(z) over batch and units"),
    "activation_std": ("1", "standard deviation of phi(z) over batch and units"),
    "saturated": ("fraction", "entries with |phi'(z)| below 0.05 of the largest slope of phi"),
    "dead": ("fraction", "units whose slope phi'(z) is 0 for every input of the batch"),
}


@dataclass
class _Layer:
    """One run of one linear layer; what is not known stays NaN."""

    name: str
    module: nn.Linear
    is_readout: bool
    edge: torch.autograd.graph.GradientEdge
    finite: bool
    values: dict[str, float] = field(default_factory=dict)


def measure(model: nn.Module, loss: Callable[[nn.Module], Tensor]) -> xr.Dataset:
    """Measure every linear layer of ``model`` in one forward and one backward pass.

    The model is left as it was: parameters, gradients, buffers, hooks, mode and random state.

    Args:
        model: Any network with ``nn.Linear`` layers.
        loss: Takes the model and returns a scalar tensor:
            ``lambda model: cross_entropy(model(x), y)``.

    Returns:
        Dimension ``layer``, 1 to L, over the ``nn.Linear`` modules in the order in which they
        ran, with their ``name`` as a coordinate. A module that runs twice has two rows; the
        gradient of its weights is the sum over both. The float64 variables are those of
        ``VARIABLES``, each with its unit and definition; what cannot be known is NaN (the
        activation of a read-out or of a network that is not a ``FeedForward``; the weight
        gradient of a frozen layer).

        Attributes, over the hidden layers of the commonest width (in a network that is not a
        ``FeedForward``, all layers of that width): ``factor``, the factor of ``signal`` going
        back one layer, by a log-linear fit over the signals above 0 (below 1 is vanishing), with
        its ``r2``; ``ratio``, the signal of the first of them over that of the last. And
        ``loss``, and ``first_non_finite``: where the first Inf or NaN was met, in the order
        forward, loss, backward, or ``""``. If there is one, factor, r2 and ratio are NaN.

    Raises:
        ValueError: The loss is not a scalar tensor or not connected to the model, or no
            ``nn.Linear`` ran.
    """
    layers: list[_Layer] = []
    with _left_as_it_was(model), _recorded(model, layers), torch.enable_grad():
        value = loss(model)
        if not layers:
            raise ValueError("no nn.Linear ran while the loss was computed: nothing to measure.")
        value = check_loss(value)
        _backward(value, layers)

    bad = _first_non_finite(layers, value)
    fitted = [] if bad else _same_width(layers)
    signals = [layers[i].values["signal"] for i in fitted]
    fit = backward_factor(fitted, signals)
    return _dataset(
        layers,
        {
            "loss": value.item(),
            "factor": fit.factor,
            "r2": fit.r2,
            "ratio": first_over_last(signals),
            "first_non_finite": bad,
        },
    )


def check_loss(value: object) -> Tensor:
    """Return a loss that can be differentiated; say what is wrong with any other.

    Raises:
        ValueError: ``value`` is not a scalar tensor, or is detached from the network.
    """
    if not isinstance(value, Tensor):
        raise ValueError(
            f"the loss must be a scalar tensor, not {type(value).__name__}: return it without "
            ".item() or float()."
        )
    if value.numel() != 1:
        raise ValueError(
            f"the loss must be a scalar tensor, not one of shape {tuple(value.shape)}: "
            "take its mean or sum."
        )
    if not value.requires_grad:
        raise ValueError(
            "the loss is detached from the network, so it has no gradient: compute it from the "
            "model's output, without detach(), .data or torch.no_grad()."
        )
    return value


@contextmanager
def _left_as_it_was(model: nn.Module) -> Iterator[None]:
    """Put buffers (batch-norm statistics) and random states back at the end."""
    tensors = [*model.parameters(), *model.buffers()]
    devices = {t.device for t in tensors if t.device.type == "cuda"}
    buffers = [(b, b.detach().clone()) for b in model.buffers()]
    try:
        with torch.random.fork_rng(devices=list(devices)):
            yield
    finally:
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)


@contextmanager
def _recorded(model: nn.Module, layers: list[_Layer]) -> Iterator[None]:
    """Append a :class:`_Layer` to ``layers`` for every ``nn.Linear`` that runs inside."""
    activation = model.activation if isinstance(model, FeedForward) else None
    readout = model.readout if isinstance(model, FeedForward) else None

    def recorder(name: str) -> Callable:
        def record(module: nn.Linear, _inputs: tuple, z: Tensor) -> Tensor:
            if not z.requires_grad:  # a frozen first layer: its output has a gradient all the same
                z = z.detach().requires_grad_().clone()
            is_readout = module is readout
            layers.append(
                _Layer(
                    name,
                    module,
                    is_readout,
                    # The edge, not z: an activation that works in place would change z.
                    torch.autograd.graph.get_gradient_edge(z),
                    finite=bool(z.isfinite().all()),
                )
            )
            if activation is not None and not is_readout:
                layers[-1].values = _activation_values(activation, z.detach())
            return z

        return record

    hooks = [
        module.register_forward_hook(recorder(name))
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _activation_values(activation: Activation, z: Tensor) -> dict[str, float]:
    h = activation(z).double()
    slope = activation.slope(z).abs().reshape(-1, z.shape[-1])
    return {
        "activation_mean": h.mean().item(),
        "activation_std": h.std(correction=0).item(),
        "saturated": (slope < 0.05 * activation.max_slope).double().mean().item(),
        "dead": (slope == 0).all(0).double().mean().item(),
    }


def _backward(value: Tensor, layers: list[_Layer]) -> None:
    """Fill in the norms of the gradients, without touching any ``.grad``."""
    trained = [layer for layer in layers if layer.module.weight.requires_grad]
    gradients = torch.autograd.grad(
        value,
        [layer.edge for layer in layers] + [layer.module.weight for layer in trained],
        allow_unused=True,
    )
    if all(gradient is None for gradient in gradients[: len(layers)]):
        raise ValueError("the loss does not depend on any nn.Linear that ran.")
    for layer, signal in zip(layers, gradients[: len(layers)], strict=True):
        layer.values["weight_norm"] = _norm(layer.module.weight.detach())
        if signal is not None:
            layer.values["signal"] = norm = _norm(signal)
            layer.values["signal_rms"] = norm / math.sqrt(signal.numel())
    for layer, gradient in zip(trained, gradients[len(layers) :], strict=True):
        if gradient is not None:
            layer.values["weight_grad"] = _norm(gradient)


def _norm(tensor: Tensor) -> float:
    """The Frobenius norm in float64: squares of small half-precision numbers would be 0."""
    return torch.linalg.vector_norm(tensor, dtype=torch.float64).item()


def _first_non_finite(layers: list[_Layer], value: Tensor) -> str:
    for layer in layers:
        if not layer.finite:
            return f"output of {layer.name}"
    if not value.isfinite():
        return "loss"
    for layer in reversed(layers):
        for key, words in (("signal", "signal at"), ("weight_grad", "weight gradient of")):
            if not math.isfinite(layer.values.get(key, 0.0)):
                return f"{words} {layer.name}"
    return ""


def _same_width(layers: list[_Layer]) -> list[int]:
    """Indices of the hidden layers of the commonest width: their norms can be compared."""
    hidden = [
        i for i, layer in enumerate(layers) if not layer.is_readout and "signal" in layer.values
    ]
    widths = Counter(layers[i].module.out_features for i in hidden)
    (width, _), *_ = widths.most_common(1)
    return [i for i in hidden if layers[i].module.out_features == width]


def _dataset(layers: list[_Layer], attrs: dict[str, float | str]) -> xr.Dataset:
    import xarray as xr

    return xr.Dataset(
        {
            key: (
                "layer",
                [layer.values.get(key, math.nan) for layer in layers],
                {"units": units, "definition": definition},
            )
            for key, (units, definition) in VARIABLES.items()
        },
        coords={
            "layer": range(1, len(layers) + 1),
            "name": ("layer", [layer.name for layer in layers]),
        },
        attrs=attrs,
    )
