"""The self-test: one question at a time, graded by the reader; what was weak comes again."""

from __future__ import annotations

import json

import pages
import pytest
from axe_playwright_python.sync_playwright import Axe
from cards import card, cards
from playwright.sync_api import Page, expect

TWO = cards("gates", "depth")
MANY = cards(*"abcdefghijk")  # eleven: more than a round asks


def start(page: Page) -> None:
    page.get_by_role("button", name="Start round").press("Enter")


def asked(page: Page) -> str:
    return page.get_by_role("dialog").get_by_role("heading", level=2).inner_text()


def grade(page: Page, mark: str) -> str:
    """Reveal the answer, and grade it, by keyboard; returns the question."""
    question = asked(page)
    page.keyboard.press("Enter")
    page.get_by_role("button", name=mark, exact=True).press("Enter")
    return question


def play(page: Page, marks: dict[str, str]) -> str:
    """A whole round: what isn't named is got. Returns what was asked, a letter each."""
    start(page)
    order = ""
    while not asked(page).endswith("is done"):
        name = asked(page).split()[2][0]
        order += name
        grade(page, marks.get(name, "Got it") if order.count(name) == 1 else "Got it")
    page.keyboard.press("Escape")
    return order


def stored(page: Page) -> dict:
    return json.loads(page.evaluate("localStorage.getItem('vgp-progress')"))["cards"]


def state(page: Page) -> str:
    return page.locator(".vgp-standing").inner_text()


