"""How a frame is drawn, and read."""

from __future__ import annotations

import re

import pages
import pytest

TEXTS = ".vgp-plot text"


def marks(page):
    """Where the marks of the measured line stand: ``(x, y)`` in pixels."""
    path = page.locator(".vgp-marks").first.get_attribute("d")
    return [tuple(map(float, found)) for found in re.findall(r"M([-\d.]+) ([-\d.]+)m", path)]


def test_what_the_axis_cannot_show_leaves_it_with_an_arrow_and_its_number(show):
    """Exact zeros have a line of their own, under the foot; what is too small leaves there."""
    page = show(pages.single("edge", pages.edge_frame()))
    floor = float(page.locator(".vgp-floor").get_attribute("d").split()[1].split("H")[0])
    heights = [y for _, y in marks(page)]
    assert heights[0] == floor  # exactly 0; then 1e-12, which leaves at the foot
    assert floor > heights[1] > heights[2]
    assert len(heights) == 3
    assert page.locator(".vgp-arrow").count() == 1
    assert page.locator(".vgp-out").all_text_contents() == ["down to 1.0 × 10⁻¹²", "not finite"]
    path = page.locator(".vgp-line").get_attribute("d")
    assert "NaN" not in path
    assert "0 in" in " ".join(page.locator(TEXTS).all_text_contents())


STOPS = {
    "after": ([1e-3, 1e-2, 0.1, "nan", "nan", "nan"], [3], ["not finite"]),
    "between": ([1e-3, 1e-2, 0.1, "inf", 0.1, 0.2], [3, 2], ["not finite", "not finite"]),
    "beyond": ([1e-3, 0.1, 50, "inf", "nan", "nan"], [3], ["up to 50, then not finite"]),
    "never": (["nan"] * 6, [], ["not finite"]),
}


def test_a_line_stops_at_a_cross_where_what_follows_is_not_finite(show):
    frames = {name: pages.edge_frame() for name in STOPS}
    for name, (values, *_) in STOPS.items():
        frames[name]["series"][0]["y"] = values
    page = show(*(pages.single(name, frame) for name, frame in frames.items()))
    for name, (_, pieces, said) in STOPS.items():
        plot = page.locator(f"#{name} .vgp-plot")
        road = plot.locator(".vgp-line").get_attribute("d")
        assert [1 + piece.count("L") for piece in road.split("M")[1:]] == pieces
        assert plot.locator(".vgp-out").all_text_contents() == said
        assert plot.locator(".vgp-cross").count() == said.count("not finite")
    # It stands at the end of the line, which does not climb.
    last = page.locator("#after .vgp-line").get_attribute("d").split("L")[-1].split()
    corner = page.locator("#after .vgp-cross").get_attribute("d").strip("M").split("l")[0].split()
    for end, edge in zip(last, corner, strict=True):
        assert float(edge) == pytest.approx(float(end) - 6, abs=0.2)


def test_a_line_that_is_wholly_outside_still_says_where_it_is(show):
    frame = pages.edge_frame()
    frame["series"][0]["y"] = [50, 60, 70, 60, 50, 50]
    page = show(pages.single("edge", frame))
    assert page.locator(".vgp-out").all_text_contents() == ["up to 70"]
    assert page.locator(".vgp-arrow").count() == 1


def test_bars_that_are_too_long_end_at_the_edge_with_their_number(show):
    frame = pages.bar_frame()
    frame["series"][0]["y"] = [3.5, 0.35, 0.02, 0, -2.5]
    page = show(pages.single("bars", frame))
    out = page.locator(".vgp-out").all_text_contents()
    assert out == ["↑ 3.50", "↓ −2.50"]
    top, foot = (
        float(y)
        for y in page.locator(".vgp-grid").evaluate(
            "(e) => { const b = e.getBBox(); return [b.y, b.y + b.height]; }"
        )
    )
    bars = [page.locator(".vgp-bar").nth(k).evaluate("(e) => e.getBBox().y") for k in (0, 4)]
    assert bars[0] >= top - 40
    assert bars[1] < foot


def test_a_log_axis_is_marked_in_few_powers_of_ten(show):
    texts = show(pages.bench()).locator(TEXTS).all_text_contents()
    powers = [t for t in texts if t.startswith("10⁻")]
    assert 2 <= len(powers) <= 8
    assert "1" in texts
    assert "↑ error signal" in texts
    assert "← layers back from the loss" in texts


