"""An atlas: every setting of an experiment's grid, measured once and kept as netCDF.

``python -m vgplib.engine.atlas`` measures what is missing or out of date;
``python -m vgplib.engine.atlas NAME --force`` measures one anew. A stopped run goes on
where it was, and a file appears only when it is whole.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vgplib.engine.experiment import EXPERIMENTS, Experiment, Settings, experiment
from vgplib.errors import AtlasError

if TYPE_CHECKING:
    import xarray as xr

FOLDER = Path(__file__).parent / "atlases"
MANTISSA_BITS = (
    17  # about five significant digits: what a chart can show, at a fraction of the size
)


def recipe(exp: Experiment) -> str:
    """What an atlas of ``exp`` holds, as canonical JSON: two equal recipes, one atlas."""
    grid = {c.name: list(c.values) for c in exp.controls}
    return json.dumps(
        {"experiment": exp.name, "version": exp.version, "seeds": exp.seeds, "grid": grid},
        sort_keys=True,
    )


def load(name: str, folder: Path | None = None) -> xr.Dataset:
    """The atlas of an experiment: one dimension per control, then ``seed``, then its own.

    Args:
        name: The experiment's name.
        folder: Where the atlas lies; by default the one that comes with the package.

    Raises:
        ValueError: There is no experiment of that name.
        AtlasError: The file is missing, damaged, or made by another version; the message
            gives the command that rebuilds it.
    """
    return _load(experiment(name), folder or FOLDER)


@functools.cache
def _load(exp: Experiment, folder: Path) -> xr.Dataset:
    import xarray as xr

    path = folder / f"{exp.name}.nc"
    mend = f"Rebuild it with: python -m vgplib.engine.atlas {exp.name}"
    if not path.exists():
        raise AtlasError(f"the atlas {path.name} is missing from {path.parent}. {mend}")
    try:
        with xr.open_dataset(path, engine="h5netcdf") as file:
            data = file.load()
    except (OSError, ValueError, KeyError, RuntimeError) as problem:
        raise AtlasError(f"the atlas {path.name} is damaged ({problem}). {mend}") from problem
    if data.attrs.get("recipe") != recipe(exp):
        made = json.loads(data.attrs.get("recipe", "{}")).get("version", "unknown")
        raise AtlasError(
            f"the atlas {path.name} was made by another version or grid of {exp.name!r} "
            f"(version {made}; this is version {exp.version}). {mend} --force"
        )
    return data


def at(exp: Experiment, settings: Settings, folder: Path | None = None) -> xr.Dataset:
    """The runs of one setting on the grid, cut to their true lengths.

    Raises:
        KeyError: The setting is not on the grid.
    """
    data = _load(exp, folder or FOLDER)
    place = {c.name: c.values.index(settings[c.name]) for c in exp.controls}
    corner = tuple(place.values())
    lengths = {
        str(key): int(data[key].values[corner])
        for key in data.data_vars
        if str(key).startswith("length_")
    }
    cut = {key.removeprefix("length_"): slice(length) for key, length in lengths.items()}
    return data.drop_vars([*lengths, *place]).isel({**place, **cut})


def build(exp: Experiment, folder: Path | None = None, progress: bool = True) -> Path:
    """Measure every setting of the grid and write the atlas; go on where a stopped run was.

    Args:
        exp: The experiment.
        folder: Where to write; by default where the package keeps its atlases.
        progress: Whether to show a progress bar.

    Returns:
        The path of the whole file.
    """
    import torch
    import xarray as xr
    from tqdm import tqdm

    folder = folder or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    tag = hashlib.sha256(recipe(exp).encode()).hexdigest()[:12]
    parts = folder / f".{exp.name}-{tag}.part"
    parts.mkdir(exist_ok=True)

    runs: list[xr.Dataset] = []
    for index, settings in enumerate(
        tqdm(exp.grid(), total=exp.size(), desc=exp.name, unit="setting", disable=not progress)
    ):
        part = parts / f"{index}.nc"
        if not part.exists():
            _write(exp.measure(**settings), part)
        with xr.open_dataset(part, engine="h5netcdf") as file:
            runs.append(file.load())

    data = _assemble(exp, runs)
    data.attrs = {
        "recipe": recipe(exp),
        "title": exp.title,
        "torch": torch.__version__.split("+")[0],
    }
    path = folder / f"{exp.name}.nc"
    _write(data, path)
    shutil.rmtree(parts)
    _load.cache_clear()
    return path


def _assemble(exp: Experiment, runs: list[xr.Dataset]) -> xr.Dataset:
    """One array per variable over the whole grid; shorter runs are padded with NaN."""
    import xarray as xr

    shape = tuple(len(c.values) for c in exp.controls)
    axes = [c.name for c in exp.controls]
    own = [str(d) for d in runs[0].dims if d != "seed"]
    longest = {d: max(runs, key=lambda r, d=d: r.sizes[d])[d] for d in own}
    out: dict[str, Any] = {}
    for name, first in runs[0].data_vars.items():
        dims = [str(d) for d in first.dims]
        size = [exp.seeds if d == "seed" else longest[d].size for d in dims]
        block = np.full((len(runs), *size), np.nan)
        for slot, run in zip(block, runs, strict=True):
            values = run[name].values
            slot[tuple(slice(n) for n in values.shape)] = _shorten(values)
        out[str(name)] = ([*axes, *dims], block.reshape(*shape, *size), first.attrs)
    for d in own:
        lengths = np.array([run.sizes[d] for run in runs], dtype="int32")
        out[f"length_{d}"] = (axes, lengths.reshape(shape))
    coords = {c.name: list(c.values) for c in exp.controls}
    return xr.Dataset(out, coords={**coords, **{d: longest[d].values for d in own}})


def _shorten(values: np.ndarray) -> np.ndarray:
    """Keep the leading bits of each mantissa, so that the file compresses well."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(np.ldexp(mantissa, MANTISSA_BITS)), exponent - MANTISSA_BITS)


def _write(data: xr.Dataset, path: Path) -> None:
    """Write ``data`` to ``path`` whole or not at all."""
    half = path.with_name(f"{path.name}.{os.getpid()}.half")
    packed = {"zlib": True, "complevel": 9, "shuffle": True}
    try:
        data.to_netcdf(half, engine="h5netcdf", encoding={k: packed for k in data.data_vars})
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m vgplib.engine.atlas", description=__doc__)
    parser.add_argument("names", nargs="*", help="experiments to measure (default: all)")
    parser.add_argument("--force", action="store_true", help="measure even what is up to date")
    given = parser.parse_args(arguments)
    try:
        chosen = [experiment(n) for n in given.names] or list(EXPERIMENTS.values())
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    for exp in chosen:
        try:
            if not given.force:
                load(exp.name)
                print(f"{exp.name}: up to date")
                continue
        except AtlasError as problem:
            print(problem)
        path = build(exp)
        print(f"{exp.name}: wrote {path.name}, {path.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    # The one place that looks up a layer: experiments make themselves known by being imported.
    import vgplib.experiments  # noqa: F401

    sys.exit(main())
