"""Many training runs at once, each as if it were alone.

Runs on the same data differ in their seed, initialiser, gain, learning rate and weight decay.
They step together, a block at a time (:mod:`vgplib.engine.block`); a run that diverges keeps its
Inf and NaN to itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vgplib import errors
from vgplib.engine import batched
from vgplib.engine.batched import Network, cross_entropy, drawn
from vgplib.engine.block import Block, Shape
from vgplib.engine.optimizers import OPTIMIZERS

if TYPE_CHECKING:
    import xarray as xr

_ROWS = 64  # data sets are filled up to a multiple of it, so that matrices fill whole registers

VARIABLES: dict[str, tuple[str, str]] = {
    "loss": ("nat", "mean cross-entropy over the whole training set"),
    "train_accuracy": ("fraction", "training images whose largest logit is their label's"),
    "accuracy": ("fraction", "test images whose largest logit is their label's"),
    "signal": ("norm", "Frobenius norm, over batch and units, of dloss/dz for the step's batch"),
}


@dataclass(frozen=True)
class Training(Network):
    """How one run of a batch is drawn and trained.

    Attributes:
        learning_rate: Of the optimizer; at least 0.
        weight_decay: As in ``torch.optim``: this times a parameter is added to its gradient.

    Raises:
        ValueError: There is no such initialiser, or a number is out of range.
    """

    learning_rate: float = 0.01
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("learning_rate", "weight_decay"):
            if errors.finite(name, getattr(self, name)) < 0:
                raise ValueError(f"{name} must be at least 0, not {getattr(self, name)!r}.")


def train_batch(
    shape: Shape,
    activation: str | Callable[[Tensor], Tensor],
    runs: Sequence[Training],
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    steps: int,
    record: Sequence[int],
    optimizer: str = "sgd",
    momentum: float = 0.9,
    device: torch.device | str = "cpu",
) -> xr.Dataset:
    """Train networks with a read-out on a classification task.

    Each run draws its batches, with replacement, from a generator of its own that is seeded like
    its weights. The steps are those of ``torch.optim.SGD`` and ``torch.optim.Adam``.

    Args:
        shape: What the networks have in common; ``shape.batch`` inputs make a step.
        activation: A name in ``ACTIVATIONS``, or a function that works entry by entry and can be
            differentiated.
        runs: One network and its settings for each run.
        train: Inputs, shape ``(n, inputs)``, and class indices, shape ``(n,)``.
        test: The same for what is only tested on.
        steps: How many to take.
        record: After how many steps to record, ascending, from 0 to ``steps``.
        optimizer: ``"sgd"`` or ``"adam"`` (betas 0.9 and 0.999, eps 1e-8).
        momentum: Of SGD; Adam ignores it.
        device: Where to compute.

    Returns:
        Dimensions ``run``, ``step`` (what was given as ``record``) and ``layer`` (1 to depth + 1,
        the read-out last). The variables are those of ``VARIABLES``, with units and definitions.

    Raises:
        ValueError: A name is unknown, a number is out of range, or there is no read-out.
    """
    steps = errors.whole("steps", steps, least=0)
    _check(shape, runs, train, test, steps, record)
    make = OPTIMIZERS[errors.choose("optimizer", optimizer, OPTIMIZERS)]
    block = Block(shape, activation, device)
    sets = [_Evaluation(block, x, y) for x, y in (train, test)]
    x, y = (part.to(device) for part in train)
    x = x.to(shape.dtype)
    gradient, weights, biases = block.parameter_buffer()
    layers, places, recorded = len(block.weights), shape.block, set(record)
    norms = torch.empty(places, layers, dtype=torch.float64, device=device)
    scores = torch.empty(len(record), len(runs), 3, dtype=torch.float64)
    signals = torch.empty(len(record), len(runs), layers, dtype=torch.float64)
    for rows, slots in drawn(block, runs):
        chosen = [runs[i] for i in slots]
        rates = block.spread([run.learning_rate for run in chosen])
        decays = block.spread([run.weight_decay for run in chosen])
        rule = make(block.parameters, rates, decays, momentum)
        picks = torch.stack([_picks(run.seed, len(x), steps, shape.batch) for run in chosen])
        picks = picks.to(device)
        done = 0
        for step in range(steps + 1):
            pick = picks[:, step].flatten()
            torch.index_select(x, 0, pick, out=block.x.view(-1, shape.inputs))
            if step in recorded:
                (loss, right), (_, right_test) = (part.scores() for part in sets)
                found = torch.stack([loss, right, right_test], dim=1)
                scores[done, rows] = found[: len(rows)].cpu()
            elif step == steps:
                break
            output = block.forward().detach().requires_grad_()
            with torch.enable_grad():
                value = cross_entropy(output, y[pick].view(places, shape.batch)).sum()
            for layer, signal, h in block.backward(torch.autograd.grad(value, output)[0]):
                torch.bmm(signal.transpose(1, 2), h, out=weights[layer])
                if shape.bias:
                    torch.sum(signal, dim=1, keepdim=True, out=biases[layer])
                if step in recorded:
                    norms[:, layer] = torch.linalg.vector_norm(
                        signal, dim=(1, 2), dtype=torch.float64
                    )
            if step in recorded:
                signals[done, rows] = norms[: len(rows)].cpu()
                done += 1
            if step < steps:
                rule.step(gradient)
    return _dataset(scores, signals, record)


def nbytes(
    shape: Shape, activation: str | Callable[[Tensor], Tensor], samples: int, steps: int
) -> int:
    """The bytes that :func:`train_batch` needs at most for one run.

    It works block by block, so ``shape.block`` times this is what it needs at most, for however
    many runs.

    Args:
        shape: Of the networks.
        activation: As :func:`train_batch` takes it.
        samples: The larger of the numbers of training and of test inputs.
        steps: How many to take.
    """
    rows, outputs = _filled(samples), shape.fans[-1][0]
    entries = 7 * shape.parameters + 3 * rows * shape.width + 5 * rows * outputs
    indices = shape.batch * (2 * steps + 8) + 3 * rows
    data = 4 * rows * (shape.inputs + 1)  # copies that a block's runs share
    size = shape.dtype.itemsize
    return (
        batched.nbytes(shape, activation) + size * entries + 8 * indices + 8 * data // shape.block
    )


class _Evaluation:
    """Loss and accuracy of all networks of a block on a whole data set."""

    def __init__(self, block: Block, x: Tensor, y: Tensor) -> None:
        shape, device = block.shape, block.parameters.device
        self.block, self.samples = block, len(x)
        rows = _filled(len(x))
        inputs = torch.zeros(rows, shape.inputs, dtype=shape.dtype, device=device)
        inputs[: len(x)] = x
        self.x = inputs.expand(shape.block, -1, -1)
        self.y = y.to(device).expand(shape.block, -1)
        hidden = (shape.block, rows, shape.width)
        self.hidden = [torch.empty(hidden, dtype=shape.dtype, device=device) for _ in range(2)]
        self.outputs = torch.empty(*hidden[:2], shape.fans[-1][0]).to(inputs)

    def scores(self) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy and share of right answers, each of shape ``(block,)``."""
        h = self.x
        for layer in range(self.block.shape.depth):
            h = self.block.activate(self.block.linear(layer, h, out=self.hidden[layer % 2]))
        logits = self.block.linear(self.block.shape.depth, h, out=self.outputs)[:, : self.samples]
        right = logits.argmax(dim=2) == self.y
        return cross_entropy(logits, self.y).double(), right.double().mean(dim=1)


