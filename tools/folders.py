"""Folders that the commands write: whether they may, and one command at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

FULL = "The disk is full. Free some room, then run this again."


def unwritable(folder: Path) -> str | None:
    """What to do where a folder, or one below it, may not be written to; None if all may.

    Args:
        folder: If it is missing, what counts is the folder that it would be made in.
    """
    there = next(path for path in (folder, *folder.parents) if path.exists())
    below = [Path(path) for path, _, _ in os.walk(folder)]
    for place in (there, *below):
        if not os.access(place, os.W_OK | os.X_OK):
            return _advice(place)
    return None


def explain(problem: OSError) -> str | None:
    """What to do about a full disk, or a place that may not be written to; None of all else."""
    if problem.errno == errno.ENOSPC:
        return FULL
    if problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and problem.filename:
        return _advice(Path(os.fsdecode(problem.filename)), problem.errno == errno.EROFS)
    return None


def _advice(path: Path, read_only: bool = False) -> str:
    elsewhere = "copy the course to a folder of your own and run this there."
    if read_only or _is_read_only(path):
        return f"{path} cannot be written to: its disk is mounted read-only. So {elsewhere}"
    try:
        owner = path.owner()
    except (OSError, KeyError, NotImplementedError):  # gone, known by a number alone, or Windows
        owner = "another user"
    return (
        f"{path} cannot be written to; it belongs to {owner}. Take it over, with "
        f'sudo chown -R "$(id -un)" "{path}" for example, or {elsewhere}'
    )


def _is_read_only(path: Path) -> bool:
    there = next((place for place in (path, *path.parents) if place.exists()), path)
    return hasattr(os, "statvfs") and bool(os.statvfs(there).f_flag & os.ST_RDONLY)


@contextlib.contextmanager
def alone(lock: Path, waiting: str) -> Iterator[None]:
    """Hold a lock while inside; the system frees it however this process ends.

    Args:
        lock: Its file, which is made and stays.
        waiting: What to say where another process holds it.
    """
    with lock.open("a") as file:
        if not _take(file):
            print(f"    {waiting}", flush=True)
            while not _take(file):
                time.sleep(0.2)
        yield


def _take(file: IO[str]) -> bool:
    """Take the lock, unless another process holds it."""
    try:
        if os.name == "nt":
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # of Linux and macOS; of Windows
        return False
    except OSError:
        pass  # some network disks have no locks: then two commands at once are the reader's care
    return True
