"""Grids: the same bits however they are cut, within the memory that is given, and nothing lost."""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import vgplib as vgp
from vgplib.engine import memory
from vgplib.engine.experiment import Batch, Choice, Experiment, Slider
from vgplib.engine.grid import Grid, measure
from vgplib.engine.runs import THREADS, THREADS_ALONE
from vgplib.errors import GridError

MEBI = 2**20


def one(*, kind, length, seed):
    """A run whose numbers and length tell its settings and its seed."""
    drawn = np.random.default_rng(seed).normal(size=length)
    values = drawn * (10.0 if kind == "loud" else 1.0)
    data = xr.Dataset({"signal": ("layer", values, {"units": "1"})})
    return data.assign(total=values.sum()).assign_coords(layer=np.arange(length) + 1)


def together(several, seeds):
    """The same runs as one dataset."""
    return xr.concat([one(**s, seed=k) for s, k in zip(several, seeds, strict=True)], dim="run")


SINGLE = Experiment(
    "toy",
    "Toy",
    (
        Choice("kind", "Kind", {"calm": "calm", "loud": "loud"}),
        Slider("length", "Length", (1, 2, 3, 4, 5, 6), 1, whole=True),
    ),
    {"kind": "calm", "length": 3},
    run=one,
    view=print,
    caption="",
    seeds=3,
)
BATCHED = replace(
    SINGLE, batch=Batch(together, group=lambda s: s["length"], nbytes=lambda s: MEBI * s["length"])
)


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """An own folder for temporary files, to see what is left there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def quiet(exp, **options):
    return measure(Grid.whole(exp), **{"progress": False, **options})


@pytest.mark.parametrize("exp", [SINGLE, BATCHED], ids=["single", "batched"])
def test_each_run_stands_under_its_labels_padded_to_the_longest(exp, temporary):
    data = quiet(exp)
    assert data["signal"].dims == ("kind", "length", "seed", "layer")
    assert data["total"].dims == ("kind", "length", "seed")
    assert data["signal"].attrs == {"units": "1"}
    for kind in ("calm", "loud"):
        for length in range(1, 7):
            for seed in range(3):
                want = one(kind=kind, length=length, seed=seed)
                got = data.sel(kind=kind, length=length).isel(seed=seed)
                assert got["length_layer"] == length
                assert np.array_equal(got["signal"][:length], want["signal"])
                assert got["signal"][length:].isnull().all()
                assert got["total"] == want["total"]
    assert not list(temporary.iterdir())


@settings(max_examples=25)
@given(bound=st.integers(6 * MEBI, 80 * MEBI))
def test_bits_do_not_depend_on_how_the_grid_is_cut(bound):
    assert quiet(BATCHED, bound=bound).identical(quiet(SINGLE))


def test_batches_hold_one_group_and_stay_below_the_bound():
    seen = []

    def watched(several, seeds):
        seen.append([s["length"] for s in several])
        return together(several, seeds)

    quiet(replace(BATCHED, batch=replace(BATCHED.batch, run=watched)), bound=10 * MEBI)
    assert sum(map(len, seen)) == 36
    for lengths in seen:
        assert len(set(lengths)) == 1
        assert sum(lengths) <= 10
    assert max(map(len, seen)) == 6  # a bound that is used: all runs of length 1


def test_a_real_grid_has_the_same_bits_as_single_measurements_and_under_any_bound():
    axes = {"activation": ["tanh", "relu"], "weight_scale": [1.0, 1.5, 2.0], "depth": [5, 8]}
    wide = vgp.sweep("error-signal", **axes, seeds=2, progress=False)
    narrow = vgp.sweep("error-signal", **axes, seeds=2, progress=False, memory="40MiB")
    assert wide.identical(narrow)
    assert wide["signal"].dims == ("activation", "weight_scale", "depth", "seed", "layer")
    assert wide["initialiser"] == "lecun"
    alone = vgp.run("error-signal", activation="relu", weight_scale=1.5, depth=5)
    swept = wide.sel(activation="relu", weight_scale=1.5, depth=5)["signal"]
    # Batches add in another order than single runs: 1e-12 is what float64 leaves of 5 layers.
    np.testing.assert_allclose(swept[:, :5], alone["signal"][:2], rtol=1e-12)


def test_the_attributes_say_where_the_numbers_are_from():
    data = vgp.sweep("chain", hops=np.array([2, 7]), slope=0.3, progress=False)
    assert data["slope"].item() == 0.3
    recipe = json.loads(data.attrs["recipe"])
    assert recipe["experiment"] == "chain"
    assert recipe["grid"] == {"slope": [0.3], "weight": [1.0], "hops": [2, 7]}
    assert recipe["seeds"] == 1
    assert recipe["version"] == vgp.experiments.experiment("chain").version
    assert data.attrs["torch"] == torch.__version__.split("+")[0]
    assert data.attrs["numpy"] == np.__version__
    assert data.attrs["vgplib"] == vgp.__version__
    root = Path(vgp.__file__).parent.parent
    head = ""
    if (root / ".git").exists():
        command = ["git", "rev-parse", "HEAD"]
        head = subprocess.run(command, cwd=root, capture_output=True, text=True).stdout.strip()
    assert data.attrs["commit"].removesuffix("-dirty") == head


def test_every_chunk_runs_on_the_same_threads_and_the_callers_number_comes_back():
    """A network by itself has nothing to share out: on two threads it waits for the other one."""
    alone, batches = set(), set()

    def watched(*, kind, length, seed):
        alone.add(torch.get_num_threads())
        return one(kind=kind, length=length, seed=seed)

    def watched_batch(several, seeds):
        batches.add(torch.get_num_threads())
        return together(several, seeds)

    before = torch.get_num_threads()
    torch.set_num_threads(THREADS + 1)
    try:
        quiet(replace(SINGLE, run=watched))
        quiet(replace(BATCHED, batch=replace(BATCHED.batch, run=watched_batch)))
        assert alone == {THREADS_ALONE}
        assert batches == {THREADS}
        assert torch.get_num_threads() == THREADS + 1
    finally:
        torch.set_num_threads(before)


PEAK = """
import resource, sys
import vgplib as vgp

