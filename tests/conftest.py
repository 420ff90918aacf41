"""What tests share: a seed, the built book, a server for it, and two browsers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from playwright.sync_api import Browser, Playwright, sync_playwright

from tools import book as building
from tools import browser as browsers

# How long an example takes is no behaviour; and a red run must be red again when it is repeated.
# ``pytest --hypothesis-profile default`` tries examples that nobody has tried.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Draw the same numbers whichever tests ran before in this process."""
    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture(scope="session")
def book() -> Path:
    """The folder with the pages, built strictly; built once for all test processes."""
    return building.build()


@pytest.fixture(scope="session")
def site(book: Path) -> Iterator[str]:
    """The address of a server for the book, without a slash at its end."""
    with building.serving(book) as address:
        yield address


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What starts browsers; a process can have it only once."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """A headless Chromium."""
    launched = playwright.chromium.launch(**browsers.options())
    yield launched
    launched.close()