def test_whole_axes_mark_whole_numbers_and_both_ends(show):
    texts = show(pages.bench()).locator(TEXTS).all_text_contents()
    along = [int(text) for text in texts if text.isdecimal() and text != "1"]
    assert along == [0, 5, 10, 15, 20, 25, 29]


def test_a_band_a_dashed_theory_and_marked_layers(show):
    page = show(pages.bench())
    assert page.locator(".vgp-plot .vgp-area").count() == 1
    assert page.locator(".vgp-plot .vgp-theory[stroke-dasharray]").count() == 1
    assert len(marks(page)) == 30
    assert "theory" in page.locator(TEXTS).all_text_contents()


def test_a_signal_runs_from_the_loss_at_the_right_to_the_input_at_the_left(show):
    spots = sorted(marks(show(pages.bench())))
    heights = [y for _, y in spots]
    assert heights == sorted(heights, reverse=True)  # it falls towards the left


def test_values_are_read_under_the_pointer_and_by_the_arrow_keys(show):
    page = show(pages.bench())
    chart = page.get_by_role("application", name="Chart: the arrow keys read its values")
    tip = page.locator(".vgp-tip")
    chart.focus()
    page.keyboard.press("End")
    told = page.locator(".vgp-told")
    assert told.get_attribute("role") == "status"
    assert told.inner_text() == (
        "layers back from the loss: 0: error signal 1.0 (0.40 to 2.5); theory 1.0"
    )
    page.keyboard.press("ArrowLeft")
    assert told.inner_text().startswith("layers back from the loss: 1: error signal 0.23")
    assert tip.is_visible()
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    x, y = marks(page)[0]
    chart.hover(position={"x": x + 2, "y": y - 30})
    assert tip.inner_text().startswith("layers back from the loss: 29\nerror signal: 5.1 × 10⁻¹⁹")
    page.mouse.move(0, 0)
    assert not tip.is_visible()


def test_the_name_of_theory_stands_clear_of_the_lines(show):
    page = show(pages.bench())
    clear = """(svg) => {
      const name = [...svg.querySelectorAll("text")].find((t) => t.textContent === "theory");
      const box = name.getBoundingClientRect();
      return [...svg.querySelectorAll(".vgp-line")].every((path) => {
        const length = path.getTotalLength();
        return Array.from({ length: 400 }, (_, k) => k / 399).every((share) => {
          const point = path.getPointAtLength(share * length);
          const at = point.matrixTransform(path.getScreenCTM());
          return at.x < box.left || at.x > box.right || at.y < box.top || at.y > box.bottom;
        });
      });
    }"""
    for name in ("sigmoid", "tanh", "ReLU"):
        page.get_by_role("radio", name=name).check()
        assert page.locator(".vgp-plot").evaluate(clear), name


def test_two_runs_differ_in_more_than_colour_and_have_a_key(show):
    bare = pages.two_frame()
    bare["series"].pop()
    page = show(pages.single("two", pages.two_frame()), pages.single("bare", bare))
    two = page.locator("#two")
    assert two.locator(".vgp-legend li").all_inner_texts() == ["ReLU", "sigmoid"]
    main, second, theory = (
        two.locator(f".vgp-plot .vgp-line.vgp-{role}") for role in ("main", "second", "theory")
    )
    assert main.get_attribute("stroke-width") == "2.5"
    assert main.get_attribute("stroke-dasharray") is None
    assert second.get_attribute("stroke-dasharray") is None  # theory alone is dashed
    assert theory.get_attribute("stroke-dasharray") == "5 4"
    marks = two.locator(".vgp-marks").evaluate_all("(all) => all.map((e) => e.getAttribute('d'))")
    assert sorted("a" in d for d in marks) == [False, True]  # circles, and squares
    second = page.locator("#bare .vgp-plot .vgp-line.vgp-second")
    assert second.get_attribute("stroke-dasharray") == "9 4"


