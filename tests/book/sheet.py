"""A sheet of pictures of all pages, to look over after the tests: ``_build/contact-sheet``."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page
from toc import LESSONS

from tools.book import BUILD

FOLDER = BUILD / "contact-sheet"
LOOKS = ("light", "dark", "phone")


def add(tab: Page, page: str, look: str) -> Path:
    """Take a page's picture as it stands, and put it on the sheet.

    Args:
        tab: Shows the page.
        page: Its path in the book.
        look: One of ``LOOKS``.

    Returns:
        The picture.
    """
    to = FOLDER / _name(page, look)
    to.parent.mkdir(parents=True, exist_ok=True)
    tab.screenshot(path=to, full_page=True, type="jpeg", quality=50)
    rows = {page: "".join(_picture(page, look) for look in LOOKS) for page in LESSONS}
    lines = "".join(f"<h2>{page}</h2><p>{pictures}</p>" for page, pictures in rows.items())
    style = "img { border: 1px solid; height: 30rem; margin: 0.5rem; object-fit: contain; }"
    (FOLDER / "index.html").write_text(
        f'<!doctype html><html lang="en"><title>All pages</title><style>{style}</style>{lines}',
        encoding="utf-8",
    )
    return to


def _picture(page: str, look: str) -> str:
    name = _name(page, look)
    return f'<a href="{name}"><img src="{name}" alt="{page}, {look}" loading="lazy"></a>'


def _name(page: str, look: str) -> str:
    return f"{look}/{page.removesuffix('.html').replace('/', '-')}.jpg"
