"""Chunks on the workers of a Dask cluster: the scheduler's address is all that changes."""

from __future__ import annotations

import itertools
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from vgplib.errors import GridError

AT_ONCE = 512  # tasks that the scheduler has: more than workers, and few enough to be held
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
    address: str,
    function: Callable[..., Any],
    tasks: Iterator[tuple[Any, tuple[Any, ...]]],
    named: Callable[..., str],
) -> Iterator[tuple[Any, Any]]:
    """Call ``function`` for each of ``tasks`` on the cluster.

    What a lost worker had to do, the scheduler gives to another one.

    Args:
        address: The scheduler's, such as ``"tcp://127.0.0.1:8786"``.
        function: What the workers call; its module must be installed there.
        tasks: For each task its label, and the function's positional arguments.
        named: Of such arguments, what the task is, for the message when it fails.

    Yields:
        The label of a task and its result, in the order in which they finish.

    Raises:
        GridError: Dask is not installed, no scheduler answers, it is lost, or a task failed.
    """
    try:
        from distributed import as_completed
    except ImportError as problem:
        raise GridError(
            "a scheduler needs Dask, which is not installed: pip install dask distributed"
        ) from problem

    with _client(address) as client:
        if not client.scheduler_info()["workers"]:
            warnings.warn(f"{address} has no workers yet; waiting for one.", stacklevel=2)
        # A future that nobody holds lets its worker forget the result.
        held: dict[Any, tuple[Any, tuple[Any, ...]]] = {}
        finished = as_completed(loop=client.loop)

        def hand_over(count: int) -> None:
            for label, task in itertools.islice(tasks, count):
                # The key is made up (pure=False): one that another client uses would share its
                # result.
                future = client.submit(function, *task, pure=False)
                held[future] = label, task
                finished.add(future)

        hand_over(AT_ONCE)
        for future in finished:
            label, task = held.pop(future)
            result = _result(future, address, lambda task=task: named(*task))
            hand_over(1)
            yield label, result


def _client(address: str) -> Any:
    from distributed import Client

    class Quiet(Client):
        """A client that leaves no thread behind where it finds no scheduler."""

        def start(self, **options: Any) -> None:
            try:
                super().start(**options)
            except BaseException:
                self.close()
                self._loop_runner.stop()  # which close() leaves running where it was closed before
                raise

    try:
        return Quiet(address, timeout=TIMEOUT, set_as_default=False)
    except (OSError, ValueError, TypeError) as problem:
        # Of Dask's own words, which are a page long, the last line is what is said here.
        raise GridError(f"no Dask scheduler answers at {address!r}: {problem}") from None


def _result(future: Any, address: str, name: Callable[[], str]) -> Any:
    from distributed import CancelledError

    try:
        return future.result()
    except CancelledError:
        raise GridError(f"the scheduler at {address} was lost.") from None
    except GridError:
        raise
    except Exception as problem:
        raise GridError(
            f"a worker of {address} failed at {name()}: {type(problem).__name__}: {problem}"
        ) from problem
