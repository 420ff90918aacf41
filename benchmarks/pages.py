"""What a first visit to a page costs: every file it asks for, gzipped.

``python -m benchmarks.pages`` prints a table for the built book; ``make bench`` runs it too.
The benches' tables (in the page) and their script are counted apart from the rest.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser, sync_playwright

from tools import book, browser

LIMIT = 150_000  # without our own tables and script
WHOLE = 600_000
OURS = ("vgp.js", "tables in the page")
_STATE = re.compile(rb'<script type="application/json" class="vgp-state">.*?</script>', re.DOTALL)


def weigh(chromium: Browser, site: str, pages: Path, page: str) -> dict[str, int]:
    """Open a page with an empty cache and weigh what it asks for.

    Args:
        chromium: A running browser.
        site: The address that serves ``pages``.
        pages: The folder of the built book.
        page: A page's path in the book: ``"chapters/01-gradients.html"``.

    Returns:
        File -> bytes after gzip, heaviest first.
    """
    paths: list[str] = []
    context = chromium.new_context()
    tab = context.new_page()
    tab.on("requestfinished", lambda request: paths.append(urlsplit(request.url).path))
    tab.goto(f"{site}/{page}", wait_until="networkidle")
    context.close()
    sizes: dict[str, int] = {}
    for path in dict.fromkeys(paths):
        content = (pages / unquote(path).lstrip("/")).read_bytes()
        tables = b"".join(_STATE.findall(content))
        sizes[path.rsplit("/", 1)[-1]] = len(gzip.compress(_STATE.sub(b"", content), 6))
        if tables:
            sizes["tables in the page"] = len(gzip.compress(tables, 6))
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def rest(sizes: dict[str, int]) -> int:
    """The bytes of a page without our own tables and script: what :data:`LIMIT` bounds."""
    return sum(size for name, size in sizes.items() if name not in OURS)


def main() -> None:
    """Print one table for each page."""
    pages = book.build()
    with book.serving(pages) as site, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(**browser.options())
        for path in sorted(pages.glob("chapters/**/*.html")):
            page = path.relative_to(pages).as_posix()
            sizes = weigh(chromium, site, pages, page)
            print(f"\n{page}: kB after gzip")
            for name, size in sizes.items():
                print(f"{size / 1000:8.1f}  {name}")
            print(f"{rest(sizes) / 1000:8.1f}  without {' and '.join(OURS)}")
            print(f"{sum(sizes.values()) / 1000:8.1f}  in all (at most {WHOLE / 1000:.0f})")
        chromium.close()


if __name__ == "__main__":
    main()
