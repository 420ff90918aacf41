"""The instructor's pages: notes in real chapters, sheets whose links ask first, forms on paper."""

import csv
import io
import re
from urllib.parse import urljoin

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import expect

from vgplib.lesson import banks
from vgplib.lesson.inventory import items

PAGE = "appendix/instructors.html"


@pytest.fixture
def tab(browser, request):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    request.addfinalizer(page.close)
    return page


def test_a_chapter_shows_its_notes_to_whoever_asks_and_the_next_page_too(tab, site):
    tab.goto(f"{site}/{PAGE}")
    tab.get_by_role("link", name="show me the notes").click()
    expect(tab.get_by_role("complementary", name="Instructor’s view")).to_be_visible()
    tab.goto(f"{site}/chapters/01-gradients.html")
    for chapter in ("01-gradients", "02-causes"):
        expect(tab).to_have_url(re.compile(chapter))
        guesses = banks.read(banks.folder() / f"{chapter}.json").predictions
        notes = tab.locator(".vgp-room")
        expect(notes).to_have_count(len(guesses))
        expect(notes.first).to_contain_text(guesses[0].room.ask[-30:])
        tab.locator(".prev-next-area a.right-next").click()


def test_hands_can_be_counted_on_all_that_a_chapter_asks_and_no_note_shows(tab, site):
    tab.goto(f"{site}/{PAGE}")
    tab.get_by_role("link", name="a tab that counts hands").click()
    expect(tab.get_by_role("complementary", name="Show of hands")).to_be_visible()
    tab.goto(f"{site}/chapters/08-dilemmas.html")
    bank = banks.read(banks.folder() / "08-dilemmas.json")
    asked = len(bank.predictions) + len(bank.claims) + 2 * len(bank.votes)  # before and after
    hands = tab.locator(".vgp-hands")
    expect(hands).to_have_count(asked)
    expect(tab.locator(".vgp-room")).to_have_count(0)
    number = hands.filter(has=tab.get_by_label("A guess that you hear")).first
    number.locator("summary").click()
    number.get_by_role("button", name="Reveal").click()
    expect(number.get_by_role("status").last).to_have_text(
        re.compile(r"^0 hands\. Measured: \d+ %\.$")
    )


def test_a_link_of_a_sheet_asks_first_even_where_it_was_answered(tab, site, book):
    soup = BeautifulSoup((book / PAGE).read_text("utf-8"), "html.parser")
    links = [a["href"] for a in soup.select(".vgp-sheet a[href$='ask']")]
    assert len(links) > 40
    (address,) = {urljoin(f"{site}/{PAGE}", to) for to in links if "plateau" in to}
    question = tab.locator("#plateau .vgp-predict")
    tab.goto(address)
    question.get_by_role("button", name="Show me").click()
    expect(question).to_be_hidden()
    tab.goto(f"{site}/{PAGE}")
    tab.goto(address)
    expect(question).to_be_visible()
    expect(tab.locator("#plateau .vgp-plot")).to_be_hidden()


def test_the_forms_and_their_key_stand_on_sheets_of_their_own(tab, site):
    tab.goto(f"{site}/appendix/inventory.html")
    answers = tab.locator(".vgp-answers table")
    expect(answers).to_be_hidden()
    tab.emulate_media(media="print")
    expect(answers).to_be_visible()
    breaks = "(e) => getComputedStyle(e).breakBefore"
    for place in ("form-a", "form-b", "answers"):
        assert tab.locator(f"section#{place}").evaluate(breaks) == "page"


def test_the_columns_for_the_answers_come_as_a_file(tab, site):
    tab.goto(f"{site}/appendix/inventory.html")
    link = tab.get_by_role("link", name="inventory.csv")
    text = tab.request.get(urljoin(tab.url, link.get_attribute("href"))).text()
    (columns,) = csv.reader(io.StringIO(text))
    assert columns == ["who", "form", *map(str, range(1, len(items()) + 1))]
