"""What ``course.py`` can do: each command says its steps and how far it is."""

from __future__ import annotations

import difflib
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from tools import book, browser, environment, folders
from tools.environment import BIN, ROOT, Failure

FRONTEND = ROOT / "vgplib" / "lesson" / "frontend"
INSTALLED = FRONTEND / "node_modules" / ".package-lock.json"  # npm writes it last
PORT = 8000

# Rooms and files whose tests need no book and no browser, and train little: a minute or two.
QUICK = (
    *("tests/test_layers.py", "tests/networks", "tests/measures", "tests/lesson"),
    *("tests/engine/test_experiment.py", "tests/engine/test_batched.py"),
    *("tests/engine/test_limits.py", "tests/engine/test_checksums.py"),
    *("tests/doctor/test_words.py", "tests/doctor/test_card.py", "tests/doctor/test_command.py"),
    *("tests/experiments/test_views.py", "tests/tools/test_commands.py"),
    *("tests/tools/test_folders.py", "tests/tools/test_sources.py"),
)

Step = tuple[str, Callable[[], object]]
SET_UP: Step = ("Setting up Python", environment.ensure)
BUILD: Step = ("Building the book", book.build)


def serve() -> None:
    """Set up, build the book, and serve it on this machine."""
    _steps(SET_UP, BUILD)
    with book.serving(book.PAGES, PORT) as address:
        print(f"\nThe course is at {address}\nCtrl+C stops it.", flush=True)
        while True:
            time.sleep(3600)


def build() -> None:
    """Set up and build the book into _build/html."""
    _steps(SET_UP, BUILD)
    print(f"\nOpen {book.PAGES / 'index.html'}")


def test() -> None:
    """Set up and run every check and test."""
    _steps(
        SET_UP,
        ("Looking for browsers", lambda: browser.ensure(browser.CHROMIUM, browser.FIREFOX)),
        *_checks(),
        # The first test that needs the book builds it, while the other process runs other tests.
        ("Building the book and running the tests", _tests),
    )


def check() -> None:
    """Set up, and check style, the bundle, and a quick part of the tests; under 3 minutes."""
    _steps(SET_UP, *_checks(), ("Running the quick tests", lambda: _tests(*QUICK)))


def pdf() -> None:
    """Set up, build the book, and print all of it into one PDF."""
    _steps(
        SET_UP,
        ("Looking for a browser", browser.ensure),
        BUILD,
        ("Printing", lambda: _python("-m", "tools.pdf")),
    )


def stick() -> None:
    """Set up, build the book, and put all that a room without a network needs into a folder."""
    _steps(SET_UP, BUILD, ("Filling the folder", lambda: _python("-m", "tools.stick")))


def exercises() -> None:
    """Set up, and write the exercises as notebooks: for students, and for you with solutions."""
    _steps(SET_UP, ("Writing the exercises", lambda: _python("-m", "tools.exercises")))


def lab() -> None:
    """Set up and open the chapters in JupyterLab."""
    # Jupyter refuses root, who is everybody in a container, unless told.
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    # From here, so that the chapters' links into the appendix lead somewhere.
    jupyter = ["-m", "jupyter", "lab", *root, "intro.ipynb"]
    _steps(SET_UP, ("Opening JupyterLab", lambda: _python(*jupyter)))


def atlas(*arguments: str) -> None:
    """Set up and compute what the atlases lack; with --verify, measure and compare them."""
    command = ["-m", "vgplib.engine.atlas", *arguments]
    _steps(SET_UP, ("Computing the atlas", lambda: _python(*command)))


def bench() -> None:
    """Set up and run the benchmarks."""
    _steps(
        SET_UP,
        ("Looking for a browser", browser.ensure),
        BUILD,
        ("Measuring", lambda: _python("-m", "benchmarks")),
    )


def notebooks() -> None:
    """Make the notebooks of their sources: run each, and write it with its text outputs."""
    _steps(SET_UP, ("Making the notebooks", lambda: _python("tools/notebooks.py")))


def audio() -> None:
    """Record what the pages read aloud, where its text changed; for maintainers."""
    _steps(SET_UP, ("Recording", lambda: _python("-m", "tools.audio")))


def films() -> None:
    """Draw the films anew; for maintainers, with FFmpeg."""
    _steps(SET_UP, ("Drawing the films", lambda: _python("-m", "tools.films")))


