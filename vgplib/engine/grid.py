"""Grids: every setting of some axes with every seed, in chunks that are kept as they finish.

A chunk is as many runs as fit below the caller's bound on memory. It is measured here, or by a
worker of a Dask cluster, and its numbers do not depend on which runs it holds: each run draws
from its own seed, batches keep runs apart to the bit, and every chunk is computed on the same
number of threads.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
from array import array
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vgplib import errors
from vgplib.engine import cluster, memory, provenance
from vgplib.engine.chunks import Store, gather, refuse_too_large
from vgplib.engine.experiment import Experiment, Settings
from vgplib.engine.runs import measure_runs, named, told

if TYPE_CHECKING:
    import xarray as xr

MAX_RUNS = 128  # of a batch: more is hardly faster, and would be lost when a run is stopped
MAX_SINGLES = 16  # of an experiment without batches
SLICE = 2**16  # runs that are planned at once


@dataclass(frozen=True)
class Grid:
    """The product of some axes, with seeds. Its runs are numbered, the seed fastest.

    Attributes:
        exp: The experiment.
        axes: The values of each of its controls, in their order; the last one is fastest.
        seeds: Each setting is run with the seeds 0, 1, ... below it.
    """

    exp: Experiment
    axes: Mapping[str, Sequence[Any]]
    seeds: int

    @classmethod
    def whole(cls, exp: Experiment) -> Grid:
        """The experiment's own grid: what its atlas holds."""
        return cls(exp, {c.name: list(c.values) for c in exp.controls}, exp.seeds)

    @classmethod
    def over(cls, exp: Experiment, axes: Mapping[str, Any], seeds: int | None) -> Grid:
        """A grid over the caller's axes; what is not given keeps its start value.

        Args:
            exp: The experiment.
            axes: For some of its controls a value or a sequence of values.
            seeds: How many seeds; by default, the experiment's own number.

        Raises:
            ValueError: An axis has an unknown name, is empty, holds a value twice or one that
                its control refuses; or ``seeds`` is not a whole number of at least 1.
        """
        given = {name: _axis(exp, name, values) for name, values in axes.items()}
        full = {c.name: given.get(c.name, [exp.start[c.name]]) for c in exp.controls}
        return cls(exp, full, exp.seeds if seeds is None else errors.whole("seeds", seeds))

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each axis has."""
        return tuple(map(len, self.axes.values()))

    def __len__(self) -> int:
        """How many runs there are."""
        return math.prod(self.shape) * self.seeds

    def settings(self) -> Iterator[Settings]:
        """Every setting, last axis fastest."""
        return (
            dict(zip(self.axes, values, strict=True))
            for values in itertools.product(*self.axes.values())
        )

    def pairs(self, runs: Sequence[int]) -> list[tuple[Settings, int]]:
        """The settings and the seed of some runs, by their numbers."""
        places = np.unravel_index(np.asarray(runs) // self.seeds, self.shape)
        values = [
            [axis[i] for i in place] for axis, place in zip(self.axes.values(), places, strict=True)
        ]
        return [
            (dict(zip(self.axes, setting, strict=True)), int(run) % self.seeds)
            for run, setting in zip(runs, zip(*values, strict=True), strict=True)
        ]

    def recipe(self) -> dict[str, Any]:
        """What decides the grid's numbers: two equal recipes, one result."""
        exp = self.exp
        return {
            "experiment": exp.name,
            "version": exp.version,
            "seeds": self.seeds,
            "grid": {name: list(values) for name, values in self.axes.items()},
        }


def _axis(exp: Experiment, name: str, values: Any) -> list[Any]:
    """The values of one axis, each checked by its control."""
    control = exp.control(name)
    if hasattr(values, "tolist"):  # arrays, also of other libraries, and their numbers
        values = values.tolist()
    if not isinstance(values, list | tuple | range):
        return [control.check(values)]
    if not values:
        raise ValueError(
            f"the axis {name!r} is empty: give at least one value, or leave the axis out for "
            f"its start value, {exp.start[name]!r}."
        )
    checked: dict[Any, int] = {}
    for place, value in enumerate(values, start=1):
        try:
            plain = control.check(value)
        except ValueError as problem:
            raise ValueError(f"{problem} It is value {place} of {len(values)}.") from None
        if plain in checked:
            raise ValueError(
                f"the axis {name!r} holds {plain!r} twice, as values {checked[plain]} and {place}."
            )
        checked[plain] = place
    return list(checked)


