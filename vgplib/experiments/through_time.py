"""Depth in time: the error signal on its way back through a recurrent network.

Protocol: one layer of 32 units as PyTorch has it, Gaussian inputs, a batch of 8, float64;
the loss reads the last step only, so whatever reaches an earlier input came through time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vgplib.engine.experiment import Choice, Experiment, Settings, Slider
from vgplib.experiments.reading import (
    SEEDS,
    back,
    back_axis,
    band,
    heard,
    relative,
    signal_readouts,
)
from vgplib.experiments.view import Axis, Scale, View
from vgplib.measures.layers import measure
from vgplib.networks.data import gaussian
from vgplib.networks.recurrent import Recurrent

if TYPE_CHECKING:
    import xarray as xr

WIDTH, INPUTS, BATCH, LONGEST = 32, 8, 8, 100


def run(*, cell: str, recurrent_scale: float, steps: int, seed: int) -> xr.Dataset:
    """One network, one sequence, one backward pass from the last step."""
    net = Recurrent(INPUTS, WIDTH, cell, gain=recurrent_scale, seed=seed)
    x = gaussian(steps * BATCH, INPUTS, seed=1000 + seed).reshape(steps, BATCH, INPUTS)
    v = gaussian(1, WIDTH, seed=2000 + seed)
    data = measure(net, lambda model: (model(x)[-1] * v).sum(dim=1).mean())
    return (
        data[["step_signal"]].isel(recurrent=0).rename(step_signal="signal").reset_coords(drop=True)
    )


def view(data: xr.Dataset, *, cell: str, recurrent_scale: float, steps: int) -> View:
    """The gradient at each input step, relative to the last step."""
    del cell, recurrent_scale
    runs = relative(data["signal"].values)
    return View(
        x=back_axis(LONGEST, "time steps back from the loss"),
        y=Axis("error signal, relative to the last step", (1e-15, 1e3), log=True),
        series=(band("error signal", back(steps), runs),),
        readouts=signal_readouts(runs, "step"),
        strip=heard(np.median(runs, axis=0), "steps", LONGEST, ends=("oldest step", "loss")),
    )


def scale(start: Settings, shown: tuple[str, ...]) -> Scale | None:
    """Room for what grows, where recurrent weights can be made larger."""
    del start
    return Scale((1e-10, 1e10), LONGEST) if "recurrent_scale" in shown else None


EXPERIMENT = Experiment(
    name="through-time",
    title="The error signal, step by step back in time",
    controls=(
        Choice(
            "cell",
            "Cell",
            {
                "rnn": "tanh RNN",
                "lstm": "LSTM",
                "lstm_forget_1": "LSTM, forget bias 1",
                "gru": "GRU",
            },
        ),
        Slider(
            "recurrent_scale",
            "Recurrent weights times",
            (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0),
            step=0.05,
        ),
        Slider("steps", "Sequence", (5, 10, 20, 30, 50, 75, LONGEST), 1, "steps", whole=True),
    ),
    start={"cell": "rnn", "recurrent_scale": 1.0, "steps": 50},
    run=run,
    scale=scale,
    view=view,
    caption=(
        "How large the error signal is at each step's input, compared with the last step's; the "
        f"loss reads only the last step. {SEEDS}"
    ),
)
