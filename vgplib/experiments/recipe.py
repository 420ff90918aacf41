"""A recipe: how a deep network is built and trained, as a change to one baseline.

Protocol: scikit-learn's digits, 1120 images to train on, 280 to choose a learning rate by, 397 to
test on; layers 64 wide, batches of 64, gradient descent with momentum 0.9, 300 steps, float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vgplib.engine.experiment import Choice
from vgplib.experiments import steps as training
from vgplib.experiments.fitted import drawn_as
from vgplib.experiments.races import Field
from vgplib.experiments.view import Axis
from vgplib.measures.layers import measure
from vgplib.networks.deep import Deep

WIDTH, STEPS, EVERY, TRAIN = 64, 300, 20, 1120
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
GREEDY_STEPS, GREEDY_RATE, SMALLEST_SPREAD = 500, 0.01, 1e-3  # steps for each layer
BASELINE: dict[str, Any] = {"activation": "sigmoid", "initialiser": "xavier", "depth": 8}

Before = Callable[[Deep, Tensor, torch.Generator], None]


@dataclass(frozen=True)
class Recipe:
    """What differs from the baseline; a learning rate is chosen for each by the same search.

    Attributes:
        label: What the reader sees.
        network: Arguments of :class:`~vgplib.networks.deep.Deep` in place of the baseline's; the
            initialiser may be ``"fitted"``.
        before: ``before(network, images, generator)`` changes the network before its training.
        heads: Whether each hidden layer has a read-out of its own, with a loss of its own.
        adam: Adam in place of gradient descent with momentum.
        by_layer: Whether each weight matrix takes steps in proportion to its own norm (LARS).
        loss_factor: Multiplies the loss.
        clip: The largest norm of the whole gradient, or None.
        clip_value: The largest absolute value of each of its entries, or None.
        decay: Of the weights, as in ``torch.optim``.
        batch: Images in a step.
        times: How often the usual number of steps.
    """

    label: str
    network: Mapping[str, Any] = field(default_factory=dict)
    before: Before | None = None
    heads: bool = False
    adam: bool = False
    by_layer: bool = False
    loss_factor: float = 1.0
    clip: float | None = None
    clip_value: float | None = None
    decay: float = 0.0
    batch: int = training.BATCH
    times: int = 1

    def build(self, seed: int) -> Deep:
        """The network before training, and what is to be done to it before."""
        given = {"gain": 1.0, **BASELINE, **self.network}
        drawn = drawn_as(given["activation"], given["initialiser"], given["gain"])
        given |= dict(zip(("initialiser", "gain"), drawn, strict=True))
        net = Deep(64, WIDTH, **given, seed=seed)
        if self.before:
            self.before(net, images("train")[0], torch.Generator().manual_seed(seed))
        return net

    def readouts(self, net: Deep, seed: int) -> nn.ModuleList:
        """What reads out each hidden layer but the last, if that is part of the recipe."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers = net.hidden[1:] if self.heads else []
            return nn.ModuleList(nn.Linear(WIDTH, 10, dtype=torch.float64) for _ in layers)

    def loss(self, net: Deep, heads: nn.ModuleList, x: Tensor, y: Tensor) -> Tensor:
        """The cross-entropy of some images, with the mean one of ``heads`` where there are any."""
        states = net.states(x)
        loss = F.cross_entropy(net.readout(states[-1]), y)
        for head, state in zip(heads, states, strict=False):
            loss = loss + F.cross_entropy(head(state), y) / len(heads)
        return self.loss_factor * loss


def images(part: str) -> tuple[Tensor, Tensor]:
    """Images ``(n, 64)`` and labels ``(n,)`` to ``"train"``, to ``"choose"`` by, to ``"test"``."""
    x, y, x_test, y_test = training.data()
    return {"train": (x[:TRAIN], y[:TRAIN]), "choose": (x[TRAIN:], y[TRAIN:])}.get(
        part, (x_test, y_test)
    )


def field_of(
    recipes: Mapping[str, Recipe],
    rates: tuple[float, ...] = RATES,
    losses: Axis = Field.losses,
) -> Field:
    """A field for :mod:`vgplib.experiments.races`: the recipes, and how one is trained.

    Args:
        recipes: The variants, by name.
        rates: The learning rates that are tried, ascending.
        losses: The axis on which charts show the loss.
    """

    def train(rate: float, seed: int, part: str, watch: bool, *, row: str) -> dict[str, Any]:
        return course(recipes[row], rate, seed, part, watch)

    rows = Choice("row", "Network", {name: one.label for name, one in recipes.items()})
    faster = any(one.times > 1 for one in recipes.values())
    clock = "time, in steps of the usual hardware" if faster else "step"
    most = max({**BASELINE, **one.network}["depth"] for one in recipes.values())
    return Field(
        (rows,),
        train,
        rates,
        "test digits right",
        losses=losses,
        most_places=most,
        clock=clock,
    )


