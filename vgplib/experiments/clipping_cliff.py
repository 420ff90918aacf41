"""A cliff in the loss, and a walk that meets it: with clipping, by norm or by value, and without.

The network is the one of Pascanu et al. (2013, figure 6): one recurrent unit without input, 50
steps, two parameters. Below a weight of 4 it forgets where it started. Above, it ends up high or
low, and where the one turns into the other the loss has a wall. Nothing is random: the start is
one from which the walk meets the wall at each of the rates.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.experiments.reading import heard
from vgplib.experiments.view import Axis, Film, Readout, Series, Strip, View
from vgplib.numbers import figures

if TYPE_CHECKING:
    import xarray as xr

LENGTH, TARGET = 50, 0.7
START = (4.6, -2.4)
STEPS, MOMENTS, LAST = 80, 4, 20  # of the walk; between two moments of the film; averaged
THROWN = 1.0  # a step that is longer leaves the part of the landscape that is worth a walk
NEAR = 0.05  # a loss that is below is near the target on either side of the wall
OPTIONS = {"none": "not at all", "norm": "by norm", "value": "by value"}


def losses(weight: Tensor, bias: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The loss and all states, of as many networks as there are weights and biases."""
    states = [torch.zeros_like(weight)]
    for _ in range(LENGTH):
        states.append(weight * torch.sigmoid(states[-1]) + bias)
    return (torch.sigmoid(states[-1]) - TARGET) ** 2, states[1:]


def clipped(gradients: Tensor, clip: str, limit: float) -> Tensor:
    """Gradients, one a row, as PyTorch clips each of them."""
    if clip == "norm":
        length = gradients.norm(dim=1, keepdim=True)
        return gradients * (limit / (length + 1e-6)).clamp(max=1.0)
    return gradients.clamp(-limit, limit) if clip == "value" else gradients


@functools.lru_cache(maxsize=8)  # for both that can be shown
def walk(
    clip: str, limit: float, rate: float, starts: tuple[tuple[float, float], ...] = (START,)
) -> dict[str, np.ndarray]:
    """Gradient descent from each of the starts, all at once.

    Returns:
        At each step and for each start (axes 0 and 1) the ``place`` (weight and bias), the
        ``loss``, the length of the ``gradient`` and, for each time step, that of the ``signal``.
    """
    place = torch.tensor(starts, dtype=torch.float64)
    found: dict[str, list] = {"place": [], "loss": [], "gradient": [], "signal": []}
    for _ in range(STEPS + 1):
        leaf = place.requires_grad_()
        loss, states = losses(leaf[:, 0], leaf[:, 1])
        gradient, *signal = torch.autograd.grad(loss.sum(), [leaf, *states])
        found["place"].append(leaf.detach().numpy())
        found["loss"].append(loss.detach().numpy())
        found["gradient"].append(gradient.norm(dim=1).numpy())
        found["signal"].append(torch.stack(signal, dim=1).abs().numpy())
        place = leaf.detach() - rate * clipped(gradient, clip, limit)
    return {name: np.stack(values) for name, values in found.items()}


def longest(places: np.ndarray) -> np.ndarray:
    """The longest step of each walk; ``places``: shape (steps, walks, 2)."""
    return np.linalg.norm(np.diff(places, axis=0), axis=2).max(axis=0)


def run(*, clip: str, limit: float, rate: float, shows: str, seed: int) -> xr.Dataset:
    """One walk; the error signal at every fourth step, and where the gradient is largest."""
    import xarray as xr

    del shows, seed
    found = {name: values[:, 0] for name, values in walk(clip, limit, rate).items()}
    moments = sorted({*range(0, STEPS + 1, MOMENTS), int(found["gradient"].argmax())})
    return xr.Dataset(
        {
            "loss": ("step", found["loss"]),
            "weight": ("step", found["place"][:, 0]),
            "gradient": ("step", found["gradient"]),
            "longest": longest(found["place"][:, None]).item(),
            "moment": ("record", moments),
            "signal": (("record", "time"), found["signal"][moments]),
        },
        coords={"step": range(STEPS + 1), "time": np.arange(LENGTH) + 1},
    )


def view(data: xr.Dataset, *, shows: str, **settings: object) -> View:
    """The loss or the weight over the walk; the strip has the 50 time steps of the network."""
    clip = str(settings["clip"])
    walked = data.isel(seed=0)
    step = float(walked["longest"])
    end = float(walked["loss"][-LAST:].median())
    strips = [_strip(signal) for signal in walked["signal"].values]
    shown = {"loss": Axis("loss", (0, 0.5)), "weight": Axis("weight", (4.2, 4.8))}
    return View(
        x=Axis("step of the walk", (0, STEPS), whole=True),
        y=shown[shows],
        series=(
            Series(
                f"clipped {OPTIONS[clip]}",
                walked["step"].values.tolist(),
                walked[shows].values.tolist(),
            ),
        ),
        readouts=(
            Readout("Longest step", figures(step), step),
            Readout("Loss at the end", figures(end), end),
            _verdict(step, end),
        ),
        strip=strips[-1],
        film=Film(walked["moment"].values.tolist(), strips),
    )


def _strip(signal: np.ndarray) -> Strip:
    """How loud each time step hears the loss, relative to the last one."""
    with np.errstate(invalid="ignore"):
        relative = signal / signal[-1]
    return heard(relative, "time steps", LENGTH, ends=("first time step", "loss"))


def _verdict(step: float, end: float) -> Readout:
    if step > THROWN:
        note = "one step has led far away, and it's flat there"
        return Readout("Verdict", "Thrown away", tone="bad", note=note)
    if end > NEAR:
        return Readout("Verdict", "Not there yet", tone="warn", note="it stands high up")
    return Readout("Verdict", "Stays, and gets down", tone="good")


def thrown(clip: str, limit: float, rate: float, walks: int = 300, seed: int = 0) -> float:
    """The share of walks that are thrown away, of many from random starts around the wall.

    Args:
        clip: How the gradient is clipped.
        limit: At what.
        rate: The learning rate.
        walks: How many.
        seed: Of the starts.
    """
    draw = np.random.default_rng(seed)
    weights = draw.uniform(4.3, 5.0, walks)
    biases = -weights / 2 + draw.uniform(-0.3, 0.3, walks)
    starts = tuple(zip(weights.tolist(), biases.tolist(), strict=True))
    return float((longest(walk(clip, limit, rate, starts)["place"]) > THROWN).mean())


EXPERIMENT = Experiment(
    name="clipping-cliff",
    title="A walk along a cliff",
    controls=(
        Choice("clip", "Clip the gradient", OPTIONS),
        Slider("limit", "Limit", (0.03, 0.1, 0.3, 1.0), step=0.01, log=True),
        Slider("rate", "Learning rate", (0.1, 0.2, 0.3, 0.5), step=0.01, log=True),
        Choice("shows", "Show", {"loss": "the loss", "weight": "the weight"}),
    ),
    start={"clip": "norm", "limit": 0.3, "rate": 0.1, "shows": "loss"},
    run=run,
    view=view,
    caption=(
        "One recurrent unit over 50 time steps, and 80 steps of gradient descent on its weight and "
        "its bias, always from the same place. Nothing is random. The loss at the end: "
        f"the median of the last {LAST} steps."
    ),
    seeds=1,
)