def peak():  # bytes; Linux counts in KiB, macOS in bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

def grid(scales, **options):
    return vgp.sweep("error-signal", weight_scale=scales, depth=50, progress=False, **options)

vgp.sweep("error-signal", depth=2, seeds=1, progress=False)
before = peak()
grid([0.5 + 0.1 * i for i in range(8)], seeds=3, memory="192MiB")
print(peak() - before)
"""  # noqa: E501


def test_memory_stays_below_the_bound():
    """24 networks of depth 50: their weights alone are 630 MB."""
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 192 * MEBI


@given(st.integers(1, 10**15))
def test_a_size_is_read_back_as_written(size):
    assert memory.parse(size) == memory.parse(f"{size} B") == size
    apart = abs(memory.parse(memory.show(size)) - size)
    assert apart <= 1 + 0.0006 * size  # four digits are shown, and bytes are whole


def test_units_are_decimal_or_binary():
    assert memory.parse("2GiB") == 2 * 2**30
    assert memory.parse("1.5 kb") == 1500
    assert memory.parse("512MiB") == 2**29


BAD = {
    "axis name": ({"depht": [3]}, "unknown setting.*'depht'.*Did you mean 'depth'"),
    "empty axis": ({"depth": []}, "axis 'depth' is empty.*start value, 30"),
    "empty array": ({"depth": np.array([])}, "axis 'depth' is empty"),
    "type": ({"depth": [3, "ten"]}, "depth must be a whole number.*'ten'. It is value 2 of 2"),
    "none": ({"depth": None}, "depth must be a whole number.*None"),
    "set": ({"depth": {3}}, "depth must be a whole number.*\\{3\\}"),
    "matrix": ({"depth": np.ones((2, 2))}, r"depth must be a whole number.*\[1.0, 1.0\]"),
    "range": ({"weight_scale": [1, 99]}, "weight_scale must be between 0.5 and 16, not 99"),
    "choice": ({"activation": ["tanh", "rellu"]}, "unknown activation 'rellu'.*value 2 of 2"),
    "twice": ({"depth": [3, 5, 3.0]}, "'depth' holds 3 twice, as values 1 and 3"),
    "no seeds": ({"seeds": 0}, "seeds must be at least 1, not 0"),
    "half a seed": ({"seeds": 1.5}, "seeds must be a whole number"),
    "no size": ({"memory": "2 gigs"}, "memory must be.*'2 gigs'.*GiB"),
    "no unit": ({"memory": "2"}, "memory must be.*'2'"),
    "no memory": ({"memory": 0}, "memory must be at least 1"),
}


@pytest.mark.parametrize("call, message", BAD.values(), ids=BAD)
def test_bad_input_says_what_and_where_and_leaves_nothing(call, message, tmp_path, temporary):
    folder = tmp_path / "kept"
    with pytest.raises(ValueError, match=message):
        vgp.sweep("error-signal", folder=folder, progress=False, **call)
    assert not folder.exists()
    assert not list(temporary.iterdir())


def test_a_bound_below_one_run_names_the_setting_and_what_it_takes(temporary):
    with pytest.raises(
        ValueError, match="one run of toy at kind='calm', length=3 takes 3 MiB, more than.*2 MiB"
    ):
        quiet(BATCHED, bound="2MiB")
    assert not list(temporary.iterdir())


def test_results_that_are_too_large_by_themselves_are_refused_but_kept(tmp_path):
    small = replace(BATCHED, batch=replace(BATCHED.batch, nbytes=lambda s: 1))
    with pytest.raises(GridError, match="results take .* by themselves"):
        quiet(small, bound=1000, folder=tmp_path / "kept")
    again = stopping(("calm", 1), lambda: pytest.fail("measured, though it was kept"))
    assert quiet(replace(SINGLE, run=again), folder=tmp_path / "kept").identical(quiet(SINGLE))


@pytest.mark.parametrize("place", ["/dev/null", "/dev/null/below"])
def test_a_folder_that_cannot_be_used_is_named(place):
    with pytest.raises(GridError, match=f"the folder {place} cannot be used"):
        quiet(SINGLE, folder=Path(place))


def stopping(at, how):
    """The toy's run, which calls ``how`` at one setting."""

    def run(*, kind, length, seed):
        if (kind, length) == at:
            how()
        return one(kind=kind, length=length, seed=seed)

    return run


