"""Chunks on the workers of a Dask cluster: the scheduler's address is all that changes."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from vgplib.errors import GridError

TIMEOUT = 30  # seconds in which a scheduler must answer; a busy machine takes its time

# Dask has workers give memory back to the system after each small tensor, and ask for it again: of
# many small training steps that takes up to half of the time.
KEEP_MEMORY = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 2**28,
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 2**25,
}


@contextmanager
def local() -> Iterator[str | None]:
    """A cluster on this machine while inside: one worker for each of its cores.

    Yields:
        The scheduler's address; None where there is one core, or no Dask.
    """
    cores = os.cpu_count() or 1
    try:
        import dask
        from distributed import LocalCluster
    except ImportError:
        cores = 1
    if cores == 1:
        yield None
        return
    options = {"host": "127.0.0.1", "dashboard_address": None, "silence_logs": logging.CRITICAL}
    with (
        dask.config.set(KEEP_MEMORY),
        LocalCluster(n_workers=cores, threads_per_worker=1, **options) as here,
    ):
        yield here.scheduler_address


def results(
    address: str, function: Callable[..., Any], tasks: list[tuple[Any, ...]], names: list[str]
) -> Iterator[tuple[int, Any]]:
    """Call ``function`` with each of ``tasks`` on the cluster.

    What a lost worker had to do, the scheduler gives to another one.

    Args:
        address: The scheduler's, such as ``"tcp://127.0.0.1:8786"``.
        function: What the workers call; its module must be installed there.
        tasks: Its positional arguments, task by task.
        names: What each task is, for the message when it fails.

    Yields:
        The number of a task and its result, in the order in which they finish.

    Raises:
        GridError: Dask is not installed, no scheduler answers, it is lost, or a task failed.
    """
    try:
        from distributed import Client, as_completed
    except ImportError as problem:
        raise GridError(
            "a scheduler needs Dask, which is not installed: pip install dask distributed."
        ) from problem

    try:
        client = Client(address, timeout=TIMEOUT, set_as_default=False)
    except (OSError, ValueError, TypeError) as problem:
        raise GridError(f"no Dask scheduler answers at {address!r}: {problem}") from problem
    with client:
        if not client.scheduler_info()["workers"]:
            warnings.warn(f"{address} has no workers yet; waiting for one.", stacklevel=2)
        # Keys are made up (pure=False): a key that another client uses would share its result.
        numbers = {
            client.submit(function, *task, pure=False): number for number, task in enumerate(tasks)
        }
        for future in as_completed(list(numbers), loop=client.loop):
            # Taken out, so that a worker may forget a result that is stored.
            number = numbers.pop(future)
            yield number, _result(future, address, names[number])


def _result(future: Any, address: str, name: str) -> Any:
    from distributed import CancelledError

    try:
        return future.result()
    except CancelledError as problem:
        raise GridError(f"the scheduler at {address} was lost.") from problem
    except GridError:
        raise
    except Exception as problem:
        raise GridError(
            f"a worker of {address} failed at {name}: {type(problem).__name__}: {problem}"
        ) from problem
