"""Copy as Python, link, data table, reset."""

from __future__ import annotations

import pages

CODE = """import vgplib as vgp

data = vgp.run("error-signal", activation="tanh", depth=30, weight_scale=1.0)
vgp.bench("error-signal", activation="tanh", depth=30, weight_scale=1.0)"""


def test_copy_as_python_is_exact_and_follows(show):
    page = show(pages.bench(), permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("radio", name="tanh").check()
    page.get_by_role("button", name="Copy as Python").click()
    assert page.locator("pre").text_content() == CODE
    page.get_by_text("Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == CODE
    page.get_by_role("slider", name="Depth").press("ArrowLeft")
    assert page.locator("pre").text_content() == CODE.replace("30", "20")


def test_without_a_clipboard_the_code_is_selected(show):
    page = show(pages.bench(), before="delete Navigator.prototype.clipboard")
    page.get_by_role("button", name="Copy as Python").click()
    page.get_by_text("press Ctrl+C").wait_for()
    assert page.evaluate("getSelection().toString()").startswith("import vgplib as vgp")


def test_python_has_its_own_literals_and_what_is_fixed(show):
    fixed = {"bias": True, "limit": None, "task": 'say "hi"'}
    page = show(pages.bench(fixed=fixed))
    page.get_by_role("button", name="Copy as Python").click()
    call = page.locator("pre").text_content().splitlines()[-1]
    assert call == (
        'vgp.bench("error-signal", bias=True, limit=None, task="say \\"hi\\"", '
        'activation="sigmoid", depth=30, weight_scale=1.0)'
    )


def test_the_link_is_in_the_address_and_opens_the_same_setting(show):
    page = show(pages.bench())
    page.get_by_role("radio", name="ReLU").check()
    page.get_by_role("slider", name="Weight scale").press("ArrowRight")
    page.get_by_role("button", name="Link to this setting").click()
    assert page.url.endswith("#error-signal?activation=relu&depth=30&weight_scale=2")
    page.reload()
    name = page.locator(".vgp-plot").get_attribute("aria-label")
    assert "ReLU, 30 layers, Weight scale 2.00" in name


def test_the_data_table_has_the_numbers_and_follows(show):
    page = show(pages.bench())
    button = page.get_by_role("button", name="Data table")
    button.click()
    assert button.get_attribute("aria-expanded") == "true"
    table = page.get_by_role("table")
    assert table.locator("caption").inner_text().endswith("sigmoid, 30 layers, Weight scale 1.00")
    assert table.locator("thead th[scope=col]").all_inner_texts() == [
        "layers back from the loss",
        "error signal",
        "error signal, lowest",
        "error signal, highest",
        "theory",
    ]
    assert table.locator("tbody tr").count() == 30
    first = table.locator("tbody tr").first
    assert first.locator("th[scope=row]").inner_text() == "0"
    assert first.locator("td").all_inner_texts() == ["1.0", "0.40", "2.5", "1.0"]
    page.get_by_role("slider", name="Depth").press("Home")
    assert table.locator("tbody tr").count() == 10
    button.click()
    assert not table.is_visible()


def test_the_table_names_bars_and_says_what_is_not_finite(show):
    page = show(pages.single("bars", pages.bar_frame()), pages.single("edge", pages.edge_frame()))
    for button in page.get_by_role("button", name="Data table").all():
        button.click()
    bars = page.locator("#bars tbody tr").last
    assert bars.inner_text().split("\t") == ["SELU", "−0.310"]
    edge = page.locator("#edge tbody td").all_inner_texts()
    assert edge == ["0", "1.0 × 10⁻¹²", "1.0 × 10⁻⁵", "0.10", "not finite", "not finite"]


def test_reset_goes_back_to_the_start(show):
    page = show(pages.bench(), hash="#error-signal?activation=tanh&depth=10")
    page.get_by_role("radio", name="ReLU").check()
    page.get_by_role("button", name="Reset").click()
    name = page.locator(".vgp-plot").get_attribute("aria-label")
    assert "sigmoid, 30 layers, Weight scale 1.00" in name
    assert page.get_by_role("radio", name="sigmoid").is_checked()
    assert page.locator(".vgp-ghost").count() == 0
    assert "#" not in page.url


def test_a_bench_with_a_question_offers_a_link_that_shows_and_one_that_asks(show):
    page = show(pages.bench(predict=pages.PREDICT))
    page.get_by_role("button", name="Show me").click()
    page.get_by_role("button", name="Link to this setting").click()
    page.get_by_role("button", name="Copy a link that asks first").click()
    assert page.url.endswith("#error-signal?activation=sigmoid&depth=30&weight_scale=1&ask")
    page.get_by_role("button", name="Copy a link that shows it").click()
    assert page.url.endswith("#error-signal?activation=sigmoid&depth=30&weight_scale=1")


def test_a_fading_signal_is_heard_as_a_falling_tone_and_can_be_stopped(show):
    heard = """
      window.pitches = [];
      const ramp = AudioParam.prototype.exponentialRampToValueAtTime;
      AudioParam.prototype.exponentialRampToValueAtTime = function (value, time) {
        if (value > 1) pitches.push(value);
        return ramp.call(this, value, time);
      };
    """
    page = show(pages.bench(), before=heard)
    assert page.evaluate("pitches") == []  # nothing plays by itself
    page.get_by_role("button", name="Hear it").click()
    pitches = page.evaluate("pitches")
    assert len(pitches) == 30
    assert pitches == sorted(pitches, reverse=True)
    assert pitches[0] > 5 * pitches[-1]
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Hear it").wait_for()
