"""Does a deeper network fit its own training images better? The experiment behind ResNets.

He et al. (2016) saw the opposite in plain networks with batch norm, and called it degradation.

Protocol: blocks as theirs, with linear maps 32 wide in place of convolutions, He's weights; the
digits, batches of 64, gradient descent with learning rate 0.05 and momentum 0.9, 150 steps,
float64. Networks with and without skips have the same layers, drawn alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.experiments import steps as training
from vgplib.experiments.races import verdict
from vgplib.experiments.reading import SEEDS, band, ratio_readout
from vgplib.experiments.view import Axis, Readout, View
from vgplib.measures import theory
from vgplib.networks.blocks import Blocks
from vgplib.numbers import percent

if TYPE_CHECKING:
    import xarray as xr

WIDTH, STEPS, EVERY, RATE = 32, 150, 10, 0.05
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("plain, with batch norm", {"norm": "batch", "path": "plain"}),
    "resnet": ("skips and batch norm (ResNet)", {"norm": "batch", "path": "skip"}),
    "skip": ("skips, no norm", {"path": "skip"}),
    "rezero": ("skips, branches × 0 (ReZero)", {"path": "rezero"}),
    "fixup": ("skips, weights by Fixup", {"path": "skip", "zero": True}),
}


def build(row: str, layers: int, seed: int) -> Blocks:
    """The network: a first layer, blocks of two, and a read-out make ``layers``."""
    blocks = (layers - 2) // 2
    options = dict(ROWS[row][1])
    if row == "fixup":
        options["gain"] = theory.fixup_scale(blocks)
    return Blocks(64, WIDTH, blocks, seed=seed, **options)


def run(*, row: str, layers: int, seed: int) -> xr.Dataset:
    """Train; keep the loss over all training images, and the signal before the first step."""
    import xarray as xr

    x, y, _, _ = training.data()
    net = build(row, layers, seed)
    states = net.states(x)
    signals = torch.autograd.grad(F.cross_entropy(net.readout(states[-1]), y), states)
    sizes = [signal.norm().item() for signal in signals]
    rule = torch.optim.SGD(net.parameters(), lr=RATE, momentum=training.MOMENTUM)
    losses = []
    for step in training.taken(net, rule, x, y, steps=STEPS, seed=seed):
        if step % EVERY == 0:
            with torch.no_grad():
                output = net(x)
            losses.append(F.cross_entropy(output, y).item())
    right = (output.argmax(dim=1) == y).double().mean().item()
    return xr.Dataset(
        {
            "loss": ("step", losses),
            "right": right if np.isfinite(losses[-1]) else 0.0,
            "signal": ("end", [sizes[0], sizes[-1]]),
        },
        coords={"step": range(0, STEPS + 1, EVERY), "end": ["first", "last"]},
    )


def view(data: xr.Dataset, *, row: str, layers: int) -> View:
    """The training loss by step."""
    del layers
    losses = data["loss"].values
    right = float(np.median(data["right"].values))
    lost = int((~np.isfinite(losses[:, -1])).sum())
    said = verdict(right)
    note = f"{lost} of {len(losses)} runs diverged" if lost else ""
    return View(
        x=Axis("step", (0, STEPS), whole=True),
        y=Axis("training loss", (0, 3)),
        series=(band(ROWS[row][0], data["step"].values, losses),),
        readouts=(
            Readout("Training images right", percent(right), right, percent=True),
            _heard(data["signal"].values),
            Readout("Verdict", said.text, tone=said.tone, note=note),
        ),
    )


def _heard(signal: np.ndarray) -> Readout:
    """The first layer's signal over the last block's; ``signal``: shape (seeds, 2)."""
    label = "First layer's signal at the start"
    if not signal.any():
        return Readout(label, "none yet: the last layer starts at 0")
    return ratio_readout(label, float(np.median(signal[:, 0] / signal[:, 1])))


EXPERIMENT = Experiment(
    name="degradation",
    title="Does a deeper network fit better?",
    controls=(
        Choice("row", "Network", {name: label for name, (label, _) in ROWS.items()}),
        # A step as long as the slider: no values in between, for which PyTorch would take too long.
        Slider("layers", "Layers", (8, 20, 56), 48, whole=True),
    ),
    start={"row": "plain", "layers": 20},
    run=run,
    view=view,
    caption=(
        "The loss over all training images. The first layer's error signal is compared with the "
        f"last block's, before the first step. {SEEDS}"
    ),
    shares=("right",),
)
