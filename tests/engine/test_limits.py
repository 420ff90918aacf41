"""Grids that ask for too much: said at once or as soon as it is known, in a sentence."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import vgplib as vgp
from vgplib.engine import grid as planning
from vgplib.engine.experiment import Batch, Experiment, Slider
from vgplib.engine.grid import Grid, measure
from vgplib.errors import GridError

MEBI = 2**20


def one(*, length, seed):
    return xr.Dataset({"signal": ("layer", np.arange(length) * 10.0 + seed)})


def together(several, seeds):
    return xr.concat([one(**s, seed=k) for s, k in zip(several, seeds, strict=True)], dim="run")


SINGLE = Experiment(
    "toy",
    "Toy",
    (Slider("length", "Length", (1, 2, 3, 4), 1, whole=True),),
    {"length": 3},
    run=one,
    view=print,
    caption="",
    seeds=5,
)
BATCH = Batch(together, group=lambda s: s["length"], nbytes=lambda s: 1)


@pytest.mark.parametrize("seeds", [10**9, 10**30])
def test_more_runs_than_the_memory_could_list_are_refused_at_once(seeds, tmp_path):
    folder = tmp_path / "kept"
    with pytest.raises(ValueError, match=f"{seeds:,} runs take .*B at least, more than memory=2 G"):
        vgp.sweep("error-signal", seeds=seeds, folder=folder, progress=False)
    assert not folder.exists()


def test_results_that_will_be_too_large_are_refused_when_the_first_are_there(tmp_path):
    calls = []

    def counting(several, seeds):
        calls.append(len(seeds))
        return together(several, seeds)

    exp = replace(SINGLE, batch=replace(BATCH, run=counting))
    grid = Grid.over(exp, {"length": 4}, 10**6)
    with pytest.raises(GridError, match="results take 30.52 MiB by themselves, more.*=16 MiB"):
        measure(grid, bound="16MiB", folder=tmp_path, progress=False)
    assert calls == [planning.MAX_RUNS]
    assert len(list(tmp_path.glob("runs-*.npz"))) == 1


@pytest.mark.parametrize("batch", [None, BATCH], ids=["single", "batched"])
def test_the_plan_of_many_runs_stays_below_the_bound(batch, tmp_path):
    """Three million runs: as a list, their settings and seeds would take 700 MB."""

    def stop(*_, **__):
        raise KeyboardInterrupt

    batch = batch and replace(batch, run=stop)
    grid = Grid.over(replace(SINGLE, run=stop, batch=batch), {}, 3 * 10**6)
    tracemalloc.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            measure(grid, bound="32MiB", folder=tmp_path, progress=False)
        assert tracemalloc.get_traced_memory()[1] < 32 * MEBI
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("batch", [None, BATCH], ids=["single", "batched"])
def test_a_plan_made_in_slices_holds_every_run_once_in_full_chunks(batch, monkeypatch, tmp_path):
    exp = replace(SINGLE, batch=batch)
    monkeypatch.setattr(planning, "MAX_RUNS", 3)
    monkeypatch.setattr(planning, "MAX_SINGLES", 3)
    monkeypatch.setattr(planning, "SLICE", 4)
    data = measure(Grid.whole(exp), folder=tmp_path, progress=False)
    monkeypatch.undo()
    assert data.identical(measure(Grid.whole(SINGLE), progress=False))
    sizes = []
    for path in tmp_path.glob("runs-*.npz"):
        with np.load(path) as chunk:
            sizes.append(len(chunk["_runs"]))
    wanted = [3] * 6 + [2] if batch is None else [2, 3] * 4  # 20 runs, or 5 of each of 4 shapes
    assert sorted(sizes) == sorted(wanted)


@pytest.mark.parametrize("folder", [3, "", b"", ["kept"], True])
def test_a_folder_that_is_no_path_is_refused(folder):
    with pytest.raises(ValueError, match="folder must be a folder's path, as text or .*, not "):
        vgp.sweep("chain", folder=folder, progress=False)


def test_a_folder_may_be_text_or_a_path(tmp_path):
    first = vgp.sweep("chain", folder=str(tmp_path / "kept"), progress=False)
    assert vgp.sweep("chain", folder=Path(tmp_path, "kept"), progress=False).identical(first)
