"""Many feed-forward networks measured at once, each as if it were alone.

Networks of one shape differ in their seed, initialiser, gain, inputs and loss factor; they run in
blocks (:mod:`vgplib.engine.block`). What one of them measures does not depend on the others, to
the bit on one machine, and equals :func:`vgplib.measures.layers.measure` on a ``FeedForward``
up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from vgplib import errors
from vgplib.engine.block import Block, Shape, in_place
from vgplib.networks.initialisers import initialiser, positive

if TYPE_CHECKING:
    import xarray as xr

Loss = Callable[[Tensor, Tensor], Tensor]

SAFE = (1e-15, 1e15)  # norms whose sum of squares loses nothing in float32


@dataclass(frozen=True)
class Network:
    """How one network of a batch is drawn: the arguments of ``FeedForward`` of the same names.

    Raises:
        ValueError: There is no such initialiser, or a number is out of range.
    """

    seed: int = 0
    initialiser: str = "lecun"
    gain: float = 1.0

    def __post_init__(self) -> None:
        errors.whole("seed", self.seed, least=0)
        initialiser(self.initialiser)
        positive("gain", self.gain)


def projection(output: Tensor, target: Tensor) -> Tensor:
    """The mean over the batch of ``<target, output>``, for each network.

    Args:
        output: Shape ``(networks, batch, outputs)``.
        target: Of a shape that broadcasts to it.
    """
    return (output * target).sum(dim=2).mean(dim=1)


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """The mean over the batch of the cross-entropy, for each network.

    Args:
        output: Logits, shape ``(networks, batch, classes)``.
        target: Class indices, shape ``(networks, batch)``.
    """
    each = F.cross_entropy(output.flatten(0, 1), target.flatten(), reduction="none")
    return each.view(target.shape).mean(dim=1)


def measure_batch(
    shape: Shape,
    activation: str | Callable[[Tensor], Tensor],
    networks: Sequence[Network],
    x: Sequence[Tensor] | Tensor,
    target: Sequence[Tensor] | Tensor,
    loss: Loss = projection,
    loss_factor: float | Sequence[float] = 1.0,
    weight_gradients: bool = True,
    device: torch.device | str = "cpu",
) -> xr.Dataset:
    """The error signal and the weight gradients of every layer of every network.

    Args:
        shape: What the networks have in common.
        activation: A name in ``ACTIVATIONS``, or a function that works entry by entry and can be
            differentiated.
        networks: One for each run.
        x: One tensor of shape ``(batch, inputs)`` for each run.
        target: One tensor for each run: what ``loss`` takes.
        loss: ``loss(output, target)`` gives one loss for each of several networks, from their
            stacked outputs and targets.
        loss_factor: Multiplies the loss; one for all runs, or one for each.
        weight_gradients: Whether to compute them: a third of the work.
        device: Where to compute.

    Returns:
        Dimensions ``run``, in the order of ``networks``, and ``layer``, 1 to depth (one more with
        a read-out). Float64 norms over each layer: ``signal``, the Frobenius norm of dloss/dz
        over batch and units, and ``weight_grad``, that of dloss/dW; and ``loss`` for each run.

    Raises:
        ValueError: A name is unknown, or a length or shape does not fit.
    """
    import xarray as xr

    runs = len(networks)
    if not runs:
        raise ValueError("networks must hold at least one network, not 0.")
    alone = errors.plain_number(loss_factor)
    factors = loss_factor if alone is None else [alone] * runs  # type: ignore[assignment]
    for name, given in (("x", x), ("target", target), ("loss_factor", factors)):
        if len(given) != runs:
            raise ValueError(
                f"{name} must have one entry for each of {runs} runs, not {len(given)}."
            )
    size = (shape.batch, shape.inputs)
    for run in range(runs):
        if tuple(x[run].shape) != size:
            raise ValueError(f"x[{run}] must have shape {size}, not {tuple(x[run].shape)}.")

    block = Block(shape, activation, device)
    names = ["signal", "weight_grad"][: 1 + weight_gradients]
    layers = len(block.weights)
    found = torch.empty(1 + len(names) * layers, runs, dtype=torch.float64)
    for rows, slots in drawn(block, networks):
        torch.stack([x[i].to(block.x) for i in slots], out=block.x)
        targets = torch.stack([target[i] for i in slots]).to(device)
        factor = torch.tensor([factors[i] for i in slots], dtype=torch.float64).to(block.x)
        values = measure_block(block, targets, loss, factor, weight_gradients)
        found[:, rows] = values[:, : len(rows)].cpu()

    data: dict[str, tuple] = {
        name: (("run", "layer"), part.T.numpy(), {"units": "norm"})
        for name, part in zip(names, found[1:].split(layers), strict=True)
    }
    data["loss"] = ("run", found[0].numpy())
    return xr.Dataset(data, coords={"layer": range(1, layers + 1)})


def measure_block(
    block: Block, target: Tensor, loss: Loss, factor: Tensor, weight_gradients: bool = True
) -> Tensor:
    """One pass forward and back through the networks in a block, from ``block.x``.

    Args:
        block: Filled with parameters and inputs.
        target: What ``loss`` takes, stacked.
        loss: Gives one loss for each network.
        factor: Multiplies the losses, shape ``(block,)``.
        weight_gradients: Whether to compute them.

    Returns:
        Float64, one column for each network: the loss, the signal's norm at each layer, and the
        norm of each layer's weight gradient where they are computed.
    """
    # Sums of squares are fastest in float32, where small squares are 0 and large ones Inf. What
    # comes out near either end is measured again in float64.
    if block.shape.dtype == torch.float64:
        return _pass(block, target, loss, factor, weight_gradients, torch.float64)
    values = _pass(block, target, loss, factor, weight_gradients, torch.float32)
    safe = (values > SAFE[0]) & (values < SAFE[1])
    safe[0] = True
    if not safe.all():
        wide = _pass(block, target, loss, factor, weight_gradients, torch.float64)
        values = torch.where(safe, values, wide)
    return values


def _pass(
    block: Block,
    target: Tensor,
    loss: Loss,
    factor: Tensor,
    weight_gradients: bool,
    dtype: torch.dtype,
) -> Tensor:
    """What :func:`measure_block` returns, with squares summed along rows in ``dtype``."""
    layers, places = len(block.weights), block.shape.block
    output = block.forward().detach().requires_grad_()
    with torch.enable_grad():
        value = factor * loss(output, target)
    (gradient,) = torch.autograd.grad(value.sum(), output)
    weights = {w.shape: torch.empty_like(w) for w in block.weights if weight_gradients}
    rows = max(block.shape.batch, *(fan_out for fan_out, _ in block.shape.fans))
    kinds = 1 + weight_gradients
    found = torch.zeros(kinds, layers, places, rows, dtype=dtype, device=gradient.device)
    for layer, signal, h in block.backward(gradient):
        _row_norms(signal, out=found[0, layer])
        if weight_gradients:
            out = weights[block.weights[layer].shape]
            _row_norms(torch.bmm(signal.transpose(1, 2), h, out=out), out=found[1, layer])
    norms = torch.linalg.vector_norm(found, dim=3, dtype=torch.float64)
    return torch.cat([value.detach().double()[None], *norms])


def _row_norms(matrices: Tensor, out: Tensor) -> None:
    """The norm of each row, summed up in the dtype of ``out``, which may be longer."""
    torch.linalg.vector_norm(matrices, dim=2, dtype=out.dtype, out=out[:, : matrices.shape[1]])


def nbytes(shape: Shape, activation: str | Callable[[Tensor], Tensor]) -> int:
    """The bytes that :func:`measure_batch` needs at most for one network, without its inputs.

    It works block by block, so ``shape.block`` times this is what it needs at most, for however
    many networks. A callable that keeps more than its input and output for its derivative needs
    more.
    """
    size = shape.dtype.itemsize
    layers, outputs = len(shape.fans), shape.fans[-1][0]
    hidden = shape.batch * shape.width
    entries = shape.parameters + sum(o * i for o, i in set(shape.fans))  # and gradients
    entries += shape.batch * (shape.inputs + sum(o for o, _ in shape.fans)) + 2 * hidden
    entries += 0 if in_place(activation) else (shape.depth + 2) * hidden
    entries += 8 * shape.batch * outputs  # the loss
    norms = 8 * 3 * layers * max(shape.batch, shape.width, outputs)
    # One network's draw, shared by its block, with room for an orthogonal matrix in the making.
    draw = 8 * (shape.parameters + 6 * shape.largest)
    return size * entries + norms + -(-draw // shape.block)


def drawn(block: Block, networks: Sequence[Network]) -> Iterator[tuple[list[int], list[int]]]:
    """Fill the block's parameters with the networks' own, a block at a time.

    The numbers are those of ``FeedForward``, to the bit. Drawing costs as much as running, so
    networks that differ in the gain alone go one after the other and share the draw.

    Yields:
        The runs that are in the block now; and as many as there are places, where the last run
        stands for the places that stay empty.
    """
    order = sorted(range(len(networks)), key=lambda run: _source(networks[run]))
    source, units = None, []
    for start in range(0, len(order), block.shape.block):
        rows = order[start : start + block.shape.block]
        for place, run in enumerate(rows):
            if _source(networks[run]) != source:
                source, units = _source(networks[run]), []  # frees the last draw before the next
                units = _draw(block.shape, networks[run])
            _place(block, place, networks[run], units)
        yield rows, rows + rows[-1:] * (block.shape.block - len(rows))


def _source(network: Network) -> tuple[str, int]:
    return network.initialiser, network.seed


def _draw(shape: Shape, network: Network) -> list[tuple[Tensor, Tensor | None]]:
    """Weights and biases of each layer before they are scaled; None for biases of 0."""
    generator = torch.Generator().manual_seed(network.seed)
    scheme = initialiser(network.initialiser)
    units = []
    for fan_out, fan_in in shape.fans:
        weight, bias = scheme.unit(fan_out, fan_in, generator), None
        if shape.bias and scheme.draws_bias:
            bias = scheme.unit(fan_out, fan_in, generator)[:, 0].clone()
        units.append((weight, bias))
    return units


def _place(block: Block, place: int, network: Network, units: list) -> None:
    """Write a network's parameters to its place in the block."""
    scheme = initialiser(network.initialiser)
    for layer, ((fan_out, fan_in), (weight, bias)) in enumerate(
        zip(block.shape.fans, units, strict=True)
    ):
        gain = network.gain if layer < block.shape.depth else 1.0
        block.weights[layer][place] = scheme.scale(fan_out, fan_in, gain) * weight
        if block.shape.bias:
            block.biases[layer][place] = (
                0.0 if bias is None else scheme.scale(fan_out, fan_in, 1.0) * bias
            )
