"""Twelve networks that learn the digits, or do not: sick and healthy, and their treatments.

Protocol: hidden layers 64 wide, batches of 64, 150 steps, gradient descent with momentum 0.9
unless it says Adam, float64. A recurrent one reads each image from the top, a few pixels a step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vgplib.engine.rounding import OtherRounding
from vgplib.experiments import steps as training
from vgplib.measures.layers import measure
from vgplib.networks.deep import Deep
from vgplib.networks.recurrent import Recurrent

WIDTH, STEPS, EVERY = 64, 150, 10


@dataclass(frozen=True)
class Patient:
    """How a network is drawn and trained.

    Attributes:
        activation, initialiser, depth, gain: As in ``Deep``; of a recurrent one, ``depth`` is how
            many steps it takes, and ``gain`` that of its recurrent matrix.
        learning_rate: Of the optimiser.
        path: As in ``Deep``, or ``"time"`` for a recurrent network.
        adam: Adam in place of gradient descent with momentum.
        clip: The largest norm of the whole gradient, or None.
        shuffled: Whether labels are dealt out at random.
        before: Learning rate and steps of an earlier training, if there was one.
    """

    activation: str
    initialiser: str
    depth: int
    learning_rate: float
    gain: float = 1.0
    path: str = "plain"
    adam: bool = False
    clip: float | None = None
    shuffled: bool = False
    before: tuple[float, int] | None = None


# Their names tell nothing; the clinic gives them letters, in this order or in a drawn one.
PATIENTS: dict[str, Patient] = {
    "wren": Patient("sigmoid", "xavier", 8, 0.1),
    "finch": Patient("tanh", "xavier", 4, 3e-5),
    "heron": Patient("relu", "he", 12, 0.01),
    "robin": Patient("relu", "he", 3, 0.03, before=(0.2, 150)),
    "swift": Patient("tanh", "xavier", 4, 0.03, shuffled=True),
    "crane": Patient("relu", "he", 8, 0.01, gain=3.0),
    "lark": Patient("relu", "he", 4, 0.01, before=(0.05, 400)),
    "raven": Patient("sigmoid", "xavier", 8, 0.003, adam=True),
    "stork": Patient("tanh", "xavier", 5, 0.01, gain=16.0),
    "tern": Patient("tanh", "xavier", 4, 3.0),
    "plover": Patient("relu", "identity", 8, 0.01, gain=3.5, path="time"),
    "dove": Patient("tanh", "xavier", 8, 0.03, path="rezero"),
}


class InTime(nn.Module):
    """A recurrent network that reads an image from the top in ``steps`` steps.

    Attributes:
        states: The recurrent layer, ReLU or tanh, with a multiple of the identity as its matrix.
        readout: The linear read-out of the last state.
    """

    def __init__(self, activation: str, steps: int, gain: float, seed: int) -> None:
        """Draw it."""
        super().__init__()
        self._shape = (steps, 64 // steps)
        self.states = Recurrent(64 // steps, WIDTH, "irnn", gain, seed=seed)
        if activation == "tanh":
            drawn = self.states.state_dict()
            self.states = Recurrent(64 // steps, WIDTH, "rnn")
            self.states.load_state_dict(drawn)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.readout = nn.Linear(WIDTH, 10, dtype=torch.float64)

    def over_time(self, x: Tensor) -> Tensor:
        """The states, shape ``(steps, n, width)``, of images of shape ``(n, 64)``."""
        return self.states(x.view(len(x), *self._shape).transpose(0, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Shape ``(n, 10)``, of images of shape ``(n, 64)``."""
        return self.readout(self.over_time(x)[-1])

    @torch.no_grad()
    def dead(self, x: Tensor) -> list[float]:
        """The share of units that are 0 at every step of every image; NaN where it diverged."""
        states = self.over_time(x)
        share = (states == 0).all(dim=0).all(dim=0).double().mean().item()
        return [share if states.isfinite().all() else float("nan")]


def _redrawn(patient: Patient) -> Patient:
    kind = "he" if patient.activation == "relu" else "xavier"
    if patient.path == "time":
        kind = patient.initialiser
    return replace(patient, initialiser=kind, gain=1.0, before=None)


TREATMENTS: dict[str, tuple[str, Callable[[Patient], Patient]]] = {
    "nothing": ("nothing", lambda p: p),
    "larger_steps": ("learning rate × 1000", lambda p: _rate(p, 1e3)),
    "smaller_steps": ("learning rate ÷ 1000", lambda p: _rate(p, 1e-3)),
    "clip": ("clip gradients at 1", lambda p: replace(p, clip=1.0)),
    "redraw": ("new weights, right scale", _redrawn),
    "tanh": ("tanh, same weights", lambda p: replace(p, activation="tanh")),
    "adam": ("Adam", lambda p: p if p.adam else replace(p, adam=True, learning_rate=1e-3)),
    "labels": ("put the true labels back", lambda p: replace(p, shuffled=False)),
}


