"""What tests in a browser share: the built book, a server for it, and a Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, sync_playwright

from tools import book as building
from tools import browser as chromium


@pytest.fixture(scope="session")
def book() -> Path:
    """The folder with the pages, built strictly; built once for all test processes."""
    building.BUILD.mkdir(exist_ok=True)
    with FileLock(building.BUILD / "lock"):
        return building.build()


@pytest.fixture(scope="session")
def site(book: Path) -> Iterator[str]:
    """The address of a server for the book, without a slash at its end."""
    with building.serving(book) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(**chromium.options())
        yield launched
        launched.close()