def _filled(samples: int) -> int:
    """The rows that a data set of so many samples takes."""
    return -(-samples // _ROWS) * _ROWS


def _picks(seed: int, samples: int, steps: int, batch: int) -> Tensor:
    """The indices of every step's batch, and of one more to record with; one row a step."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(samples, (steps + 1, batch), generator=generator)


def _check(
    shape: Shape,
    runs: Sequence[Training],
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    steps: int,
    record: Sequence[int],
) -> None:
    if shape.outputs is None:
        raise ValueError("shape.outputs must be the number of classes, not None.")
    if not runs:
        raise ValueError("runs must hold at least one run, not 0.")
    if list(record) != sorted({errors.whole("record", r, least=0) for r in record}):
        raise ValueError(f"record must be ascending, each step once, not {list(record)}.")
    if not record or record[-1] > steps:
        raise ValueError(f"record must hold steps from 0 to {steps}, not {list(record)}.")
    for name, (x, y) in (("train", train), ("test", test)):
        if x.ndim != 2 or x.shape[1] != shape.inputs or y.shape != x.shape[:1]:
            raise ValueError(
                f"{name} must be inputs of shape (n, {shape.inputs}) and n class indices, not "
                f"{tuple(x.shape)} and {tuple(y.shape)}."
            )
        if not len(y) or y.min() < 0 or y.max() >= shape.outputs:
            raise ValueError(f"{name} must hold class indices from 0 to {shape.outputs - 1}.")


def _dataset(scores: Tensor, signals: Tensor, record: Sequence[int]) -> xr.Dataset:
    import xarray as xr

    values = [*scores.permute(2, 1, 0), signals.permute(1, 0, 2)]
    return xr.Dataset(
        {
            name: (
                ("run", "step", "layer")[: value.ndim],
                value.numpy(),
                {"units": words[0], "definition": words[1]},
            )
            for (name, words), value in zip(VARIABLES.items(), values, strict=True)
        },
        coords={"step": list(record), "layer": range(1, signals.shape[2] + 1)},
    )
