"""Each chapter as slides: nothing is cut off, and every bench is there, asks first, and fits."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup
from test_benches import opened, states
from toc import LESSONS

PRESENTED = [page for page in LESSONS if page.startswith("chapters/")]
OVER = """(slide) => slide.scrollWidth - slide.clientWidth"""
FITS = """(slide) => slide.scrollHeight <= slide.clientHeight"""


@pytest.mark.parametrize("page", PRESENTED)
def test_a_chapter_can_be_presented_from_a_file(browser, book, page):
    tab = opened(browser, book.as_uri(), page)
    wrong = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("requestfailed", lambda request: wrong.append(request.url))
    tab.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    tab.set_viewport_size({"width": 1280, "height": 720})
    tab.get_by_role("link", name="Present this page as slides").click()
    tab.locator(".vgp-deck.ready").wait_for()
    slide = tab.locator("section.vgp-slide.present")
    total = int(tab.locator(".slide-number").inner_text().split("/")[1])
    benches = set()
    for number in range(1, total + 1):
        assert tab.locator(".slide-number").inner_text().startswith(f"{number} /")
        assert slide.evaluate(OVER) <= 0, slide.get_attribute("id")
        for bench in slide.locator(".vgp-bench").all():
            if slide.locator(".vgp-step").count():
                assert not bench.locator(".vgp-plot").is_visible()
                tab.keyboard.press("ArrowRight")
            bench.locator(".vgp-plot").wait_for()
            tab.wait_for_function(FITS, arg=slide.element_handle())
            benches.add(bench.evaluate("(bench) => bench.closest('[data-vgp]').id"))
        while slide.locator(".vgp-step:not(.visible)").count():
            tab.keyboard.press("ArrowRight")
        tab.keyboard.press("PageDown")
    asked = {state["spec"]["id"] for state in states(book, page)} - beside(book, page)
    assert benches == asked
    tab.keyboard.press("Escape")
    tab.wait_for_url(re.compile(r"\.html#in-short$"))
    tab.close()
    assert wrong == []


def beside(book, page) -> set[str]:
    """The benches that wait for a reader's own code: no slide has them."""
    soup = BeautifulSoup((book / page).read_text("utf-8"), "html.parser")
    return {part["id"] for part in soup.select("#make-it-yours [data-vgp]")}


def test_without_a_script_nothing_offers_slides(browser, book):
    tab = browser.new_page(java_script_enabled=False)
    tab.goto(f"{book.as_uri()}/{PRESENTED[0]}")
    offer = tab.locator('a[href="?present"]')
    assert offer.count() == 1
    assert not offer.is_visible()
    tab.close()
