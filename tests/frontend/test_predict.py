"""Predict first: the chart shows when the reader has answered."""

from __future__ import annotations

import pages
import pytest


def assert_hidden(page):
    assert not page.locator(".vgp-plot").is_visible()
    assert not page.locator("dl").is_visible()
    assert page.locator(".vgp-secret[aria-hidden=true]").count() == 2
    assert page.get_by_text("The chart shows when you have answered.").is_visible()


def assert_shown(page):
    for part in (".vgp-plot", "dl", ".vgp-tools"):
        assert all(each.is_visible() for each in page.locator(part).all()), part
    assert page.locator("[aria-hidden=true]:visible").count() == 0
    assert page.get_by_role("button", name="Data table").count() > 0


@pytest.fixture
def page(show):
    return show(pages.bench(predict=pages.PREDICT))


def test_chart_figures_table_and_controls_wait(page):
    assert_hidden(page)
    assert page.get_by_role("button", name="Data table").count() == 0
    assert page.locator(".vgp-controls").get_attribute("inert") is not None
    page.get_by_role("button", name="Show me").click()
    page.get_by_role("radio", name="tanh").check()
    page.get_by_role("slider", name="Depth").press("ArrowLeft")
    assert "tanh, 20 layers" in page.locator(".vgp-plot").get_attribute("aria-label")


def test_a_right_guess(page):
    page.get_by_role("radio", name="it squares").check()
    assert_hidden(page)
    page.get_by_role("button", name="Check my guess").click()
    assert page.locator(".vgp-result").inner_text().startswith("Right. Each layer multiplies")
    assert_shown(page)


def test_a_wrong_guess_by_keyboard(page):
    page.get_by_role("radio", name="it halves").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    result = page.get_by_role("status").filter(has_text="Not quite.")
    assert result.inner_text().startswith("Not quite. Answer: it squares. Each layer")
    assert_shown(page)


def test_no_guess_is_asked_for_again(page):
    page.get_by_role("button", name="Check my guess").click()
    assert "Choose one" in page.locator(".vgp-result").inner_text()
    assert_hidden(page)


def test_it_can_be_skipped(page):
    page.get_by_role("button", name="Show me").click()
    assert page.locator(".vgp-result").inner_text().startswith("Answer: it squares.")
    assert_shown(page)


def test_a_number_is_told_how_far_off_it_is(show):
    guesses = {
        "10^-5": "1.0 × 10⁻⁵. Measured: 5.1 × 10⁻¹⁹. That is 13 powers of ten too high.",
        "1e-20": "1.0 × 10⁻²⁰. Measured: 5.1 × 10⁻¹⁹. That is 1.7 powers of ten too low.",
        "5 * 10^-19": "5.0 × 10⁻¹⁹. Measured: 5.1 × 10⁻¹⁹. Spot on.",
    }
    page = show(*(pages.bench(f"b{k}", predict=pages.PREDICT_NUMBER) for k in range(3)))
    for k, (guess, said) in enumerate(guesses.items()):
        bench = page.locator(f"#b{k}")
        bench.get_by_label("My guess").fill(guess)
        page.keyboard.press("Enter")
        because = " The factor is multiplied once per layer."
        assert bench.locator(".vgp-result").inner_text() == f"You said {said}{because}"
    assert_shown(page.locator("main"))


def test_what_is_no_number_is_asked_for_again(show):
    page = show(pages.bench(predict=pages.PREDICT_NUMBER))
    for guess in ["", "many", "0", "-1", "1,500"]:
        page.get_by_label("My guess").fill(guess)
        page.get_by_role("button", name="Check my guess").click()
        assert "Write a number above 0" in page.locator(".vgp-result").inner_text()
        assert page.get_by_label("My guess").get_attribute("aria-invalid") == "true"
        assert_hidden(page)


def test_a_linear_guess_is_told_its_distance_with_the_unit(show):
    numeric = pages.PREDICT_NUMBER | {"numeric": {"readout": 1, "log": False, "unit": "layers"}}
    state = pages.bench(predict=numeric)
    for frame in state["frames"]:
        frame["readouts"][1]["value"] = 12
    page = show(state)
    page.get_by_label("My guess").fill("5")
    page.keyboard.press("Enter")
    said = "You said 5.0 layers. Measured: 12 layers. That is 7.0 layers too low."
    assert page.locator(".vgp-result").inner_text().startswith(said)


def test_a_measurement_that_is_not_finite_has_no_distance(show):
    state = pages.bench(predict=pages.PREDICT_NUMBER)
    for frame in state["frames"]:
        frame["readouts"][1]["value"] = "inf"
    page = show(state)
    page.get_by_label("My guess").fill("1")
    page.keyboard.press("Enter")
    assert "Measured: not finite. No distance" in page.locator(".vgp-result").inner_text()
