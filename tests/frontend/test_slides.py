"""A page as slides: its own text, shortened; its benches, alive; and nothing told too early."""

from __future__ import annotations

import json
import shutil

import pages
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

BENCH = pages.place(pages.bench(predict=pages.PREDICT | {"show": {"depth": 30}}))
QUIZ = pages.place(pages.quiz())
CHAPTER = f"""
<article class="bd-article"><section id="chapter"><h1>A chapter</h1><p>5 min · 1 experiment</p>
<section id="one"><h2>Why?<a class="headerlink" href="#one">#</a></h2>
<p>A first sentence says what it is all about, and says it at some length. It has <em>three</em>
friends. They explain, and give an example or two, and only then do they come to an end.</p>
<div class="cell"><div class="cell_output">{BENCH}</div></div>
<details class="vgp-after"><summary>Made your guess?</summary><p>Look at the axis.</p></details>
</section>
<section id="said"><h2>Things people say</h2>
<details class="vgp-claim" id="claim-relu"><summary>“ReLU solves it.”</summary>
<p><strong>Depends.</strong> On the weights.</p></details>
<details class="vgp-solution"><summary>Show me a solution</summary><p>It's 4.</p></details>
</section>
<section id="check"><h2>Check yourself</h2><div class="cell">{QUIZ}</div></section>
<section id="in-short"><h2>In short</h2><p>{"One sentence of several. " * 9}</p></section>
<section id="go-further"><h2>Go further</h2><p>Papers.</p></section>
</section></article>"""
GUESSED = """localStorage.setItem("vgp-progress", JSON.stringify({
  version: 1, answers: {}, guesses: { double: "it halves" }, votes: { "claim-relu": "holds" },
}))"""


@pytest.fixture
def present(show):
    """``present(address)`` shows the chapter as slides, by default from the first one on."""

    def opened(hash: str = "", width: int = 1280, height: int = 720, **options) -> Page:
        page = show(CHAPTER, hash=f"?present{hash}", **options)
        page.set_viewport_size({"width": width, "height": height})
        page.locator(".vgp-deck.ready").wait_for()
        return page

    return opened


def slide(page: Page):
    return page.locator("section.vgp-slide.present")


def title(page: Page) -> str:
    return slide(page).locator("h1, h2").inner_text()


def at(page: Page) -> str | None:
    return slide(page).get_attribute("id")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tall(of) -> float:
    """How large the type is on the screen, in pixels."""
    return of.evaluate(
        """(part) => parseFloat(getComputedStyle(part).fontSize)
            * part.getBoundingClientRect().height / part.offsetHeight"""
    )


def test_each_part_of_a_page_has_its_slide_and_what_is_for_one_reader_has_none(present):
    page = present()
    seen = []
    for _ in range(page.locator("section.vgp-slide").count()):
        seen.append(title(page))
        press(page, *["PageDown"] * (1 + slide(page).locator(".vgp-step:not(.visible)").count()))
    people, check = ["Things people say"] * 2, ["Check yourself"] * 4
    assert seen == ["A chapter", "Why?", "Why? 2.1", "Why?", *people, *check, "In short"]


def test_a_paragraph_is_its_first_sentences_until_the_whole_text_is_wanted(present):
    page = present("#/one")
    rest = page.get_by_text("They explain")
    expect(page.get_by_text("A first sentence")).to_be_visible()
    expect(rest).to_be_hidden()
    press(page, "w")
    expect(rest).to_be_visible()
    assert "some length. It has three friends. They" in " ".join(slide(page).inner_text().split())
    press(page, "w")
    expect(rest).to_be_hidden()
    press(page, "End")
    assert slide(page).inner_text().count("One sentence") == 9  # what is in short already