def frontend() -> None:
    """Build the benches' script from its sources; for maintainers."""
    _steps(SET_UP, ("Building the bundle", _bundle))


def clean() -> None:
    """Remove what the other commands made."""
    for stamp in (environment.STAMP, book.STAMP, INSTALLED):
        stamp.unlink(missing_ok=True)  # first: what is half removed is not to be taken for whole
    for path in (environment.VENV, book.BUILD, FRONTEND / "node_modules"):
        print(f"removing {path.relative_to(ROOT)}")
        if path.is_symlink():  # to one that is shared
            path.unlink()
        elif path.exists():
            shutil.rmtree(path)


COMMANDS = (
    *(serve, test, check, lab, build, pdf, stick, exercises, atlas, bench),
    *(notebooks, audio, films, frontend, clean),
)


def main(arguments: list[str]) -> None:
    """Run one command by its name, and what is for it alone; without one, say which there are.

    The exit status is 1 where it fails, 2 where it was called wrongly, 130 where it was stopped.
    """
    known = {command.__name__: command for command in COMMANDS}
    if not arguments or arguments[0] in ("help", "--help", "-h"):
        print(_listed(known))
        return
    name, *more = arguments
    if name not in known:
        close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        _refuse(f"There is no command {name!r}.{hint}\n\n{_listed(known)}")
    if more and known[name] is not atlas:
        _refuse(f"{name} takes no arguments: leave out {' '.join(more)!r}.")
    try:
        known[name](*more)
    except Failure as failure:
        raise SystemExit(f"\n{failure}") from None
    except OSError as problem:
        if advice := folders.explain(problem):
            raise SystemExit(f"\n{advice}") from None
        raise


def _listed(known: dict[str, Callable[..., None]]) -> str:
    lines = [f"  {name:10} {command.__doc__}" for name, command in known.items()]
    return "\n".join(["python tools/course.py COMMAND", "", *lines])


def _refuse(words: str) -> NoReturn:
    print(words, file=sys.stderr)
    raise SystemExit(2)


def _steps(*steps: Step) -> None:
    for number, (title, action) in enumerate(steps, start=1):
        print(f"{number}/{len(steps)} {title} ...", flush=True)
        action()


def _checks() -> tuple[Step, Step]:
    return (
        ("Checking style", _style),
        ("Checking that the bundle is what its sources make", _check_bundle),
    )


def _run(command: list[str], folder: Path = ROOT) -> None:
    with environment.running(command, cwd=folder, env=environment.variables()) as process:
        process.wait()
    if process.returncode:
        raise Failure(f"This failed, see above: {' '.join(command)}")


def _python(*arguments: str) -> None:
    _run([environment.python(), *arguments])


def _tests(*paths: str) -> None:
    # Processes with one thread each: with more, threads wait for each other most of the time. One
    # process more than there are cores: many tests wait for a browser or a kernel.
    os.environ["OMP_NUM_THREADS"] = "1"
    processes = str((os.cpu_count() or 1) + 1)
    _python("-m", "pytest", "-n", processes, "--dist", "loadfile", "--durations", "15", *paths)


def _style() -> None:
    _python("-m", "ruff", "format", "--check", "--quiet", ".")
    _python("-m", "ruff", "check", "--quiet", ".")


def _bundle() -> None:
    npm = shutil.which("npm", path=environment.variables()["PATH"])
    if npm is None:
        raise Failure(f"There is no npm, which {BIN} should hold; remove .venv and run this again.")
    if not _is_installed():
        # npm's own patience would let it be silent for two minutes where there is no network.
        quick = ["--prefer-offline", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
        _run([npm, "ci", "--no-audit", "--no-fund", "--loglevel=error", *quick], FRONTEND)
    _run([npm, "run", "--silent", "check"], FRONTEND)
    _run([npm, "run", "--silent", "build"], FRONTEND)


def _is_installed() -> bool:
    wanted = FRONTEND / "package-lock.json"
    return INSTALLED.exists() and INSTALLED.stat().st_mtime >= wanted.stat().st_mtime


def _check_bundle() -> None:
    before = environment.fingerprint(FRONTEND / "dist")
    _bundle()
    if environment.fingerprint(FRONTEND / "dist") != before:
        raise Failure(
            "dist/ was not built from these sources. It is now: look at the change and commit it."
        )
