"""What benches show: a frame for each setting, on the axes of the bench."""

from __future__ import annotations

import functools
import itertools
from typing import Any

from vgplib.engine.experiment import Experiment, Settings
from vgplib.experiments import experiment, look
from vgplib.experiments.view import Scale
from vgplib.lesson.several import apart, compared, together


def table(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """One frame per setting of the shown controls' grid, the last control fastest.

    Where a choice has several options at once, each has frames of its own: the front end puts
    them together.

    Args:
        spec: A bench's ``spec``. Benches of the same experiment and controls share one table.
    """
    exp = experiment(spec["experiment"])
    grid = {
        c["name"]: tuple(c.get("values") or [o["value"] for o in c["options"]])
        for c in spec["controls"]
    }
    return _table(exp, tuple(grid.items()), tuple(spec["fixed"].items()), scale_of(exp, spec))


@functools.cache
def _table(
    exp: Experiment,
    grid: tuple[tuple[str, tuple[Any, ...]], ...],
    fixed: tuple[tuple[str, Any], ...],
    scale: Scale | None,
) -> list[dict[str, Any]]:
    names = [name for name, _ in grid]
    settings = (
        {**dict(fixed), **dict(zip(names, values, strict=True))}
        for values in itertools.product(*(values for _, values in grid))
    )
    return [frame(exp, s, scale) for s in settings]


def frame(exp: Experiment, settings: Settings, scale: Scale | None) -> dict[str, Any]:
    """What a bench shows at a setting, on its axes; several options of a choice in one frame.

    Raises:
        ValueError: A name is unknown or a value is not allowed.
    """
    views = [look(exp, exp.check(one)) for one in apart(settings)]
    frames = [(view.scaled(scale) if scale else view).to_json() for view in views]
    if (name := compared(settings)) is None:
        return frames[0]
    return together(frames, [exp.control(name).show(option) for option in settings[name]])


def scale_of(exp: Experiment, spec: dict[str, Any]) -> Scale | None:
    """The axes of a bench; none where they are those of the experiment's views."""
    shown = tuple(c["name"] for c in spec["controls"])
    return exp.scale(apart({**spec["fixed"], **spec["initial"]})[0], shown) if exp.scale else None