def measure(
    grid: Grid,
    *,
    bound: int | str = "2GiB",
    scheduler: str | None = None,
    folder: Path | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Measure every run of a grid that is not kept in ``folder`` already.

    Args:
        grid: What to measure.
        bound: What the computation may take in memory, beside what Python and its packages do.
        scheduler: The address of a Dask scheduler, whose workers then measure the chunks.
        folder: Where chunks are kept. They stay there. Without it, they are in a temporary
            folder, which is kept only when the run is stopped.
        progress: Whether to show a progress bar.

    Returns:
        One dimension per axis, then ``seed``, then the experiment's own.

    Raises:
        ValueError: ``bound`` is no size, or less than one run, or than all in the least, takes.
        GridError: A run failed, the results take more than ``bound``, the folder cannot be used,
            or the cluster cannot be reached.
    """
    size = memory.parse(bound)
    _check_count(grid, size)
    groups = _groups(grid, size)
    store = Store(folder, {**grid.recipe(), **provenance.versions()})
    try:
        _fill(grid, groups, store, scheduler, progress, size)
        result = _label(grid, gather(store, len(grid), limit=size))
    except BaseException:
        if store:
            call = f"call with folder={str(store.folder)!r}" if store.temporary else "call"
            print(
                f"{store.check(len(grid)).sum()} of {len(grid)} runs are kept in {store.folder}; "
                f"the same {call} goes on from there.",
                file=sys.stderr,
            )
        else:
            store.remove()
        raise
    if store.temporary:
        store.remove()
    return result


def _check_count(grid: Grid, size: int) -> None:
    """Refuse more runs than can be told apart and kept, one number each, in ``size`` bytes."""
    settings = math.prod(grid.shape)
    runs = settings * grid.seeds
    least = 8 * settings + (1 + 8) * runs  # a setting's number; whether a run is done, its result
    if least > size:
        raise ValueError(
            f"{runs:,} runs take {memory.show(least)} at least, more than "
            f"memory={memory.show(size)}: give fewer values or seeds, or more memory."
        )


def _groups(grid: Grid, size: int) -> list[tuple[np.ndarray, int]]:
    """The numbers of the settings that go together, and how many runs at most go at once."""
    exp, batch = grid.exp, grid.exp.batch
    if batch is None:
        return [(np.arange(math.prod(grid.shape)), MAX_SINGLES)]
    together: dict[Hashable, array[int]] = {}
    needs: dict[Hashable, int] = {}
    for number, settings in enumerate(grid.settings()):
        key, need = batch.group(settings), batch.nbytes(settings)
        if need > size:
            raise ValueError(
                f"one run of {exp.name} at {told(settings)} takes {memory.show(need)}, "
                f"more than memory={memory.show(size)}."
            )
        together.setdefault(key, array("q")).append(number)
        needs[key] = max(need, needs.get(key, 1))
    return [
        (np.asarray(numbers), min(MAX_RUNS, size // needs[key]))
        for key, numbers in together.items()
    ]


def _chunks(
    grid: Grid, groups: list[tuple[np.ndarray, int]], done: np.ndarray
) -> Iterator[np.ndarray]:
    """The numbers of the runs that are still to do, chunk by chunk."""
    for numbers, most in groups:
        left = np.empty(0, dtype=np.int64)
        for start in range(0, len(numbers) * grid.seeds, SLICE):
            place = np.arange(start, min(start + SLICE, len(numbers) * grid.seeds))
            if grid.exp.batch is None:
                which, seed = np.divmod(place, grid.seeds)
            else:  # a batch draws once what its runs with the same seed share: those go together
                seed, which = np.divmod(place, len(numbers))
            runs = numbers[which] * grid.seeds + seed
            left = np.concatenate([left, runs[~done[runs]]])
            full = len(left) // most * most
            yield from left[:full].reshape(-1, most)
            left = left[full:]
        if len(left):
            yield left


def _fill(
    grid: Grid,
    groups: list[tuple[np.ndarray, int]],
    store: Store,
    scheduler: str | None,
    progress: bool,
    size: int,
) -> None:
    """Measure the chunks that are not in the store, and put each there when it is finished."""
    from tqdm import tqdm

    done = store.check(len(grid))
    versions = provenance.versions()
    tasks = (
        (chunk, (grid.exp, grid.pairs(chunk), versions)) for chunk in _chunks(grid, groups, done)
    )
    if scheduler is None:
        results = ((chunk, measure_runs(*task)) for chunk, task in tasks)
    else:
        results = cluster.results(
            scheduler, measure_runs, tasks, lambda exp, pairs, _: named(exp, pairs)
        )
    bar = tqdm(
        total=len(grid),
        initial=int(done.sum()),
        desc=grid.exp.name,
        unit="run",
        disable=not progress,
    )
    with closing(results), bar:
        for chunk, data in results:
            store.add(chunk, data)
            bar.update(len(chunk))
            refuse_too_large(len(grid), data, size)  # now, not when all of them are measured


def _label(grid: Grid, runs: xr.Dataset) -> xr.Dataset:
    """The runs by setting and seed, with what made them in the attributes."""
    import xarray as xr

    axes = list(grid.axes)
    out = {}
    for name, data in runs.data_vars.items():
        block = data.values.reshape(*grid.shape, grid.seeds, *data.shape[1:])
        if str(name).startswith("length_"):  # the same for every seed
            out[name] = (axes, block[..., 0])
        else:
            out[name] = ([*axes, "seed", *data.dims[1:]], block, data.attrs)
    coords = {name: list(values) for name, values in grid.axes.items()}
    attrs = {
        "recipe": json.dumps(grid.recipe(), sort_keys=True),
        "title": grid.exp.title,
        **provenance.versions(),
        "commit": provenance.commit(),
    }
    return xr.Dataset(out, coords={**coords, **runs.coords}, attrs=attrs)
