"""A course of their own for tests of the commands: the real tools, with nothing else to build."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.environment import ROOT

READY = """
from tools import book, environment

environment.VENV.mkdir()
environment.STAMP.write_text(environment.wanted())
book.PAGES.mkdir(parents=True)
(book.PAGES / "index.html").write_text("here")
book.STAMP.write_text(book.wanted())
"""
# Root may write anywhere: what another user may not, another user has to try.
COMMAND = """
import os, pwd, signal, sys
sys.path.insert(0, os.getcwd())
from tools import commands, environment
environment.ROOM = 0
path = os.path.abspath("tools/course.py")
program = compile(open(path).read(), path, "exec")  # now: Python's own files may be root's alone
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a script starts
if "--as-nobody" in sys.argv:
    sys.argv.remove("--as-nobody")
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
exec(program, {"__name__": "__main__", "__file__": path})
"""


@pytest.fixture
def course() -> Iterator[Path]:
    """The folder of a course that is set up and built. Other users may look into it."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place).resolve()
        root.chmod(0o755)
        shutil.copytree(
            ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__")
        )
        subprocess.run([sys.executable, "-c", READY], cwd=root, env=clean(), check=True)
        yield root
        for path in root.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)


@pytest.fixture
def command(course: Path) -> Callable[..., subprocess.Popen]:
    """A function that starts one of the course's commands, in a process group of its own."""

    def start(*arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, *arguments],
            cwd=course,
            env=clean() | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return start


def clean() -> dict[str, str]:
    """The variables of this process, without the path that leads to the repository's tools."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
