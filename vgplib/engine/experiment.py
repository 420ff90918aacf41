"""An experiment: what can be set, what is run, what is drawn. The one idea of the package."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vgplib import errors
from vgplib.numbers import count, short

if TYPE_CHECKING:
    import xarray as xr

Settings = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """A control with a few named values.

    Attributes:
        name: The keyword that the experiment's ``run`` takes.
        label: What the reader sees.
        options: Value -> what the reader sees for it, in order.
    """

    name: str
    label: str
    options: Mapping[str, str]

    @property
    def values(self) -> tuple[str, ...]:
        """The values on the grid, in order."""
        return tuple(self.options)

    def check(self, value: object) -> str:
        """Return ``value`` if it is an option; raise :class:`ValueError` if it is not."""
        return errors.choose(self.name.replace("_", " "), value, self.options)

    def show(self, value: object) -> str:
        """The value as the reader sees it."""
        return self.options[str(value)]


@dataclass(frozen=True)
class Slider:
    """A control over numbers: a grid that the atlas holds, and a range that PyTorch can answer.

    Attributes:
        name: The keyword that the experiment's ``run`` takes.
        label: What the reader sees.
        values: The grid, ascending.
        step: The step of the live control, between the grid's ends.
        unit: Written after the value (``"layers"``).
        whole: Whether only whole numbers make sense.
        log: Whether equal distances on the control are equal ratios.
    """

    name: str
    label: str
    values: tuple[float, ...]
    step: float
    unit: str = ""
    whole: bool = False
    log: bool = False

    def check(self, value: object) -> float | int:
        """Return ``value`` as a number within the grid's ends.

        Raises:
            ValueError: It is not a finite number, not whole where it must be, or out of range.
        """
        low, high = self.values[0], self.values[-1]
        number = (
            errors.whole(self.name, value, least=int(low))
            if self.whole
            else errors.finite(self.name, value)
        )
        if not low <= number <= high:
            raise ValueError(f"{self.name} must be between {low:g} and {high:g}, not {value!r}.")
        return number

    def show(self, value: object) -> str:
        """The value with its unit, as the reader sees it."""
        number = float(value)  # type: ignore[arg-type]
        return count(number, self.unit) if self.unit else short(number)


Control = Choice | Slider


@dataclass(frozen=True)
class Batch:
    """How many runs of one experiment are measured as one computation.

    Each run's numbers must be the same, to the bit, whichever runs it is batched with.

    Attributes:
        run: ``run(settings, seeds) -> xarray.Dataset``: one pair of settings and seed a run,
            all of one group. The leading dimension is ``run``, in the order given; then come
            the dimensions, variables and coordinates of the experiment's own ``run``.
        group: ``group(settings)``; only settings with equal groups are batched together,
            since their networks have equal shapes.
        nbytes: ``nbytes(settings)``: the memory that one run needs while its batch runs.
    """

    run: Callable[[list[Settings], list[int]], xr.Dataset]
    group: Callable[[Settings], Hashable]
    nbytes: Callable[[Settings], int]


@dataclass(frozen=True, eq=False)  # equal only to itself, so that results can be cached by it
class Experiment:
    """Settings, grid, run and view of one experiment.

    Attributes:
        name: As in ``vgp.bench(name)``; also the atlas's file name.
        title: What the reader sees above the chart.
        controls: What can be set. The grid is the product of their values.
        start: The setting that is shown first; one value for each control.
        run: ``run(**settings, seed=s) -> xarray.Dataset``, one run in plain PyTorch.
        view: ``view(data, **settings) -> View``; ``data`` has a leading dimension ``seed``.
        caption: What the lines and bands are, in one or two sentences.
        seeds: How many runs make one curve; 1 only where nothing is drawn at random.
        version: Raise it when ``run`` changes its numbers: old atlases are then refused.
        batch: How many runs are measured as one computation; without it, one at a time.
        shares: The variables that are shares of images or units: another processor may count one
            or two of them otherwise.
        scale: ``scale(start, shown)``: the axes of a bench that starts at the setting ``start`` and
            shows the controls named ``shown``, for ``View.scaled``; without it, or where it is
            None, benches have those of the view. What a bench doesn't show needs no room on its
            axes.
    """

    name: str
    title: str
    controls: tuple[Control, ...]
    start: Mapping[str, Any]
    run: Callable[..., xr.Dataset]
    view: Callable[..., Any]
    caption: str
    seeds: int = 5
    version: int = 1
    batch: Batch | None = None
    shares: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    scale: Callable[[Settings, tuple[str, ...]], Any] | None = None
    _by_name: dict[str, Control] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {c.name: c for c in self.controls})
        self.check(self.start)

    def control(self, name: str) -> Control:
        """The control of that name; :class:`ValueError` names the ones there are."""
        return self._by_name[errors.choose(f"setting of {self.name!r}", name, self._by_name)]

    def check(self, settings: Mapping[str, Any]) -> Settings:
        """Fill in what is missing from ``start``, and check every value.

        Raises:
            ValueError: A name is unknown or a value is not allowed.
        """
        full = dict(self.start)
        for name, value in settings.items():
            full[name] = self.control(name).check(value)
        return {c.name: full[c.name] for c in self.controls}

    def grid(self) -> Iterator[Settings]:
        """Every setting of the atlas, last control fastest."""
        names = [c.name for c in self.controls]
        for values in itertools.product(*(c.values for c in self.controls)):
            yield dict(zip(names, values, strict=True))

    def size(self) -> int:
        """How many settings the atlas holds."""
        return math.prod(len(c.values) for c in self.controls)

    def on_grid(self, settings: Mapping[str, Any]) -> bool:
        """Whether the atlas holds this setting."""
        return all(settings[c.name] in c.values for c in self.controls)

    def measure(self, **settings: Any) -> xr.Dataset:
        """Run PyTorch now, once per seed, and return the runs along ``seed``.

        Raises:
            ValueError: A name is unknown or a value is not allowed.
        """
        import xarray as xr

        full = self.check(settings)
        runs = [self.run(**full, seed=seed) for seed in range(self.seeds)]
        return xr.concat(runs, dim="seed")


EXPERIMENTS: dict[str, Experiment] = {}


def register(experiment: Experiment) -> Experiment:
    """Make an experiment known by its name; each name once."""
    if experiment.name in EXPERIMENTS:
        raise ValueError(f"there are two experiments named {experiment.name!r}.")
    EXPERIMENTS[experiment.name] = experiment
    return experiment


def experiment(name: str) -> Experiment:
    """The experiment of that name; :class:`ValueError` lists the ones there are."""
    return EXPERIMENTS[errors.choose("experiment", name, EXPERIMENTS)]
