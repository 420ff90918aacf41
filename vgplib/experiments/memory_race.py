"""Remembering: recurrent cells on two tasks, tuned alike.

Protocol: one recurrent layer of 32 units and a linear read-out of its last state; Adam, the
gradient clipped at norm 1, batches of 64, float64.

- *Digits, a row at a time*: an image comes as eight steps of eight pixels (300 steps of training).
- *The adding problem* (Hochreiter & Schmidhuber 1997): forty random numbers come one by one, and
  two of them are marked, one in each half; the answer is their sum (600 steps, new sequences in
  each). An answer is right when it is off by less than 0.1; whoever always answers 1, the mean, is
  right in 19 of 100.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vgplib.engine.experiment import Choice
from vgplib.experiments.races import Field, race, search
from vgplib.experiments.recipe import images
from vgplib.experiments.steps import BATCH
from vgplib.experiments.view import Axis
from vgplib.measures.layers import measure
from vgplib.networks.recurrent import Recurrent

WIDTH, CLIP, RECORDS = 32, 1.0, 15
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
LENGTH, NEAR, TESTED = 40, 0.1, 1000
CELL_LABELS = {
    "rnn": "tanh RNN",
    "irnn": "ReLU RNN, identity",
    "lstm": "LSTM as PyTorch has it",
    "lstm_forget_1": "LSTM, forget bias 1",
    "lstm_chrono": "LSTM, chrono",
    "gru": "GRU",
}

Examples = tuple[Tensor, Tensor]  # sequences (steps, n, features), and their answers


@dataclass(frozen=True)
class Task:
    """A task on sequences.

    Attributes:
        label: What the reader sees.
        examples: ``examples(part)``: those to ``"choose"`` by or to ``"test"``.
        batch: ``batch(generator)`` draws examples to train on.
        loss: ``loss(output, answers)``.
        right: ``right(output, answers)``: which answers are right.
        size: Features of one step, steps of a sequence, outputs.
        steps: How long it is trained.
    """

    label: str
    examples: Callable[[str], Examples]
    batch: Callable[[torch.Generator], Examples]
    loss: Callable[[Tensor, Tensor], Tensor]
    right: Callable[[Tensor, Tensor], Tensor]
    size: tuple[int, int, int]
    steps: int


def rows(part: str) -> Examples:
    """Digits as sequences of rows, shape ``(8, n, 8)``, and their labels."""
    x, y = images(part)
    return x.view(-1, 8, 8).transpose(0, 1), y


def _some_rows(generator: torch.Generator) -> Examples:
    x, y = rows("train")
    pick = torch.randint(len(y), (BATCH,), generator=generator)
    return x[:, pick], y[pick]


def sums(count: int, generator: torch.Generator) -> Examples:
    """Sequences of the adding problem, shape ``(40, count, 2)`` (number, mark), and their sums."""
    numbers = torch.rand(LENGTH, count, dtype=torch.float64, generator=generator)
    marks = torch.zeros_like(numbers)
    for half in range(2):
        place = torch.randint(LENGTH // 2, (1, count), generator=generator) + half * LENGTH // 2
        marks.scatter_(0, place, 1.0)
    return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(dim=0)


def _kept_sums(part: str) -> Examples:
    return sums(TESTED, torch.Generator().manual_seed({"choose": 1, "test": 2}[part]))


TASKS = {
    "rows": Task(
        "digits, a row at a time: 8 steps",
        rows,
        _some_rows,
        F.cross_entropy,
        lambda output, y: output.argmax(dim=1) == y,
        (8, 8, 10),
        300,
    ),
    "adding": Task(
        f"the adding problem: {LENGTH} steps",
        _kept_sums,
        lambda generator: sums(BATCH, generator),
        lambda output, y: F.mse_loss(output[:, 0], y),
        lambda output, y: (output[:, 0] - y).abs() < NEAR,
        (2, LENGTH, 1),
        600,
    ),
}


class Reader(nn.Module):
    """A recurrent layer, and a linear read-out of its last state."""

    def __init__(self, cell: str, size: tuple[int, int, int], seed: int) -> None:
        """Build it for sequences of ``size`` (see :class:`Task`)."""
        super().__init__()
        inputs, length, outputs = size
        self.states = Recurrent(inputs, WIDTH, cell, seed=seed, longest=length)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.readout = nn.Linear(WIDTH, outputs, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        """Shape ``(batch, outputs)``, of sequences of shape ``(steps, batch, inputs)``."""
        return self.readout(self.states(x)[-1])


def train(
    rate: float, seed: int, part: str, watch: bool, *, row: str, task: str
) -> dict[str, list[Any]]:
    """Train one cell on one task once; see :class:`vgplib.experiments.races.Field`."""
    given = TASKS[task]
    net = Reader(row, given.size, seed)
    rule = torch.optim.Adam(net.parameters(), lr=rate)
    order = torch.Generator().manual_seed(1000 + seed)
    x, y = given.examples(part)
    found: dict[str, list[Any]] = {"step": [], "loss": [], "accuracy": [], "signal": []}
    for step in range(given.steps + 1):
        if step == given.steps or (watch and step % (given.steps // RECORDS) == 0):
            with torch.no_grad():
                output = net(x)
            found["step"].append(step)
            found["loss"].append(given.loss(output, y).item())
            found["accuracy"].append(given.right(output, y).double().mean().item())
        if watch and step % (given.steps // RECORDS) == 0:
            seen = measure(net, lambda model: given.loss(model(x[:, :BATCH]), y[:BATCH]))
            found["signal"].append(seen["step_signal"].isel(recurrent=0).values)
        if step < given.steps:
            some, answers = given.batch(order)
            rule.zero_grad()
            given.loss(net(some), answers).backward()
            nn.utils.clip_grad_norm_(net.parameters(), CLIP)
            rule.step()
    return found


FIELD = Field(
    (
        Choice("row", "Cell", CELL_LABELS),
        Choice("task", "Task", {name: task.label for name, task in TASKS.items()}),
    ),
    train,
    RATES,
    "test answers right",
    places="steps",
    first="first step",
    losses=Axis("training loss", (0, 2.5)),
)
SEARCH = search("memory-rates", "Which learning rate for which cell?", FIELD)
EXPERIMENT = race("memory-race", "Who remembers?", FIELD, SEARCH, {"row": "rnn", "task": "adding"})
