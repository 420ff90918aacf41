"""How a frame is drawn."""

from __future__ import annotations

import pages

TEXTS = ".vgp-plot text"


def circles(page):
    return [
        (float(c.get_attribute("cx")), float(c.get_attribute("cy")))
        for c in page.locator(".vgp-plot circle").all()
    ]


def edges(page):
    """Heights of the marked lines for values that the axis cannot show: floor, ceiling."""
    rules = page.locator(".vgp-plot [stroke-dasharray='1 4'] line")
    return sorted((float(r.get_attribute("y1")) for r in rules.all()), reverse=True)


def test_zero_and_tiny_values_stand_on_a_floor_and_others_on_a_ceiling(show):
    page = show(pages.single("edge", pages.edge_frame()))
    floor, ceiling = edges(page)
    heights = [y for _, y in circles(page)]
    assert heights[:2] == [floor, floor]
    assert heights[4:] == [ceiling, ceiling]
    assert floor > heights[2] > heights[3] > ceiling
    texts = " ".join(page.locator(TEXTS).all_text_contents()).replace("\n", "")
    assert "0 infloat32" in texts
    assert "not finite" in texts
    path = page.locator(".vgp-plot .vgp-line path").get_attribute("d")
    assert path.count("M") == 1  # no gap
    assert "NaN" not in path


def test_a_finite_value_above_the_domain_is_off_the_chart(show):
    frame = pages.edge_frame()
    frame["series"][0]["y"] = [0.1, 0.1, 0.1, 0.1, 0.1, 50]
    page = show(pages.single("edge", frame))
    assert circles(page)[-1][1] == edges(page)[0]
    assert "off thechart" in page.locator(TEXTS).all_text_contents()  # on two lines


def test_the_floor_is_called_0_where_the_axis_has_no_name_for_it(show):
    frame = pages.edge_frame()
    del frame["y"]["floor"]
    page = show(pages.single("edge", frame))
    assert "0" in page.locator(TEXTS).all_text_contents()


def test_without_such_values_there_is_neither_floor_nor_ceiling(show):
    assert edges(show(pages.bench())) == []


def test_a_log_axis_is_marked_in_few_powers_of_ten(show):
    texts = show(pages.bench()).locator(TEXTS).all_text_contents()
    powers = [t for t in texts if t.startswith("10⁻")]
    assert 2 <= len(powers) <= 8
    assert "1" in texts
    assert "↑ signal vs last layer" in texts
    assert "layer (1 = nearest the input) →" in texts


def test_whole_axes_mark_whole_numbers_and_both_ends(show):
    texts = show(pages.bench()).locator(TEXTS).all_text_contents()
    along = texts[texts.index("1", texts.index("1") + 1) :]
    assert "30" in along
    assert not any("." in t for t in along)


def test_a_band_a_dashed_theory_and_marked_ends(show):
    page = show(pages.bench())
    assert page.locator(".vgp-plot .vgp-area path").count() == 1
    dashed = page.locator(".vgp-plot .vgp-line[stroke-dasharray]")
    assert dashed.count() == 1
    assert page.locator(".vgp-plot circle").count() == 2
    assert "theory" in page.locator(TEXTS).all_text_contents()


def test_the_name_of_theory_stands_clear_of_the_lines(show):
    page = show(pages.bench())
    clear = """(svg) => {
      const name = [...svg.querySelectorAll("text")].find((t) => t.textContent === "theory");
      const box = name.getBoundingClientRect();
      return [...svg.querySelectorAll(".vgp-line path")].every((path) => {
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
    page = show(pages.single("two", pages.two_frame()))
    assert page.locator(".vgp-legend li").all_inner_texts() == ["ReLU", "sigmoid"]
    second = page.locator('.vgp-plot .vgp-line[stroke="var(--vgp-second)"]')
    assert second.get_attribute("stroke-dasharray") == "9 4"
    main = page.locator('.vgp-plot .vgp-line[stroke="var(--vgp-accent)"]')
    assert main.get_attribute("stroke-dasharray") is None
    assert main.get_attribute("stroke-width") == "2.5"


def test_bars_rise_and_fall_from_a_zero_line_and_carry_their_values(show):
    page = show(pages.single("bars", pages.bar_frame()))
    texts = page.locator(TEXTS).all_text_contents()
    for text in ("0.70", "0.35", "−0.31", "sigmoid", "Leaky ReLU"):
        assert text in texts
    zero = float(page.locator(".vgp-plot line").last.get_attribute("y1"))
    bars = [b.bounding_box() for b in page.locator(".vgp-plot .vgp-bar > *").all()]
    top = page.locator(".vgp-plot").bounding_box()["y"]
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
