"""The whisper line: one number handed back through a chain of single neurons.

Each hop multiplies the error signal by slope x weight, its Jacobian in one dimension.
PyTorch does the multiplying: autograd runs back through the chain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from vgplib.engine.experiment import Experiment, Slider
from vgplib.experiments.reading import decades, ratio_readout, verdict
from vgplib.experiments.view import Axis, Readout, Series, View
from vgplib.numbers import figures

if TYPE_CHECKING:
    import xarray as xr


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
        x=Axis("link of the chain (0 = the input)", (0, hops), whole=True),
        y=Axis("what is left of the signal", decades(signal), log=True),
        series=(Series("signal", data["link"].values.tolist(), signal.tolist()),),
        readouts=(
            Readout("Factor per hop", figures(slope * weight, 3), slope * weight),
            ratio_readout(f"Left after {hops} hops", float(signal[0])),
            verdict(float(signal[0])),
        ),
    )


EXPERIMENT = Experiment(
    name="chain",
    title="The whisper line",
    controls=(
        Slider(
            "slope",
            r"Slope of the activation $\varphi'$",
            (0.05, 0.1, 0.15, 0.2, 0.25, 0.4, 0.5, 0.75, 1.0),
            step=0.01,
        ),
        Slider("weight", "Weight $w$", (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0), step=0.05),
        Slider("hops", "Hops", (1, 2, 5, 10, 20, 30, 50), 1, "hops", whole=True),
    ),
    start={"slope": 0.25, "weight": 1.0, "hops": 10},
    run=run,
    view=view,
    caption=(
        "The error signal starts at 1 at the output and is multiplied by slope × weight at "
        "every hop. No randomness here: it is arithmetic, done by autograd."
    ),
    seeds=1,
)
