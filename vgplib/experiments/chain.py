"""The whisper line: one number handed back through a chain of single neurons.

Each hop multiplies the error signal by slope x weight, its Jacobian in one dimension.
PyTorch does the multiplying: autograd runs back through the chain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from vgplib.engine.experiment import Experiment, Slider
from vgplib.experiments.reading import FADING, back, back_axis, ratio_readout, verdict
from vgplib.experiments.view import Axis, Readout, Series, Strip, View
from vgplib.numbers import count, figures

if TYPE_CHECKING:
    import xarray as xr


MOST = 50  # hops


def run(*, slope: float, weight: float, hops: int, seed: int) -> xr.Dataset:
    """A chain h <- slope * weight * h, and the gradient of its end at every link."""
    import xarray as xr

    del seed  # nothing is drawn at random
    links = [torch.ones((), dtype=torch.float64, requires_grad=True)]
    for _ in range(hops):
        links.append(slope * weight * links[-1])
    signal = torch.autograd.grad(links[-1], links)
    return xr.Dataset(
        {"signal": ("link", torch.stack(signal).numpy())}, coords={"link": np.arange(hops + 1)}
    )


def view(data: xr.Dataset, *, slope: float, weight: float, hops: int) -> View:
    """What is left of the signal at each link, the last one being where it starts."""
    signal = data["signal"].values[0]
    return View(
        x=back_axis(MOST + 1, "hops back from the end"),
        y=Axis("what is left of the error signal", (1e-12, 1e3), log=True),
        series=(Series("error signal", back(hops + 1).tolist(), signal.tolist()),),
        readouts=(
            Readout("Factor per hop", figures(slope * weight, 3), slope * weight),
            ratio_readout(f"Left after {count(hops, 'hops')}", float(signal[0])),
            verdict(float(signal[0])),
        ),
        strip=_strip(signal),
    )


def _strip(signal: np.ndarray) -> Strip:
    """A cell for each neuron; the last one's is where the signal starts, and is no hop."""
    heard = int((signal[:-1] >= FADING).sum())
    return Strip(
        "Heard: at least 1/50 of the start",
        signal.tolist(),
        f"heard after {heard} of {count(len(signal) - 1, 'hops')}",
        MOST + 1,
        ends=("first neuron", "last"),
    )


EXPERIMENT = Experiment(
    name="chain",
    title="The whisper line",
    controls=(
        Slider(
            "slope",
            "Slope of the activation",
            (0.05, 0.1, 0.15, 0.2, 0.25, 0.4, 0.5, 0.75, 1.0),
            step=0.01,
        ),
        Slider("weight", "Weight", (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0), step=0.05),
        Slider("hops", "Hops", (1, 2, 5, 10, 20, 30, MOST), 1, "hops", whole=True),
    ),
    start={"slope": 0.25, "weight": 1.0, "hops": 10},
    run=run,
    view=view,
    caption=(
        "The error signal starts at 1 at the last neuron. Every hop multiplies it by slope × "
        "weight. No chance in it: it's arithmetic, done by autograd."
    ),
    seeds=1,
)