def test_ctrl_c_keeps_finished_chunks_and_says_how_to_go_on(tmp_path, capsys):
    folder = tmp_path / "kept"
    stopped = replace(SINGLE, run=stopping(("loud", 6), lambda: signal.raise_signal(signal.SIGINT)))
    with pytest.raises(KeyboardInterrupt):
        quiet(stopped, folder=folder)
    said = capsys.readouterr().err
    assert f"32 of 36 runs are kept in {folder}; the same call goes on from there" in said
    calls = []

    def counting(*, kind, length, seed):
        calls.append((kind, length, seed))
        return one(kind=kind, length=length, seed=seed)

    data = quiet(replace(SINGLE, run=counting), folder=folder)
    assert len(set(calls)) == len(calls) == 4
    assert data.identical(quiet(SINGLE))
    calls.clear()
    assert quiet(replace(SINGLE, run=counting), folder=folder).identical(data)
    assert not calls


def test_a_stopped_run_without_a_folder_names_the_one_that_it_leaves(temporary, capsys):
    with pytest.raises(KeyboardInterrupt):
        quiet(
            replace(SINGLE, run=stopping(("loud", 6), lambda: signal.raise_signal(signal.SIGINT)))
        )
    (left,) = temporary.iterdir()
    assert f"the same call with folder='{left}' goes on" in capsys.readouterr().err
    calls = []
    counting = stopping(("calm", 3), lambda: calls.append(3))  # done before the stop
    assert quiet(replace(SINGLE, run=counting), folder=left).identical(quiet(SINGLE))
    assert not calls


@settings(max_examples=15)
@given(first=st.integers(6, 40), second=st.integers(6, 40), stop=st.integers(0, 12), data=st.data())
def test_a_stopped_grid_goes_on_under_another_bound(first, second, stop, data):
    """Whatever is kept, also when files are lost in between, no run is measured twice."""
    with tempfile.TemporaryDirectory() as folder:
        calls = []

        def run(several, seeds):
            if len(calls) == stop:
                raise KeyboardInterrupt
            calls.append(len(seeds))
            return together(several, seeds)

        exp = replace(BATCHED, batch=replace(BATCHED.batch, run=run))
        try:
            quiet(exp, bound=first * MEBI, folder=Path(folder))
        except KeyboardInterrupt:
            assert len(calls) == stop
        files = sorted(Path(folder).glob("runs-*.npz"))
        assert len(files) == len(calls)
        kept = sum(calls)
        if files and data.draw(st.booleans()):
            lost = data.draw(st.integers(0, len(files) - 1))
            with np.load(files[lost]) as chunk:
                kept -= len(chunk["_runs"])
            files[lost].unlink()
        calls.clear()
        stop = -1
        assert quiet(exp, bound=second * MEBI, folder=Path(folder)).identical(quiet(SINGLE))
        assert sum(calls) == 36 - kept


