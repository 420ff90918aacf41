"""Building the book, and serving it on this machine."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tools import environment, folders
from tools.environment import ROOT, Failure, show

BUILD = ROOT / "_build"
PAGES = BUILD / "html"
NEXT = BUILD / "next"  # with what Sphinx read of each page, which it need not read again
READ = NEXT / "read-stamp"
STAMP = BUILD / "book-stamp"
LOG = BUILD / "book.log"
CONFIG = BUILD / "config.yml"
WHEELS = BUILD / "wheels"  # of vgplib, by what is in it
EXECUTED = BUILD / "executed"  # notebooks that were run, by what they were run with
INPUTS = (
    *("_config.yml", "_toc.yml", "intro.ipynb", "pyproject.toml", "setup.py", "requirements.txt"),
    *("chapters", "quizzes", "appendix", "audio", "vgplib"),
)
PACKAGE = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "quizzes", "vgplib")
LOOK = frozenset({"frontend", "static", "templates"})  # of vgplib: no notebook runs these
FORCE = "execute_notebooks: force"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def build() -> Path:
    """Build the book where its inputs have changed; every warning is an error.

    The pages that are there stay in place until the new ones are complete.

    Returns:
        The folder with the pages.

    Raises:
        Failure: The build failed; the message holds what Sphinx says.
    """
    stamp = wanted()
    if not _is_built(stamp):
        if problem := folders.unwritable(BUILD):
            raise Failure(problem)
        BUILD.mkdir(exist_ok=True)
        with folders.alone(environment.LOCK, environment.WAITING):
            if not _is_built(stamp):  # by the command that was waited for
                _build(stamp)
                return PAGES
    print("    up to date")
    return PAGES


def wanted() -> str:
    """The stamp of a book that is up to date."""
    return environment.fingerprint(*(ROOT / name for name in INPUTS))


def _is_built(stamp: str) -> bool:
    return STAMP.exists() and STAMP.read_text() == stamp and PAGES.exists()


def _build(stamp: str) -> None:
    STAMP.unlink(missing_ok=True)
    runs = environment.fingerprint(ROOT / "vgplib", ROOT / "requirements.txt", without=LOOK)
    reads = environment.fingerprint(ROOT / "_config.yml", ROOT / "_toc.yml") + runs
    if not READ.exists() or READ.read_text() != reads:
        _remove(NEXT)
        NEXT.mkdir()
    READ.unlink(missing_ok=True)  # until this build has succeeded
    _remove(NEXT / "_build" / "html")  # each page is written anew
    program = str(Path(environment.python()).with_name("jupyter-book"))
    command = [program, "build", ".", "--path-output", str(NEXT), "-n", "-W", "--keep-going"]
    command += ["--config", str(_config(runs))]
    told: list[str] = []
    line = ""
    with (
        LOG.open("w", encoding="utf-8") as log,
        environment.running(
            command,
            cwd=ROOT,
            env=environment.variables() | {"PYTHONIOENCODING": "utf-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        ) as process,
    ):
        assert process.stdout is not None
        for raw in process.stdout:
            line = _COLOURS.sub("", raw).rstrip()
            log.write(f"{line}\n")
            if match := re.search(r"([\w-]+)\.(?:ipynb|md): Executing", line):
                show(f"running {match[1]}")
            elif (
                re.search(r"\b(WARNING|ERROR|Error|Traceback)\b", line)
                and "IPKernelApp" not in line
            ):
                told.append(line)
                if match := re.search(r"traceback saved in: (\S+)", line):
                    told += _COLOURS.sub("", Path(match[1]).read_text("utf-8")).splitlines()[-12:]
    show(None)
    if process.returncode:
        raise Failure(
            "\n".join([*(told or [line]), f"The book has problems, see above; all of it: {LOG}"])
        )
    show("packing vgplib")
    _pack(NEXT / "_build" / "html" / "dist")
    show(None)
    _remove(PAGES)
    (NEXT / "_build" / "html").rename(PAGES)
    READ.write_text(reads)
    STAMP.write_text(stamp)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _config(runs: str) -> Path:
    """The book's configuration, with notebooks run only where their code, or what runs it, changed.

    By hand, ``jupyter-book build`` runs all: it cannot know of a change in vgplib.

    Args:
        runs: A fingerprint of what runs them.
    """
    kept = EXECUTED / runs[:12]
    for other in set(EXECUTED.glob("*")) - {kept}:
        shutil.rmtree(other)
    kept.mkdir(parents=True, exist_ok=True)
    run = [environment.python(), "-m", "tools.executed", str(kept)]
    with environment.running(run, cwd=ROOT, env=environment.variables()) as process:
        process.wait()
    if process.returncode:
        raise Failure("The notebooks cannot be run and kept; the lines above say why.")
    text = (ROOT / "_config.yml").read_text("utf-8")
    if FORCE not in text:
        raise Failure(f"_config.yml must say {FORCE!r}: the build puts its cache in that place.")
    CONFIG.write_text(
        text.replace(FORCE, f"execute_notebooks: cache\n  cache: {json.dumps(str(kept))}"), "utf-8"
    )
    return CONFIG


def _pack(folder: Path) -> None:
    """Put a wheel of vgplib into a folder, for ``pip install`` of a chapter that runs elsewhere."""
    packed = WHEELS / environment.fingerprint(*(ROOT / name for name in PACKAGE))[:12]
    if not packed.exists():
        _remove(WHEELS)
        _make_wheel(packed)
    shutil.copytree(packed, folder)


def _make_wheel(folder: Path) -> None:
    half = folder.with_name("half")  # of a build that is stopped, and so never taken for whole
    with tempfile.TemporaryDirectory() as place:  # setuptools leaves its own folders behind
        for name in PACKAGE:
            source, copy = ROOT / name, Path(place, name)
            if source.is_dir():
                unwanted = shutil.ignore_patterns("__pycache__", "node_modules")
                shutil.copytree(source, copy, ignore=unwanted)
            else:
                shutil.copy(source, copy)
        command = [environment.python(), "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
        command += ["--disable-pip-version-check", "--wheel-dir", str(half), place]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise Failure(f"vgplib cannot be packed:\n{result.stdout}{result.stderr}")
    half.rename(folder)


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing: the terminal is for the reader."""

    def end_headers(self) -> None:
        """Let browsers ask again, so that a rebuilt page is seen."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


@contextlib.contextmanager
def serving(folder: Path, port: int = 0) -> Iterator[str]:
    """Serve a folder on this machine alone, in the background.

    Args:
        folder: What to serve.
        port: 0 takes any free one; a taken one is replaced by a free one.

    Yields:
        The address, without a slash at its end.
    """
    handler = functools.partial(_Handler, directory=str(folder))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        print(f"    port {port} is taken, so another one is used")
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
