"""Where the loss stops, and for how long: the plateau of a sigmoid network.

The read-out alone can learn the best answer that ignores the input. What that answer costs is the
height of the plateau: the label entropy of a classifier, the targets' variance of a regression.

Protocol: the digits, sigmoid layers 64 wide, Xavier's weights, batches of 64, gradient descent with
learning rate 0.1 and momentum 0.9, 3000 steps, float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.experiments import steps as training
from vgplib.experiments.reading import SEEDS, band
from vgplib.experiments.view import Axis, Readout, Series, View
from vgplib.networks.feedforward import FeedForward
from vgplib.numbers import figures

if TYPE_CHECKING:
    import xarray as xr

WIDTH, STEPS, EVERY = 64, 3000, 20
BELOW = 0.95  # of the height: a loss below that has learned something of the images
SHORT, LONG = 100, 500  # steps: who is through sooner has hardly met a plateau, or a short one


def examples(task: str) -> tuple[Tensor, Tensor]:
    """Images, and what is to be learned of them.

    Args:
        task: ``"digits"`` (ten classes, about equally frequent), ``"half_zeros"`` (the same
            classes, but every second image is a 0) or ``"ink"`` (a number: the sum of all
            pixels, scaled to mean 0 and variance 1).

    Returns:
        Images ``(n, 64)``, and labels ``(n,)`` or targets ``(n, 1)``.
    """
    x, y, _, _ = training.data()
    if task == "half_zeros":
        zeros, others = (y == 0).nonzero().flatten(), (y != 0).nonzero().flatten()
        rows = torch.cat([zeros, others[: len(zeros)]])
        return x[rows], y[rows]
    if task == "ink":
        ink = x.sum(dim=1, keepdim=True)
        return x, (ink - ink.mean()) / ink.std(correction=0)
    return x, y


def height(task: str) -> float:
    """The loss of the best answer that ignores the image."""
    _, y = examples(task)
    if y.is_floating_point():
        return y.var(correction=0).item()
    share = torch.bincount(y).double() / len(y)
    return -torch.xlogy(share, share).sum().item()


def run(*, task: str, depth: int, seed: int) -> xr.Dataset:
    """Train, and keep the loss over all images at every twentieth step."""
    import xarray as xr

    x, y = examples(task)
    regression = y.is_floating_point()
    outputs, loss = (1, F.mse_loss) if regression else (10, F.cross_entropy)
    net = FeedForward(64, WIDTH, depth, "sigmoid", "xavier", outputs=outputs, seed=seed)
    rule = torch.optim.SGD(net.parameters(), lr=0.1, momentum=training.MOMENTUM)
    order = torch.Generator().manual_seed(seed)
    losses = []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            with torch.no_grad():
                losses.append(loss(net(x), y).item())
        pick = torch.randint(len(x), (training.BATCH,), generator=order)
        rule.zero_grad()
        loss(net(x[pick]), y[pick]).backward()
        rule.step()
    return xr.Dataset({"loss": ("step", losses)}, coords={"step": range(0, STEPS + 1, EVERY)})


def left(losses: np.ndarray, level: float) -> float:
    """After how many steps the runs are below the plateau: the median, infinite if they are not.

    Args:
        losses: Shape ``(seeds, records)``, a record at every twentieth step.
        level: The height of the plateau.
    """
    below = losses < BELOW * level
    after = np.where(below.any(axis=1), EVERY * below.argmax(axis=1), np.inf)
    return float(np.median(after))


def view(data: xr.Dataset, *, task: str, depth: int) -> View:
    """The loss by step, and the loss of the best answer that ignores the image."""
    del depth
    losses, level = data["loss"].values, height(task)
    after, end = left(losses, level), float(np.median(losses[:, -1]))
    stuck = not np.isfinite(after)
    said = f"not in {STEPS} steps" if stuck else f"after {after:.0f} steps"
    verdict = _verdict(after)
    return View(
        x=Axis("step", (0, STEPS), whole=True),
        y=Axis("training loss", (0, 3)),
        series=(
            band("training loss", data["step"].values, losses),
            Series("answering without looking", [0, STEPS], [level, level], role="theory"),
        ),
        readouts=(
            Readout("Loss at the end", figures(end), end),
            Readout("Leaves the plateau", said, after, verdict.tone),
            verdict,
        ),
    )


def _verdict(after: float) -> Readout:
    """What it means to leave the plateau after so many steps, in words."""
    if after <= SHORT:
        return Readout("Verdict", "Hardly stops there", tone="good")
    if after <= LONG:
        return Readout("Verdict", "Stops for a while", tone="plain")
    if np.isfinite(after):
        return Readout("Verdict", "Stops for long, then learns", tone="warn")
    return Readout("Verdict", "Still on the plateau", tone="bad")


EXPERIMENT = Experiment(
    name="plateau",
    title="Where does the loss stop?",
    controls=(
        Choice(
            "task",
            "What is to be learned",
            {
                "digits": "ten digits",
                "half_zeros": "ten digits, half of them 0",
                "ink": "how much ink",
            },
        ),
        # A step as long as the slider: no values in between, for which PyTorch would take too long.
        Slider("depth", "Hidden layers", (3, 4, 5, 6, 8), 5, whole=True),
    ),
    start={"task": "digits", "depth": 5},
    run=run,
    view=view,
    caption=(
        "Dashed: the loss of the best answer that ignores the image. Sigmoid layers of 64 units, "
        f"Xavier's weights, learning rate 0.1, momentum 0.9. {SEEDS}"
    ),
)
