"""Where the error signal becomes exactly zero: the same network in three number formats.

Protocol: 64 units a layer, Gaussian inputs, a batch of 8. Forward and backward pass are
computed in the format itself; the dashed line is the same network in float64. Processors with
units for bfloat16 flush what is below its normal numbers to 0, and lose the signal some layers
earlier: those units are left out, so that the numbers are the format's own on every machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from vgplib.engine.batched import Network, nbytes
from vgplib.engine.block import Shape
from vgplib.engine.experiment import Batch, Choice, Experiment, Settings, Slider
from vgplib.engine.rounding import by_the_format
from vgplib.experiments.batches import projected
from vgplib.experiments.reading import SEEDS, back, back_axis, band, thin
from vgplib.experiments.view import Axis, Readout, Series, Strip, View
from vgplib.measures.layers import measure
from vgplib.measures.theory import number_format
from vgplib.networks.data import gaussian
from vgplib.networks.feedforward import FeedForward
from vgplib.numbers import count, figures

if TYPE_CHECKING:
    import xarray as xr

WIDTH, BATCH, DEEPEST = 64, 8, 120


def _signal(
    number_format: str, activation: str, loss_scale: float, depth: int, seed: int
) -> xr.DataArray:
    dtype = getattr(torch, number_format)
    net = FeedForward(WIDTH, WIDTH, depth, activation, "pytorch", seed=seed).to(dtype)
    x = gaussian(BATCH, WIDTH, seed=1000 + seed).to(dtype)
    v = gaussian(1, WIDTH, seed=2000 + seed).to(dtype)
    with by_the_format():
        data = measure(net, lambda model: loss_scale * (model(x) * v).sum(dim=1).mean())
    return data["signal"].reset_coords(drop=True)


def run(
    *, number_format: str, activation: str, loss_scale: float, depth: int, seed: int
) -> xr.Dataset:
    """The same weights, inputs and loss in the format and in float64."""
    import xarray as xr

    exact = _signal("float64", activation, loss_scale, depth, seed)
    return xr.Dataset(
        {"signal": _signal(number_format, activation, loss_scale, depth, seed), "exact": exact}
    )


def run_many(settings: list[Settings], seeds: list[int]) -> xr.Dataset:
    """Many runs of one format, activation and depth; numbers are those of :func:`run`."""
    import xarray as xr

    networks = [Network(seed, "pytorch") for seed in seeds]
    factors = [s["loss_scale"] for s in settings]
    with by_the_format():
        signal, exact = (
            projected(
                _shape(settings[0], name),
                settings[0]["activation"],
                networks,
                factors,
                weight_gradients=False,
            )["signal"]
            for name in (settings[0]["number_format"], "float64")
        )
    return xr.Dataset({"signal": signal, "exact": exact})


def _shape(settings: Settings, number_format: str) -> Shape:
    dtype = getattr(torch, number_format)
    return Shape(WIDTH, WIDTH, settings["depth"], BATCH, dtype=dtype)


def view(
    data: xr.Dataset, *, number_format: str, activation: str, loss_scale: float, depth: int
) -> View:
    """Both signals as they are; zero stands on the floor."""
    del activation, loss_scale
    places = back(depth)
    runs, exact = data["signal"].values, np.median(data["exact"].values, axis=0)
    reach = int(np.median(((runs > 0) & np.isfinite(runs)).sum(axis=1)))
    dead = int(np.median((runs == 0).sum(axis=1)))
    over = int(np.median((~np.isfinite(runs)).sum(axis=1)))
    if over:
        note = f"inf or NaN in {number_format}, and that isn't 0"
        verdict = Readout("Verdict", "Overflow: too large", tone="bad", note=note)
    elif dead:
        verdict = Readout("Verdict", f"Exactly 0 in {count(dead, 'layers')}", tone="bad")
    elif reach and float(np.median(runs[:, 0])) < _smallest_normal(number_format):
        verdict = Readout("Verdict", "Below the normal range", tone="warn")
    else:
        verdict = Readout("Verdict", "Representable", tone="good")
    keep = thin(depth)
    reaches = np.median(np.where(np.isfinite(runs), runs > 0, np.inf), axis=0)
    got = f"{reach} of {depth}"
    words = f"{reach} of {count(depth, 'layers')} get{'s' * (reach == 1)} a signal"
    if over:
        got = f"{got}: overflow"
        words = f"{over} of {count(depth, 'layers')} overflow{'s' * (over == 1)}"
    return View(
        x=back_axis(DEEPEST),
        y=Axis("size of the error signal", (1e-50, 1e10), log=True, floor="0"),
        series=(
            band(f"in {number_format}", places, runs),
            Series("in float64", places[keep].tolist(), exact[keep].tolist(), role="theory"),
        ),
        readouts=(
            Readout("Layers that get a signal", got, reach),
            Readout("At layer 1, in float64", figures(float(exact[0])), float(exact[0])),
            verdict,
        ),
        strip=Strip(
            "Filled: inf or NaN, too large" if over else "Filled: more than an exact 0",
            reaches.tolist(),
            words,
            DEEPEST,
        ),
    )


def _smallest_normal(name: str) -> float:
    return number_format(name).smallest_normal


EXPERIMENT = Experiment(
    name="number-formats",
    title="Where small becomes zero",
    controls=(
        Choice(
            "number_format",
            "Number format",
            {"float16": "float16", "bfloat16": "bfloat16", "float32": "float32"},
        ),
        Choice("activation", "Activation", {"sigmoid": "sigmoid", "relu": "ReLU", "tanh": "tanh"}),
        Slider("loss_scale", "Loss multiplied by", (1.0, 1024.0, 65536.0), step=1.0, log=True),
        Slider("depth", "Depth", (5, 10, 20, 40, 60, 80, DEEPEST), 1, "layers", whole=True),
    ),
    start={"number_format": "float32", "activation": "sigmoid", "loss_scale": 1.0, "depth": 80},
    run=run,
    batch=Batch(
        run=run_many,
        group=lambda settings: (
            settings["number_format"],
            settings["activation"],
            settings["depth"],
        ),
        # The two formats go one after the other; float64 needs more.
        nbytes=lambda settings: nbytes(_shape(settings, "float64"), settings["activation"]),
    ),
    view=view,
    caption=(
        "How large the error signal is in networks as PyTorch draws them, computed in the format "
        f"itself. {SEEDS} Dashed: the same networks in float64. Some hardware cuts a format's "
        "smallest numbers to 0, and the signal ends some layers earlier there."
    ),
)
