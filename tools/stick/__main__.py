"""The course in one folder that needs no network: ``python -m tools.stick``, once the book stands.

In it: the pages; the notebooks as they ran; the packages that they need, for the platform and the
Python that this runs on; and a script that sets them up on a machine with Python and nothing else.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path

from tools import book, environment
from tools.environment import ROOT, Failure

HERE = Path(__file__).parent
FOLDER = book.BUILD / "stick" / "vanishing-gradients"
NEEDED = ("jupyterlab", "segno")  # besides vgplib, and what each needs; segno is for the room
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
README = f"""Vanishing gradients: a course

Read: open site/index.html in a browser. It needs nothing else.

Run: start the file for your system. It needs Python {PYTHON}, no network, and 2 GB of room.

    Linux    sh start.sh
    macOS    sh start.sh
    Windows  start.bat

The packages in wheels/ are for {sysconfig.get_platform()}. Your copies of the notebooks are in the
folder vanishing-gradients of your home; what you change there stays.
"""


def make(folder: Path = FOLDER, needed: tuple[str, ...] = NEEDED) -> Path:
    """Write the folder, with the packages for this machine's platform.

    Args:
        folder: What is there is replaced, except packages that are there already.
        needed: Packages besides vgplib.

    Raises:
        Failure: The packages cannot be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in (("site", book.PAGES), ("notebooks", book.PAGES / "_sources")):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(source, folder / name)
    _wheels(folder / "wheels", needed)
    shutil.copy(HERE / "start.py", folder)
    (folder / "wheels" / "made-for.txt").write_text(f"{PYTHON} {sysconfig.get_platform()}\n")
    (folder / "start.sh").write_text('#!/bin/sh\nexec python3 "$(dirname "$0")/start.py" "$@"\n')
    (folder / "start.bat").write_text('@py "%~dp0start.py" %*\r\n@if errorlevel 1 pause\r\n')
    (folder / "README.txt").write_text(README)
    return folder


def _wheels(folder: Path, needed: tuple[str, ...]) -> None:
    """Get vgplib, what it and the others need, in the versions that the course is tested with."""
    for old in folder.glob("vgplib-*.whl"):
        old.unlink()
    (ours,) = (book.PAGES / "dist").glob("*.whl")
    command = [sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check"]
    command += ["--wheel-dir", str(folder), "--find-links", str(folder)]
    command += ["--constraint", str(ROOT / "requirements.txt"), str(ours), *needed]
    environment.install(command)


if __name__ == "__main__":
    try:
        made = make()
    except Failure as failure:
        raise SystemExit(str(failure)) from None
    size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
    print(f"{made}: {size / 1e6:.0f} MB; copy it to a stick as it is.")
