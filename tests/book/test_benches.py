"""The benches and quizzes of the real pages: alive without a kernel and without a network."""

import json
import re
from pathlib import Path
from urllib.parse import urlencode

import controls
import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Locator, Page, expect
from toc import LESSONS

import vgplib as vgp
from tools.environment import ROOT

QUIZZES = [page for page in LESSONS if page.startswith("chapters/")]


def count(page: str) -> int:
    """How many benches a page has; the clinic's come and go, and have tests of their own."""
    return (ROOT / page).with_suffix(".ipynb").read_text("utf-8").count("vgp.bench(")


PAGES = [page for page in ["intro.html", *QUIZZES] if count(page)]
# What rightly changes nothing where a page opens: a limit, while nothing is clipped.
STILL = {("clipping-cliff", "limit")}


def states(book: Path, page: str, kind: str = "bench") -> list[dict]:
    soup = BeautifulSoup((book / page).read_text("utf-8"), "html.parser")
    found = [json.loads(s.string) for s in soup.find_all("script", class_="vgp-state")]
    return [state for state in found if state["kind"] == kind]


def opened(browser: Browser, root: str, page: str) -> Page:
    """A page of the book at ``root``, whose every request that leaves the book is refused."""
    tab = browser.new_page(viewport={"width": 1280, "height": 1000})
    tab.set_default_timeout(10_000)
    inside = re.compile(re.escape(root))
    tab.route(
        "**/*",
        lambda route: route.continue_() if inside.match(route.request.url) else route.abort(),
    )
    tab.goto(f"{root}/{page}")
    return tab


def bench(tab: Page, key: str) -> Locator:
    found = tab.locator(f"[id='{key}'] .vgp-bench")
    controls.reveal(found)
    return found


def named(of: Locator) -> str:
    """What a chart is called: its bench, its setting and its readouts."""
    return str(of.locator(".vgp-plot").get_attribute("aria-label"))


@pytest.mark.parametrize("page", PAGES)
def test_every_control_moves_what_is_measured_or_says_that_it_does_not(browser, book, page):
    tab = opened(browser, book.as_uri(), page)
    for state in states(book, page):
        key = state["spec"]["id"]
        shown = bench(tab, key)
        for number, control in enumerate(state["spec"]["controls"]):
            before = controls.seen(shown)
            controls.move(shown, number, control)
            told = shown.get_by_text("That changes nothing here")
            assert told.is_visible() == (controls.seen(shown) == before), (key, control["name"])
            assert told.is_hidden() or (key, control["name"]) in STILL
            shown.get_by_role("button", name="Reset").press("Enter")
            controls.reveal(shown)
        film = shown.get_by_role("slider", name="Moment")
        if film.count():
            before = controls.seen(shown)
            film.press("ArrowLeft")
            assert controls.seen(shown) != before, key
    tab.close()


def test_what_was_before_stands_on_the_bar_of_its_own_series(browser, book):
    tab = opened(browser, book.as_uri(), "chapters/01-gradients.html")
    shown = bench(tab, "backprop-by-hand")  # the answer moves it from tanh to sigmoid
    now, past = (
        [
            value
            for name in ("signal", "weight_grad")
            for value in vgp.run("backprop-by-hand", activation=activation)[name].values[0]
        ]
        for activation in ("sigmoid", "tanh")
    )
    bars = shown.locator(".vgp-bar").evaluate_all(
        "(all) => all.map((bar) => bar.getBBox()).map((b) => [b.x, b.y, b.width, b.height])"
    )
    paths = shown.locator(".vgp-level.vgp-ghost").evaluate_all(
        "(all) => all.map((path) => path.getAttribute('d'))"
    )
    marks = [(float(x), float(y)) for d in paths for x, y in re.findall(r"M([\d.]+) ([\d.]+)h", d)]
    assert len(marks) == len(bars) == 6
    unit = bars[2][3] / abs(now[2])  # pixels to one
    for (left, ground, width, _), before in zip(bars, past, strict=True):
        (mark,) = [y for x, y in marks if left - 4 < x < left + width / 2]
        assert mark - ground == pytest.approx(unit * abs(before), abs=1.5)
    tab.close()


@pytest.mark.parametrize("page", [page for page in PAGES if count(page) > 1])
def test_a_linked_setting_is_restored_and_disturbs_no_other_bench(browser, book, page):
    first, second = states(book, page)[:2]
    spec = first["spec"]
    wanted = {
        c["name"]: (c.get("values") or [o["value"] for o in c["options"]])[-1]
        for c in spec["controls"]
    }
    untouched = opened(browser, book.as_uri(), page)
    other = named(bench(untouched, second["spec"]["id"]))
    untouched.close()

    tab = opened(browser, book.as_uri(), f"{page}#{spec['id']}?{urlencode(wanted)}")
    assert named(tab.locator(f"[id='{spec['id']}'] .vgp-bench")).endswith(
        first["frames"][-1]["summary"]
    )
    assert named(bench(tab, second["spec"]["id"])) == other
    tab.close()


