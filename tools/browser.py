"""A Chromium for the tests: found on this machine, or installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tools import environment
from tools.environment import Failure

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
)
# Without these a headless browser looks up hosts of its maker at every start.
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_ASK = """
from playwright.sync_api import sync_playwright
with sync_playwright() as p: print(p.chromium.executable_path)
"""


def find() -> str | None:
    """The path of a Chromium: ``VGP_CHROMIUM``, one on the PATH, or Playwright's own."""
    if given := os.environ.get("VGP_CHROMIUM"):
        return given
    if found := next((path for path in map(shutil.which, NAMES) if path), None):
        return found
    if found := next((path for path in PLACES if Path(path).exists()), None):
        return found
    asked = subprocess.run([environment.python(), "-c", _ASK], capture_output=True, text=True)
    own = asked.stdout.strip()
    return own if own and Path(own).exists() else None


def options() -> dict[str, Any]:
    """What Playwright's ``launch`` needs here.

    Raises:
        Failure: There is no Chromium.
    """
    path = find()
    if path is None:
        raise Failure("There is no Chromium; `python tools/course.py test` installs one.")
    root = hasattr(os, "geteuid") and os.geteuid() == 0  # Chromium's sandbox refuses root
    return {"executable_path": path, "args": [*QUIET, *(["--no-sandbox"] if root else [])]}


def ensure() -> None:
    """Find a Chromium or install one; the tests never go without.

    Raises:
        Failure: None was found, and none can be installed.
    """
    if path := find():
        print(f"    {path}")
        return
    print("    none found; asking Playwright for its own")
    _tried([environment.python(), "-m", "playwright", "install", "chromium"])
    if find() is None and shutil.which("apt-get"):
        print("    Playwright's cannot be had; asking apt-get")
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        _tried([*sudo, "apt-get", "update"])
        _tried([*sudo, "apt-get", "install", "-y", "chromium"])
    if (path := find()) is None:
        raise Failure(
            "The tests need a Chromium and none can be installed here. Install Chromium or Chrome, "
            "or set VGP_CHROMIUM to the path of one, then run this again."
        )
    print(f"    {path}")


def _tried(command: list[str]) -> None:
    # A failure is not the end: another way may follow, and the outcome is looked at after.
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
