"""What was missed in a quiz waits on a page of its own, until it is answered right."""

import copy
import json

import pages
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect


def repeat():
    quiz = pages.quiz()["spec"]
    other = copy.deepcopy(quiz["questions"])
    quizzes = [
        {"chapter": "02-causes", "title": "Causes", "href": "02.html"},
        {"chapter": "gating", "title": "Gates", "href": "gating.html"},
    ]
    quizzes[0]["questions"], quizzes[1]["questions"] = quiz["questions"], other
    return {"kind": "repeat", "spec": {"id": "repeat", "quizzes": quizzes}}


def missed(page):
    return json.loads(page.evaluate("localStorage.getItem('vgp-progress')"))["missed"]


def test_what_was_answered_wrong_waits_to_be_repeated_and_leaves_when_right(show):
    page = show(pages.quiz(), repeat())
    first = page.get_by_role("group", name="Question 1 of 4.")
    first.get_by_role("radio").nth(0).check()  # wrong
    first.get_by_role("radio").nth(1).check()  # and right, but it was missed
    third = page.get_by_role("group", name="Question 3 of 4.")
    third.get_by_role("textbox").fill("1.7e-13")  # right at once
    third.get_by_role("button", name="Check").click()
    assert missed(page) == {"02-causes": ["left"]}

    page.reload()
    part = page.get_by_role("region", name="What to repeat")
    told = part.get_by_role("status")
    expect(told).to_have_text("1 of 1 left to repeat")
    again = part.get_by_role("group", name="Question 1 of 1.")
    assert part.locator("form").count() == 1
    assert not again.get_by_role("radio").nth(1).is_checked()  # nothing is told
    assert part.get_by_role("link", name="Causes").get_attribute("href") == "02.html"
    again.get_by_role("radio").nth(2).check()
    expect(told).to_have_text("1 of 1 left to repeat")
    again.get_by_role("radio").nth(1).check()
    expect(told).to_contain_text("All repeated")
    assert missed(page) == {"02-causes": []}
    page.reload()
    expect(told).to_contain_text("Nothing to repeat")


def test_a_quiz_that_starts_anew_has_nothing_missed(show):
    page = show(pages.quiz())
    page.get_by_role("group", name="Question 1 of 4.").get_by_role("radio").nth(0).check()
    assert missed(page) == {"02-causes": ["left"]}
    page.get_by_role("button", name="Reset this quiz").click()
    assert missed(page) == {}


def test_the_page_is_accessible(show):
    missed = {"02-causes": ["vanish"], "gating": ["number", "word"]}
    store = json.dumps({"version": 1, "answers": {}, "missed": missed})
    page = show(
        "<h1>What to repeat</h1>",
        repeat(),
        before=f"localStorage.setItem('vgp-progress', {json.dumps(store)})",
    )
    expect(page.get_by_role("status")).to_have_text("3 of 3 left to repeat")
    assert page.locator("form").count() == 3
    found = Axe().run(page, options={"preload": False})
    assert found.response["violations"] == []
