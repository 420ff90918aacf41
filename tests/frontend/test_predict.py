"""Predict first: the chart shows when the reader has answered."""

from __future__ import annotations

import json

import pages
import pytest


def assert_hidden(page):
    assert not page.locator(".vgp-plot").is_visible()
    assert not page.locator("dl").is_visible()
    for part in (".vgp-stage", ".vgp-figures"):
        assert page.locator(part).get_attribute("aria-hidden") == "true"
    assert page.get_by_text("Predict first.").is_visible()


def assert_shown(page):
    for part in (".vgp-plot", "dl", ".vgp-tools"):
        assert all(each.is_visible() for each in page.locator(part).all()), part
    assert page.locator(":is(.vgp-stage, .vgp-figures)[aria-hidden]").count() == 0
    assert page.get_by_role("button", name="Data table").count() > 0
    assert page.locator(".vgp-predict:visible").count() == 0


def line(page):
    """What is left of an answered prediction."""
    return page.locator(".vgp-guess summary").inner_text()


def reason(page):
    page.locator(".vgp-guess summary").click()
    return page.locator(".vgp-guess p").inner_text()


@pytest.fixture
def page(show):
    return show(pages.bench(predict=pages.PREDICT))


def test_chart_figures_table_tone_and_controls_wait(page):
    assert_hidden(page)
    for name in ("Data table", "Hear it"):
        assert page.get_by_role("button", name=name).count() == 0
    assert page.locator(".vgp-controls").get_attribute("inert") is not None
    page.get_by_role("button", name="Show me").click()
    page.get_by_role("radio", name="tanh").check()
    page.get_by_role("slider", name="Depth").press("ArrowLeft")
    assert "tanh, 20 layers" in page.locator(".vgp-plot").get_attribute("aria-label")


def test_a_right_guess_shrinks_to_a_line_that_unfolds(page):
    page.get_by_role("radio", name="it squares").check()
    assert_hidden(page)
    page.get_by_role("button", name="Check my guess").click()
    assert line(page) == "✓ Your prediction: right"
    assert_shown(page)
    assert reason(page).startswith("You said: it squares. Each layer multiplies")


def test_a_wrong_guess_by_keyboard(page):
    page.get_by_role("radio", name="it halves").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    told = page.get_by_role("status").filter(has_text="not quite")
    assert told.count() == 1
    assert_shown(page)
    page.keyboard.press("Enter")  # the line has the focus: what had it is gone
    said = page.locator(".vgp-guess p").inner_text()
    assert said.startswith("You said: it halves. The answer: it squares. Each layer")


def test_no_guess_is_asked_for_again(page):
    page.get_by_role("button", name="Check my guess").click()
    assert "Choose one" in page.locator(".vgp-result").inner_text()
    assert_hidden(page)


def test_it_can_be_skipped(page):
    page.get_by_role("button", name="Show me").click()
    assert line(page) == "The answer"
    assert reason(page).startswith("The answer: it squares.")
    assert_shown(page)


def test_a_guess_outlives_a_reload_and_reset_asks_again(page):
    page.get_by_role("radio", name="it halves").check()
    page.get_by_role("button", name="Check my guess").click()
    page.reload()
    assert line(page) == "✗ Your prediction: not quite"
    assert_shown(page)
    page.get_by_role("button", name="Reset").click()
    assert_hidden(page)
    assert not page.get_by_role("radio", name="it halves").is_checked()
    page.reload()
    assert_hidden(page)


STORED = [
    ("not JSON", "localStorage.setItem('vgp-progress', '{{')"),
    *(
        (
            what,
            f"localStorage.setItem('vgp-progress', '{json.dumps(store | {'guesses': guesses})}')",
        )
        for store in [{"version": 1, "answers": {}}]
        for what, guesses in [
            ("a list", [1]),
            ("another type", {"double": {"a": 1}}),
            ("no option", {"double": "it grows"}),
        ]
    ),
    ("throws", "Storage.prototype.setItem = () => { throw new Error('full'); };"),
    (
        "forbidden",
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } })",
    ),
]


@pytest.mark.parametrize(("what", "before"), STORED, ids=[what for what, _ in STORED])
def test_storage_that_is_damaged_full_or_forbidden_breaks_nothing(show, what, before):
    page = show(pages.bench(predict=pages.PREDICT), before=before)
    assert_hidden(page)
    page.get_by_role("radio", name="it squares").check()
    page.get_by_role("button", name="Check my guess").click()
    assert line(page) == "✓ Your prediction: right"
    assert_shown(page)


