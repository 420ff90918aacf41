"""A quiz: its four types of question, and the progress that it keeps."""

from __future__ import annotations

import json

import pages
import pytest

STORE = "localStorage.getItem('vgp-progress')"


@pytest.fixture
def page(show):
    return show(pages.quiz())


def question(page, number):
    return page.get_by_role("group", name=f"Question {number} of 4.")


def answer(page, number, text):
    part = question(page, number)
    part.get_by_role("textbox").fill(text)
    part.get_by_role("button", name="Check").click()
    return part.locator("> .vgp-feedback").inner_text()


def score(page):
    return page.locator(".vgp-score").inner_text()


def stored(page):
    return json.loads(page.evaluate(STORE))


def test_one_choice_is_answered_at_once_under_the_option(page):
    first = question(page, 1)
    first.get_by_role("radio").nth(0).check()
    option = first.locator("label").nth(0)
    assert first.get_by_text("Not yet: that adds the factors.").is_visible()
    assert "vgp-wrong" in option.get_attribute("class")
    first.get_by_role("radio").nth(1).check()
    assert first.get_by_text("Right: 0.23 to the 20th.").is_visible()
    assert first.get_by_text("Not yet").count() == 0
    assert score(page) == "1 of 4 answered right"


def test_a_right_answer_counts_for_good(page):
    first = question(page, 1)
    first.get_by_role("radio").nth(1).check()
    first.get_by_role("radio").nth(0).check()  # what would that one have said?
    assert first.get_by_text("Not this time: that adds the factors.").is_visible()
    assert answer(page, 3, "1.7e-13") == "Right: well computed."
    counts = "You had it right before, and that still counts."
    assert answer(page, 3, "4.6").split("\n\n") == ["Not this time: you added.", counts]
    assert page.get_by_text(counts).count() == 2
    assert score(page) == "2 of 4 answered right"
    page.reload()
    assert score(page) == "2 of 4 answered right"
    assert first.get_by_role("radio").nth(1).is_checked()
    assert question(page, 3).get_by_role("textbox").input_value() == "1.7e-13"


def test_several_choices_are_checked_together(page):
    second = question(page, 2)
    boxes = second.get_by_role("checkbox")
    check = second.get_by_role("button", name="Check")
    check.click()
    assert second.get_by_text("Choose at least one.").is_visible()
    boxes.nth(0).check()
    assert second.get_by_text("Right").count() == 0
    check.click()
    assert second.get_by_text("Right: each layer multiplies by it.").is_visible()
    assert second.get_by_text("Not yet: 1 of 2 found.").is_visible()
    boxes.nth(1).check()
    boxes.nth(2).check()
    check.click()
    assert second.get_by_text("Not yet: it scales the step, not the signal.").is_visible()
    assert second.get_by_text("Not yet: 2 of 2 found, and not all you chose belong.").is_visible()
    assert score(page) == "0 of 4 answered right"
    boxes.nth(1).uncheck()
    check.click()
    assert second.get_by_text("Right: these are all of them.").is_visible()
    assert score(page) == "1 of 4 answered right"


def test_a_number_can_be_written_as_people_write_it(page):
    assert question(page, 3).locator("label").inner_text().endswith("0.001, 1e-3 or 10^-3)")
    for text in [
        *("1.7e-13", "1.7*10^-13", "1.7 × 10⁻¹³", "1.7·10^(-13)", "0.00000000000017"),
        *("1,7e-13", "17/10^14", "1.7x10**-13", "1.7e-11 %", "0,000 000 000 000 170"),
        *("sqrt(2.89)/10^13", "1.7 * 100**(-13/2)", "√2.89 × 10⁻¹³"),
    ]:
        page.get_by_role("button", name="Reset this quiz").click()
        assert answer(page, 3, "0") == "Not yet: use 0.23 ** 20."
        assert answer(page, 3, text) == "Right: well computed.", text


def test_a_number_is_judged_by_the_first_answer_that_fits(page):
    for text, said in [
        ("1.75e-13", "Right: well computed."),  # within the tolerance
        ("1.9e-13", "Not yet: use 0.23 ** 20."),
        ("4.6", "Not yet: you added."),
        ("-1", "Not yet: use 0.23 ** 20."),
        ("460 %", "Not yet: you added."),  # a share is asked for, so this is 4.6
        ("1/0", "Write a number, such as 0.001, 1e-3 or 10^-3."),
        ("1.2.3", "Write a number, such as 0.001, 1e-3 or 10^-3."),
        ("1 2", "Write a number, such as 0.001, 1e-3 or 10^-3."),
        ("1,000", "1,000 is 1000 to some and 1.000 to others: write one of these."),
        ("1,234.5", "1,234 is 1234 to some and 1.234 to others: write one of these."),
        ("a lot", "Write a number, such as 0.001, 1e-3 or 10^-3."),
        ("", "Write a number, such as 0.001, 1e-3 or 10^-3."),
    ]:
        page.get_by_role("button", name="Reset this quiz").click()
        assert answer(page, 3, text) == said, text


