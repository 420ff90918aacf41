"""The chooser and the votes, by mouse and by keyboard, on a page without a kernel."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

import vgplib as vgp

BALLOT = """
<article><div class="vgp-ballot" id="vote-{0}"><p><strong>{1}</strong> Where do you begin?</p>
<ul><li>with norms</li><li>with what's free</li><li>it depends</li></ul></div></article>
"""


@pytest.fixture(scope="module")
def still():
    return vgp.chooser().still()


def answer(page, *labels):
    for label in labels:
        page.get_by_role("radio", name=label, exact=True).check()


SICK = ("plain layers, one after another", "up to 10 layers", "sigmoid")


def test_five_answers_bring_advice_with_cost_and_code(show, still):
    page = show(still)
    chooser = page.locator(".vgp-chooser")
    expect(page.locator(".vgp-decisions")).to_be_hidden()
    expect(chooser.get_by_role("group")).to_have_count(1)
    answer(page, *SICK)
    said = chooser.get_by_role("status").first
    expect(said).to_have_text("2 more to answer.")
    answer(page, "it guesses from the start", "everything but the activation")
    expect(said).to_contain_text("Try these 3, in this order: A skip connection")
    first = chooser.locator(".vgp-advice > li").first
    expect(first).to_contain_text("1.2 times the time of a step")
    first.get_by_text("The code").click()
    expect(first.locator("pre")).to_contain_text("return h + self.branch(h)")
    expect(first.get_by_role("link").first).to_have_attribute(
        "href", "05-remedies.ipynb#training-race?row=skip"
    )
    answer(page, "its training alone")
    expect(said).to_contain_text("Do this: Ask for more room")
    # Another network, other questions; what was answered of the rest is asked again.
    answer(page, "a transformer")
    expect(said).to_have_text("4 more to answer.")
    expect(chooser).to_contain_text("Where are its norms?")


def test_by_keyboard_and_after_a_reload(show, still):
    page = show(still)
    page.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="recurrent")).to_be_focused()
    expect(page.get_by_role("radio", name="recurrent")).to_be_checked()
    for _ in range(4):
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
    expect(page.locator(".vgp-advice > li")).not_to_have_count(0)
    advice = page.locator(".vgp-advice").inner_text()
    page.reload()
    expect(page.get_by_role("radio", name="recurrent")).to_be_checked()
    assert page.locator(".vgp-advice").inner_text() == advice
    page.get_by_role("button", name="Start again").click()
    expect(page.locator(".vgp-advice > li")).to_have_count(0)
    expect(page.get_by_role("radio").first).to_be_focused()


def test_what_is_kept_and_is_no_answer_does_no_harm(show, still):
    page = show(still)
    for kept in ('{"network": "plain", "size": 7}', "[1]", "null", "no"):
        store = '{"version": 1, "answers": {}, "guesses": {"chooser": %s}}'
        page.evaluate("(t) => localStorage.setItem('vgp-progress', t)", store % repr_json(kept))
        page.reload()
        expect(page.get_by_role("radio").first).to_be_visible()
        expect(page.locator(".vgp-advice > li")).to_have_count(0)


def repr_json(text):
    return '"' + text.replace('"', '\\"') + '"'


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_accessibility_problem_and_no_overflow_on_a_phone(show, still, theme):
    page = show(still, BALLOT.format("a", "Vote first."))
    page.set_viewport_size({"width": 380, "height": 800})
    page.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
    answer(page, *SICK, "it guesses from the start", "everything", "with norms")
    page.locator(".vgp-advice summary").first.click()
    found = Axe().run(page, options={"preload": False}).response["violations"]
    serious = [(v["id"], v["nodes"]) for v in found if v["impact"] in ("serious", "critical")]
    assert serious == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_without_a_script_all_answers_are_there(show, still):
    page = show(still, before="", java_script_enabled=False)
    page.get_by_text("a transformer", exact=True).first.click()
    cell = page.get_by_role("table").filter(has_text="It guesses from the start").last
    expect(cell).to_contain_text("pre-norm")
    page.get_by_role("link", name="Warm up").first.click()
    expect(page.locator("#chooser-warm_up, [id$=-warm_up]").first).to_be_visible()


def test_a_second_vote_says_whether_the_reader_moved(show):
    page = show(BALLOT.format("spend", "Vote first."), BALLOT.format("spend-again", "And now?"))
    before, now = page.locator("#vote-spend"), page.locator("#vote-spend-again")
    now.get_by_role("radio", name="it depends").check()
    expect(now.get_by_role("status")).to_have_text("")
    before.get_by_role("radio", name="with norms").check()
    expect(now.get_by_role("status")).to_have_text(
        "You have moved, from “with norms” to “it depends”."
    )
    expect(before.get_by_role("status")).to_have_text("")
    now.get_by_role("radio", name="with norms").check()
    expect(now.get_by_role("status")).to_have_text("You stay with “with norms”.")
    page.reload()
    expect(before.get_by_role("radio", name="with norms")).to_be_checked()
    expect(now.get_by_role("group")).to_have_accessible_name("And now? Where do you begin?")
