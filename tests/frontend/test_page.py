"""Accessibility, and text that stays text."""

from __future__ import annotations

import pages
import pytest
from axe_playwright_python.sync_playwright import Axe


def everything():
    return [
        pages.bench(),
        pages.bench("guess", predict=pages.PREDICT),
        pages.bench("number", predict=pages.PREDICT_NUMBER),
        pages.single("bars", pages.bar_frame()),
        pages.single("two", pages.two_frame()),
        pages.quiz(),
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_accessibility_problem(show, theme):
    page = show(*everything())
    page.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
    bench = page.locator("#error-signal")
    bench.get_by_role("radio", name="tanh").check()
    bench.get_by_role("button", name="Copy as Python").click()
    bench.get_by_role("button", name="Data table").click()
    page.locator("#guess").get_by_role("button", name="Show me").click()
    quiz = page.locator("#quiz-02-causes")
    quiz.get_by_role("radio").nth(0).check()
    quiz.get_by_role("checkbox").nth(0).check()
    for button in quiz.get_by_role("button", name="Check").all():
        button.click()
    # Reading style sheets again would be a request that file:// forbids.
    found = Axe().run(page, options={"preload": False}).response["violations"]
    serious = [(v["id"], v["nodes"]) for v in found if v["impact"] in ("serious", "critical")]
    assert serious == []


def test_text_from_data_is_never_markup(show):
    hostile = [{"text": pages.HOSTILE}]
    bench = pages.bench(
        title=pages.HOSTILE,
        source=pages.HOSTILE,
        caption=[*hostile, {"code": pages.HOSTILE}, {"math": ["math", {}, pages.HOSTILE]}],
        controls=[
            pages.CONTROLS[0] | {"label": hostile},
            pages.CONTROLS[1] | {"labels": [pages.HOSTILE] * 3},
            pages.CONTROLS[2],
        ],
        predict=pages.PREDICT | {"question": hostile, "options": [hostile] * 2},
    )
    for frame in bench["frames"]:
        frame["x"]["label"] = frame["y"]["label"] = frame["summary"] = pages.HOSTILE
        frame["series"][1]["name"] = pages.HOSTILE
        frame["readouts"][2] = {"label": pages.HOSTILE, "text": pages.HOSTILE, "tone": "bad"}
    quiz = pages.quiz()
    quiz["spec"]["questions"][0] |= {"question": hostile, "hint": hostile}
    quiz["spec"]["questions"][0]["answers"][0] |= {"answer": hostile, "feedback": hostile}
    page = show(bench, quiz)
    page.get_by_role("button", name="Show me").click()
    page.get_by_role("button", name="Data table").click()
    page.locator("#quiz-02-causes").get_by_role("radio").nth(0).check()
    shown = page.get_by_text(pages.HOSTILE)
    assert shown.count() > 12
    assert page.locator(".vgp img").count() == 0
    assert page.locator("[onerror]").count() == 0


def test_mathematics_and_links_hold_nothing_that_runs(show):
    tree = [
        "math",
        {"onclick": "alert(1)", "display": "block"},
        ["script", {}, "alert(1)"],
        ["mi", {"href": "javascript:alert(1)", "style": "color:red"}, "x"],
    ]
    links = [{"href": "javascript:alert(1)", "text": "run"}, {"href": "a.html#b", "text": "go"}]
    page = show(pages.bench(caption=[{"math": tree}, *links]))
    caption = page.locator(".vgp-caption")
    assert caption.evaluate("(e) => e.innerHTML") == (
        '<math display="block"><mrow>alert(1)</mrow><mi>x</mi></math>'
        '<span>run</span><a href="a.html#b">go</a>'
    )
