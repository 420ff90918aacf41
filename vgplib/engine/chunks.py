"""Finished chunks of a grid: a folder with one small file each, and how they become one."""

from __future__ import annotations

import io
import json
import math
import os
import tempfile
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vgplib.engine import memory
from vgplib.errors import GridError

if TYPE_CHECKING:
    import xarray as xr

# What reading a file that was cut or changed may raise.
_DAMAGE = (OSError, EOFError, ValueError, KeyError, IndexError, zipfile.BadZipFile)
Part = tuple["np.ndarray", "xr.Dataset"]  # the numbers of some runs, and the runs along "run"


class Store:
    """The finished chunks of one grid in a folder; iterating gives them back one by one.

    Which runs a chunk holds stands in its file, so that a grid can go on with other chunks
    than it began with. A file is whole or absent.

    Args:
        folder: Made if it is missing; ``None`` for a temporary one.
        recipe: What the grid is; kept in the folder as ``recipe.json``.

    Raises:
        GridError: The folder holds another grid, or cannot be made or written to.
    """

    def __init__(self, folder: Path | None, recipe: dict[str, Any]) -> None:
        self.temporary = folder is None
        self._made = folder is None or not folder.exists()
        folder = folder or Path(tempfile.mkdtemp(prefix=f"vgplib-{recipe['experiment']}-"))
        self.folder = folder
        note = folder / "recipe.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if note.exists() or self._files():
                self._compare(recipe, json.loads(note.read_text()) if note.exists() else {})
            else:
                write(note, json.dumps(recipe, indent=1).encode())
        except (OSError, ValueError) as problem:
            raise GridError(f"the folder {folder} cannot be used: {problem}.") from problem

    def _compare(self, mine: dict[str, Any], there: dict[str, Any]) -> None:
        flat = [{**r, **r.get("grid", {})} for r in (there, mine)]
        differs = [k for k in flat[1] if k != "grid" and flat[0].get(k) != flat[1][k]]
        if there != mine:
            told = [f"{k} ({_brief(flat[0].get(k))}; here {_brief(flat[1][k])})" for k in differs]
            raise GridError(
                f"the folder {self.folder} holds the chunks of another grid, which differs in "
                f"{', '.join(told) or 'its axes'}. Give another folder, or remove this one."
            )

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("runs-*.npz"))

    def check(self, count: int) -> np.ndarray:
        """Which of the grid's ``count`` runs are done; damaged files are removed, with a warning.

        Returns:
            One bool a run.
        """
        done = np.zeros(count, dtype=bool)
        for path in self._files():
            try:
                done[_read(path)[0]] = True
            except _DAMAGE as problem:
                warnings.warn(
                    f"{path} is damaged ({problem}); its runs are measured again.", stacklevel=2
                )
                path.unlink()
        return done

    def add(self, runs: np.ndarray, data: xr.Dataset) -> None:
        """Keep a finished chunk.

        Args:
            runs: The numbers of its runs.
            data: The runs, along the leading dimension ``run``.

        Raises:
            GridError: It cannot be written: the disk is full, say.
        """
        header = {str(k): [v.dims, v.attrs] for k, v in data.variables.items()}
        arrays = {str(k): v.values for k, v in data.variables.items()}
        buffer = io.BytesIO()
        np.savez(buffer, _runs=runs, _header=np.array(json.dumps(header)), **arrays)
        path = self.folder / f"runs-{min(runs):08d}.npz"
        try:
            write(path, buffer.getbuffer())
        except OSError as problem:
            raise GridError(f"{path} cannot be written: {problem}.") from problem

    def __iter__(self) -> Iterator[Part]:
        return (_read(path) for path in self._files())

    def __bool__(self) -> bool:
        return bool(self._files())

    def remove(self) -> None:
        """Remove the chunks, and the folder if it was made for them and holds nothing else."""
        halves = self.folder.glob("*.half")  # of a process that was killed while it wrote
        for path in [*self._files(), *halves, self.folder / "recipe.json"]:
            path.unlink(missing_ok=True)
        if self._made and not any(self.folder.iterdir()):
            self.folder.rmdir()


def gather(parts: Iterable[Part], count: int, limit: float = math.inf) -> xr.Dataset:
    """Runs of several parts as one dataset; shorter ones are padded with NaN.

    Args:
        parts: The parts, of any sizes; gone through twice, so that few are in memory at once.
        count: How many runs there are in all.
        limit: The most bytes that the dataset may take.

    Returns:
        A dataset with the leading dimension ``run``, and for each other dimension ``d`` the
        variable ``length_d``: how much of it each run fills.

    Raises:
        GridError: It would take more than ``limit``.
    """
    import xarray as xr

    longest: dict[str, xr.DataArray] = {}
    first: dict[str, xr.DataArray] = {}
    for _, part in parts:
        own = [str(d) for d in part.dims if d != "run"]
        longest |= {d: part[d] for d in own if d not in longest or part[d].size > longest[d].size}
        first = first or {str(k): v[0] for k, v in part.data_vars.items() if "length_" not in k}
    shapes = {k: (count, *(longest[str(d)].size for d in v.dims)) for k, v in first.items()}
    _refuse(8 * sum(map(math.prod, shapes.values())), limit)
    blocks = {k: np.full(shape, np.nan) for k, shape in shapes.items()}
    lengths = {d: np.empty(count, dtype="int32") for d in longest}
    for runs, part in parts:
        for name, block in blocks.items():
            values = part[name].values
            block[(runs, *(slice(n) for n in values.shape[1:]))] = values
        for d, length in lengths.items():
            length[runs] = part.get(f"length_{d}", part.sizes[d])
    return xr.Dataset(
        {
            **{k: (("run", *first[k].dims), block, first[k].attrs) for k, block in blocks.items()},
            **{f"length_{d}": ("run", length) for d, length in lengths.items()},
        },
        coords={d: v.values for d, v in longest.items()},
    )


def refuse_too_large(count: int, part: xr.Dataset, limit: float) -> None:
    """Raise :class:`GridError` if ``count`` runs like those of a part take more than ``limit``."""
    kept = [v for k, v in part.data_vars.items() if "length_" not in str(k)]
    _refuse(8 * count * sum(math.prod(v.shape[1:]) for v in kept), limit)


def _refuse(size: int, limit: float) -> None:
    if size > limit:
        raise GridError(
            f"the results take {memory.show(size)} by themselves, more than "
            f"memory={memory.show(limit)}: give fewer values or seeds, or more memory."
        )


def _brief(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:30]} ..."


def _read(path: Path) -> Part:
    """A chunk's runs; zip files carry checksums, so what is read is what was written."""
    import xarray as xr

    with np.load(path, allow_pickle=False) as file:
        header = json.loads(str(file["_header"]))
        data = xr.Dataset({k: (dims, file[k], attrs) for k, (dims, attrs) in header.items()})
        return file["_runs"], data


def write(path: Path, content: bytes | memoryview) -> None:
    """Write a file whole or not at all.

    Raises:
        OSError: It cannot be written; what stood there before is left as it was.
    """
    half = path.with_name(f"{path.name}.{os.getpid()}.half")
    try:
        half.write_bytes(content)
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)