ELSEWHERE = pages.PREDICT | {"show": pages.INITIAL | {"activation": "tanh", "depth": 20}}


def setting(page):
    return page.locator(".vgp-plot").get_attribute("aria-label").split("layer by layer, ")[1]


@pytest.mark.parametrize("button", ["Check my guess", "Show me"])
def test_the_bench_goes_where_the_answer_is_and_keeps_the_start_as_the_pale_line(show, button):
    page = show(pages.bench(predict=ELSEWHERE))
    page.get_by_role("radio", name="it halves").check()
    page.get_by_role("button", name=button).click()
    for _ in range(2):
        assert setting(page).startswith("tanh, 20 layers, Weight scale 1.00.")
        assert page.get_by_role("radio", name="tanh").is_checked()
        assert page.locator(".vgp-ghost-name").text_content() == "earlier: sigmoid, 30 layers"
        page.reload()  # the guess is kept, and with it what it shows
    page.get_by_role("button", name="Reset").click()
    assert_hidden(page)
    assert setting(page).startswith("sigmoid, 30 layers")
    page.get_by_role("button", name="Show me").click()
    assert setting(page).startswith("tanh, 20 layers")


def test_elsewhere_the_line_says_where_it_was_asked_and_leads_back_to_it_and_the_pale_line(show):
    page = show(pages.bench(predict=ELSEWHERE))
    page.get_by_role("button", name="Show me").click()
    asked = page.locator(".vgp-asked")
    assert asked.inner_text() == ""
    depth = page.get_by_role("slider", name="Depth")
    depth.press("Home")
    assert asked.inner_text() == "That was at: tanh, 20 layers, Weight scale 1.00. Back to it"
    assert page.locator(".vgp-ghost-name").text_content() == "earlier: 20 layers"
    page.get_by_role("button", name="Back to it").click()
    for _ in range(2):
        assert setting(page).startswith("tanh, 20 layers, Weight scale 1.00.")
        assert page.locator(".vgp-ghost-name").text_content() == "earlier: sigmoid, 30 layers"
        assert asked.inner_text() == ""
        for key in ("ArrowRight", "ArrowLeft"):  # by hand it comes back, too
            depth.press(key)
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("radio", name="it halves").focus()
    assert asked.is_hidden()


@pytest.mark.parametrize("size", [(1366, 768), (380, 700)])
def test_after_the_guess_the_chart_is_in_view(show, size):
    page = show("<p>before</p>" * 40, pages.bench(predict=ELSEWHERE), "<p>after</p>" * 40)
    page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
    page.get_by_role("radio", name="it halves").check()
    page.keyboard.press("Enter")
    chart = pages.box(page, ".vgp-plot")
    assert chart["top"] >= 0
    assert chart["bottom"] <= size[1]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_controls_that_wait_can_be_read(show, theme):
    """At least 3 : 1, as far as their opacity is concerned: the text itself has 4.5 : 1."""
    page = show(pages.bench(predict=pages.PREDICT))
    page.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
    ratios = page.evaluate(CONTRASTS)
    assert len(ratios) >= 4
    assert min(ratios) >= 3


CONTRASTS = """() => {
  const read = (color) => color.match(/[\\d.]+/g).slice(0, 3).map((v) => Number(v) / 255);
  const light = (rgb) => rgb
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, k) => sum + [0.2126, 0.7152, 0.0722][k] * v, 0);
  const controls = document.querySelector(".vgp-controls[inert]");
  const { opacity } = getComputedStyle(controls);
  const page = read(getComputedStyle(document.querySelector(".vgp-bench")).backgroundColor);
  const seen = (rgb) => rgb.map((v, k) => opacity * v + (1 - opacity) * page[k]);
  const texts = controls.querySelectorAll(".vgp-label span, .vgp-value, .vgp-choice span");
  return [...texts].map((e) => {
    const { color, backgroundColor } = getComputedStyle(e);
    const clear = backgroundColor.endsWith(", 0)");
    const [a, b] = [seen(read(color)), clear ? page : seen(read(backgroundColor))].map(light);
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  });
}"""


def test_an_address_has_its_own_setting_whatever_was_guessed(show):
    page = show(pages.bench(predict=ELSEWHERE), hash="#error-signal?depth=10&ask")
    assert_hidden(page)
    page.get_by_role("button", name="Show me").click()
    assert setting(page).startswith("tanh, 20 layers")
    assert page.locator(".vgp-ghost-name").text_content() == "earlier: sigmoid, 10 layers"
    page.evaluate("location.hash = '#error-signal?activation=relu&depth=30'")
    page.reload()
    assert setting(page).startswith("ReLU, 30 layers")


