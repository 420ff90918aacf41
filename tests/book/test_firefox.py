"""The pages in Mozilla's Firefox: they open and fit, and what moves in Chromium moves there."""

import re
from collections.abc import Iterator
from pathlib import Path

import controls
import pytest
from playwright.sync_api import Browser, Page, Playwright, expect
from test_benches import PAGES, states
from toc import EVERY

from tools import browser as browsers

DARK = {"ui.systemUsesDarkTheme": 1}  # a setting of the reader's system
# How far into its text the marked word is.
MARKED = "[...(CSS.highlights.get('vgp-spoken') ?? [])][0]?.startOffset ?? 0"


@pytest.fixture(scope="module")
def firefox(playwright: Playwright) -> Iterator[Browser]:
    launched = playwright.firefox.launch(**browsers.options(browsers.FIREFOX))
    yield launched
    launched.close()


@pytest.fixture(scope="module")
def window(firefox: Browser) -> Page:
    """One tab for all: a new one costs more than a page does."""
    return firefox.new_page(viewport={"width": 1280, "height": 900})


@pytest.fixture
def tab(window: Page, book: Path, site: str) -> Iterator[Page]:
    """The tab; nothing in it may go wrong or ask for what is not of the book."""
    wrong: list[str] = []
    listeners = {
        "console": lambda m: m.type in ("error", "warning") and wrong.append(m.text),
        "pageerror": lambda error: wrong.append(str(error)),
        "response": lambda r: r.status >= 400 and wrong.append(f"{r.status} {r.url}"),
        "request": lambda r: (
            r.url.startswith((site, book.as_uri(), "data:", "blob:"))
            or wrong.append(f"asked for {r.url}")
        ),
    }
    for event, listener in listeners.items():
        window.on(event, listener)
    yield window
    for event, listener in listeners.items():
        window.remove_listener(event, listener)
    window.set_viewport_size({"width": 1280, "height": 900})
    window.evaluate("localStorage.clear()")
    assert wrong == []


@pytest.mark.parametrize("page", EVERY)
def test_a_page_opens_with_its_benches_and_fits(tab, site, book, page):
    tab.goto(f"{site}/{page}")
    expect(tab.get_by_role("heading", level=1)).to_be_visible()
    for state in states(book, page):
        drawn = tab.locator(f"[id='{state['spec']['id']}'] .vgp-plot")
        assert drawn.locator(".vgp-line, .vgp-bar, image").count()
    for width in (380, 1280):
        tab.set_viewport_size({"width": width, "height": 900})
        root = tab.evaluate(
            "(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth])"
            "(document.documentElement)"
        )
        assert root[0] <= root[1], (width, root)


@pytest.mark.parametrize("page", PAGES)
def test_a_control_is_moved_by_keyboard(tab, site, book, page):
    tab.goto(f"{site}/{page}")
    spec = states(book, page)[0]["spec"]
    assert moves(tab, spec)


def moves(tab: Page, spec: dict) -> bool:
    """Whether a bench's first control changes what the bench shows."""
    shown = tab.locator(f"[id='{spec['id']}'] .vgp-bench")
    controls.reveal(shown)
    before = controls.seen(shown)
    controls.move(shown, 0, spec["controls"][0])
    return controls.seen(shown) != before


def test_a_file_that_is_opened_works_as_well(tab, book):
    page = "chapters/05-remedies.html"
    tab.goto(f"{book.as_uri()}/{page}")
    assert all(moves(tab, state["spec"]) for state in states(book, page))


def test_guesses_and_answers_are_judged_and_kept(tab, site, book):
    page = "chapters/02-causes.html"
    (quiz,) = states(book, page, "quiz")
    number, question = next(
        (k, q) for k, q in enumerate(quiz["spec"]["questions"]) if q["type"] == "multiple_choice"
    )
    right = next(k for k, answer in enumerate(question["answers"]) if answer["correct"])
    tab.goto(f"{site}/{page}")
    typed, chosen = (tab.locator(f"#{key} .vgp-bench") for key in ("chain", "error-signal"))
    asked = tab.locator(".vgp-quiz fieldset").nth(number)

    typed.get_by_role("textbox", name="My guess").fill("1e-6")
    typed.get_by_role("textbox", name="My guess").press("Enter")
    chosen.get_by_role("radio", name="billionth of a billionth").press("Space")
    chosen.get_by_role("button", name="Check my guess").press("Enter")
    asked.get_by_role("radio").nth(right).press("Space")
    expect(asked).to_contain_text("Right:")
    for _ in range(2):
        expect(typed.locator(".vgp-guess")).to_contain_text("✓ Spot on!")
        expect(chosen.locator(".vgp-guess")).to_contain_text("✓ Your prediction: right")
        expect(chosen.locator(".vgp-plot")).to_be_visible()
        expect(tab.locator(".vgp-quiz")).to_contain_text("1 of 6 answered right")
        tab.reload()


def test_a_text_is_read_aloud_and_its_word_marked(tab, site):
    tab.goto(f"{site}/chapters/01-gradients.html")
    player = tab.get_by_role("group", name="Listen: In short")
    player.get_by_role("button", name="Listen").press("Enter")
    tab.wait_for_function(f"({MARKED}) > 3")
    player.get_by_role("button", name="Pause").press("Enter")
    place = player.get_by_role("slider", name="Position")
    place.press("End")
    expect(place).to_have_attribute("aria-valuetext", re.compile(r"^(\d+) of \1 seconds$"))


def test_dark_is_dark(playwright, site):
    dark = playwright.firefox.launch(**browsers.options(browsers.FIREFOX), firefox_user_prefs=DARK)
    tab = dark.new_page()
    tab.goto(f"{site}/intro.html")
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    light = "(e) => getComputedStyle(e).backgroundColor.match(/\\d+/g).map(Number)"
    assert max(tab.locator("body").evaluate(light)) < 60
    assert max(tab.locator(".vgp-bench").evaluate(light)) < 60
    dark.close()
