"""Each chapter as slides: nothing is cut off, and every bench is there, asks first, and fits."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import expect
from test_benches import opened
from toc import LESSONS

PRESENTED = [page for page in LESSONS if page.startswith("chapters/")]
# The slides that are too wide, or hold nothing; each is looked at as if it were shown.
FAULTY = """() => [...document.querySelectorAll("section.vgp-slide")].filter((slide) => {
  const { hidden } = slide;
  slide.hidden = false;
  slide.style.display = "block";
  const empty = [...slide.children].slice(1).every((part) => part.offsetHeight === 0);
  const wide = slide.clientWidth === 0 || slide.scrollWidth > slide.clientWidth;
  slide.hidden = hidden;
  return empty || wide;
}).map((slide) => slide.id)"""
FITS = "(slide) => slide.scrollHeight <= slide.clientHeight"


def benches(book, page) -> list[str]:
    """The benches of a page, without those that wait for a reader's own code."""
    soup = BeautifulSoup((book / page).read_text("utf-8"), "html.parser")
    for part in soup.select("#make-it-yours"):
        part.decompose()
    return [part["id"] for part in soup.select('[data-vgp="bench"]')]


@pytest.mark.parametrize("page", PRESENTED)
def test_a_chapter_can_be_presented_from_a_file(browser, book, page):
    tab = browser.new_page(viewport={"width": 1280, "height": 720})
    tab.set_default_timeout(10_000)
    wrong = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("request", lambda asked: asked.url.startswith("file:") or wrong.append(asked.url))
    tab.on("requestfailed", lambda asked: wrong.append(asked.url))
    tab.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    tab.goto(f"{book.as_uri()}/{page}?present")
    tab.locator(".vgp-deck.ready").wait_for()
    assert tab.locator(".slides section section, .slides .stack").count() == 0
    assert tab.evaluate(FAULTY) == []
    for bench in benches(book, page):
        slide = tab.locator(f"section.vgp-slide:has([id='{bench}'])")
        tab.evaluate("(id) => void (location.hash = `#/${id}`)", slide.get_attribute("id"))
        if slide.locator(".vgp-step").count():
            expect(slide.locator(".vgp-predict")).to_be_visible()
            assert not slide.locator(".vgp-plot").first.is_visible()
            tab.keyboard.press("ArrowRight")
        expect(slide.locator(".vgp-plot")).to_be_visible()
        tab.wait_for_function(FITS, arg=slide.element_handle())
    tab.close()
    assert wrong == []


def test_the_way_to_the_slides_and_back(browser, book):
    tab = opened(browser, book.as_uri(), PRESENTED[0])
    assert tab.locator('[src*="slides.js"], [href*="slides.css"]').count() == 0
    tab.get_by_role("link", name="Present this page as slides").press("Enter")
    tab.locator(".vgp-deck.ready").wait_for()
    title = tab.locator("section.vgp-slide.present h1").inner_text()
    tab.keyboard.press("Escape")
    expect(tab.locator(".vgp-deck")).to_have_count(0)
    expect(tab.locator("article h1")).to_contain_text(title)
    tab.close()


def test_without_a_script_nothing_offers_slides(browser, book):
    tab = browser.new_page(java_script_enabled=False)
    tab.goto(f"{book.as_uri()}/{PRESENTED[0]}")
    offer = tab.locator('a[href="?present"]')
    assert offer.count() == 1
    assert not offer.is_visible()
    tab.close()
