"""One chunk of a grid: some runs, measured in this process, whether here or on a worker."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from vgplib.engine import provenance
from vgplib.engine.chunks import gather
from vgplib.engine.experiment import Experiment, Settings
from vgplib.errors import GridError

if TYPE_CHECKING:
    import xarray as xr

Pair = tuple[Settings, int]  # the settings and the seed of one run

# The same everywhere, since another number of threads may round otherwise. A machine with more
# cores runs more workers. A single small network has nothing to share out: two threads wait for
# each other at every product, which takes three times as long, and more on a busy machine.
THREADS, THREADS_ALONE = 2, 1
_ONE_AT_A_TIME = threading.Lock()  # PyTorch's number of threads belongs to the whole process


def measure_runs(exp: Experiment, pairs: list[Pair], versions: dict[str, str]) -> xr.Dataset:
    """One chunk: here, or on a worker.

    Args:
        exp: The experiment.
        pairs: The settings and the seed of each run.
        versions: What the caller runs; a worker must run the same.

    Returns:
        The runs along the leading dimension ``run``.

    Raises:
        GridError: A run failed, or this process runs other versions.
    """
    import torch

    if provenance.versions() != versions:
        raise GridError(f"a worker runs {provenance.versions()}, the caller {versions}.")
    with _ONE_AT_A_TIME:
        # MKL chooses its code for functions such as tanh at the first of their calls. When that
        # comes from two threads at once, now and then its results have another last bit. So each
        # meets its first call, in either format, on one thread.
        for one in (torch.zeros(1), torch.zeros(1, dtype=torch.float64)):
            for function in (torch.exp, torch.expm1, torch.log, torch.log1p, torch.tanh, torch.erf):
                function(one)
        before = torch.get_num_threads()
        torch.set_num_threads(THREADS if exp.batch else THREADS_ALONE)
        try:
            return _batch(exp, pairs) if exp.batch else _singles(exp, pairs)
        finally:
            torch.set_num_threads(before)


def _singles(exp: Experiment, pairs: list[Pair]) -> xr.Dataset:
    parts = []
    for number, (settings, seed) in enumerate(pairs):
        try:
            data = exp.run(**settings, seed=seed)
        except Exception as problem:
            raise _failure(exp, pairs[number : number + 1], problem) from problem
        parts.append((np.array([number]), data.expand_dims("run")))
    return gather(parts, len(pairs))


def _batch(exp: Experiment, pairs: list[Pair]) -> xr.Dataset:
    try:
        return exp.batch.run([settings for settings, _ in pairs], [seed for _, seed in pairs])
    except Exception as problem:
        # Halving finds the run that fails by itself, to be named.
        half = len(pairs) // 2
        for part in (pairs[:half], pairs[half:]) if half else ():
            _batch(exp, part)
        raise _failure(exp, pairs, problem) from problem


def _failure(exp: Experiment, pairs: list[Pair], problem: Exception) -> GridError:
    return GridError(f"{named(exp, pairs)} failed: {type(problem).__name__}: {problem}")


def named(exp: Experiment, pairs: list[Pair]) -> str:
    """What a message calls a chunk."""
    settings, seed = pairs[0]
    more = f" with {len(pairs) - 1} more runs" if len(pairs) > 1 else ""
    return f"{exp.name} at {told(settings)}, seed={seed}{more}"


def told(settings: Settings) -> str:
    """Settings as a message says them."""
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())