def _rate(patient: Patient, factor: float) -> Patient:
    return replace(patient, learning_rate=factor * patient.learning_rate)


def course(patient: Patient, seed: int) -> dict[str, Any]:
    """Train, and watch.

    Args:
        patient: The network.
        seed: Of the weights, the batches and the shuffled labels.

    Returns:
        ``loss``, ``train_accuracy`` and ``accuracy`` (over all images, at every tenth step), and
        at the start and at the end ``signal`` (of each layer, or step in time, the read-out's
        last), ``update`` (the relative change of each weight matrix in one step) and ``flat`` (of
        each hidden layer, the share of dead units for ReLU, of saturated entries for the others).
    """
    return _course(patient, seed, OtherRounding.inside)


@functools.lru_cache(maxsize=256)  # the untreated course stands beside that of each treatment
def _course(patient: Patient, seed: int, rounding: int | None) -> dict[str, Any]:
    """:func:`course`; ``rounding`` is what else its numbers depend on."""
    del rounding
    x, y, x_test, y_test = training.data()
    if patient.shuffled:
        y = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))]
    net = _admitted(patient, seed)
    rule = _optimiser(net, patient.learning_rate, patient.adam)
    found: dict[str, list] = {
        name: [] for name in ("loss", "train_accuracy", "accuracy", "signal", "update", "flat")
    }
    previous = _weights(net)
    for step in training.taken(net, rule, x, y, steps=STEPS, seed=seed, clip=patient.clip):
        if step in (1, STEPS):
            found["update"].append(training.change(_weights(net), previous))
        if step == STEPS - 1:
            previous = _weights(net)
        if step % EVERY == 0:
            with torch.no_grad():
                found["loss"].append(F.cross_entropy(net(x), y).item())
            found["train_accuracy"].append(training.accuracy(net, x, y))
            found["accuracy"].append(training.accuracy(net, x_test, y_test))
        if step in (0, STEPS):
            signal, flat = _seen(net, x, y)
            found["signal"].append(signal)
            found["flat"].append(flat)
    return found


def _seen(net: Deep | InTime, x: Tensor, y: Tensor) -> tuple[list[float], list[float]]:
    """``signal`` and ``flat`` of :func:`course`."""
    seen = measure(net, lambda model: F.cross_entropy(model(x), y))
    if isinstance(net, InTime):
        back = seen["step_signal"].isel(recurrent=0).values
        return [*back, seen["signal"].values[-1]], net.dead(x)
    layers = seen.isel(layer=seen["kind"].values == "linear")  # a way around scales, too
    dead = training.dead(net, x) if net.activation.name == "relu" else None
    return layers["signal"].values.tolist(), dead or layers["saturated"].values[:-1].tolist()


def _weights(net: Deep | InTime) -> list[Tensor]:
    """A copy of every weight matrix, the read-out's last."""
    if isinstance(net, Deep):
        return training.weights(net)
    cell = net.states.cell
    matrices = (cell.weight_ih_l0, cell.weight_hh_l0, net.readout.weight)
    return [matrix.detach().clone() for matrix in matrices]


def _admitted(patient: Patient, seed: int) -> Deep | InTime:
    """The network as it comes in: drawn, and trained before if it was."""
    if patient.path == "time":
        return InTime(patient.activation, patient.depth, patient.gain, seed)
    if patient.before is None:
        return _drawn(patient, patient.activation, seed)
    x, y, _, _ = training.data()
    rate, steps = patient.before
    net = _drawn(patient, "relu", seed)
    rule = _optimiser(net, rate, adam=False)
    for _ in training.taken(net, rule, x, y, steps=steps, seed=100 + seed):
        pass
    if patient.activation == "relu":
        return net
    treated = _drawn(patient, patient.activation, seed)
    treated.load_state_dict(net.state_dict())
    return treated


def _drawn(patient: Patient, activation: str, seed: int) -> Deep:
    how = (patient.initialiser, patient.gain)
    return Deep(64, WIDTH, patient.depth, activation, *how, path=patient.path, seed=seed)


def _optimiser(net: nn.Module, rate: float, adam: bool) -> torch.optim.Optimizer:
    if adam:
        return torch.optim.Adam(net.parameters(), lr=rate)
    return torch.optim.SGD(net.parameters(), lr=rate, momentum=training.MOMENTUM)
