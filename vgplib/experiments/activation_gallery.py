"""Thirteen activations: what each does to what arrives, and how much of the signal it passes.

A unit's pre-activations in a wide random layer are about normal. How much of the error signal such
a layer's activation passes is the root mean square of its slope where they are (its typical slope).
Integrals by automatic differentiation and quadrature, in float64; nothing is drawn at random.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.experiments.view import Axis, Readout, Series, View
from vgplib.measures import theory
from vgplib.networks.activations import ACTIVATIONS
from vgplib.numbers import figures

if TYPE_CHECKING:
    import xarray as xr

EDGE, POINTS = 5.0, 51
LABELS = {name: one.label for name, one in ACTIVATIONS.items()}
NEARLY_ALL, LITTLE = 0.95, 1 / 3  # of the signal


def run(*, activation: str, spread: float, mean: float, seed: int) -> xr.Dataset:
    """The curve, its slope, what arrives, and the mean squares of slope and value."""
    import xarray as xr

    del seed  # nothing is drawn at random
    phi = ACTIVATIONS[activation]
    z = torch.linspace(-EDGE, EDGE, POINTS, dtype=torch.float64)
    arrives = torch.exp(-(((z - mean) / spread) ** 2) / 2)
    return xr.Dataset(
        {
            "value": ("z", phi(z).numpy()),
            "slope": ("z", phi.slope(z).numpy()),
            "arrives": ("z", arrives.numpy()),
            "slope_square": mean_square(phi.slope, spread, mean),
            "value_square": mean_square(phi, spread, mean),
        },
        coords={"z": z.numpy()},
    )


def mean_square(function: Callable[[Tensor], Tensor], spread: float, mean: float) -> float:
    """The mean square of a function of pre-activations from N(mean, spread^2)."""
    return float(theory.normal_expectation(lambda u: function(u + mean) ** 2, spread**2))


def view(data: xr.Dataset, *, activation: str, spread: float, mean: float) -> View:
    """The curve and its slope; under them what arrives, and what of it passes."""
    del activation
    one = data.isel(seed=0)
    z, slope, arrives = one["z"].values, one["slope"].values, one["arrives"].values
    # To a thousandth, less than a pixel: hundreds of settings have to travel with a page.
    passes, arrives = (arrives * slope**2).round(3), arrives.round(3)
    slope_square, value_square = float(one["slope_square"]), float(one["value_square"])
    typical_slope = math.sqrt(slope_square)
    back, forward = _scale(1, slope_square), _scale(spread**2 + mean**2, value_square)
    return View(
        x=Axis("pre-activation z", (-EDGE, EDGE)),
        y=Axis("value and slope", (-2, 3)),
        series=(
            _line("the curve", z, one["value"].values),
            _line("its slope", z, slope, role="second"),
            Series(
                "passes, of what arrives",
                z.tolist(),
                passes.tolist(),
                np.zeros_like(z).tolist(),
                passes.tolist(),
                role="second",
            ),
            _line("what arrives", z, arrives, role="theory"),
        ),
        readouts=(
            Readout("Typical slope", figures(typical_slope), typical_slope),
            Readout("Fits back; forward", f"{back}; {forward}"),
            _verdict(typical_slope),
        ),
    )


def _line(name: str, z: np.ndarray, y: np.ndarray, role: str = "main") -> Series:
    return Series(name, z.tolist(), y.tolist(), role=role)  # type: ignore[arg-type]


def _scale(arrives: float, passes: float) -> str:
    """The weight scale that makes up for what is lost, from two mean squares."""
    return figures(math.sqrt(arrives / passes), 3) if passes else "none"


def _verdict(slope: float) -> Readout:
    """What a layer passes back with weights of scale 1, in words."""
    note = "at weight scale 1"
    if slope > 1 / NEARLY_ALL:
        return Readout("Verdict", "Makes the signal larger", tone="warn", note=note)
    if slope >= NEARLY_ALL:
        return Readout("Verdict", "Passes nearly all of it", tone="good", note=note)
    if slope >= LITTLE:
        return Readout("Verdict", "Passes a part of it", tone="plain", note=note)
    return Readout("Verdict", "Passes little of it", tone="bad", note=note)


EXPERIMENT = Experiment(
    name="activation-gallery",
    title="What an activation passes",
    controls=(
        Choice("activation", "Activation", LABELS),
        Slider(
            "spread", "Spread of what arrives", (0.1, 0.25, 0.5, 1.0, 2.0, 4.0), step=0.01, log=True
        ),
        Slider("mean", "Its middle", (-2.0, -1.0, 0.0, 1.0, 2.0), step=0.1),
    ),
    start={"activation": "tanh", "spread": 1.0, "mean": 0.0},
    run=run,
    view=view,
    caption=(
        "Dashed: where the pre-activations are, always drawn 1 high. Shaded: the share of that "
        "which passes on the way back: the slope counts by its square. Computed, nothing is drawn "
        "at random."
    ),
    seeds=1,
)
