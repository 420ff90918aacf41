"""Where a transformer has its norms, and what that does to its training.

Protocol: sequences of 8 tokens out of 16 are to be written backward; layers 32 wide with two heads,
Xavier's weights; batches of 32 new sequences, Adam with learning rate 0.002, 200 steps, float64.
Warm-up raises the rate evenly over the first 100 steps. The signal is dloss/dh of what each layer
hands on, before the first step; the change is what that step does to the scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.experiments.reading import SEEDS, band, heard, relative
from vgplib.experiments.view import Axis, Readout, Series, View
from vgplib.measures import theory
from vgplib.networks.attention import Transformer
from vgplib.numbers import figures, percent

if TYPE_CHECKING:
    import xarray as xr

VOCABULARY, LENGTH, WIDTH, BATCH = 16, 8, 32, 32
RATE, WARM, STEPS, EVERY, DEEPEST = 2e-3, 100, 200, 10, 12
GUESSING = math.log(VOCABULARY)
SOLVED, BEGUN = 0.1, 0.9 * GUESSING  # losses


@dataclass(frozen=True)
class Kind:
    """An arrangement, and how it is trained.

    Attributes:
        label: What the reader sees.
        norm: As in :class:`~vgplib.networks.attention.Transformer`.
        deepnorm: Whether path and branch are weighted by the depth (Wang et al. 2022).
        warm: Steps of warm-up.
    """

    label: str
    norm: str = "after"
    deepnorm: bool = False
    warm: int = 1


KINDS = {
    "post": Kind("post-norm"),
    "post_warm": Kind("post-norm, warm-up", warm=WARM),
    "pre": Kind("pre-norm", norm="before"),
    "deepnorm": Kind("DeepNorm", deepnorm=True),
}


def build(arrangement: str, depth: int, seed: int) -> Transformer:
    """The network before training."""
    weighted = {}
    if KINDS[arrangement].deepnorm:
        weighted = {"alpha": theory.deepnorm_alpha(depth), "gain": theory.deepnorm_beta(depth)}
    return Transformer(
        VOCABULARY, LENGTH, WIDTH, depth, KINDS[arrangement].norm, **weighted, heads=2, seed=seed
    )


def run(*, arrangement: str, depth: int, seed: int) -> xr.Dataset:
    """Train; each loss that is kept is the mean of the batches since the one before."""
    import xarray as xr

    net = build(arrangement, depth, seed)
    rule = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    drawn = torch.Generator().manual_seed(seed)
    losses = []
    for step in range(STEPS):
        tokens = torch.randint(VOCABULARY, (BATCH, LENGTH), generator=drawn)
        for group in rule.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / KINDS[arrangement].warm)
        states = net.states(tokens)
        scores = net.readout(net.norm(states[-1]))
        loss = F.cross_entropy(scores.flatten(0, 1), tokens.flip(1).flatten())
        if step == 0:
            signals = torch.autograd.grad(loss, states, retain_graph=True)
        rule.zero_grad()
        loss.backward()
        rule.step()
        losses.append(loss.item())
        if step == 0:
            with torch.no_grad():
                change = ((net(tokens) - scores).norm() / scores.norm()).item()
    kept = [losses[0], *np.reshape(losses, (-1, EVERY)).mean(axis=1)]
    return xr.Dataset(
        {
            "loss": ("step", kept),
            "signal": ("layer", [signal.norm().item() for signal in signals]),
            "change": change,
        },
        coords={"step": range(0, STEPS + 1, EVERY), "layer": range(1, depth + 1)},
    )


def view(data: xr.Dataset, *, arrangement: str, depth: int) -> View:
    """The loss by step, and what guessing costs; the signal before training as a strip."""
    del depth
    losses = data["loss"].values
    end = float(np.median(losses[:, -1]))
    change = float(np.median(data["change"].values))
    profile = np.median(relative(data["signal"].values), axis=0)
    return View(
        x=Axis("step", (0, STEPS), whole=True),
        y=Axis("training loss", (0, 4)),
        series=(
            band(KINDS[arrangement].label, data["step"].values, losses),
            Series("guessing", [0, STEPS], [GUESSING, GUESSING], role="theory"),
        ),
        readouts=(
            Readout("Loss at the end", figures(end), end),
            Readout("First step changes the answer by", percent(change), change, percent=True),
            _verdict(end),
        ),
        strip=heard(profile, "layers", DEEPEST, "Before training: at least 1/50 of the last"),
    )


def _verdict(end: float) -> Readout:
    """What a loss at the end means, in words."""
    if end < SOLVED:
        return Readout("Verdict", "Solves it", tone="good")
    if end < BEGUN:
        return Readout("Verdict", "Learns in part", tone="plain")
    return Readout("Verdict", "Guesses, or nearly", tone="bad")


EXPERIMENT = Experiment(
    name="pre-and-post-norm",
    title="Where does the norm stand?",
    controls=(
        Choice("arrangement", "Transformer", {name: kind.label for name, kind in KINDS.items()}),
        # A step as long as the slider: no values in between, for which PyTorch would take too long.
        Slider("depth", "Layers", (2, DEEPEST), 10, whole=True),
    ),
    start={"arrangement": "post", "depth": 2},
    run=run,
    view=view,
    caption=(
        "Sequences of 8 tokens are to be written backward. Dashed: the loss of guessing. "
        f"How much a step changes the answer is relative to the answer's size. {SEEDS}"
    ),
)
