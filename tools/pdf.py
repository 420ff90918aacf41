"""The whole course as one PDF: ``python -m tools.pdf``, after the book was built.

Chromium prints each page as a reader would; here they are put together, with a table of contents
and page numbers, and their links lead to pages of the PDF.
"""

from __future__ import annotations

import html
import io
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from pypdf import PageObject, PdfReader, PdfWriter
from pypdf.generic import ArrayObject, NameObject

from tools import book, browser, toc
from tools.environment import show
from tools.toc import Parts

FILE = book.BUILD / "vanishing-gradients.pdf"
MARGIN = {"top": "18mm", "bottom": "18mm", "left": "17mm", "right": "17mm"}
PAPER = {"format": "A4", "margin": MARGIN, "print_background": True}

# Each address outside of the book gets a number, and is told at the end of its chapter.
_FOOTNOTES = """() => {
  const article = document.querySelector("article.bd-article");
  const list = document.createElement("ol");
  const numbers = new Map();
  for (const link of article.querySelectorAll('a[href^="http"]:not(.headerlink)')) {
    const to = link.getAttribute("href");
    if (!numbers.has(to)) {
      numbers.set(to, numbers.size + 1);
      const line = document.createElement("li");
      line.textContent = to;
      list.append(line);
    }
    const mark = document.createElement("sup");
    mark.textContent = numbers.get(to);
    link.after(mark);
  }
  if (!numbers.size) return;
  const title = document.createElement("h2");
  title.textContent = "Links of this chapter";
  list.style.cssText = "font-size: 0.8em; overflow-wrap: anywhere";
  article.append(title, list);
}"""
_STYLE = """
  body { font: 10.5pt/1.5 system-ui, sans-serif; margin: 0; }
  h1 { font-size: 26pt; margin: 60mm 0 2mm; } h2 { font-size: 11pt; margin: 3.5mm 0 1mm; }
  p { line-height: 1.25; margin: 1mm 0; }
  .line { display: flex; gap: 4mm; } .line span:first-child { flex: 1; }
  .title { break-after: page; } .number { break-after: page; height: 285mm; position: relative; }
  .number span { bottom: 0; font-size: 9pt; position: absolute; text-align: center; width: 100%; }
"""


def make(chromium: Browser, wanted: Parts, to: Path) -> int:
    """Print pages of the built book into one file.

    Args:
        chromium: Prints them.
        wanted: The parts and their pages.
        to: The file; what is there is replaced once the new one is complete.

    Returns:
        The number of pages on paper.
    """
    names = [name for _, pages in wanted for name, _ in pages]
    with book.serving(book.PAGES) as address:
        printed: dict[str, PdfReader] = {}
        titles: dict[str, str] = {}
        for number, name in enumerate(names, start=1):
            show(f"printing {name}, {number} of {len(names)} pages")
            page = chromium.new_page()
            titles[name], printed[name] = _print(page, f"{address}/{name}.html")
            page.close()
        show(None)
        titles |= {name: title for _, pages in wanted for name, title in pages if title}
        front = _front(chromium, wanted, titles, dict.fromkeys(names, 0))
        starts, at = {}, len(front.pages)
        for name in names:
            starts[name] = at
            at += len(printed[name].pages)
        front = _front(chromium, wanted, titles, {k: v + 1 for k, v in starts.items()})
        writer = PdfWriter()
        writer.append(front)
        for name in names:
            writer.append(printed[name], outline_item=titles[name], import_outline=False)
        for page, foot in zip(writer.pages, _numbers(chromium, at).pages, strict=True):
            page.merge_page(foot)
        for page in writer.pages:
            _lead_inside(page, address, {k: writer.pages[v] for k, v in starts.items()})
    writer.add_metadata({"/Title": "Vanishing gradients"})
    for page in writer.pages:
        page.compress_content_streams()
    draft = to.with_suffix(".part")
    writer.write(draft)
    draft.replace(to)
    return at


def _print(page: Page, address: str) -> tuple[str, PdfReader]:
    """A page's title, and the page on paper."""
    page.goto(address, wait_until="networkidle")
    page.evaluate(_FOOTNOTES)
    title = page.locator("article h1").first.evaluate("h => h.firstChild.textContent")
    return title, _read(page)


def _read(page: Page) -> PdfReader:
    return PdfReader(io.BytesIO(page.pdf(**PAPER)))


def _front(
    chromium: Browser, wanted: Parts, titles: dict[str, str], numbers: dict[str, int]
) -> PdfReader:
    """The title page, and the contents."""
    lines = []
    for caption, pages in wanted:
        lines.append(f"<h2>{html.escape(caption)}</h2>" if caption else "")
        lines += [
            f'<p class="line"><span>{html.escape(titles[name])}</span>'
            f"<span>{numbers[name]}</span></p>"
            for name, _ in pages
        ]
    licence = "Text and pictures: CC BY 4.0. Code: MIT."
    return _drawn(
        chromium,
        '<div class="title"><h1>Vanishing gradients</h1><p>Why deep networks don\'t learn, and what'
        f" helps</p><p>{licence}</p></div>{''.join(lines)}",
    )


def _numbers(chromium: Browser, count: int) -> PdfReader:
    """As many empty pages as there are, each with its number; the title page's stays away."""
    numbers = ["", *map(str, range(2, count + 1))]
    feet = [f'<div class="number"><span>{number}</span></div>' for number in numbers]
    return _drawn(chromium, "".join(feet), margin=False)


def _drawn(chromium: Browser, body: str, margin: bool = True) -> PdfReader:
    page = chromium.new_page()
    page.set_content(f'<html lang="en"><style>{_STYLE}</style>{body}')
    options: dict[str, Any] = PAPER if margin else {"format": "A4"}
    found = PdfReader(io.BytesIO(page.pdf(**options)))
    page.close()
    return found


def _lead_inside(page: PageObject, address: str, chapters: dict[str, PageObject]) -> None:
    """Let links to the book's pages lead to their first page here, and not to a server."""
    for reference in page.get("/Annots", ()):
        link = reference.get_object()
        to = str(link.get("/A", {}).get("/URI", ""))
        if not to.startswith(address):
            continue
        name = to[len(address) + 1 :].partition("#")[0].removesuffix(".html")
        del link["/A"]
        if name in chapters:
            there = chapters[name].indirect_reference
            link[NameObject("/Dest")] = ArrayObject([there, NameObject("/Fit")])


if __name__ == "__main__":
    with sync_playwright() as playwright:
        count = make(playwright.chromium.launch(**browser.options()), toc.parts(), FILE)
    print(f"{FILE}: {count} pages, {FILE.stat().st_size / 1e6:.1f} MB")
