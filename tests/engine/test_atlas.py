"""Atlases: true to what PyTorch measures now, whole or absent, and clear about what is wrong."""

import json
import os
import random
import resource
import subprocess
import sys

import numpy as np
import pytest
import torch
import xarray as xr

import vgplib as vgp
from vgplib.engine import atlas
from vgplib.engine.experiment import Experiment, Slider
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
def test_a_random_sample_of_each_atlas_is_measured_again(name):
    exp = vgp.experiments.experiment(name)
    seed = random.randrange(10**6)
    print(f"sample seed {seed}")
    for settings in random.Random(seed).sample(list(exp.grid()), 3):
        kept = atlas.at(exp, settings)
        now = exp.measure(**settings)
        assert dict(kept.sizes) == dict(now.sizes), settings
        for key, values in now.data_vars.items():
            assert_close(name, np.asarray(kept[key]), values.values, settings)


def assert_close(name, kept, now, settings):
    """Same numbers, as far as another machine's arithmetic allows.

    In float64 that is 1e-3. Training in float32 amplifies rounding when it diverges, so only the
    first 30 steps are held to 5 %. In 16 bits, sums near the smallest number round differently:
    there, a tenth of a decade for what is well above it. Below the normal numbers some processors
    go on and some go to zero: where the signal gets near them is held to two layers.
    In chaos a network multiplies its rounding as it multiplies the signal: from a billion-fold
    growth on, seeds agree no more, and their median is held to a decade.
    """
    if name == "descent":
        if kept.ndim == 2:
            start = now[:, :4]
            finite = np.isfinite(start) & (start < 10)
            np.testing.assert_allclose(kept[:, :4][finite], start[finite], rtol=0.05)
        return
    if name == "number-formats":
        strong = (now > 1e-3) & np.isfinite(now) & (kept > 0)
        assert np.abs(np.log10(kept[strong] / now[strong])).max(initial=0) < 0.1, settings
        near = 100 * torch.finfo(getattr(torch, settings["number_format"])).smallest_normal
        assert np.abs((kept > near).sum(axis=1) - (now > near).sum(axis=1)).max() <= 2, settings
        return
    if name == "error-signal":
        chaotic = now[:, 0] > 1e9 * now[:, -1]
        if chaotic.any():
            apart = np.log10(np.median(kept, axis=0)) - np.log10(np.median(now, axis=0))
            assert np.abs(apart).max() < 1, settings
        kept, now = kept[~chaotic], now[~chaotic]
    np.testing.assert_allclose(kept, now, rtol=1e-3, err_msg=str(settings))


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
    assert sorted(os.listdir(tmp_path)) == ["small.nc"]


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
    assert os.listdir(tmp_path) == ["small.nc"]


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
    assert os.listdir(tmp_path) == ["small.nc"]


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