def test_a_question_is_asked_revealed_and_graded_by_keyboard_alone(show):
    page = show(*TWO)
    assert state(page) == "2 questions: 2 new."
    begin = page.get_by_role("button", name="Start round 1: 2 questions")
    begin.focus()
    page.keyboard.press("Enter")
    round = page.get_by_role("dialog", name="What is gates?")
    expect(round.get_by_text("Round 1: 2 to go")).to_be_visible()
    expect(round.get_by_text("Short gates")).to_have_count(0)
    show_it = round.get_by_role("button", name="Show the answer")
    expect(show_it).to_be_focused()
    expect(show_it).to_have_accessible_description("What is gates?")

    page.keyboard.press("Enter")
    expect(round.get_by_role("heading", name="In 30 seconds")).to_be_focused()
    expect(round.get_by_text("Short gates")).to_be_visible()
    long = round.get_by_text("Long gates")
    expect(long).to_be_hidden()
    page.keyboard.press("Tab")  # the term is explained on the page, and is no link here
    page.keyboard.press("Enter")
    expect(long).to_be_visible()
    link = round.get_by_role("link", name="Experiment 2.1 (opens a new tab)")
    assert link.get_attribute("target") == "_blank"
    assert round.locator("[id^=card-], [id=gates]").count() == 0

    group = round.get_by_role("group", name="How was yours?")
    assert group.get_by_role("button").all_inner_texts() == ["Again", "Nearly", "Got it"]
    group.get_by_role("button", name="Got it").press("Enter")
    assert asked(page) == "What is depth?"
    expect(page.get_by_role("dialog").get_by_text("the last one")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Start round 2")).to_be_focused()
    assert state(page) == "2 questions: 1 got, 1 new."
    assert stored(page) == {"gates": {"level": 1, "round": 1}}


def test_a_long_answer_comes_into_view_on_a_phone(show):
    page = show(*(part.replace("Short gates", "Short gates. " * 60) for part in cards("gates")))
    page.set_viewport_size({"width": 380, "height": 640})
    start(page)
    page.keyboard.press("Enter")
    long = page.get_by_role("dialog").get_by_text("Long gates")
    page.get_by_role("dialog").get_by_text("In two minutes").press("Enter")
    expect(long).to_be_in_viewport(ratio=1)
    marks = page.get_by_role("dialog").get_by_role("group", name="How was yours?")
    box, over = long.bounding_box(), marks.bounding_box()
    assert box["y"] + box["height"] <= over["y"]


def test_again_comes_back_in_the_round_and_the_round_is_summed_up(show):
    page = show(*TWO)
    start(page)
    marks = ["Again", "Nearly", "Again", "Got it"]
    assert [grade(page, mark).split()[2] for mark in marks] == [
        *("gates?", "depth?", "gates?", "gates?")
    ]
    round = page.get_by_role("dialog", name="Round 1 is done")
    expect(round.get_by_text("You got 0 of 2 at once.")).to_be_visible()
    assert round.get_by_role("listitem").all_inner_texts() == ["What is gates?", "What is depth?"]
    expect(round.get_by_role("heading", level=2)).to_be_focused()
    assert {one["level"] for one in stored(page).values()} == {0}  # got after "again" is weak
    round.get_by_role("button", name="Another round").click()
    expect(page.get_by_role("dialog").get_by_text("Round 2: 2 to go")).to_be_visible()


def test_weak_ones_come_first_then_new_ones_and_what_was_got_rests_ever_longer(show):
    page = show(*MANY)
    assert play(page, {"b": "Again", "d": "Nearly"}) == "abcdefghb"
    assert state(page) == "11 questions: 6 got, 2 weak, 3 new."
    assert play(page, {}) == "bdijk"  # those that were got in round 1 rest
    assert play(page, {"a": "Nearly"}) == "acefgh"
    # In round 4 come the weak one and those of round 2; the others rest for three rounds now.
    assert play(page, {}) == "abdijk"
    expect(page.get_by_role("button", name="Start round 6")).to_be_visible()  # all rest in 5
    assert play(page, {}) == "a"
    assert stored(page)["c"] == {"level": 2, "round": 3}


def test_grades_outlive_a_reload_travel_with_progress_and_can_be_forgotten(show, tmp_path):
    page = show(*TWO, pages.quiz())
    start(page)
    grade(page, "Got it")
    grade(page, "Nearly")
    page.get_by_role("button", name="Enough for now").click()
    page.reload()
    assert state(page) == "2 questions: 1 got, 1 weak."
    with page.expect_download() as download:
        page.get_by_role("button", name="Export progress").click()
    path = tmp_path / "progress.json"
    download.value.save_as(path)
    page.get_by_role("button", name="Forget my grades").press("Enter")
    assert state(page) == "2 questions: 2 new."
    assert page.get_by_text("All questions are new again.").is_visible()
    expect(page.get_by_role("button", name="Start round 1")).to_be_focused()
    page.locator("input[type=file]").set_input_files(path)
    expect(page.locator(".vgp-standing")).to_have_text("2 questions: 1 got, 1 weak.")


@pytest.mark.parametrize(
    "grade", [1, None, {"level": 4, "round": 1}, {"level": 1}, {"level": 0, "round": "1"}]
)
def test_a_damaged_grade_is_set_aside_and_the_test_begins_anew(show, grade):
    page = show(*TWO, pages.quiz())
    text = json.dumps({"version": 1, "answers": {}, "cards": {"gates": grade}})
    page.evaluate("(text) => localStorage.setItem('vgp-progress', text)", text)
    page.reload()
    assert state(page) == "2 questions: 2 new."
    assert page.get_by_text("It was set aside.").is_visible()
    assert page.evaluate("localStorage.getItem('vgp-progress-damaged')") == text


def test_a_browser_that_stores_nothing_says_so_and_asks_all_the_same(show):
    full = """Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError"); };"""
    page = show(*TWO, before=full)
    start(page)
    grade(page, "Got it")
    grade(page, "Again")
    page.keyboard.press("Escape")
    assert state(page) == "2 questions: 1 got, 1 weak."
    assert page.get_by_text("your grades last until you leave the page").is_visible()


def test_without_scripts_and_on_paper_questions_and_answers_stand_by_themselves(show):
    page = show(*TWO)
    page.emulate_media(media="print")
    assert (
        page.get_by_text("Short gates").is_visible() and page.get_by_text("Long depth").is_visible()
    )
    assert not page.get_by_text("Shall I ask you?").is_visible()
    page = show(*TWO, java_script_enabled=False)
    assert not page.get_by_text("Short gates").is_visible()
    page.get_by_text("In 30 seconds").first.click()
    assert page.get_by_text("Short gates").is_visible()
    assert page.locator(".vgp-selftest").inner_text() == ""


def test_on_a_phone_the_marks_stay_in_view_below_a_long_answer(show):
    page = show(*cards("gates"), card("long", "Long? " * 300))
    page.set_viewport_size({"width": 380, "height": 640})
    start(page)
    grade(page, "Got it")
    page.keyboard.press("Enter")
    box = page.get_by_role("group", name="How was yours?").bounding_box()
    assert box["y"] + box["height"] <= 640
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    dialog = page.get_by_role("dialog")
    assert dialog.evaluate("(e) => e.scrollWidth <= e.clientWidth")


def test_text_of_a_question_stays_what_it_is_on_the_page(show):
    maths = "<math><mi>x</mi></math> &lt;img src=x onerror=alert(1)&gt; <code>a_b</code>"
    page = show(cards()[0], card("odd", maths))
    start(page)
    title = page.get_by_role("dialog").get_by_role("heading", level=2)
    assert title.inner_html() == maths
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_self_test_is_accessible(show, theme):
    page = show(*TWO)
    page.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
    for step in ("closed", "asked", "revealed", "done"):
        if step == "asked":
            start(page)
        elif step == "revealed":
            page.keyboard.press("Enter")
            page.get_by_text("In two minutes").last.click()
        elif step == "done":
            page.get_by_role("button", name="Nearly").click()
            grade(page, "Again")
            grade(page, "Got it")
        found = Axe().run(page, options={"preload": False}).response["violations"]
        serious = [(v["id"], v["nodes"]) for v in found if v["impact"] in ("serious", "critical")]
        assert serious == [], step


def test_in_forced_colours_the_dialog_has_an_edge_and_focus_is_seen(show):
    page = show(*TWO, forced_colors="active")
    start(page)
    edge = "(e) => getComputedStyle(e).borderTopWidth"
    assert page.get_by_role("dialog").evaluate(edge) == "1px"
    ring = "(e) => getComputedStyle(e).outlineStyle"
    assert page.get_by_role("button", name="Show the answer").evaluate(ring) == "solid"
