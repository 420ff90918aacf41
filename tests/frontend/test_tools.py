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
        "layer (1 = nearest the input)",
        "error signal",
        "error signal, low",
        "error signal, high",
        "theory",
    ]
    assert table.locator("tbody tr").count() == 30
    last = table.locator("tbody tr").last
    assert last.locator("th[scope=row]").inner_text() == "30"
    assert last.locator("td").all_inner_texts() == ["1.00", "0.400", "2.50", "1.00"]
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
    assert edge == ["0", "1.00 × 10⁻¹²", "1.00 × 10⁻⁵", "0.100", "not finite", "not finite"]


def test_reset_goes_back_to_the_start(show):
    page = show(pages.bench(), hash="#error-signal?activation=tanh&depth=10")
    page.get_by_role("button", name="theory").click()
    page.get_by_role("button", name="this run").click()
    page.get_by_role("button", name="Reset").click()
    name = page.locator(".vgp-plot").get_attribute("aria-label")
    assert "sigmoid, 30 layers, Weight scale 1.00" in name
    assert page.get_by_role("radio", name="sigmoid").is_checked()
    assert page.get_by_role("button", name="theory").get_attribute("aria-pressed") == "true"
    assert page.get_by_role("button", name="this run").get_attribute("aria-pressed") == "false"
    assert page.locator(".vgp-legend li").count() == 0
    assert "#" not in page.url
