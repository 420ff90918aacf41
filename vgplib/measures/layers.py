"""What every layer of a network sees in one forward and one backward pass."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vgplib.measures.layer import Layer
from vgplib.measures.preserve import left_as_they_were
from vgplib.measures.recorder import OnLayer, Recorder
from vgplib.measures.report import Parameter, report
from vgplib.measures.uncheckpointed import uncheckpointed
from vgplib.measures.updates import updates

if TYPE_CHECKING:
    import xarray as xr


def measure(
    model: nn.Module,
    loss: Callable[[nn.Module], Tensor],
    *,
    optimizer: torch.optim.Optimizer | None = None,
) -> xr.Dataset:
    """Measure every layer of ``model`` in one forward and one backward pass.

    A layer is whatever holds weights and acts on activations: linear and convolutional layers,
    the projections of attention, recurrent layers and cells, embeddings, norms, and products with
    a parameter in a ``forward`` of one's own. The model, its gradients, mode, hooks and buffers,
    the optimizer, and the random states are left exactly as they were.

    Args:
        model: Any network.
        loss: Takes the model, runs it, and returns a scalar tensor:
            ``lambda model: cross_entropy(model(x), y)``.
        optimizer: If given, ``update_ratio`` tells what its next step would change.

    Returns:
        Dimension ``layer``, 1 to L, in the order in which the layers ran, with their ``name``,
        ``kind`` (linear, conv, recurrent, attention, embedding, norm, scale) and the
        ``activation`` that follows. A layer that runs several times has a row for each run.
        Dimension ``parameter`` has every parameter, by name. If there are recurrent layers, or
        others that ran three times or more: dimensions ``recurrent``, by name, and ``step``, 1 for
        the oldest. The variables, each with unit and
        definition in its attributes, are those of ``vgplib.measures.report.VARIABLES``; what
        cannot be known is NaN.

    Attributes:
            loss: Its value.
            factor: By how much ``signal`` is multiplied going back one layer (below 1 is
                vanishing): a log-linear fit over the hidden layers of one width, in which
                layers in between count as steps. ``r2`` is its R^2.
            ratio: The signal of the first of these layers over that of the last.
            factor_per_step: By how much the signal is multiplied going back one time step, in the
                recurrent layer in which it changes most.
            first_non_finite: Where the first Inf or NaN was met, in the order parameters, forward
                pass, loss, backward pass; else ``""``. If there is one, no factor or ratio is made.
            norm: Which norm ``signal`` is.
            torch: PyTorch's version.

    Raises:
        ValueError: The loss is not a real scalar tensor or is not connected to the model; no layer
            ran; a layer cannot take its input; parameters are complex, without numbers, or not made
            yet; or the optimizer holds none of them. Whatever else ``loss`` raises passes through,
            with a note of the layer that ran last.
        TypeError: ``model`` is no module, ``loss`` does not take it as its one argument, or
            ``optimizer`` is none.
    """
    check_arguments(model, loss)
    if optimizer is not None:
        check_optimizer(optimizer, model)
    modules = dict(model.named_modules())
    with left_as_they_were(list(modules.values())):
        seen = observe(modules, loss, model)
        if optimizer is not None:
            updates(optimizer, seen.parameters)
    return report(model, seen.layers, seen.parameters, seen.loss)


class NotConnected(ValueError):
    """The loss has a gradient, but nothing of the model is in it."""


@dataclass(frozen=True)
class Seen:
    """What one pass showed, before it is put into a dataset."""

    layers: list[Layer]
    parameters: list[Parameter]
    loss: float


def observe(
    modules: dict[str, nn.Module],
    loss: Callable[[nn.Module], Tensor],
    model: nn.Module,
    on_layer: OnLayer | None = None,
    leaves: list[Tensor] | None = None,
) -> Seen:
    """Run one forward and one backward pass, and nothing else: the caller puts things back.

    Args:
        modules: All modules of the model by name.
        loss: As in :func:`measure`.
        model: The model.
        on_layer: Called with each layer as it runs, its input and its output.
        leaves: Tensors that the backward pass has to reach besides; may be filled while it runs.

    Raises:
        ValueError: As :func:`measure`.
    """
    parameters = _parameters(modules)
    recorder = Recorder(modules, on_layer)
    if leaves is not None:
        recorder.leaves = leaves
    with torch.enable_grad(), eager(), uncheckpointed():
        with recorder, _told_where(recorder):
            value = loss(model)
        if not recorder.layers:
            raise ValueError(
                "no layer of the model ran while the loss was computed: nothing to measure. The "
                "loss has to run the model that it is given: "
                "lambda model: cross_entropy(model(x), y). A layer multiplies by a weight; sums "
                "and other arithmetic with parameters are none."
            )
        value = check_loss(value)
        _backward(value, parameters, recorder)
    return Seen(recorder.layers, parameters, value.item())


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
    if value.is_complex():
        raise ValueError("the loss must be real, not complex: take its .real, or its .abs().")
    if not value.requires_grad:
        raise ValueError(
            "the loss is detached from the network, so it has no gradient: compute it from the "
            "model's output, without detach(), .data or torch.no_grad()."
        )
    return value


def check_arguments(model: object, loss: object) -> None:
    """See that a model and a loss are what they should be.

    Raises:
        TypeError: ``model`` is no module, or ``loss`` does not take it as its one argument.
        ValueError: Parameters are complex, or have no numbers.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, not {type(model).__name__}.")
    for name, parameter in model.named_parameters():
        if parameter.is_complex():
            raise ValueError(
                f"parameter {name!r} is complex, and only real ones can be measured: hold its real "
                "and its imaginary part as two."
            )
        if parameter.is_meta:
            raise ValueError(
                f"parameter {name!r} is on the meta device, where it has no numbers: give the "
                'model some first, with model.to_empty(device="cpu") and an initialisation.'
            )
    if not callable(loss):
        raise TypeError(
            f"loss must be a function of the model, not {type(loss).__name__}: "
            "lambda model: cross_entropy(model(x), y)."
        )
    with contextlib.suppress(ValueError):  # some callables have no signature to look at
        signature = inspect.signature(loss)
        try:
            signature.bind(model)
        except TypeError as problem:
            raise TypeError(
                f"loss must take the model as its one argument, but its signature is {signature} "
                f"({problem}). Wrap it: lambda model: your_loss(model, x, y)."
            ) from None


