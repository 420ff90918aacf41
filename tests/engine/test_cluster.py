"""Grids on a Dask cluster: the same bits, also when a worker dies, and clear words when not."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from distributed import LocalCluster

import vgplib as vgp
from vgplib.engine import cluster
from vgplib.engine.experiment import Batch, Experiment, Slider
from vgplib.engine.grid import Grid, measure
from vgplib.errors import GridError


@pytest.fixture(scope="module")
def scheduler():
    """The address of a scheduler with two worker processes on this machine."""
    options = {"host": "127.0.0.1", "dashboard_address": None, "silence_logs": logging.CRITICAL}
    with LocalCluster(n_workers=2, threads_per_worker=2, **options) as local:
        yield local.scheduler_address


def toy(run):
    """An experiment of 60 settings; functions made in a test travel to the workers as they are."""
    lengths = Slider("length", "Length", tuple(range(1, 61)), 1, whole=True)
    start = {"length": 1}
    return Experiment("toy", "Toy", (lengths,), start, run=run, view=print, caption="", seeds=2)


def make_run(trap=None):
    """A small run; ``trap(length)`` is called before."""

    def run(*, length, seed):
        if trap:
            trap(length)
        return xr.Dataset({"signal": ("layer", np.arange(length) * 10.0 + seed)})

    return run


def make_trap(flag, at):
    """Kill the process that runs setting ``at``, once."""

    def trap(length):
        if length == at and not os.path.exists(flag):
            with open(flag, "w"):
                os.kill(os.getpid(), signal.SIGKILL)

    return trap


def stands_alone(problem):
    """Whether a traceback shows this exception by itself, and not after pages of others."""
    return "".join(traceback.format_exception(problem)).count("Traceback") == 1


def test_a_real_grid_has_the_same_bits_here_and_there(scheduler):
    axes = {"activation": ["tanh", "relu"], "weight_scale": [1.0, 2.0], "depth": [5, 10]}
    here = vgp.sweep("error-signal", **axes, seeds=3, progress=False)
    there = vgp.sweep("error-signal", **axes, seeds=3, progress=False, scheduler=scheduler)
    assert there.identical(here)


def test_few_tasks_are_handed_over_at_once_and_none_is_forgotten(scheduler, monkeypatch):
    monkeypatch.setattr(cluster, "AT_ONCE", 2)  # of 8 chunks
    held = []

    def watched():
        for label in range(8):
            held.append(label)
            yield label, (label,)

    found = {}
    for label, result in cluster.results(scheduler, abs, watched(), str):
        found[label] = result
        assert len(held) <= len(found) + 2
    assert found == {label: label for label in range(8)}


def test_a_killed_worker_costs_its_chunk_only(scheduler, tmp_path):
    """The worker dies in the middle of the grid; every run but those of its chunk is done once."""
    flag, log = str(tmp_path / "killed"), tmp_path / "log"
    log.mkdir()
    trap = make_trap(flag, at=30)

    def run(*, length, seed, folder=str(log)):
        with open(os.path.join(folder, f"{length}-{seed}"), "a") as file:
            file.write("x")
        time.sleep(0.005)  # so that other chunks are handed over before
        return plain(length=length, seed=seed)

    plain = make_run(trap)
    data = measure(Grid.whole(toy(run)), scheduler=scheduler, folder=tmp_path / "kept")
    assert os.path.exists(flag)
    assert data.identical(measure(Grid.whole(toy(make_run())), progress=False))
    counts = {path.name: len(path.read_text()) for path in log.iterdir()}
    assert len(counts) == 120
    # Chunks of 16: the one that was cut off, and what the dead worker had not handed over.
    again = [name for name, count in counts.items() if count > 1]
    assert "30-0" in again
    assert len(again) <= 48


def test_a_killed_worker_changes_no_bit_of_a_real_grid(scheduler, tmp_path):
    real = vgp.experiments.experiment("error-signal")
    flag = str(tmp_path / "killed")
    trap = make_trap(flag, at=9)
    measured = real.run

    def run(*, depth, **others):
        trap(depth)
        return measured(depth=depth, **others)

    trapped = replace(real, run=run, batch=None)
    axes = {"depth": list(range(4, 14)), "activation": "tanh"}
    there = measure(Grid.over(trapped, axes, 4), scheduler=scheduler, progress=False)
    assert os.path.exists(flag)
    assert there.identical(measure(Grid.over(replace(real, batch=None), axes, 4), progress=False))


def test_a_task_that_raises_stops_the_grid_with_its_settings(scheduler, tmp_path, capsys):
    def trap(length):
        if length == 60:
            raise ZeroDivisionError("sixty")

    with pytest.raises(
        GridError, match="^toy at length=60, seed=0 failed: ZeroDivisionError: sixty"
    ):
        measure(Grid.whole(toy(make_run(trap))), scheduler=scheduler, folder=tmp_path / "kept")
    assert "runs are kept in" in capsys.readouterr().err
    finished = list((tmp_path / "kept").glob("runs-*.npz"))
    assert 0 < len(finished) < 8
    whole = measure(Grid.whole(toy(make_run())), folder=tmp_path / "kept", progress=False)
    assert whole.identical(measure(Grid.whole(toy(make_run())), progress=False))


def test_batches_and_threads_of_a_worker_take_turns(scheduler, tmp_path):
    """Two threads of one worker share its memory and PyTorch's settings: one chunk at a time."""
    folder = str(tmp_path)
    run = make_run()

    def together(several, seeds):
        inside = os.path.join(folder, str(os.getpid()))
        os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # fails where another one is inside
        runs = [run(**s, seed=k) for s, k in zip(several, seeds, strict=True)]
        os.remove(inside)
        return xr.concat(runs, dim="run")

    batch = Batch(together, group=lambda s: s["length"], nbytes=lambda s: 1)
    data = measure(Grid.whole(replace(toy(run), batch=batch)), scheduler=scheduler, progress=False)
    assert data.identical(measure(Grid.whole(toy(run)), progress=False))


