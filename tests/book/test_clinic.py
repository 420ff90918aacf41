"""The clinic on its page: what ails a patient is told when it is solved, and not before."""

import re

import pytest
from playwright.sync_api import expect

from vgplib.experiments.diagnoses import DIAGNOSES, TRUTH
from vgplib.lesson import banks

PAGE = "chapters/07-clinic.html"
LETTERS = "ABCDEFGHIJKL"


def stories() -> list[str]:
    """How each story goes on after its first words and numbers, in the order of the letters."""
    told = (re.split(r"[{\[*]", banks.find("patients", name).story)[0] for name in TRUTH)
    return [text.strip()[:40] for text in told]


@pytest.fixture
def tab(browser, book):
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(f"{book.as_uri()}/{PAGE}")
    yield page
    page.close()


def test_no_story_can_be_seen_or_heard_before_its_patient_is_solved_or_given_up(tab):
    clinic = tab.locator(".vgp-clinic")
    for letter, truth, story in zip(LETTERS, TRUTH.values(), stories(), strict=True):
        clinic.get_by_role("radio", name=f"Patient {letter}").check()
        expect(clinic).to_contain_text(f"Patient {letter}: the evidence")
        for look in clinic.locator(".vgp-bench").get_by_role("radio").all():
            look.check()
            for seen in (tab.locator("body").inner_text(), clinic.aria_snapshot()):
                assert story not in seen
        form = clinic.locator(".vgp-diagnosis")
        form.get_by_role("radio", name=DIAGNOSES[truth][0], exact=True).check()
        form.get_by_role("radio", name="certain").check()
        form.get_by_role("button", name="Commit").click()
        expect(clinic).to_contain_text(story)
        expect(clinic).to_contain_text(f"Patient {letter}: the treatment")
    expect(clinic.locator(".vgp-score")).to_have_text("12 of 12 solved")
    expect(clinic).to_contain_text("When you're certain, you're right.")


def test_without_a_script_the_figures_are_there_and_the_stories_wait_folded_away(browser, book):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{book.as_uri()}/{PAGE}")
    rows = page.get_by_role("table").filter(has_text="updates").locator("tbody tr")
    expect(rows).to_have_count(12)
    for letter, story in zip(LETTERS, stories(), strict=True):
        told = page.locator("details", has=page.get_by_text(f"Patient {letter}", exact=True))
        expect(told.get_by_text(story)).to_be_hidden()
        told.locator("summary").click()
        expect(told.get_by_text(story)).to_be_visible()
    context.close()
