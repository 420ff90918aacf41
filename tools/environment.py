"""The course's own Python: a virtual environment with the pinned packages."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from tools import folders

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
STAMP = VENV / "course-stamp"
LOCK = ROOT / "_build" / "lock"  # of what sets up or builds
WAITING = "another command is setting up or building; waiting for it"
ROOM = 4_000_000_000  # bytes: PyTorch and what it needs, unpacked
GRACE = 5  # seconds that a stopped process has to tidy up
PATIENCE = 4  # seconds without a word from pip, after which a reader is told why
# Each wait doubles: pip's own 5 retries of a network that isn't there take 8 seconds a package.
PATIENT = ("--disable-pip-version-check", "--retries", "3")
PIP = ("-m", "pip", "install", *PATIENT)
UNREACHED = (
    "The package index cannot be reached. Check the network, then run this again; "
    "what is already there is kept."
)

# What pip's last words mean, and what to do about it; the first that fits is said.
CAUSES = (
    (r"No space left|Errno 28", folders.FULL),
    (
        r"Permission denied|Read-only file system",
        "pip may not write to the folder that is named above. Take it over, or remove .venv, "
        "or copy the course to a folder of your own, then run this again.",
    ),
    (
        r"NewConnectionError|ConnectTimeout|ConnectionError|name resolution|getaddrinfo|"
        r"Network is unreachable|Max retries|ReadTimeout|ProxyError",
        UNREACHED,
    ),
    (
        r"No matching distribution|requires a different Python|Requires-Python",
        "A pinned package does not exist for this Python and system; "
        "Python 3.11 to 3.13 on 64-bit Linux, macOS or Windows is known to work.",
    ),
)


class Failure(Exception):
    """A command cannot go on; its message says what to do."""


def python() -> str:
    """The environment's Python, or the running one where there is no environment."""
    path = BIN / ("python.exe" if os.name == "nt" else "python")
    return str(path) if path.exists() else sys.executable


def variables() -> dict[str, str]:
    """The variables for commands that run in the environment: its tools come first."""
    return {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}


def fingerprint(*paths: Path, without: Set[str] = frozenset()) -> str:
    """A hash over files and over all the files in folders, names included.

    Args:
        *paths: Files and folders of the course.
        without: Names of folders in them that do not matter.
    """
    unwanted = {"__pycache__", "node_modules"} | without
    digest = hashlib.sha256()
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and not unwanted & set(file.parts):
                digest.update(file.relative_to(ROOT).as_posix().encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def ensure() -> None:
    """Make the environment, or leave it alone where it is up to date.

    Raises:
        Failure: No venv module, no room, or the packages cannot be installed.
    """
    if not _is_ready():
        for folder in (VENV, LOCK.parent):
            if problem := folders.unwritable(folder):
                raise Failure(problem)
        LOCK.parent.mkdir(exist_ok=True)
        with folders.alone(LOCK, WAITING):
            if not _is_ready():  # by the command that was waited for
                _set_up()
                return
    print("    ready")


def wanted() -> str:
    """The stamp of an environment that is up to date."""
    return fingerprint(ROOT / "requirements.txt", ROOT / "pyproject.toml")


def _is_ready() -> bool:
    return STAMP.exists() and STAMP.read_text() == wanted()


def _set_up() -> None:
    STAMP.unlink(missing_ok=True)
    if not (VENV / "pyvenv.cfg").exists():
        _create()
    install([python(), *PIP, "-r", "requirements.txt"])
    install([python(), *PIP, "--no-deps", "--no-build-isolation", "-e", "."])
    STAMP.write_text(wanted())


def _create() -> None:
    free = shutil.disk_usage(ROOT).free
    if free < ROOM:
        raise Failure(
            f"There are {free / 1e9:.1f} GB free on this disk; the packages need {ROOM / 1e9:.0f}. "
            "Free some room, then run this again."
        )
    if not all(map(importlib.util.find_spec, ("venv", "ensurepip"))):
        raise Failure(
            "This Python has no venv module. On Debian or Ubuntu: sudo apt-get install python3-venv"
        )
    _reach_index()
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    try:
        with running([sys.executable, "-m", "venv", str(VENV)], **pipes) as process:
            words, _ = process.communicate()
        if process.returncode:
            raise Failure(f"The environment cannot be made:\n{words}")
    except BaseException:
        shutil.rmtree(VENV, ignore_errors=True)  # half of one would be taken for a whole one
        raise


def _reach_index() -> None:
    """Get a small package, so that a missing network is told before the environment is made.

    Making one takes some seconds. Where the running Python has no pip, or an odd one, it is made
    all the same: its own pip will say what is wrong.
    """
    if importlib.util.find_spec("pip") is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", *PATIENT]
        try:
            install([*command, "--no-deps", "--dest", folder, "wheel"])
        except Failure as failure:
            if UNREACHED in str(failure):
                raise


def install(command: list[str]) -> None:
    """Run pip, show how far it is, and say in a sentence what went wrong."""
    last: deque[str] = deque(maxlen=40)
    seen = 0
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    slow = threading.Timer(PATIENCE, show, ["no answer yet from the package index; waiting for it"])
    with running(command, cwd=ROOT, **pipes) as process, contextlib.ExitStack() as stack:
        stack.callback(slow.cancel)
        slow.start()
        assert process.stdout is not None
        for line in process.stdout:
            if not line.startswith("Looking in"):  # which it says before it asks
                slow.cancel()
            last.append(line.rstrip())
            if "Retrying (Retry" in line:
                show("the package index cannot be reached; trying again")
            elif line.startswith("Collecting "):
                seen += 1
                show(f"{seen} packages: {line.split()[1]}")
            elif line.startswith("Installing collected") and seen > 1:
                show(f"unpacking {seen} packages; PyTorch takes a minute or two")
    show(None)
    if process.returncode:
        words = "\n".join(last)
        advice = next((text for pattern, text in CAUSES if re.search(pattern, words)), None)
        raise Failure(f"{words}\n\n{advice or 'pip failed; its last words are above.'}")


@contextlib.contextmanager
def running(command: list[str], **options: Any) -> Iterator[subprocess.Popen]:
    """A process that does not outlive the block: Ctrl+C, or an error in it, ends it as well.

    Args:
        command: The program and its arguments.
        **options: As ``subprocess.Popen`` takes them.
    """
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        except BaseException:
            # In a terminal it was told by Ctrl+C itself. A second one makes the next step come.
            for end in (None, process.terminate, process.kill):
                if end:
                    end()
                with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                    process.wait(GRACE)
                    break
            raise


def show(state: str | None) -> None:
    """Show a passing state on one line of a terminal; in a log, one line for each state."""
    if not sys.stdout.isatty():
        if state:
            print(f"    {state}", flush=True)
        return
    width = shutil.get_terminal_size().columns - 1
    print(
        "\r" + f"    {state or ''}"[:width].ljust(width), end="\n" if not state else "", flush=True
    )
