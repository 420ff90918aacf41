"""Ten networks that learn the digits, or do not: sick ones and healthy ones, and their treatments.

Protocol: hidden layers 64 wide, batches of 64, 150 steps, gradient descent with momentum 0.9
unless it says Adam, float64.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F

from vgplib.engine.rounding import OtherRounding
from vgplib.experiments import steps as training
from vgplib.measures.layers import measure
from vgplib.networks.feedforward import FeedForward

WIDTH, STEPS, EVERY = 64, 150, 10


@dataclass(frozen=True)
class Patient:
    """How a network is drawn and trained.

    Attributes:
        activation, initialiser, depth, gain: As in ``FeedForward``.
        learning_rate: Of the optimiser.
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
    adam: bool = False
    clip: float | None = None
    shuffled: bool = False
    before: tuple[float, int] | None = None


PATIENTS: dict[str, Patient] = {
    "A": Patient("sigmoid", "xavier", 8, 0.1),
    "B": Patient("tanh", "xavier", 4, 3e-5),
    "C": Patient("relu", "he", 12, 0.01),
    "D": Patient("relu", "he", 3, 0.03, before=(0.2, 150)),
    "E": Patient("tanh", "xavier", 4, 0.03, shuffled=True),
    "F": Patient("relu", "he", 8, 0.01, gain=3.0),
    "G": Patient("relu", "he", 4, 0.01, before=(0.05, 400)),
    "H": Patient("sigmoid", "xavier", 8, 0.003, adam=True),
    "I": Patient("tanh", "xavier", 5, 0.01, gain=16.0),
    "J": Patient("tanh", "xavier", 4, 3.0),
}


def _redrawn(patient: Patient) -> Patient:
    kind = "he" if patient.activation == "relu" else "xavier"
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
        at the start and at the end ``signal`` (of each layer, the read-out's last), ``update``
        (the relative change of each weight matrix in one step) and ``flat`` (of each hidden
        layer, the share of dead units for ReLU, of saturated entries for the others).
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
    previous = training.weights(net)
    for step in training.taken(net, rule, x, y, steps=STEPS, seed=seed, clip=patient.clip):
        if step in (1, STEPS):
            found["update"].append(training.change(training.weights(net), previous))
        if step == STEPS - 1:
            previous = training.weights(net)
        if step % EVERY == 0:
            with torch.no_grad():
                found["loss"].append(F.cross_entropy(net(x), y).item())
            found["train_accuracy"].append(training.accuracy(net, x, y))
            found["accuracy"].append(training.accuracy(net, x_test, y_test))
        if step in (0, STEPS):
            seen = measure(net, lambda model: F.cross_entropy(model(x), y))
            found["signal"].append(seen["signal"].values)
            found["flat"].append(
                training.dead(net, x)
                if patient.activation == "relu"
                else seen["saturated"].values[: patient.depth]
            )
    return found


def _admitted(patient: Patient, seed: int) -> FeedForward:
    """The network as it comes in: drawn, and trained before if it was."""
    x, y, _, _ = training.data()
    drawn = (patient.activation, patient.initialiser, patient.gain)
    if patient.before is None:
        activation, initialiser, gain = drawn
        return FeedForward(
            64, WIDTH, patient.depth, activation, initialiser, gain, outputs=10, seed=seed
        )
    rate, steps = patient.before
    net = FeedForward(64, WIDTH, patient.depth, "relu", patient.initialiser, outputs=10, seed=seed)
    rule = _optimiser(net, rate, adam=False)
    for _ in training.taken(net, rule, x, y, steps=steps, seed=100 + seed):
        pass
    if patient.activation == "relu":
        return net
    treated = FeedForward(64, WIDTH, patient.depth, patient.activation, outputs=10, seed=seed)
    treated.load_state_dict(net.state_dict())
    return treated


def _optimiser(net: FeedForward, rate: float, adam: bool) -> torch.optim.Optimizer:
    if adam:
        return torch.optim.Adam(net.parameters(), lr=rate)
    return torch.optim.SGD(net.parameters(), lr=rate, momentum=training.MOMENTUM)
