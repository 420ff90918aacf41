"""The doctor's card, picture and page: complete, self-contained, and only text from names."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from matplotlib.figure import Figure
from torch import nn

import vgplib
import vgplib as vgp
from tests.doctor.cards import Page, hand_made, network, twelve_sigmoids
from vgplib.doctor.output import words
from vgplib.doctor.output.card_style import style
from vgplib.drawing import DARK, LIGHT

EVIL = '<img src=x onerror="alert(1)">'
HOSTILE = [
    EVIL,
    "</style></svg><script>alert(1)</script>",
    '"\' onload=alert(1) x="',
    "$\\frac{a}$ & $",
    "a\nb\x00\x1b[31m\u202e",
    "\ud800",
    "fill: #b42318",
    "λ" * 100,
]


@pytest.fixture(scope="module")
def hostile():
    return hand_made(HOSTILE, vgp.measure(*network(HOSTILE)), extra=EVIL)


@pytest.fixture(scope="module")
def sick():
    return twelve_sigmoids()


@pytest.fixture
def tab(browser):
    """A page that keeps what it asked for, logged and opened."""
    page = browser.new_page()
    page.asked, page.troubles = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.troubles.append(message.text))
    page.on("dialog", lambda dialog: (page.troubles.append(dialog.message), dialog.dismiss()))
    yield page
    page.close()


def test_the_card_tells_all_that_was_found(sick):
    page = Page(sick._repr_html_())
    for finding in sick.findings:
        assert f"{finding.condition} ({finding.severity})" in page.text
        assert finding.explanation in page.text
        assert finding.cause in page.text
        assert finding.lesson in page.text
        for name, number in words.proof(finding):
            assert name in page.text
            assert number in page.text
        for remedy in finding.remedies:
            assert remedy.name in page.text
            assert remedy.code in page.text
    assert all(name in page.text for name in sick.measured.name.values)


def test_the_card_asks_for_nothing_and_runs_nothing(sick):
    markup = sick._repr_html_()
    page = Page(markup)
    assert not {"script", "link", "img", "iframe", "object", "image"} & set(page.tags)
    links = [value for name, value in page.attributes if name in ("href", "src", "xlink:href")]
    assert [link for link in links if not link.startswith("#")] == []
    assert [place for place in re.findall(r"url\((.*?)\)", markup) if place[0] != "#"] == []


def test_headings_go_down_one_by_one_from_the_level_of_their_place(sick, tmp_path):
    headings = re.compile(r"<h(\d)>")
    levels = [3] + [4] * len(sick.findings)
    assert [int(level) for level in headings.findall(sick._repr_html_())] == levels
    sick.to_html(tmp_path / "page.html")
    markup = (tmp_path / "page.html").read_text()
    assert [int(level) for level in headings.findall(markup)] == [level - 2 for level in levels]


def test_names_are_text_wherever_they_stand(hostile):
    markup = hostile._repr_html_()
    page = Page(markup)
    assert not {"script", "img"} & set(page.tags)
    assert [name for name, _ in page.attributes if name.startswith("on")] == []
    for name in HOSTILE:
        assert words.plain(name) in page.text
    # In the places, the table, the evidence, the remedies and on the picture's axis.
    assert page.text.count(EVIL) >= 6
    assert all(c.isprintable() or c in "\n\u00a0" for c in markup)


def test_a_browser_finds_no_trouble_with_hostile_names(hostile, tab, tmp_path):
    hostile.to_html(tmp_path / "page.html")
    tab.goto((tmp_path / "page.html").as_uri())
    assert tab.asked == [tab.url]
    assert tab.troubles == []
    assert tab.locator("img, script, [onerror], [onload]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_fits_a_phone(sick, tab, tmp_path, scheme):
    sick.to_html(tmp_path / "page.html")
    tab.emulate_media(color_scheme=scheme)
    tab.set_viewport_size({"width": 380, "height": 800})
    tab.goto((tmp_path / "page.html").as_uri())
    for summary in tab.locator("summary").all():
        summary.click()
    violations = Axe().run(tab, options={"preload": False}).response["violations"]
    assert [(v["id"], v["nodes"]) for v in violations] == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= 380


def test_what_the_page_says_of_light_and_dark_counts_more_than_the_system(sick, tab):
    card = sick._repr_html_()

    def background(scheme, before):
        tab.emulate_media(color_scheme=scheme)
        tab.set_content(before + card)
        style = "getComputedStyle(document.querySelector('.vgp-doctor'))"
        rgb = re.findall(r"\d+", tab.evaluate(f"{style}.backgroundColor"))
        return "#" + "".join(f"{int(part):02x}" for part in rgb[:3])

    plain, jupyter = "<body>", '<body data-jp-theme-light="{}">'
    book = '<html data-theme="{}"><body>'
    assert background("light", plain) == LIGHT["bg"]
    assert background("dark", plain) == DARK["bg"]
    for system in ("light", "dark"):
        assert background(system, jupyter.format("true")) == LIGHT["bg"]
        assert background(system, jupyter.format("false")) == DARK["bg"]
        assert background(system, book.format("light")) == LIGHT["bg"]
        assert background(system, book.format("dark")) == DARK["bg"]


def test_the_style_reaches_nothing_but_the_card(sick):
    selectors = re.findall(r"([^{}]+)\{[^{}]*\}", style().replace("\n", " "))
    selectors = [s.rpartition("{")[2].strip() for s in selectors]
    for selector in selectors:
        # A comma within :is(...) parts no selectors.
        parts = re.sub(r"\([^()]*\)", "", selector).split(",")
        assert all(".vgp-doctor" in part for part in parts), selector
    own = re.findall(r"<style[^>]*>(.*?)</style>", sick._repr_html_(), re.DOTALL)
    assert [block for block in own[1:] if not block.startswith(".vgp-still ")] == []


def test_cards_on_one_page_share_no_id(sick, hostile):
    ids = re.findall(r'\bid="([^"]*)"', sick._repr_html_() + sick._repr_html_())
    assert ids
    # Within a card matplotlib names the same mark once.
    assert len(ids) == len(set(ids))


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_colour_of_text_has_the_contrast_that_wcag_aa_asks_for(palette):
    for name in ("ink", "muted", "accent", "second", "good", "warn", "bad"):
        for ground in ("bg", "panel"):
            pair = sorted([luminance(palette[name]), luminance(palette[ground])])
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (name, ground)


def test_the_palette_is_that_of_the_benches():
    sheet = Path(vgplib.__file__).parent / "lesson" / "frontend" / "src" / "theme.css"
    light, dark = sheet.read_text().split("@media not print")
    for palette, text in ((LIGHT, light), (DARK, dark)):
        told = dict(re.findall(r"--vgp-([\w-]+): (#\w+);", text))
        assert palette == {name: told[name] for name in palette}


def test_the_plot_draws_what_was_measured_and_marks_the_place():
    names = [f"layer {i}" for i in range(8)]
    data = vgp.measure(*network(names))
    axes = hand_made(["layer 1", "layer 4.weight"], data).plot(Figure().add_subplot())
    signal, output = axes.lines[:2]
    np.testing.assert_array_equal(signal.get_ydata(), data.signal)
    np.testing.assert_array_equal(output.get_ydata(), data.output_rms)
    assert axes.get_yscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == [*names, "head"]
    assert [patch.get_x() + patch.get_width() / 2 for patch in axes.patches] == [1, 4]


def test_a_finding_about_time_is_drawn_over_time():
    torch.manual_seed(0)
    name = "$\\frac{a}$<b>"
    model = nn.ModuleDict({name: nn.RNN(4, 8, batch_first=True), "head": nn.Linear(8, 1)})
    x = torch.randn(8, 30, 4)
    data = vgp.measure(model, lambda m: m["head"](m[name](x)[0][:, -1]).square().mean())
    diagnosis = hand_made([name], data, "temporal_vanishing")
    axes = diagnosis.plot(Figure().add_subplot())
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), data.step_signal.values[0])
    text = Page(diagnosis._repr_html_()).text
    assert "time step 30" in text
    assert f"error signal in {name}" in text


def test_what_a_log_axis_lacks_is_shown_at_its_edges():
    data = vgp.measure(*network(list("abcd")))
    data["signal"][:] = [0.0, math.inf, math.nan, 1e-150, 1e300]
    axes = hand_made(["a"], data).plot(Figure().add_subplot())
    low, high = axes.get_ylim()
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    drawn = [(list(line.get_xdata()), set(line.get_ydata())) for line in crosses]
    assert drawn == [([0], {low}), ([1, 4], {high})]
    assert low < 1e-150 < 1 < high
    text = Page(hand_made(["a"], data)._repr_html_()).text
    assert "NaN" in text
    assert "infinite" in text


def test_without_any_measurement_the_card_stands_and_the_plot_says_why():
    diagnosis = hand_made(["a"], None)
    assert "svg" not in Page(diagnosis._repr_html_()).tags
    with pytest.raises(ValueError, match="nothing to plot"):
        diagnosis.plot()
    assert diagnosis.to_dict()["measured"] is None


def test_the_code_of_a_remedy_stands_once_and_folded(sick):
    codes = [r.code for f in sick.findings for r in f.remedies if r.code]
    assert len(codes) > len(set(codes))  # two findings have remedies in common
    page = Page(sick._repr_html_())
    assert page.tags.count("pre") == len(set(codes))
    assert page.text.count("Its code stands under 1.") == len(codes) - len(set(codes))


def test_a_long_list_of_places_is_folded_and_whole(sick):
    names = [f"blocks.{i}.attention.weight" for i in range(300)]
    page = Page(hand_made(names, sick.measured)._repr_html_())
    assert "more" in page.text
    assert all(name in page.text for name in names)


def test_a_deep_network_makes_no_heavy_card():
    data = vgp.measure(*network([f"layer {i}" for i in range(400)], nn.Tanh))
    card = hand_made(["layer 0"], data)._repr_html_()
    assert len(card) < 150_000  # what a page of the book may weigh
    assert Page(card).text.count("layer") < 200
