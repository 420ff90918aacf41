"""Atlases: true to what PyTorch measures now, whole or absent, and clear about what is wrong."""

import json
import os
import random
import resource
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

import vgplib as vgp
from vgplib.engine import atlas
from vgplib.engine.experiment import Experiment, Slider
from vgplib.engine.rounding import OtherRounding
from vgplib.engine.verify import differences, verify
from vgplib.errors import AtlasError, GridError

NAMES = sorted(vgp.experiments.EXPERIMENTS)


def small(run=None, version=1):
    """An experiment of twelve settings and two seeds, with runs of many lengths."""

    def measured(*, length, seed):
        values = np.arange(length) * 10.0 + seed
        return xr.Dataset({"signal": ("layer", values)}, coords={"layer": np.arange(length) + 1})

    return Experiment(
        "small",
        "Small",
        (Slider("length", "Length", tuple(range(1, 13)), 1, whole=True),),
        {"length": 1},
        run=run or measured,
        view=print,
        caption="",
        seeds=2,
        version=version,
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_of_each_atlas_is_measured_again(name):
    """The same settings in each run; ``make atlas -- --verify`` goes over all of them.

    And measuring draws nothing from PyTorch's global random state.
    """
    before = torch.get_rng_state()
    exp = vgp.experiments.experiment(name)
    count, seeds, grid = 2, min(2, exp.seeds), list(exp.grid())
    if name.endswith("-rates"):  # a search trains at each of the rates, which takes long enough
        count, seeds, grid = 1, 1, [s for s in grid if s.get("task") != "adding"]
    for settings in random.Random(name).sample(grid, count):
        assert [str(difference) for difference in differences(exp, settings, seeds=seeds)] == []
    assert torch.equal(before, torch.get_rng_state())


def chaotic(*, start, seed):
    """The logistic map by matrix products: from about the 50th step on, rounding decides."""
    x, values = torch.full((1, 1), start + 0.01 * seed, dtype=torch.float64), []
    for _ in range(100):
        x = 3.99 * (x - torch.mm(x, x))
        values.append(x.item())
    return xr.Dataset({"x": ("step", values)}, coords={"step": np.arange(100)})


def test_numbers_are_compared_as_far_as_they_do_not_depend_on_rounding(tmp_path):
    exp = Experiment(
        "chaos",
        "Chaos",
        (Slider("start", "Start", (0.2, 0.3), 0.1),),
        {"start": 0.2},
        run=chaotic,
        view=print,
        caption="",
        seeds=2,
    )
    path = atlas.build(exp, tmp_path, progress=False)
    settings = {"start": 0.3}
    assert differences(exp, settings, tmp_path) == []
    for step, counts in [(5, True), (30, True), (95, False)]:
        changed(path, "x", lambda x, step=step: x[1, 0].__setitem__(step, 0.99 * x[1, 0, step]))
        found = differences(exp, settings, tmp_path)
        assert [d.place for d in found] == ([{"seed": 0, "step": step}] if counts else [])
        if counts:
            assert found[0].apart == pytest.approx(0.01, rel=1e-3)
        atlas.build(exp, tmp_path, progress=False)


def changed(path, name, change):
    """Change a variable of an atlas in its file."""
    with xr.open_dataset(path, engine="h5netcdf") as file:
        data = file.load()
    change(data[name].values)
    data.to_netcdf(path, engine="h5netcdf")
    atlas._note(path)
    atlas._load.cache_clear()


@pytest.mark.parametrize("share", [False, True])
def test_verifying_says_which_setting_differs_where_and_by_how_much(tmp_path, capsys, share):
    exp = replace(small(), shares=("signal",) if share else ())
    path = atlas.build(exp, tmp_path, progress=False)
    assert verify(exp, tmp_path, progress=False) == 0
    assert "small: none of 12 settings differ" in capsys.readouterr().out
    changed(path, "signal", lambda signal: signal[4, 1].__setitem__(2, 21.5))
    assert verify(exp, tmp_path, progress=False) == 1
    said = capsys.readouterr().out
    apart = "0.5, allowed 0.01" if share else "0.023, allowed 0.001"
    assert (
        f"small at length=5: signal at seed=1, layer=3 is 21, kept 21.5: it differs by {apart}"
        in said
    )
    assert "small: 1 of 12 settings differ" in said


def test_other_rounding_moves_products_to_a_neighbour_forward_and_back():
    a = torch.randn(40, 40, dtype=torch.float32, requires_grad=True)
    b = torch.randn(40, 40, dtype=torch.float32)
    b[:, 0] = 0

    def pass_of():
        product = a @ b
        (gradient,) = torch.autograd.grad(product.sum(), a)
        return product.detach(), gradient

    here = pass_of()
    with OtherRounding(0):
        there = pass_of()
    with OtherRounding(0):
        again = pass_of()
    for mine, its, repeated in zip(here, there, again, strict=True):
        steps = (mine.view(torch.int32) - its.view(torch.int32)).abs()
        assert steps.max() == 1 and 0.5 < steps[its != 0].float().mean() < 0.8
        assert torch.equal(its, repeated)
    assert not there[0][:, 0].any()
    assert all(torch.equal(mine, its) for mine, its in zip(here, pass_of(), strict=True))


def test_the_command_verifies(capsys):
    assert atlas.main(["--verify", "backprop-by-hand"]) == 0
    assert "backprop-by-hand: none of 686 settings differ" in capsys.readouterr().out


def test_atlases_are_small_enough_to_commit():
    sizes = {p.name: p.stat().st_size for p in atlas.FOLDER.glob("*.nc")}
    assert set(sizes) == {f"{name}.nc" for name in NAMES}
    assert max(sizes.values()) <= 2e6
    assert sum(sizes.values()) <= 20e6


def test_a_learner_selects_by_label():
    data = vgp.atlas("error-signal").signal.sel(
        activation="tanh", initialiser="lecun", weight_scale=1.0, depth=30
    )
    assert data.dims == ("seed", "layer")
    assert np.isfinite(data.isel(layer=slice(0, 30))).all()


def test_building_gives_what_was_run_cut_to_its_length(tmp_path):
    exp = small()
    atlas.build(exp, tmp_path, progress=False)
    data = atlas.at(exp, {"length": 3}, tmp_path)
    assert data["signal"].values.tolist() == [[0, 10, 20], [1, 11, 21]]
    assert data["layer"].values.tolist() == [1, 2, 3]
    assert sorted(os.listdir(tmp_path)) == [atlas.SUMS, "small.nc"]


def test_a_stopped_build_goes_on_where_it_was_and_leaves_no_half_file(tmp_path):
    good = small()
    calls = []

    def stopping(*, length, seed):
        calls.append(length)
        if length == 10:
            raise KeyboardInterrupt
        return good.run(length=length, seed=seed)

    with pytest.raises(KeyboardInterrupt):
        atlas.build(small(stopping), tmp_path, progress=False)
    assert not (tmp_path / "small.nc").exists()
    with pytest.raises(AtlasError, match="missing"):
        atlas._load(good, tmp_path)

    def counting(*, length, seed):
        calls.append(length)
        return good.run(length=length, seed=seed)

    calls.clear()
    atlas.build(small(counting), tmp_path, progress=False)
    assert sorted(set(calls)) == [9, 10, 11, 12]  # 8 settings with 2 seeds are a chunk
    assert atlas.at(good, {"length": 12}, tmp_path).sizes["layer"] == 12


def test_what_a_stopped_build_of_another_version_left_is_cleared_away(tmp_path):
    def stopping(*, length, seed):
        if length == 10:
            raise KeyboardInterrupt
        return small().run(length=length, seed=seed)

    with pytest.raises(KeyboardInterrupt):
        atlas.build(small(stopping), tmp_path, progress=False)
    assert len(os.listdir(tmp_path)) == 1
    atlas.build(small(version=2), tmp_path, progress=False)
    assert sorted(os.listdir(tmp_path)) == [atlas.SUMS, "small.nc"]


def test_a_full_disk_leaves_the_old_atlas_as_it_was_and_no_half_file(tmp_path):
    """A limit on the size of files stands for the disk: writing fails half-way as it would."""
    path = atlas.build(small(), tmp_path, progress=False)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(GridError, match=r"small\.nc cannot be written: .*File too large"):
            atlas.build(small(version=2), tmp_path, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("**/*.half"))
    atlas.build(small(version=2), tmp_path, progress=False)
    assert sorted(os.listdir(tmp_path)) == [atlas.SUMS, "small.nc"]


def test_an_atlas_says_what_it_is_made_of(tmp_path):
    atlas.build(small(), tmp_path, progress=False)
    attrs = atlas._load(small(), tmp_path).attrs
    recipe = json.loads(attrs["recipe"])
    assert recipe["grid"] == {"length": list(range(1, 13))}
    assert recipe["seeds"] == 2
    assert recipe["version"] == 1
    assert attrs["numpy"] == np.__version__
    assert {"torch", "vgplib", "commit", "title"} <= set(attrs)


def test_a_missing_atlas_names_the_command_that_rebuilds_it(tmp_path):
    with pytest.raises(AtlasError, match=r"chain\.nc is missing.*engine\.atlas chain"):
        atlas.load("chain", tmp_path)


def test_a_damaged_atlas_names_itself_and_the_command(tmp_path):
    (tmp_path / "chain.nc").write_bytes(b"not netCDF at all")
    with pytest.raises(AtlasError, match=r"chain\.nc is damaged.*engine\.atlas chain"):
        atlas.load("chain", tmp_path)


def test_an_atlas_cut_short_is_damaged(tmp_path):
    whole = (atlas.FOLDER / "chain.nc").read_bytes()
    (tmp_path / "chain.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AtlasError, match="damaged"):
        atlas.load("chain", tmp_path)


def test_an_atlas_of_another_version_is_refused(tmp_path):
    atlas.build(small(version=1), tmp_path, progress=False)
    with pytest.raises(AtlasError, match=r"another version.*version 1; this is version 2.*--force"):
        atlas._load(small(version=2), tmp_path)


def test_the_command_says_what_is_up_to_date_and_refuses_unknown_names(capsys):
    assert atlas.main(["chain"]) == 0
    assert "chain: up to date" in capsys.readouterr().out
    assert atlas.main(["chian"]) == 2
    assert "Did you mean 'chain'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options, message",
    [(["--memory", "2 gigs"], "'2 gigs'"), (["--scheduler", "nonsense"], "'nonsense'")],
)
def test_the_command_says_what_is_wrong_in_a_sentence(options, message, capsys):
    assert atlas.main(["chain", "--force", *options]) == 2
    assert message in capsys.readouterr().err
    assert not list(atlas.FOLDER.glob(".chain*"))


def test_the_command_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "vgplib.engine.atlas", "chain"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "up to date" in done.stdout
    assert "Warning" not in done.stderr