def test_where_the_right_answer_is_whole_nothing_hints_at_powers_of_ten(show):
    state = pages.quiz()
    state["spec"]["questions"][2]["answers"][0] |= {"value": 12, "tolerance": 0}
    page = show(state)
    label = question(page, 3).locator("label")
    assert label.inner_text() == "Your answer"
    assert answer(page, 3, "many") == "Write a number."
    assert answer(page, 3, "12") == "Right: well computed."


def test_a_word_is_judged(page):
    for text, said in [
        ("tanh", "Not yet: look at the gallery."),
        ("relu", "Right: its slope is 1 there."),
        ("  ReLU ", "Right: its slope is 1 there."),
        ("", "Write an answer first."),
    ]:
        assert answer(page, 4, text) == said, text


def test_the_keyboard_alone_can_do_a_quiz(page):
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    assert page.get_by_text("Right: 0.23 to the 20th.").is_visible()
    question(page, 3).get_by_role("textbox").focus()
    page.keyboard.type("1.7e-13")
    page.keyboard.press("Enter")
    assert score(page) == "2 of 4 answered right"


def test_feedback_is_announced(page):
    question(page, 1).get_by_role("radio").nth(0).check()
    live = page.locator("[aria-live=polite]").filter(has_text="that adds the factors")
    assert live.count() == 1


def test_where_to_look_is_for_those_who_are_stuck(page):
    first = question(page, 1).locator("xpath=..")
    link = first.get_by_role("link", name="Experiment 2.1")
    assert link.count() == 0
    first.get_by_role("radio").nth(1).check()
    assert link.count() == 0
    page.get_by_role("button", name="Reset this quiz").click()
    first.get_by_role("radio").nth(0).check()
    assert link.get_attribute("href") == "#error-signal?depth=20"
    page.get_by_role("button", name="Reset this quiz").click()
    assert link.count() == 0
    first.get_by_text("Hint").click()
    assert first.get_by_text("Multiply, twenty times.").is_visible()
    link.wait_for()


def test_mathematics_is_mathematics(page):
    names = page.evaluate(
        "[...document.querySelectorAll('.vgp-option math *')].map((e) => e.namespaceURI)"
    )
    assert names == ["http://www.w3.org/1998/Math/MathML"] * 3


def test_progress_is_kept_in_the_browser_and_restored(page):
    question(page, 1).get_by_role("radio").nth(1).check()
    answer(page, 4, "tanh")
    expected = {"left": {"choice": 1}, "word": {"choice": "tanh"}}
    assert stored(page)["answers"] == {"02-causes": expected}
    page.reload()
    assert score(page) == "1 of 4 answered right"
    assert question(page, 1).get_by_text("Right: 0.23 to the 20th.").is_visible()
    assert question(page, 4).get_by_role("textbox").input_value() == "tanh"


def test_progress_can_be_exported_imported_and_reset(show, tmp_path):
    """All of it: answers, and what was guessed before a chart."""
    page = show(pages.bench(predict=pages.PREDICT), pages.quiz())
    page.get_by_role("radio", name="it halves").check()
    page.get_by_role("button", name="Check my guess").click()
    question(page, 1).get_by_role("radio").nth(1).check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export progress").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert json.loads(path.read_text()) == stored(page)
    assert stored(page)["guesses"] == {"double": "it halves"}

    page.get_by_role("button", name="Reset this quiz").click()
    assert score(page) == "0 of 4 answered right"
    assert page.get_by_text("Right:").count() == 0
    assert page.locator(".vgp-quiz").get_by_role("radio", checked=True).count() == 0
    page.locator(".vgp-bench").get_by_role("button", name="Reset").click()
    page.evaluate("localStorage.clear()")

    page.locator("input[type=file]").set_input_files(path)
    page.get_by_text("Progress imported.").wait_for()
    assert score(page) == "1 of 4 answered right"
    assert page.locator(".vgp-guess summary").inner_text() == "✗ Your prediction: not quite"
    assert question(page, 1).get_by_role("radio").nth(1).is_checked()
    page.reload()
    assert page.locator(".vgp-guess summary").inner_text() == "✗ Your prediction: not quite"


def test_a_file_without_progress_changes_nothing(page, tmp_path):
    question(page, 1).get_by_role("radio").nth(1).check()
    path = tmp_path / "other.json"
    for wrong in (
        {"answers": {"02-causes": {"left": 3}}},
        {"answers": {}, "guesses": {"double": 1}},
    ):
        path.write_text(json.dumps({"version": 1} | wrong))
        page.locator("input[type=file]").set_input_files(path)
        page.get_by_text("This file holds no progress.").wait_for()
    assert score(page) == "1 of 4 answered right"


