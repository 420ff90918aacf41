"""The experiments of the book: one file each, with its settings, grid, run and view."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from vgplib import errors
from vgplib.engine import experiment as _engine
from vgplib.engine.experiment import EXPERIMENTS, Experiment, Settings, experiment
from vgplib.experiments import (
    activation_gallery,
    activation_race,
    backprop_by_hand,
    chain,
    clipping_cliff,
    dead_units,
    degradation,
    depth_and_width,
    descent,
    error_signal,
    explosion,
    first_nan,
    folds,
    freezing,
    gates,
    initialisation_ladder,
    learning_by_depth,
    memory_race,
    normalisation,
    number_formats,
    plateau,
    pre_and_post_norm,
    pretraining,
    remedies,
    remedy_costs,
    residual,
    steps_versus_depth,
    through_time,
    try_a_remedy,
    two_gradients,
    two_inputs,
    update_ratio,
    weight_decay,
    what_ails_it,
    what_clipping_does,
)
from vgplib.experiments.view import Readout, View

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["EXPERIMENTS", "atlas", "experiment", "look", "readouts", "run", "sweep"]

# A race needs the atlas of its search: that comes first.
for _module in (activation_race, remedies, memory_race, explosion):
    _engine.register(_module.SEARCH)
for _module in (
    chain,
    backprop_by_hand,
    descent,
    error_signal,
    two_gradients,
    two_inputs,
    depth_and_width,
    through_time,
    number_formats,
    plateau,
    update_ratio,
    freezing,
    dead_units,
    what_ails_it,
    try_a_remedy,
    activation_gallery,
    activation_race,
    remedies,
    initialisation_ladder,
    learning_by_depth,
    remedy_costs,
    memory_race,
    gates,
    steps_versus_depth,
    folds,
    pretraining,
    normalisation,
    residual,
    degradation,
    pre_and_post_norm,
    clipping_cliff,
    what_clipping_does,
    first_nan,
    explosion,
    weight_decay,
):
    _engine.register(_module.EXPERIMENT)


def run(name: str, **settings: Any) -> xr.Dataset:
    """Measure an experiment now, with PyTorch, once per seed.

    Args:
        name: The experiment's name, such as ``"error-signal"``.
        **settings: Any of its settings, on the grid or off it; the rest keep their start value.

    Returns:
        A dataset with the leading dimension ``seed``; ``attrs`` holds the settings.

    Raises:
        ValueError: An unknown name or a value that is not allowed; the message says what is.
    """
    return experiment(name).measure(**settings)


def sweep(
    name: str,
    *,
    seeds: int | None = None,
    memory: int | str = "2GiB",
    scheduler: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: bool = True,
    **axes: Any,
) -> xr.Dataset:
    """Measure an experiment over a grid of settings: thousands of networks, in chunks.

    Networks of one shape are computed together where the experiment can. Finished chunks are
    kept as files: the same call with the same ``folder`` goes on where a stopped one was, also
    with another ``memory`` or ``scheduler``. Results do not depend on these, to the bit on one
    machine.

    Example: ``vgp.sweep("error-signal", weight_scale=[1, 1.5, 2], depth=[10, 30], seeds=3)``.

    Args:
        name: The experiment's name, such as ``"error-signal"``.
        seeds: How many seeds each setting is run with: 0, 1, ...; by default, as many as the
            experiment's bench shows.
        memory: The most that the computation may take beside Python and its packages: a size
            such as ``"512MiB"`` or a number of bytes. On a cluster, for each worker process.
            Runs that an experiment cannot batch go one at a time, whatever they take.
        scheduler: The address of a Dask scheduler, ``"tcp://HOST:PORT"``: its workers then
            measure the chunks. Without it, this process does, on two
            threads, or on one where runs are measured one at a time.
        folder: Where finished chunks are kept; they stay there. Without it they are in a
            temporary folder, which is removed at the end, or kept and named when the sweep is
            stopped. Name one for a sweep of hours: it outlives a crash of the machine too.
        progress: Whether to show a progress bar, counted in runs.
        **axes: For any of the experiment's settings a value, or a sequence of values, which
            becomes a dimension. Values off the atlas's grid are fine, within its range. Other
            settings keep their start value.

    Returns:
        A dataset with a dimension for each sequence, in the order of the experiment's settings,
        then ``seed``, then the experiment's own; where runs differ in length they are padded
        with NaN, and ``length_...`` says how long each is. ``attrs`` holds the recipe as JSON,
        the versions of vgplib, torch and numpy, and the git commit of a checkout.

    Raises:
        ValueError: An unknown name, an axis that is empty, holds a value twice or one that is
            not allowed, a ``folder`` that is no path, or a ``memory`` that is no size, or too
            small for one run or for so many.
        vgplib.errors.GridError: A run failed, the disk is full, ``folder`` cannot be used or
            holds another grid, the results take more than ``memory`` by themselves, or no
            scheduler answers; the message names which and where.
    """
    from vgplib.engine.grid import Grid, measure

    grid = Grid.over(experiment(name), axes, seeds)
    data = measure(
        grid,
        bound=memory,
        scheduler=scheduler,
        folder=None if folder is None else errors.folder("folder", folder),
        progress=progress,
    )
    return data.squeeze([name for name in grid.axes if np.ndim(axes.get(name, 0)) == 0])


def look(exp: Experiment, settings: Settings) -> View:
    """The view of one setting: from the atlas where it is on the grid, else measured now.

    Args:
        exp: The experiment.
        settings: One value for each of its controls.
    """
    if exp.on_grid(settings):
        return _look_up(exp, tuple(settings.items()))
    return exp.view(exp.measure(**settings), **settings)


@functools.cache
def _look_up(exp: Experiment, settings: tuple[tuple[str, Any], ...]) -> View:
    from vgplib.engine.atlas import at

    return exp.view(at(exp, dict(settings)), **dict(settings))


def readouts(name: str, **settings: Any) -> tuple[Readout, Readout, Readout]:
    """The three figures that a bench shows for a setting, the last one its verdict.

    Each has ``label``, ``text`` and ``value``. Arguments and errors are those of :func:`run`.
    """
    exp = experiment(name)
    return look(exp, exp.check(settings)).readouts


def atlas(name: str) -> xr.Dataset:
    """What was measured ahead of time: every setting of the grid, as labelled dimensions.

    Example: ``vgp.atlas("error-signal").signal.sel(activation="tanh", depth=30)``.

    Raises:
        ValueError: There is no experiment of that name.
        vgplib.errors.AtlasError: The file is missing, damaged or of another version.
    """
    from vgplib.engine.atlas import load

    return load(name)
