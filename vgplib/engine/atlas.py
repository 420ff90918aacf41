"""An atlas: every setting of an experiment's grid, measured once and kept as netCDF.

``python -m vgplib.engine.atlas`` measures what is missing or out of date;
``python -m vgplib.engine.atlas NAME --force`` measures one anew. A stopped run goes on
where it was, and a file appears only when it is whole. ``--scheduler tcp://HOST:PORT``
measures on the workers of a Dask cluster; without it, on all cores of this machine.
``--verify`` measures every setting again, and says what differs from the atlas by more than
another processor's rounding explains.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vgplib.engine import cluster, provenance
from vgplib.engine.chunks import write
from vgplib.engine.experiment import EXPERIMENTS, Experiment, Settings, experiment
from vgplib.engine.grid import Grid, measure
from vgplib.errors import AtlasError, GridError

if TYPE_CHECKING:
    import xarray as xr

FOLDER = Path(__file__).parent / "atlases"
SUMS = "SHA256SUMS"  # beside the atlases; ``sha256sum --check SHA256SUMS`` reads it, too
MANTISSA_BITS = (
    17  # about five significant digits: what a chart can show, at a fraction of the size
)


def recipe(exp: Experiment) -> str:
    """What an atlas of ``exp`` holds, as canonical JSON: two equal recipes, one atlas."""
    return json.dumps(Grid.whole(exp).recipe(), sort_keys=True)


def load(name: str, folder: Path | None = None) -> xr.Dataset:
    """The atlas of an experiment: one dimension per control, then ``seed``, then its own.

    Args:
        name: The experiment's name.
        folder: Where the atlas lies; by default the one that comes with the package.

    Raises:
        ValueError: There is no experiment of that name.
        AtlasError: The file is missing, damaged (it is not what its checksum says), or made by
            another version; the message gives the command that rebuilds it.
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
        # Nothing in the file itself tells a flipped bit.
        if hashlib.sha256(path.read_bytes()).hexdigest() != _sums(folder).get(path.name):
            raise ValueError(f"{SUMS} in {folder} has another checksum for it, or none")
        with xr.open_dataset(path, engine="h5netcdf") as file:
            data = file.load()
    except (OSError, ValueError, KeyError, RuntimeError) as problem:
        raise AtlasError(
            f"the atlas {path.name} is damaged ({problem}). Get it again from where the course or "
            f"vgplib is from. {mend.replace('Rebuild', 'Or rebuild')}"
        ) from problem
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


def build(
    exp: Experiment,
    folder: Path | None = None,
    *,
    memory: int | str = "2GiB",
    scheduler: str | None = None,
    progress: bool = True,
) -> Path:
    """Measure every setting of the grid and write the atlas; go on where a stopped run was.

    Args:
        exp: The experiment.
        folder: Where to write; by default where the package keeps its atlases.
        memory: The bound on what the computation takes, as in ``vgp.sweep``.
        scheduler: The address of a Dask scheduler, as in ``vgp.sweep``.
        progress: Whether to show a progress bar.

    Returns:
        The path of the whole file.

    Raises:
        ValueError: ``memory`` is no size, or one run takes more.
        vgplib.errors.GridError: A run failed, the cluster cannot be reached, or the disk is full.
    """
    folder = folder or FOLDER
    grid = Grid.whole(exp)
    made_by = json.dumps([grid.recipe(), provenance.versions()]).encode()
    parts = folder / f".{exp.name}-{hashlib.sha256(made_by).hexdigest()[:12]}.part"
    for other in set(folder.glob(f".{exp.name}-*.part")) - {parts}:
        shutil.rmtree(other)  # of another version or grid: of no more use
    data = measure(grid, bound=memory, scheduler=scheduler, folder=parts, progress=progress)
    path = folder / f"{exp.name}.nc"
    packed = {"zlib": True, "complevel": 9, "shuffle": True}
    content = data.map(_shorten, keep_attrs=True).to_netcdf(
        engine="h5netcdf", encoding={k: packed for k in data.data_vars}
    )
    try:
        write(path, content)
        _note(path)
    except OSError as problem:
        raise GridError(f"{path} cannot be written: {problem}.") from problem
    shutil.rmtree(parts)
    _load.cache_clear()
    return path


def _sums(folder: Path) -> dict[str, str]:
    """The checksum of each atlas in a folder by its file's name."""
    path = folder / SUMS
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _note(path: Path) -> None:
    """Keep an atlas's checksum beside it.

    Raises:
        OSError: It cannot be written.
    """
    known = _sums(path.parent) | {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    lines = "".join(f"{known[name]}  {name}\n" for name in sorted(known))
    write(path.with_name(SUMS), lines.encode())


def _shorten(data: xr.DataArray) -> xr.DataArray:
    """Keep the leading bits of each mantissa, so that the file compresses well."""
    if data.dtype.kind != "f":
        return data
    mantissa, exponent = np.frexp(data.values)
    rounded = np.round(np.ldexp(mantissa, MANTISSA_BITS))
    return data.copy(data=np.ldexp(rounded, exponent - MANTISSA_BITS))


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m vgplib.engine.atlas", description=__doc__)
    parser.add_argument("names", nargs="*", help="experiments to measure (default: all)")
    parser.add_argument("--force", action="store_true", help="measure even what is up to date")
    parser.add_argument("--verify", action="store_true", help="compare, and write nothing")
    parser.add_argument("--memory", default="2GiB", help="the most to take (default: 2GiB)")
    parser.add_argument("--scheduler", help="a Dask scheduler, such as tcp://127.0.0.1:8786")
    given = parser.parse_args(arguments)
    try:
        chosen = [experiment(n) for n in given.names] or list(EXPERIMENTS.values())
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    if given.verify:
        return _verify(chosen)
    with ExitStack() as stack:
        workers = functools.cache(lambda: stack.enter_context(cluster.local()))
        for exp in chosen:
            try:
                if not given.force:
                    load(exp.name)
                    print(f"{exp.name}: up to date")
                    continue
            except AtlasError as problem:
                print(problem)
            try:
                # A batch uses all cores by itself; single runs are shared out.
                scheduler = given.scheduler or (None if exp.batch else workers())
                path = build(exp, memory=given.memory, scheduler=scheduler)
            except (ValueError, GridError) as problem:
                print(problem, file=sys.stderr)
                return 2
            except KeyboardInterrupt:
                return 130
            print(f"{exp.name}: wrote {path.name}, {path.stat().st_size / 1e6:.2f} MB")
    return 0


def _verify(chosen: list[Experiment]) -> int:
    """Compare whole atlases; 1 where a setting differs, 2 where there is nothing to compare."""
    from vgplib.engine.verify import verify  # which looks into atlases, too

    try:
        return int(sum(verify(exp) for exp in chosen) > 0)
    except (ValueError, AtlasError) as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    # The one place that looks up a layer: experiments make themselves known by being imported.
    import vgplib.experiments  # noqa: F401

    sys.exit(main())
