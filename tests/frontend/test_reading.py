"""What a chapter's Markdown becomes on its page: votes, folds, tables, progress; and on paper."""

from __future__ import annotations

import pages
import pytest
from axe_playwright_python.sync_playwright import Axe

CLAIM = (
    '<details class="vgp-claim" id="claim-{id}"><summary>“{said}” <em>Holds, depends, or false? '
    "Decide, then open.</em></summary><p><strong>{verdict}.</strong> Hardly a unit is.</p>"
    "</details>"
)
CLAIMS = [
    CLAIM.format(id="saturate", said="Units *do* saturate.", verdict="False"),
    CLAIM.format(id="depth", said="It is the depth.", verdict="Depends"),
]
AFTER = (
    '<details class="vgp-after"><summary>Made your guess? Here is what happened</summary>'
    "<p>It squares.</p></details>"
)
TABLE = (
    '<table class="dataframe"><thead><tr><th></th><th>activation</th><th>factor</th></tr></thead>'
    f"<tbody><tr><th>0</th><td>sigmoid</td><td>{'0.13 ' * 90}</td></tr></tbody></table>"
).replace("<td>0.13", '<td style="white-space:nowrap">0.13')


def chapter(*parts: str) -> str:
    """An article as Sphinx writes it, with the list of chapters beside it."""
    links = "".join(
        f'<li><a style="color:inherit" href="{name}.html">{name}</a></li>'
        for name in ("page", "other")
    )
    section = '<section id="{0}"><h2>{0}</h2><p style="height:{1}px">Text.</p></section>'
    sections = "".join(
        section.format(*pair) for pair in (("one", 200), ("two", 1500), ("three", 9))
    )
    return (
        f'<link rel="stylesheet" href="{pages.BOOK_STYLE}">'
        f'<nav class="bd-links"><ul>{links}</ul></nav><article class="bd-article"><section>'
        "<h1>Title</h1><p>40 min · 5 experiments · 8 questions</p><p>By the end you can</p>"
        f"<ul><li>say it</li></ul>{''.join(parts)}{sections}</section></article>"
    )


def vote(page, number=0):
    return page.get_by_role("radiogroup").nth(number)


def test_a_claim_is_voted_on_by_keyboard_before_its_verdict_is_told(show):
    page = show(*CLAIMS)
    group = page.get_by_role("radiogroup", name="“Units *do* saturate.”")
    told = page.get_by_text("Hardly a unit is.").first
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")  # on the way to an answer nothing is told
    assert group.get_by_role("radio", checked=True).count() == 0
    assert not told.is_visible()
    page.keyboard.press("Space")
    assert group.get_by_role("radio", checked=True).inner_text() == "Depends"
    said = page.get_by_role("status").first
    assert said.inner_text() == "You said Depends. We'd say False, and here's why:"
    assert told.is_visible()
    assert page.get_by_text("Hardly a unit is.").nth(1).is_hidden()
    colour = "(e) => getComputedStyle(e).color"
    neutral = told.locator("strong").evaluate(colour)
    group.get_by_role("radio", name="False").click()
    assert said.inner_text() == "You said False, and so do we."
    vote(page, 1).get_by_role("radio", name="Depends").click()
    assert page.locator(".vgp-settled strong").nth(1).evaluate(colour) == neutral
    assert page.get_by_text("Decide, then open").count() == 0


def test_a_vote_outlives_a_reload_and_can_be_changed(show):
    page = show(*CLAIMS, pages.quiz())
    vote(page, 1).get_by_role("radio", name="False").click()
    page.reload()
    assert vote(page, 1).get_by_role("radio", checked=True).inner_text() == "False"
    assert vote(page, 0).get_by_role("radio", checked=True).count() == 0
    vote(page, 1).get_by_role("radio", name="Holds").click()
    assert page.get_by_text("You said Holds. We'd say Depends").is_visible()
    page.get_by_role("button", name="Reset this quiz").click()
    assert page.get_by_text("You said Holds. We'd say Depends").is_visible()


def test_what_happened_opens_with_the_chart_and_closes_when_it_asks_again(show):
    page = show(pages.bench(predict=pages.PREDICT), AFTER, pages.bench("free"), AFTER)
    asked, free = page.locator(".vgp-after").all()
    assert free.get_by_text("It squares.").is_visible()  # its bench asks nothing
    assert not asked.get_by_text("It squares.").is_visible()
    asked.locator("summary").click()  # who wants to read on may
    assert asked.get_by_text("It squares.").is_visible()
    asked.locator("summary").click()
    page.get_by_role("button", name="Show me").click()
    assert asked.get_by_text("It squares.").is_visible()
    assert asked.locator("summary").inner_text() == "Made your guess? Here is what happened"
    page.locator("#error-signal").get_by_role("button", name="Reset").click()
    assert not asked.get_by_text("It squares.").is_visible()
    assert free.get_by_text("It squares.").is_visible()


