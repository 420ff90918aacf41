"""What each remedy costs, beside the network without it, measured in the same run.

Parameters and the memory that a forward pass keeps for the way back are exact. The time of a step
is a ratio of the fastest of several turns, taken in alternation; it depends on the machine.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from vgplib.engine.experiment import Experiment
from vgplib.experiments.recipe import Recipe, images, steps
from vgplib.experiments.remedies import FIELD, REMEDIES
from vgplib.experiments.steps import BATCH
from vgplib.experiments.view import Axis, Readout, Series, View
from vgplib.numbers import figures

if TYPE_CHECKING:
    import xarray as xr

TURNS, STEPS_A_TURN, RATE = 5, 20, 0.01
DEAR, VERY_DEAR = 1.2, 2.0  # times the baseline's cost


def run(*, row: str, seed: int) -> xr.Dataset:
    """Parameters, memory and time of one remedy, each in units of the baseline's."""
    import xarray as xr

    recipe, baseline = (replace(REMEDIES[name].recipe, before=None) for name in (row, "nothing"))
    sizes = np.array([size(one, seed) for one in (recipe, baseline)])
    seconds = np.array(
        [[_seconds(one, seed) for one in (recipe, baseline)] for _ in range(TURNS)]
    ).min(axis=0)
    parameters, memory = sizes[0] / sizes[1]
    return xr.Dataset({"parameters": parameters, "memory": memory, "time": seconds[0] / seconds[1]})


def size(recipe: Recipe, seed: int) -> tuple[int, int]:
    """The number of parameters, and the bytes that a forward pass keeps beside them."""
    x, y = (part[: recipe.batch].clone() for part in images("train"))
    net = recipe.build(seed)
    heads = recipe.readouts(net, seed)
    parameters = [*net.parameters(), *heads.parameters()]
    own = {p.untyped_storage().data_ptr() for p in parameters}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        recipe.loss(net, heads, x, y)
    count = sum(p.numel() for p in parameters)
    return count, sum(storage.nbytes() for storage in kept.values())


def _seconds(recipe: Recipe, seed: int) -> float:
    """The time of some steps."""
    x, y = images("train")
    net = recipe.build(seed)
    turns = steps(recipe, net, recipe.readouts(net, seed), x, y, RATE, seed)
    next(turns)
    start = time.perf_counter()
    for _ in range(STEPS_A_TURN):
        next(turns)
    return time.perf_counter() - start


def view(data: xr.Dataset, *, row: str) -> View:
    """The three costs, as bars."""
    del row
    costs = [float(np.median(data[name].values)) for name in ("parameters", "time", "memory")]
    dearest = max(costs)
    return View(
        x=Axis("what it costs", (-0.5, 2.5), names=("parameters", "time a step", "memory")),
        y=Axis("times the baseline's", (0, 5)),
        series=(Series("cost", [0, 1, 2], costs, kind="bar"),),
        readouts=(
            Readout("Memory, times", figures(costs[2]), costs[2]),
            Readout("Time a step, times", figures(costs[1]), costs[1]),
            _verdict(dearest),
        ),
    )


def _verdict(dearest: float) -> Readout:
    if dearest >= VERY_DEAR:
        return Readout("Verdict", "Costs more than twice as much", tone="warn")
    if dearest >= DEAR:
        return Readout("Verdict", "Costs something", tone="plain")
    return Readout("Verdict", "Costs next to nothing", tone="good")


EXPERIMENT = Experiment(
    name="remedy-costs",
    title="What a remedy costs",
    controls=FIELD.controls,
    start={"row": "nothing"},
    run=run,
    view=view,
    caption=(
        f"For batches of {BATCH}, beside the network without a remedy. Time is measured on one "
        "processor, in alternation with that network's; yours may differ."
    ),
    times=("time",),
)


def of_all() -> dict[str, dict[str, float]]:
    """What each remedy costs, by its name in ``REMEDIES``, from the atlas.

    Returns:
        ``parameters``, ``time`` (of a step) and ``memory`` for each, in units of the baseline's.

    Raises:
        AtlasError: The atlas is missing, damaged or out of date.
    """
    from vgplib.engine.atlas import at

    return {
        row: {str(k): float(np.median(v)) for k, v in at(EXPERIMENT, {"row": row}).items()}
        for row in REMEDIES
        if row != "nothing"
    }