def test_a_damaged_store_is_set_aside(page):
    later = '{"version": 7, "answers": {}}'
    for damage in ["{oops", "null", "[]", later, '{"version":1,"answers":{"a":[1]}}']:
        page.evaluate("(text) => localStorage.setItem('vgp-progress', text)", damage)
        page.reload()
        assert page.get_by_text("It was set aside.").is_visible()
        assert page.evaluate("localStorage.getItem('vgp-progress-damaged')") == damage
    question(page, 1).get_by_role("radio").nth(1).check()
    assert score(page) == "1 of 4 answered right"
    assert stored(page)["answers"]["02-causes"] == {"left": {"choice": 1}}


WRONG_ANSWERS = [  # each of a type that some question takes, and this one does not
    {"left": 17, "vanish": [0, 9], "number": "a lot", "word": ""},
    {"left": "1", "vanish": 0, "number": 3, "word": 3},
    {"left": [1], "vanish": [0, 0, 2], "number": [], "word": [0]},
    {"left": -1, "vanish": [], "gone": "x", "length": 2},
]


def test_answers_that_are_none_to_a_question_are_passed_over(page):
    for wrong in WRONG_ANSWERS:
        answers = {name: {"choice": choice, "right": True} for name, choice in wrong.items()}
        store = json.dumps({"version": 1, "answers": {"02-causes": answers}})
        page.evaluate("(text) => localStorage.setItem('vgp-progress', text)", store)
        page.reload()
        assert score(page) == "0 of 4 answered right", wrong
        assert page.get_by_role("radio", checked=True).count() == 0
        assert page.locator(".vgp-feedback > p").count() == 0
    question(page, 1).get_by_role("radio").nth(1).check()
    assert score(page) == "1 of 4 answered right"


def test_a_store_of_wrong_types_never_ends_the_quiz(page, tmp_path):
    path = tmp_path / "other.json"
    wrong = ({}, None, True, -1, 0.5, ["1"], [[1]])
    answers = [{"choice": choice, "right": True} for choice in wrong]
    for answer in [*answers, {}, None, "x"]:
        text = json.dumps({"version": 1, "answers": {"02-causes": {"left": answer}}})
        path.write_text(text)
        page.locator("input[type=file]").set_input_files(path)
        page.get_by_text("This file holds no progress.").wait_for()
        page.evaluate("(text) => localStorage.setItem('vgp-progress', text)", text)
        page.reload()
        assert page.get_by_text("It was set aside.").is_visible(), answer
        assert question(page, 4).is_visible(), answer


def test_another_tab_shows_the_score_and_keeps_what_is_half_written(page):
    question(page, 3).get_by_role("textbox").fill("1.7e-")
    with page.expect_popup() as opened:
        page.evaluate("window.open(location.href)")
    other = opened.value
    question(other, 1).get_by_role("radio").nth(1).check()
    page.get_by_text("1 of 4 answered right").wait_for()
    assert question(page, 1).get_by_role("radio").nth(1).is_checked()
    assert question(page, 3).get_by_role("textbox").input_value() == "1.7e-"
    other.get_by_role("button", name="Reset this quiz").click()
    page.get_by_text("0 of 4 answered right").wait_for()
    other.close()


def test_a_store_that_is_full_leaves_the_answers_on_the_page(show):
    full = """Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError"); };"""
    page = show(pages.quiz(), before=full)
    question(page, 1).get_by_role("radio").nth(1).check()
    answer(page, 4, "ReLU")
    assert score(page) == "2 of 4 answered right"
    assert page.get_by_text("your progress lasts until you leave the page").is_visible()


def test_on_paper_stand_questions_hints_and_answers_and_no_score(page):
    page.emulate_media(media="print")
    for gone in ["Check", "0 of 4 answered right", "Export progress"]:
        assert not any(part.is_visible() for part in page.get_by_text(gone).all()), gone
    assert page.get_by_text("Multiply, twenty times.").is_visible()
    key = page.locator(".vgp-key li").all_inner_texts()
    assert key[1:] == [
        "a slope below 1: each layer multiplies by it.\n\n"
        "small weights: they are the other factor.",
        "1.7e-13: well computed.",
        "ReLU: its slope is 1 there.",
    ]
    page.emulate_media(media="screen")
    assert not page.locator(".vgp-key").is_visible()


def test_a_browser_that_stores_nothing_can_still_do_the_quiz(show):
    blocked = """Object.defineProperty(window, "localStorage", {
      get() { throw new DOMException("blocked", "SecurityError"); } });"""
    page = show(pages.quiz(), before=blocked)
    question(page, 1).get_by_role("radio").nth(1).check()
    answer(page, 4, "ReLU")
    assert score(page) == "2 of 4 answered right"