def test_without_scripts_a_claim_and_a_fold_open_by_themselves(show):
    page = show(CLAIMS[0], AFTER, chapter(), java_script_enabled=False)
    page.get_by_text("Units *do* saturate.").click()
    assert page.get_by_text("Hardly a unit is.").is_visible()
    page.get_by_text("Made your guess?").click()
    assert page.get_by_text("It squares.").is_visible()
    assert page.get_by_role("navigation").inner_text().split() == ["page", "other"]


def test_on_paper_everything_is_told_and_the_question_asked(show):
    folded = "<details><summary>Deeper</summary><p>The matrix.</p></details>"
    page = show(pages.bench(predict=pages.PREDICT), AFTER, *CLAIMS, folded)
    page.emulate_media(media="print")
    told = ["The matrix.", "It squares.", "Double the depth: what happens"]
    assert all(page.get_by_text(text).first.is_visible() for text in told)
    assert [e.is_visible() for e in page.get_by_text("Hardly a unit is.").all()] == [True, True]
    for gone in ["Check my guess", "Show me", "Holds"]:
        assert not any(part.is_visible() for part in page.get_by_text(gone, exact=True).all()), gone
    breaks = "(e) => getComputedStyle(e).breakInside"
    assert {page.locator(f).first.evaluate(breaks) for f in (".vgp-claim", ".vgp-bench")} == {
        "avoid"
    }


def test_the_list_of_chapters_says_how_far_the_reader_is(show):
    page = show(chapter(), pages.quiz() | {"spec": pages.quiz()["spec"] | {"chapter": "page"}})
    here, other = page.get_by_role("navigation").get_by_role("link").all()
    page.get_by_text("1 of 3 sections").wait_for()
    page.get_by_role("radio").nth(1).check()
    assert here.inner_text() == "page\n1 of 3 sections, 1 of 4 questions"
    assert other.inner_text() == "other"
    page.locator("#three").scroll_into_view_if_needed()
    page.get_by_text("3 of 3 sections").wait_for()
    for text, number in (("1.7e-13", 0), ("ReLU", 1)):
        page.get_by_role("textbox").nth(number).fill(text)
        page.keyboard.press("Enter")
    for number in (0, 2):
        page.get_by_role("checkbox").nth(number).check()
    page.get_by_role("button", name="Check").nth(0).click()
    assert here.inner_text() == "page\n✓ done"
    page.reload()
    assert here.inner_text() == "page\n✓ done"


def test_a_wide_table_scrolls_in_its_own_box(show):
    page = show(chapter(TABLE))
    page.set_viewport_size({"width": 380, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    box = page.get_by_role("group", name="Table: activation, factor")
    box.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.vgp-wide').scrollLeft > 0")
    hint = "(box) => getComputedStyle(box, '::before').content"
    assert "Scroll sideways" in box.evaluate(hint)
    box.locator("td").last.evaluate("(cell) => (cell.textContent = '0.13')")
    page.wait_for_function("!document.querySelector('.vgp-wide').matches('.vgp-over')")
    assert box.evaluate(hint) == "none"
    assert page.locator("th:empty").count() == 0
    sides = "(cell) => getComputedStyle(cell).textAlign"
    assert {cell.evaluate(sides) for cell in page.locator("th, td").all()} == {"left"}


def test_the_top_of_a_chapter_is_told_apart(show):
    page = show(chapter())
    ink = "(e) => getComputedStyle(e).color"
    line = page.get_by_text("40 min · 5 experiments")
    assert line.evaluate(ink) != page.get_by_text("Text.").first.evaluate(ink)
    assert page.locator(".vgp-objectives").inner_text().split("\n\n") == [
        "By the end you can",
        "say it",
    ]


@pytest.mark.parametrize("chosen, other", [(".vgp-choice", 1), (".vgp-votes button", 1)])
def test_forced_colours_tell_what_is_chosen_by_more_than_weight(show, chosen, other):
    page = show(pages.bench(), CLAIMS[0], pages.quiz(), forced_colors="active")
    vote(page, 1).get_by_role("radio").first.click()
    paint = "(e) => getComputedStyle(e.querySelector('span') ?? e).backgroundColor"
    first, second = (page.locator(chosen).nth(k).evaluate(paint) for k in (0, other))
    assert first != second


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_votes_folds_and_progress_are_accessible(show, theme):
    page = show(chapter(TABLE), *CLAIMS, pages.bench(predict=pages.PREDICT), AFTER)
    page.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
    page.get_by_text("1 of 3 sections").wait_for()
    vote(page, 0).get_by_role("radio", name="Depends").click()
    found = Axe().run(page, options={"preload": False}).response["violations"]
    serious = [(v["id"], v["nodes"]) for v in found if v["impact"] in ("serious", "critical")]
    assert serious == []
