"""The instructor's view: notes below the questions, in one tab, and never on paper."""

from __future__ import annotations

import pages
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

ROOM = {
    "expect": [{"em": "It halves"}, {"text": " is the one to expect."}],
    "ask": [{"text": "What do the next layers start from?"}],
}
BENCH = pages.bench(predict=pages.PREDICT | {"room": ROOM})
PLAIN = pages.bench(predict=pages.PREDICT)
ARTICLE = '<main><article class="bd-article"><h1>A chapter</h1></article></main>'
OWN = {"color_scheme": "light"}  # a tab of its own: what is kept in it ends with it


@pytest.fixture
def view(show):
    return show(ARTICLE, BENCH, hash="?instructor", **OWN)


def note(page):
    return page.locator(".vgp-room")


def test_a_reader_sees_no_note_and_no_word_of_it(show):
    page = show(ARTICLE, BENCH, **OWN)
    expect(note(page)).to_have_count(0)
    expect(page.get_by_text("to expect")).to_have_count(0)
    expect(page.get_by_role("complementary")).to_have_count(0)


def test_the_address_asks_for_the_note_and_it_stays_when_the_chart_shows(view):
    expect(note(view)).to_contain_text("They’ll say. It halves is the one to expect.")
    expect(note(view)).to_contain_text("Let neighbours argue. What do the next layers start from?")
    question = view.locator(".vgp-predict").bounding_box()
    assert note(view).bounding_box()["y"] >= question["y"] + question["height"]
    view.get_by_role("button", name="Show me").click()
    expect(note(view)).to_be_visible()
    expect(view.locator(".vgp-plot")).to_be_visible()


def test_a_bench_whose_question_has_no_note_shows_none(show):
    page = show(ARTICLE, PLAIN, hash="?instructor", **OWN)
    expect(note(page)).to_have_count(0)
    expect(page.get_by_role("complementary", name="Instructor’s view")).to_be_visible()


def test_notes_are_kept_from_page_to_page_in_their_tab_alone(view):
    address = view.url.partition("?")[0]
    view.goto(address)
    expect(note(view)).to_be_visible()
    with view.expect_popup() as opened:
        view.evaluate("(address) => void open(address, '_blank', 'noopener')", address)
    other = opened.value
    expect(other.locator(".vgp-predict")).to_be_visible()
    expect(note(other)).to_have_count(0)


def test_they_fold_and_are_put_away_by_keyboard(view):
    fold = note(view).locator("summary")
    fold.focus()
    view.keyboard.press("Enter")
    expect(note(view).get_by_text("They’ll say.")).to_be_hidden()
    view.get_by_role("button", name="Put the notes away").focus()
    view.keyboard.press("Enter")
    expect(note(view)).to_have_count(0)
    expect(view.get_by_role("complementary")).to_have_count(0)
    expect(view.get_by_role("heading", name="A chapter")).to_be_focused()
    assert "instructor" not in view.url
    view.reload()
    expect(view.locator(".vgp-predict")).to_be_visible()
    expect(note(view)).to_have_count(0)


def test_what_else_the_address_says_stays_when_they_are_put_away(show):
    page = show(ARTICLE, BENCH, hash="?seed=monday&instructor#here", **OWN)
    page.get_by_role("button", name="Put the notes away").click()
    assert page.url.endswith("page.html?seed=monday#here")


def test_where_nothing_can_be_kept_the_address_is_enough(show):
    forbidden = (
        "Object.defineProperty(window, 'sessionStorage', { get() { throw new Error('no'); } })"
    )
    page = show(ARTICLE, BENCH, hash="?instructor", before=forbidden)
    expect(note(page)).to_be_visible()
    page.get_by_role("button", name="Put the notes away").click()
    expect(note(page)).to_have_count(0)


def test_they_are_not_printed(view):
    view.emulate_media(media="print")
    expect(note(view)).to_be_hidden()
    expect(view.locator(".vgp-instructs")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_they_are_accessible_and_fit_a_phone(show, scheme):
    page = show(ARTICLE, BENCH, hash="?instructor", color_scheme=scheme)
    page.evaluate(f"document.documentElement.dataset.theme = '{scheme}'")
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    found = Axe().run(page, options={"preload": False}).response["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