def course(recipe: Recipe, rate: float, seed: int, part: str, watch: bool) -> dict[str, Any]:
    """Train once.

    Args:
        recipe: How.
        rate: The learning rate.
        seed: Of the weights and of the batches.
        part: The images that ``accuracy`` is of: ``"choose"`` or ``"test"``.
        watch: Whether to record along the way, and the error signal too; else the end alone.

    Returns:
        ``step``, ``loss`` (mean cross-entropy over the training images) and ``accuracy``, one value
        a record; and ``signal``, shape ``(records, depth)``: the norm of dloss/dz over the training
        images, where z is what each hidden layer's activation is given. A run that diverges goes
        on as NaN.
    """
    x, y = images("train")
    x_other, y_other = images(part)
    net = recipe.build(seed)
    heads = recipe.readouts(net, seed)
    every = EVERY * recipe.times
    found: dict[str, list] = {"step": [], "loss": [], "accuracy": [], "signal": []}
    for step in steps(recipe, net, heads, x, y, rate, seed):
        if not (step == STEPS * recipe.times or (watch and step % every == 0)):
            continue
        found["step"].append(step // recipe.times)
        if watch:
            seen = measure(net, lambda model: recipe.loss(model, heads, x, y))
            places = seen["name"].str.startswith(net.sums).values
            found["signal"].append(seen["signal"].values[places])
        net.eval()
        with torch.no_grad():
            found["loss"].append(F.cross_entropy(net(x), y).item())
            right = (net(x_other).argmax(dim=1) == y_other).double().mean().item()
        found["accuracy"].append(right if np.isfinite(found["loss"][-1]) else float("nan"))
        net.train()
    return found


def steps(
    recipe: Recipe,
    net: Deep,
    heads: nn.ModuleList,
    x: Tensor,
    y: Tensor,
    rate: float,
    seed: int,
) -> Iterator[int]:
    """Train; yields how many steps are taken, from 0 on."""
    parameters = [*net.parameters(), *heads.parameters()]
    rule: torch.optim.Optimizer = (
        torch.optim.Adam(parameters, lr=rate, weight_decay=recipe.decay)
        if recipe.adam
        else torch.optim.SGD(
            parameters, lr=rate, momentum=training.MOMENTUM, weight_decay=recipe.decay
        )
    )
    order = torch.Generator().manual_seed(seed)
    yield 0
    for step in range(1, STEPS * recipe.times + 1):
        pick = torch.randint(len(x), (recipe.batch,), generator=order)
        rule.zero_grad()
        recipe.loss(net, heads, x[pick], y[pick]).backward()
        if recipe.clip is not None:
            nn.utils.clip_grad_norm_(parameters, recipe.clip)
        if recipe.clip_value is not None:
            nn.utils.clip_grad_value_(parameters, recipe.clip_value)
        if recipe.by_layer:
            to_own_norm(parameters)
        rule.step()
        yield step


@torch.no_grad()
def to_own_norm(parameters: list[nn.Parameter]) -> None:
    """Give each weight matrix's gradient the norm of the matrix (You et al. 2017)."""
    for p in parameters:
        if p.ndim == 2 and p.grad is not None and p.grad.norm() > 0:
            p.grad.mul_(p.norm() / p.grad.norm())


@torch.no_grad()
def unit_variance(net: Deep, x: Tensor, generator: torch.Generator) -> None:
    """LSUV: scale each layer, one after the other, so that its sums have variance 1.

    Source: Mishkin & Matas 2016.
    """
    h = x[torch.randint(len(x), (256,), generator=generator)]
    for linear in net.hidden:
        linear.weight.div_(linear(h).std())
        h = net.activation(linear(h))


def greedy(net: Deep, x: Tensor, generator: torch.Generator, steps: int = GREEDY_STEPS) -> None:
    """Train each layer alone for some steps to keep what it is given, from the input on.

    Each is the encoder of an autoencoder with a linear decoder (Bengio et al. 2007). What a deeper
    layer is given hardly varies at first: the decoder answers in units of each feature's spread.
    """
    h = x
    for linear in net.hidden:
        decoder = nn.utils.skip_init(nn.Linear, WIDTH, h.shape[1], dtype=x.dtype)
        nn.init.zeros_(decoder.weight)
        nn.init.zeros_(decoder.bias)
        middle, spread = h.mean(dim=0), h.std(dim=0).clamp(min=SMALLEST_SPREAD)
        rule = torch.optim.Adam([*linear.parameters(), *decoder.parameters()], lr=GREEDY_RATE)
        for _ in range(steps):
            given = h[torch.randint(len(h), (training.BATCH,), generator=generator)]
            rule.zero_grad()
            restored = decoder(net.activation(linear(given)))
            F.mse_loss(restored, (given - middle) / spread).backward()
            rule.step()
        with torch.no_grad():
            h = net.activation(linear(h))
