"""A browser for the tests, and pages that must stay free of errors and foreign requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pages
import pytest
from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def tab(browser: Browser) -> Page:
    """One page for every test that needs nothing special of it: a new one costs time."""
    return browser.new_page()


@pytest.fixture
def show(browser: Browser, tab: Page, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """``show(part, ...)`` opens a page that holds these states, or this HTML, from ``file://``.

    ``hash`` is added to the address, ``before`` is a script that runs first; what else is named
    goes to the browser context. When the test ends, the page must have written no error and
    asked for no file but its own.
    """
    trouble: list[str] = []
    listeners = {
        "console": lambda m: m.type in ("error", "warning") and trouble.append(m.text),
        "pageerror": lambda error: trouble.append(str(error)),
        "request": lambda r: (
            r.url.startswith(("file:", "blob:")) or trouble.append(f"asked for {r.url}")
        ),
    }
    opened = []

    def open_page(*parts: dict | str, hash: str = "", before: str = "", **options: object) -> Page:
        page = browser.new_page(**options) if before or options else tab
        opened.append(page)
        page.set_default_timeout(10_000)
        page.set_viewport_size({"width": 900, "height": 900})
        for event, listener in listeners.items():
            page.on(event, listener)
        if before:
            page.add_init_script(before)
        path = tmp_path / "page.html"
        html = (part if isinstance(part, str) else pages.place(part) for part in parts)
        path.write_text(pages.page(*html), encoding="utf-8")
        page.goto(path.as_uri() + hash)
        return page

    yield open_page
    for page in opened:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
        if page is not tab:
            page.close()
            continue
        page.evaluate("localStorage.clear()")
        page.emulate_media(media="null")
        page.goto("about:blank")
    assert trouble == []