@pytest.mark.parametrize("page", PAGES)
def test_the_copied_python_gives_the_same_picture(browser, book, page):
    """And measures: all of it is run for the first bench, and the first that overlays several."""
    tab = opened(browser, book.as_uri(), page)
    measured = set()
    for state in states(book, page):
        shown = bench(tab, state["spec"]["id"])
        shown.get_by_role("button", name="Copy as Python").press("Enter")
        code = shown.locator("pre").inner_text()
        setting, run, look = re.fullmatch(
            r"(.*)(data = .*)(vgp\.bench.*)", code, re.DOTALL
        ).groups()
        scope: dict = {}
        exec(f"{setting}again = {look}", scope)
        figures = shown.locator(":is(.vgp-figures dd, .vgp-rows td span)").all_inner_texts()
        rows = scope["again"].frame.get("rows", [scope["again"].frame])
        assert figures == [readout["text"] for row in rows for readout in row["readouts"]]
        several = " for one in " in run
        if several not in measured:  # of several, the first is enough
            scope |= {name: value[:1] for name, value in scope.items() if isinstance(value, list)}
            exec(run, scope)
            runs = scope["data"].values() if several else [scope["data"]]
            seeds = vgp.experiments.experiment(state["spec"]["experiment"]).seeds
            assert {run.sizes["seed"] for run in runs} == {seeds}
        measured.add(several)
    tab.close()


@pytest.mark.parametrize("page", PAGES)
def test_without_scripts_there_are_pictures_descriptions_tables_and_answers(browser, book, page):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{book.as_uri()}/{page}")
    benches = states(book, page)
    assert benches
    for state in benches:
        where = tab.locator(f"[id='{state['spec']['id']}']")
        still = where.locator("svg[role=img]")
        if state["spec"]["predict"]:  # the question stands open, the picture is folded away
            expect(where.locator(".vgp-question")).to_be_visible()
            expect(still).to_be_hidden()
            where.get_by_text("Show the chart").click()
        expect(still).to_be_visible()
        frame = frame_of(state)
        assert frame["readouts"][0]["text"] in still.get_attribute("aria-label")
        expect(where.locator("figcaption")).to_contain_text(frame["summary"])
        where.get_by_text("Data table").click()
        expect(where.locator("table")).to_be_visible()
        assert where.locator("tbody tr").count() >= 2
    for state in states(book, page, "quiz"):
        where = tab.locator(f"[id='{state['spec']['id']}']")
        assert where.locator("details").count() == len(state["spec"]["questions"])
    context.close()


def frame_of(state: dict) -> dict:
    """The frame of the setting that a page opens with."""
    index = 0
    for control in state["spec"]["controls"]:
        values = control.get("values") or [o["value"] for o in control["options"]]
        value = state["settings"][control["name"]]  # of several options, the first
        at = values.index(value[0] if isinstance(value, list) else value)
        index = index * len(values) + at
    return state["frames"][index]


def test_print_shows_the_chart_at_the_shown_setting_and_no_controls(browser, book):
    tab = opened(browser, book.as_uri(), "intro.html")
    shown = bench(tab, "error-signal")
    shown.get_by_role("slider").press("End")
    label = named(shown)
    assert "50 layers" in label
    tab.emulate_media(media="print")
    expect(shown.locator(".vgp-plot")).to_be_visible()
    assert named(shown) == label
    expect(shown.get_by_role("slider")).to_be_hidden()
    expect(shown.get_by_role("button", name="Reset")).to_be_hidden()
    tab.close()


@pytest.mark.parametrize("page", QUIZZES)
def test_a_question_answers_and_the_answer_stays(browser, site, book, page):
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(f"{site}/{page}")
    (state,) = states(book, page, "quiz")
    number, question = next(
        (k, q) for k, q in enumerate(state["spec"]["questions"]) if q["type"] == "multiple_choice"
    )
    right = next(k for k, a in enumerate(question["answers"]) if a["correct"])
    asked = tab.locator(".vgp-quiz fieldset").nth(number)
    asked.get_by_role("radio").nth(right).check()
    expect(asked).to_contain_text("Right:")
    tab.reload()
    expect(tab.locator(".vgp-quiz")).to_contain_text(f"1 of {len(state['spec']['questions'])}")
    context.close()


def test_what_was_to_be_seen_is_told_after_the_guess(browser, book):
    tab = opened(browser, book.as_uri(), "chapters/02-causes.html")
    told = tab.locator("details.vgp-after > p").first
    expect(told).to_be_hidden()
    tab.emulate_media(media="print")
    expect(told).to_be_visible()
    tab.emulate_media(media="screen")
    bench(tab, "chain")
    expect(told).to_be_visible()
    tab.close()