def test_the_arrow_shows_the_answer_before_it_goes_on_and_nothing_tells_it_earlier(present):
    page = present("#/one-2", before=GUESSED)
    bench = slide(page).locator(".vgp-bench")
    expect(bench.get_by_text("Double the depth")).to_be_visible()
    expect(bench.locator(".vgp-plot")).to_be_hidden()
    page.evaluate("location.hash = '#/one-3'")
    expect(page.get_by_text("Look at the axis.")).to_be_hidden()
    press(page, "ArrowLeft", "ArrowRight")
    assert at(page) == "one-2"
    expect(bench.locator(".vgp-plot")).to_be_visible()
    expect(bench.get_by_text("The answer", exact=True)).to_be_visible()
    expect(page.get_by_text("Look at the axis.")).to_be_hidden()
    press(page, "ArrowRight")
    expect(page.get_by_text("Look at the axis.")).to_be_visible()


def test_a_verdict_and_a_solution_wait_for_the_arrow(present):
    page = present("#/said", before=GUESSED)
    expect(page.get_by_text("ReLU solves it.")).to_be_visible()
    verdict, solution = page.get_by_text("On the weights."), page.get_by_text("It's 4.")
    expect(verdict).to_be_hidden()
    press(page, "ArrowRight")
    expect(verdict).to_be_visible()
    press(page, "ArrowRight")
    expect(page.get_by_text("Show me a solution")).to_be_visible()
    expect(solution).to_be_hidden()
    press(page, "ArrowRight")
    expect(solution).to_be_visible()
    press(page, "ArrowLeft")
    expect(solution).to_be_hidden()


def test_what_a_room_answers_is_not_the_readers_progress(present):
    page = present("#/one-2", before=GUESSED)
    kept = "localStorage.getItem('vgp-progress')"
    before = page.evaluate(kept)
    slide(page).get_by_label("it squares").check()
    slide(page).get_by_role("button", name="Check my guess").click()
    expect(slide(page).get_by_text("✓ Your prediction: right")).to_be_visible()
    page.evaluate("location.hash = '#/check-2'")
    slide(page).get_by_label("small weights").check()
    slide(page).get_by_role("button", name="Check").click()
    assert page.evaluate(kept) == before
    assert json.loads(before)["guesses"] == {"double": "it halves"}


def test_each_question_can_be_answered_on_its_own(present):
    page = present("#/check")
    for answer in ("1.7e-13", "ReLU"):
        slide(page).locator("input").first.wait_for()
        while not slide(page).get_by_role("textbox").count():
            press(page, "PageDown")
        slide(page).get_by_role("textbox").fill(answer)
        press(page, "Enter")
        expect(slide(page).get_by_text("Right:")).to_be_visible()
        expect(slide(page).get_by_text("Question 1 of 1.")).to_be_hidden()
        press(page, "PageDown")
    assert title(page) == "In short"


def test_a_control_keeps_its_arrows_until_escape_and_a_remote_needs_no_escape(present):
    page = present("#/one-2")
    press(page, "ArrowRight")
    slider = slide(page).get_by_role("slider", name="Weight scale")
    slider.focus()
    before = slider.input_value()
    press(page, "ArrowLeft")
    assert slider.input_value() != before
    assert at(page) == "one-2"
    press(page, "Escape")
    expect(slide(page).locator("h2")).to_be_focused()
    press(page, "ArrowLeft")
    assert at(page) == "one"
    press(page, "ArrowRight")
    slider.focus()
    press(page, "PageDown")
    assert at(page) == "one-3"


def test_space_presses_the_button_that_has_the_focus_and_goes_on_elsewhere(present):
    page = present("#/one-2")
    slide(page).get_by_role("button", name="Show me").focus()
    press(page, "Space")
    expect(slide(page).locator(".vgp-plot")).to_be_visible()
    assert at(page) == "one-2"


def test_escape_leaves_to_the_place_that_the_slide_is_from(present):
    page = present("&seed=monday#/one-3")
    press(page, "Escape")
    page.wait_for_url("**/page.html?seed=monday#one")
    expect(page.get_by_role("heading", name="Go further")).to_be_visible()
    expect(page.locator(".vgp-deck")).to_have_count(0)


