"""The experiments of the book: one file each, with its settings, grid, run and view."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from vgplib.engine import experiment as _engine
from vgplib.engine.experiment import EXPERIMENTS, Experiment, Settings, experiment
from vgplib.experiments import (
    backprop_by_hand,
    chain,
    descent,
    error_signal,
    number_formats,
    through_time,
    two_gradients,
)
from vgplib.experiments.view import Readout, View

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["EXPERIMENTS", "atlas", "experiment", "look", "readouts", "run"]

for _module in (
    chain,
    backprop_by_hand,
    descent,
    error_signal,
    two_gradients,
    through_time,
    number_formats,
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
