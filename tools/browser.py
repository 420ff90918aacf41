"""The browsers of the tests, Chromium and Firefox: found on this machine, or installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import environment
from tools.environment import Failure


@dataclass(frozen=True)
class Kind:
    """A kind of browser, and where one may be.

    Attributes:
        name: What it is called.
        advice: What a reader without one should install.
        variable: The environment variable that holds the path of one.
        programs: What it is called on the PATH.
        places: Where macOS and Windows keep it.
        packages: What it is called by Debian and by Ubuntu; the first that there is, is taken.
    """

    name: str
    advice: str
    variable: str
    programs: tuple[str, ...]
    places: tuple[str, ...]
    packages: tuple[str, ...]


CHROMIUM = Kind(
    "Chromium",
    "Chromium or Chrome",
    "VGP_CHROMIUM",
    ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    ),
    ("chromium",),
)
# Mozilla's own, as readers have it; Playwright's patched one is another browser.
FIREFOX = Kind(
    "Firefox",
    "Firefox",
    "VGP_FIREFOX",
    ("firefox-esr", "firefox"),
    (
        "/Applications/Firefox.app/Contents/MacOS/firefox",
        r"C:\Program Files\Mozilla Firefox\firefox.exe",
    ),
    ("firefox-esr", "firefox"),
)

# Without these a headless Chromium looks up hosts of its maker at every start.
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


def find(kind: Kind = CHROMIUM) -> str | None:
    """The path of a browser: its variable's, one on the PATH, or Playwright's own Chromium."""
    if given := os.environ.get(kind.variable):
        return given
    if found := next((path for path in map(shutil.which, kind.programs) if path), None):
        return found
    if found := next((path for path in kind.places if Path(path).exists()), None):
        return found
    return _playwrights() if kind is CHROMIUM else None


def _playwrights() -> str | None:
    asked = subprocess.run([environment.python(), "-c", _ASK], capture_output=True, text=True)
    own = asked.stdout.strip()
    return own if own and Path(own).exists() else None


def options(kind: Kind = CHROMIUM) -> dict[str, Any]:
    """What Playwright's ``launch`` needs here.

    Raises:
        Failure: There is no such browser.
    """
    path = find(kind)
    if path is None:
        raise Failure(f"There is no {kind.name}; `python tools/course.py test` installs one.")
    if kind is FIREFOX:
        return {"executable_path": path, "channel": "moz-firefox"}  # steered by WebDriver BiDi
    root = hasattr(os, "geteuid") and os.geteuid() == 0  # Chromium's sandbox refuses root
    return {"executable_path": path, "args": [*QUIET, *(["--no-sandbox"] if root else [])]}


def ensure(*kinds: Kind) -> None:
    """Find browsers or install them; the tests never go without.

    Args:
        *kinds: Chromium, if none is named.

    Raises:
        Failure: One was not found, and cannot be installed.
    """
    for kind in kinds or (CHROMIUM,):
        if find(kind) is None:
            _install(kind)
        if (path := find(kind)) is None:
            raise Failure(
                f"The tests need a {kind.name} and none can be installed here. Install "
                f"{kind.advice}, or set {kind.variable} to the path of one, then run this again."
            )
        print(f"    {path}")


def _install(kind: Kind) -> None:
    if kind is CHROMIUM:
        print("    no Chromium found; asking Playwright for its own")
        _tried([environment.python(), "-m", "playwright", "install", "chromium"])
    if find(kind) is None and shutil.which("apt-get"):
        print(f"    no {kind.name} found; asking apt-get")
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        _tried([*sudo, "apt-get", "update"])
        for package in kind.packages:
            if _tried([*sudo, "apt-get", "install", "-y", package]):
                return


def _tried(command: list[str]) -> bool:
    # A failure is not the end: another way may follow, and the outcome is looked at after.
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0