def check_optimizer(optimizer: object, model: nn.Module) -> None:
    """See that an optimizer can train a model.

    Raises:
        TypeError: It is none.
        ValueError: It holds none of the model's parameters.
    """
    # Anything with groups and a step will do: some optimizers are no torch.optim.Optimizer.
    if not (hasattr(optimizer, "param_groups") and callable(getattr(optimizer, "step", None))):
        raise TypeError(
            "optimizer must be a torch.optim.Optimizer over the model's parameters, not "
            f"{type(optimizer).__name__}."
        )
    own = {id(p) for p in model.parameters()}
    if not any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
        raise ValueError(
            "optimizer holds none of the model's parameters: make it with model.parameters(), "
            "after the model was moved, converted or re-created."
        )


def _parameters(modules: dict[str, nn.Module]) -> list[Parameter]:
    """Every parameter once, by its first name, in PyTorch's order."""
    found: dict[int, Parameter] = {}
    for prefix, module in modules.items():
        for leaf, tensor in module._parameters.items():
            name = f"{prefix}.{leaf}" if prefix else leaf
            if isinstance(tensor, nn.parameter.UninitializedParameter):
                raise ValueError(
                    f"parameter {name!r} is not made yet: run the model once on an input first."
                )
            if tensor is not None:
                found.setdefault(id(tensor), Parameter(name, tensor))
    return list(found.values())


@contextlib.contextmanager
def eager() -> Iterator[None]:
    """Run compiled models as they were written, so that their layers can be seen."""
    if "torch._dynamo" in sys.modules:  # nothing can be compiled where this was never imported
        with torch.compiler.set_stance("force_eager"):
            yield
    else:
        yield


@contextlib.contextmanager
def _told_where(recorder: Recorder) -> Iterator[None]:
    """Add to an error of the loss how far the model came."""
    try:
        yield
    except Exception as problem:
        last = (
            f"after layer {recorder.layers[-1].name!r}" if recorder.layers else "before any layer"
        )
        if hasattr(problem, "add_note"):  # from Python 3.11 on
            problem.add_note(f"Raised by the loss that vgp.measure was given, {last} had run.")
        raise


def _backward(value: Tensor, parameters: list[Parameter], recorder: Recorder) -> None:
    """Run the backward pass, which fills in the layers' signals.

    What a function of one's own brings to ``.grad`` by a backward pass inside of its backward, as
    those of reversible networks do, counts with the rest.
    """
    wanted = [parameter for parameter in parameters if parameter.tensor.requires_grad]
    for parameter in wanted:
        parameter.tensor.grad = None
    used = [layer for layer in recorder.layers if layer.use is not None]
    inputs = [
        *(parameter.tensor for parameter in wanted),
        *(layer.use for layer in used),
        *(edge for layer in recorder.layers for edge in layer.edges),
        *recorder.leaves,
    ]
    gradients = iter(torch.autograd.grad(value, inputs, allow_unused=True))  # type: ignore[arg-type]
    for parameter in wanted:
        parts = [g for g in (next(gradients), parameter.tensor.grad) if g is not None]
        parameter.gradient = sum(parts[1:], parts[0]) if parts else None
        parameter.tensor.grad = None
    for layer in used:
        layer.use = next(gradients)
    for layer in recorder.layers:
        layer.gradients = [next(gradients) for _ in layer.edges]
    recorder.finish()
    inside = recorder.hidden and any(p.gradient is not None for p in wanted)
    if not (inside or any(layer.has_signal for layer in recorder.layers)):
        raise NotConnected("the loss does not depend on any layer that ran.")