def test_a_scheduler_that_is_not_there_is_named_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "TIMEOUT", 1)  # seconds, so that this test is quick
    before = {thread.name for thread in threading.enumerate()}
    folder = tmp_path / "kept"
    for address in ("tcp://127.0.0.1:1", "nonsense", "carrier-pigeon://127.0.0.1:1"):
        with pytest.raises(GridError, match=f"no Dask scheduler answers at '{address}'") as raised:
            vgp.sweep("chain", scheduler=address, folder=folder, progress=False)
        assert stands_alone(raised.value)
        assert not folder.exists()
    kept = {"Dask-Offload_0", "tqdm_monitor"}  # what the two libraries keep
    assert {t.name for t in threading.enumerate()} - before <= kept


SCHEDULER = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    options = {"host": "127.0.0.1", "dashboard_address": None}
    with LocalCluster(n_workers=1, threads_per_worker=1, **options) as local:
        print(local.scheduler_address, flush=True)
        sys.stdin.read()
"""


def test_a_lost_scheduler_is_named_and_what_is_finished_is_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "TIMEOUT", 1)  # seconds, so that this test is quick
    script, folder = tmp_path / "scheduler.py", tmp_path / "kept"
    script.write_text(SCHEDULER)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, str(script)], text=True, **pipes) as process:
        pid = process.pid

        def trap(length):
            time.sleep(0.02)  # so that earlier chunks are handed over
            if length == 40:
                os.kill(pid, signal.SIGKILL)

        address = process.stdout.readline().strip()
        with pytest.raises(GridError, match=f"the scheduler at {address} was lost") as raised:
            measure(Grid.whole(toy(make_run(trap))), scheduler=address, folder=folder)
    assert stands_alone(raised.value)
    assert "of 120 runs are kept in" in capsys.readouterr().err
    whole = measure(Grid.whole(toy(make_run())), folder=folder, progress=False)
    assert whole.identical(measure(Grid.whole(toy(make_run())), progress=False))


def test_without_dask_a_scheduler_is_refused_and_a_grid_here_works(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)  # as if it were not installed
    assert vgp.sweep("chain", progress=False).sizes["link"] == 11
    with pytest.raises(GridError, match="needs Dask, which is not installed: pip install"):
        vgp.sweep("chain", scheduler="tcp://127.0.0.1:1", progress=False)


def test_importing_the_grid_does_not_import_dask():
    code = "import sys, vgplib.engine.grid; print('dask' in sys.modules, 'xarray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