def test_bars_rise_and_fall_from_a_zero_line_and_carry_their_values(show):
    frame = pages.bar_frame()
    frame["y"]["domain"] = [-2, 1]
    frame["series"][0]["y"][4] = -1.3049
    page = show(pages.single("bars", frame))
    texts = page.locator(TEXTS).all_text_contents()
    for text in ("0.70", "0.35", "−1.30", "sigmoid", "Leaky ReLU"):
        assert text in texts
    zero = page.locator(".vgp-zero").evaluate("(e) => e.getBBox().y")
    bars = [b.bounding_box() for b in page.locator(".vgp-plot .vgp-bar").all()]
    top = pages.box(page, ".vgp-plot")["y"]
    assert bars[0]["y"] + bars[0]["height"] - top - zero < 1.5
    assert abs(bars[4]["y"] - top - zero) < 1.5
    assert bars[4]["height"] > 20


def test_the_picture_has_a_description_with_its_numbers(show):
    picture = show(pages.bench()).get_by_role("img")
    assert picture.get_attribute("aria-label") == (
        "The error signal, layer by layer, sigmoid, 30 layers, Weight scale 1.00. "
        "First layer vs last: 5.1e-19."
    )


def test_names_that_do_not_fit_side_by_side_are_slanted(show):
    frame = pages.bar_frame()
    page = show(pages.single("bars", frame))
    assert page.locator(".vgp-plot text[transform*=rotate]").count() == 0
    page.set_viewport_size({"width": 330, "height": 800})
    page.wait_for_function("document.querySelector('.vgp-plot').getAttribute('width') < 330")
    slanted = page.locator(".vgp-plot text[transform*=rotate]").all_text_contents()
    assert slanted == frame["x"]["names"]


def test_bars_at_numbers_are_marked_where_they_stand(show):
    frame = pages.bar_frame()
    frame["x"] = {"label": "depth", "domain": [5, 25], "whole": True}
    frame["series"][0]["x"] = [5, 10, 15, 20, 25]
    texts = show(pages.single("bars", frame)).locator(TEXTS).all_text_contents()
    assert [t for t in texts if t.isdecimal() and t != "0"] == ["5", "10", "15", "20", "25"]


# Every text of the chart that meets a name or a number beside a line.
MEETING = """() => {
  const texts = [...document.querySelectorAll(".vgp-plot text")];
  const boxes = texts.map((text) => text.getBoundingClientRect());
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
  return texts.flatMap((text, k) => !/vgp-(name|out)/.test(text.getAttribute("class")) ? []
    : texts.filter((_, n) => n !== k && meet(boxes[k], boxes[n]))
        .map((other) => text.textContent + " / " + other.textContent));
}"""


@pytest.mark.parametrize("width", [900, 380])
def test_no_name_stands_on_another_or_on_the_axis(show, width):
    page = show(pages.bench())
    page.set_viewport_size({"width": width, "height": 800})
    depth = page.get_by_role("slider", name="Depth")
    for scale in ("Home", "ArrowRight", "ArrowRight"):
        page.get_by_role("slider", name="Weight scale").press(scale)
        for name in ("tanh", "ReLU", "sigmoid"):
            page.get_by_role("radio", name=name).check()
            for key in ("Home", "ArrowRight", "End"):
                depth.press(key)
                assert page.evaluate(MEETING) == []
    assert page.locator(".vgp-ghost-name").count() == 1


def test_theory_is_seen_where_it_lies_right_on_what_was_measured(show):
    frame = pages.two_frame()
    frame["series"][2] |= {"y": frame["series"][0]["y"], "x": frame["series"][0]["x"]}
    lines = show(pages.single("two", frame)).locator(".vgp-plot .vgp-line")
    order = [line.get_attribute("class").split()[1] for line in lines.all()]
    assert order == ["vgp-second", "vgp-main", "vgp-gap", "vgp-theory"]
    dashes = {lines.nth(k).get_attribute("stroke-dasharray") for k in (2, 3)}
    assert len(dashes) == 1
    assert dashes != {None}


def test_a_band_of_which_nothing_is_finite_is_not_drawn_and_is_no_error(show):
    frame = pages.two_frame()
    gone = ["nan"] * len(frame["series"][1]["x"])
    frame["series"][1] |= {"y": gone, "low": gone, "high": gone}
    page = show(pages.single("gone", frame))
    assert page.locator(".vgp-area").count() == 0
    assert page.get_by_text("not finite").first.is_visible()