def test_a_link_dismisses_the_question_unless_it_asks_first(show):
    state = pages.bench(predict=pages.PREDICT)
    page = show(state, hash="#error-signal?depth=20")
    assert_shown(page)
    assert not page.locator(".vgp-guess").is_visible()
    page.evaluate("location.hash = '#error-signal?depth=20&ask'")
    page.wait_for_selector(".vgp-predicting")
    assert_hidden(page)
    assert page.get_by_role("slider", name="Depth").get_attribute("aria-valuetext") == "20 layers"


def test_a_number_is_told_kindly_how_far_off_it_is(show):
    measured = "Measured: 5.1 × 10⁻¹⁹"
    guesses = {
        "10^-5": f"You said 1.0 × 10⁻⁵. {measured}, so 10¹³ times too high.",
        "1e-20": f"You said 1.0 × 10⁻²⁰. {measured}, so 51 times too low.",
        "10.3e-19": f"You said 1.0 × 10⁻¹⁸. {measured}, so 2 times too high.",
        "6e-19": f"✓ Close! You said 6.0 × 10⁻¹⁹. {measured}.",
        "9e-19": f"✓ Close! You said 9.0 × 10⁻¹⁹. {measured}.",
        "5 * 10^-19": f"✓ Spot on! You said 5.0 × 10⁻¹⁹. {measured}.",
    }
    page = show(
        *(
            pages.bench(f"b{k}", predict=pages.PREDICT_NUMBER | {"id": f"p{k}"})
            for k in range(len(guesses))
        )
    )
    for k, (guess, said) in enumerate(guesses.items()):
        bench = page.locator(f"#b{k}")
        bench.get_by_label("My guess").fill(guess)
        page.keyboard.press("Enter")
        assert line(bench) == said
        assert reason(bench) == "The factor is multiplied once per layer."
    assert_shown(page.locator("main"))


def test_a_share_is_guessed_in_percent(show):
    numeric = {"value": 0.9, "text": "90", "percent": True, "log": False, "unit": ""}
    page = show(pages.bench(predict=pages.PREDICT_NUMBER | {"numeric": numeric}))
    for guess, said in {
        "80 %": "✓ Close! You said 80 %. Measured: 90 %.",  # at most a fifth off
        "86": "✓ Close! You said 86 %. Measured: 90 %.",
        "91": "✓ Spot on! You said 91 %. Measured: 90 %.",
        "60": "You said 60 %. Measured: 90 %, so 30 points too low.",
    }.items():
        page.get_by_label("My guess").fill(guess)
        page.keyboard.press("Enter")
        assert line(page) == said
        page.get_by_role("button", name="Reset").click()


def test_what_is_no_number_is_asked_for_again(show):
    page = show(pages.bench(predict=pages.PREDICT_NUMBER))
    above = "Write a number above 0, such as 0.001, 1e-3 or 10^-3."
    two = "1,500 is 1500 to some and 1.500 to others: write one of these."
    for guess, said in {"": above, "many": above, "0": above, "-1": above, "1,500": two}.items():
        page.get_by_label("My guess").fill(guess)
        page.get_by_role("button", name="Check my guess").click()
        assert said in page.locator(".vgp-result").inner_text()
        assert page.get_by_label("My guess").get_attribute("aria-invalid") == "true"
        assert_hidden(page)


def test_a_linear_guess_is_told_its_distance_with_the_unit(show):
    numeric = {"value": 12, "text": "12", "percent": False, "log": False, "unit": "layers"}
    page = show(pages.bench(predict=pages.PREDICT_NUMBER | {"numeric": numeric}))
    page.get_by_label("My guess").fill("5")
    page.keyboard.press("Enter")
    assert line(page) == "You said 5 layers. Measured: 12 layers, so 7 layers too low."


def test_a_measurement_that_is_not_finite_has_no_distance(show):
    numeric = pages.PREDICT_NUMBER["numeric"] | {"value": "inf", "text": "not finite"}
    page = show(pages.bench(predict=pages.PREDICT_NUMBER | {"numeric": numeric}))
    page.get_by_label("My guess").fill("1")
    page.keyboard.press("Enter")
    assert "no distance" in line(page)
    assert "Measured: not finite," in line(page)