@pytest.mark.parametrize("cut", [slice(None, 200), slice(300, None), slice(0, 0)])
def test_a_damaged_chunk_is_measured_again_and_said(cut, tmp_path):
    quiet(SINGLE, folder=tmp_path)
    path = tmp_path / "runs-00000000.npz"
    path.write_bytes(path.read_bytes()[cut])
    with pytest.warns(UserWarning, match="runs-00000000.npz is damaged .* measured again"):
        data = quiet(SINGLE, folder=tmp_path)
    assert data.identical(quiet(SINGLE))


def test_one_wrong_byte_is_damage(tmp_path):
    quiet(SINGLE, folder=tmp_path)
    path = tmp_path / "runs-00000000.npz"
    content = bytearray(path.read_bytes())
    content[content.index(one(kind="calm", length=1, seed=0)["signal"].values.tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged"):
        assert quiet(SINGLE, folder=tmp_path).identical(quiet(SINGLE))


def test_a_folder_of_another_grid_is_refused_with_what_differs(tmp_path):
    quiet(SINGLE, folder=tmp_path)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(GridError, match=r"another grid.*seeds \(3; here 4\)"):
        quiet(replace(SINGLE, seeds=4), folder=tmp_path)
    with pytest.raises(GridError, match=r"another grid.*version \(1; here 2\)"):
        quiet(replace(SINGLE, version=2), folder=tmp_path)
    with pytest.raises(GridError, match=r"length \(\[1, 2, 3, 4, 5, 6\]; here \[2\]\)"):
        measure(Grid.over(SINGLE, {"length": 2}, 3), folder=tmp_path)
    assert sorted(os.listdir(tmp_path)) == before
    (tmp_path / "recipe.json").unlink()
    with pytest.raises(GridError, match="another grid"):
        quiet(SINGLE, folder=tmp_path)


def test_a_single_run_that_fails_is_named():
    with pytest.raises(
        GridError, match="toy at kind='calm', length=4, seed=0 failed: ZeroDivisionError"
    ):
        quiet(replace(SINGLE, run=stopping(("calm", 4), lambda: 1 / 0)))


def test_in_a_batch_the_run_that_fails_is_found(temporary):
    def run(several, seeds):
        if ("loud", 2) in [(s["kind"], k) for s, k in zip(several, seeds, strict=True)]:
            raise ValueError("too loud")
        return together(several, seeds)

    with pytest.raises(
        GridError, match="^toy at kind='loud', length=1, seed=2 failed: ValueError: too loud"
    ):
        quiet(replace(BATCHED, batch=replace(BATCHED.batch, run=run)))
    assert not list(temporary.iterdir())


def test_a_batch_that_fails_only_together_is_named_as_such():
    def run(several, seeds):
        if len(seeds) == 6:
            raise ValueError("too many")
        return together(several, seeds)

    with pytest.raises(
        GridError, match="length=1, seed=0 with 5 more runs failed: ValueError: too many"
    ):
        quiet(replace(BATCHED, batch=replace(BATCHED.batch, run=run)))


def test_a_full_disk_keeps_what_is_whole_and_the_run_goes_on_with_room(tmp_path, capsys):
    """A limit on the size of files stands for the disk: writing fails half-way as it would."""
    folder = tmp_path / "kept"
    long = replace(SINGLE, controls=(*SINGLE.controls[:1], replace(LENGTHS, values=(1, 2, 2000))))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(GridError, match=r"runs-\d+.npz cannot be written: .*File too large"):
            quiet(replace(long, seeds=8), folder=folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "16 of 48 runs are kept" in capsys.readouterr().err
    assert sorted(os.listdir(folder)) == ["recipe.json", "runs-00000000.npz"]
    assert quiet(replace(long, seeds=8), folder=folder).sizes["layer"] == 2000


LENGTHS = SINGLE.controls[1]


def test_the_progress_bar_counts_runs_and_estimates_what_is_left(capsys):
    quiet(SINGLE, progress=True)
    said = capsys.readouterr().err
    assert "36/36" in said
    assert "run/s" in said