def test_the_address_leads_to_a_slide_and_to_a_setting_of_a_bench(present):
    page = present("#/one")
    press(page, "End", "PageUp")
    page.wait_for_url("**#/check-4")
    page.reload()
    page.locator(".vgp-deck.ready").wait_for()
    assert at(page) == "check-4"
    page.evaluate("location.hash = '#error-signal?activation=tanh&depth=20'")
    expect(slide(page).locator(".vgp-plot")).to_be_visible()
    expect(slide(page).get_by_role("radio", name="tanh")).to_be_checked()


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (1024, 768)])
def test_it_is_read_from_the_last_row_and_all_of_a_bench_is_in_view(present, size):
    page = present("#/one", *size)
    scale = min(size[0] / 1280, size[1] / 720)
    assert tall(slide(page).locator("p").first) >= 28 * scale
    press(page, "ArrowRight")
    assert tall(slide(page).locator(".vgp-predict legend")) >= 26 * scale
    press(page, "ArrowRight")
    bench = slide(page).locator(".vgp-bench")
    page.wait_for_timeout(300)  # until its type has been fitted
    for part in ("first", "last"):
        box = getattr(bench.locator(".vgp-control"), part).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= size[1]
    for part in (bench.locator(".vgp-verdict"), bench.locator(".vgp-plot")):
        box = part.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= size[0]
        assert box["y"] + box["height"] <= size[1]
    assert tall(bench.locator(".vgp-verdict dd")) >= 26 * scale
    assert tall(bench.locator(".vgp-picture")) >= 16 * scale
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_the_pointer_reads_the_value_that_it_is_over(present):
    page = present("#/one-2", 1920, 1080)
    press(page, "ArrowRight")
    page.wait_for_timeout(300)
    lines = slide(page).locator(".vgp-plot text")
    tick = lines.get_by_text("20", exact=True).bounding_box()
    chart = pages.box(page, ".present .vgp-plot")
    page.mouse.move(tick["x"] + tick["width"] / 2, chart["y"] + chart["height"] / 2)
    expect(slide(page).locator(".vgp-tip strong")).to_have_text("layers back from the loss: 20")


def test_what_is_not_shown_cannot_be_reached(present):
    page = present()
    for _ in range(8):
        press(page, "Tab")
        hidden = "document.activeElement.closest('.vgp-slide:not(.present), article')"
        assert page.evaluate(f"{hidden} === null")
    assert "Look at the axis" not in page.locator(".vgp-deck").aria_snapshot()
    assert "On the weights" not in page.locator(".vgp-deck").aria_snapshot()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_slides_are_accessible(present, scheme):
    page = present("#/one-2", color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(f"document.documentElement.dataset.theme = '{scheme}'")
    for _ in range(4):
        found = Axe().run(page, options={"preload": False}).response["violations"]
        serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
        assert [(rule["id"], rule["nodes"][0]["html"]) for rule in serious] == []
        press(page, "ArrowRight")


def test_where_the_slides_are_missing_the_page_is_there_to_read(browser, tmp_path):
    for name in ("vgp.js", "vgp.css"):
        shutil.copy(pages.DIST / name, tmp_path)
    text = pages.page(CHAPTER).replace(pages.DIST.as_uri(), tmp_path.as_uri())
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri() + "?present")
    expect(page.get_by_role("heading", name="Go further")).to_be_visible()
    expect(page.get_by_text("Double the depth")).to_be_visible()
    page.close()


def test_hands_are_counted_beside_the_question(present):
    page = present("&hands#/one-2", color_scheme="light")
    slide(page).get_by_text("Show of hands").click()
    for option in ("it halves", "it squares"):
        slide(page).locator(".vgp-hands").get_by_role("spinbutton", name=option).fill("7")
    question = slide(page).locator(".vgp-predict").bounding_box()
    counted = slide(page).locator(".vgp-hands").bounding_box()
    assert counted["x"] + counted["width"] <= question["x"]
    assert counted["y"] + counted["height"] <= 720
