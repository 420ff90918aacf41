"""A bench that shows several options of a choice at once."""

from __future__ import annotations

import pages
import pytest
import race
from axe_playwright_python.sync_playwright import Axe

FOUR = race.INITIAL | {"row": ["nothing", "relu_he", "resnet", "adam"]}
STROKE = "(all) => all.map((e) => [e.getAttribute('stroke'), e.getAttribute('stroke-dasharray')])"
MARKS = "(all) => all.map((e) => e.querySelector('path').getAttribute('stroke'))"


@pytest.fixture
def page(show):
    return show(race.bench())


def pick(page, name):
    return page.get_by_role("checkbox", name=name)


def lines(page):
    return page.locator(".vgp-plot .vgp-line").evaluate_all(STROKE)


def rows(page):
    found = page.locator(".vgp-rows tbody tr")
    return [row.locator("th, td").all_inner_texts() for row in found.all()]


def test_each_option_has_a_line_a_strip_and_a_row_under_its_own_name(page):
    pick(page, "Adam").check()
    names = ["nothing: sigmoid, Xavier", "ReLU, He", "Adam"]
    strips = page.locator(".vgp-strip:visible")
    assert strips.locator(".vgp-strip-label").all_inner_texts() == names
    counts = [race.heard(race.ROWS[k][2], 300)["count"] for k in ("nothing", "relu_he", "adam")]
    assert strips.locator("strong").all_inner_texts() == counts
    assert rows(page) == [
        [names[0], "10 %", "0.03", "Guesses"],
        [names[1], "92 %", "0.03", "Learns"],
        [names[2], "74 %", "0.03", "Learns\n5 of 5 runs diverged, by step 200"],
    ]
    label = page.locator(".vgp-plot").get_attribute("aria-label")
    assert all(f"{name}: Test digits right" in label for name in names)
    assert page.locator(".vgp-theory").count() == 0  # each one's first measured line alone
    page.get_by_role("radio", name="training loss").check()
    assert len(lines(page)) == 3
    assert page.locator(".vgp-ghost").count() == 0


def test_four_differ_in_dash_and_mark_and_keep_their_look_when_one_goes(show):
    page = show(race.bench(initial=FOUR))
    looks = lines(page)[::-1]  # the first is drawn last, on top
    assert len({color for color, _ in looks}) == len({dash for _, dash in looks}) == 4
    for where in (".vgp-pick-mark svg", ".vgp-strip svg[width='32']", ".vgp-rows svg"):
        marks = page.locator(where).evaluate_all(MARKS)
        assert sorted(marks) == sorted(color for color, _ in looks), where
    pick(page, "ReLU, He").uncheck()
    assert lines(page)[::-1] == [looks[0], *looks[2:]]
    pick(page, "batch norm").nth(1).check()  # it takes the seat that is free
    assert lines(page)[0] == looks[1]


def test_a_fifth_is_refused_with_words_and_one_always_stays(show):
    page = show(race.bench(initial=FOUR))
    count = page.get_by_role("status").filter(has_text="of at most 4")
    assert count.inner_text() == "4 of at most 4"
    said = page.get_by_role("alert").first
    pick(page, "four layers").click()
    assert said.inner_text() == "Four at most: take one away first."
    assert not pick(page, "four layers").is_checked()
    assert len(lines(page)) == 4
    for name in ("nothing", "residual", "Adam"):
        pick(page, name).click()
    assert said.inner_text() == ""
    assert count.inner_text() == "1 of at most 4"
    pick(page, "ReLU, He").click()
    assert said.inner_text() == "One stays: choose another first."
    assert pick(page, "ReLU, He").is_checked()
    # Alone, it has the strip of any other bench.
    assert page.locator(".vgp-strip-label:visible").inner_text().startswith("Heard: at least")
    assert page.locator(".vgp-strip:visible svg").get_attribute("height") == "28"


def test_the_list_is_one_stop_of_the_tab_key_and_the_arrows_move_in_it(page):
    group = page.get_by_role("group", name="Network")
    assert group.get_by_role("checkbox").count() == len(race.ROWS)
    page.keyboard.press("Tab")
    focused = "document.activeElement.value"
    assert page.evaluate(focused) == "nothing"
    for key in ("ArrowDown", "ArrowDown", "Space"):
        page.keyboard.press(key)
    assert page.evaluate(focused) == "relu_xavier"
    assert pick(page, "ReLU, Xavier").is_checked()
    page.keyboard.press("End")
    assert page.evaluate(focused) == "greedy"
    box, focus = (
        page.locator(where).bounding_box() for where in (".vgp-picks", "input[value=greedy]")
    )
    assert focus["y"] + focus["height"] <= box["y"] + box["height"]  # the list scrolled
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "accuracy"
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(focused) == "greedy"
    verdicts = page.get_by_role("status").filter(has_text="ReLU, Xavier: Learns")
    assert verdicts.count() == 1


def test_the_link_the_python_the_table_and_reset_have_all_of_them(show):
    page = show(race.bench())
    pick(page, "four layers").check()
    page.get_by_role("button", name="Link to this setting").click()
    assert page.url.endswith("#race?row=nothing,relu_he,depth_4&shows=accuracy")
    page.reload()
    assert len(lines(page)) == 3
    page.get_by_role("button", name="Copy as Python").click()
    assert page.locator("pre").text_content() == (
        "import vgplib as vgp\n\n"
        'row = ["nothing", "relu_he", "depth_4"]\n'
        'data = {one: vgp.run("training-race", row=one, shows="accuracy") for one in row}\n'
        'vgp.bench("training-race", compare="row", row=row, shows="accuracy")'
    )
    page.get_by_role("button", name="Data table").click()
    heads = page.locator(".vgp-panel th[scope=col]").all_inner_texts()
    assert heads[:3] == ["step", "nothing: sigmoid, Xavier", "nothing: sigmoid, Xavier, lowest"]
    assert "four layers" in heads
    page.get_by_role("button", name="Reset").click()
    assert len(rows(page)) == 2
    for query, left in {"row=adam,adam,none": 1, "row=none": 1, "row=": 1}.items():
        page.evaluate("(query) => (location.hash = `#race?${query}`)", query)
        page.wait_for_function(
            "(n) => document.querySelectorAll('.vgp-rows tbody tr').length === n", arg=left
        )


def test_a_prediction_goes_to_all_that_answer_it(show):
    there = race.INITIAL | {"row": ["nothing", "hardware"]}
    page = show(race.bench(predict=pages.PREDICT | {"show": there}))
    assert not page.locator(".vgp-rows").is_visible()
    page.get_by_role("button", name="Show me").click()
    assert [row[0] for row in rows(page)] == [
        "nothing: sigmoid, Xavier",
        "hardware ten times as fast",
    ]
    assert page.locator(".vgp-rows").is_visible()


def test_it_fits_a_laptop_and_a_phone(show):
    page = show(race.bench(initial=FOUR), "<style>main { max-width: 748px }</style>")  # the book's
    table, chart = page.locator(".vgp-rows"), page.locator(".vgp-plot")

    def foot_and_top():
        top, below = chart.bounding_box(), table.bounding_box()
        assert below["y"] >= top["y"] + top["height"]
        return below["y"] + below["height"], page.locator(".vgp-control").first.bounding_box()["y"]

    page.set_viewport_size({"width": 1366, "height": 768})
    page.wait_for_function("document.querySelector('.vgp-bench').clientWidth > 740")
    foot, top = foot_and_top()
    assert foot - top <= 620
    page.set_viewport_size({"width": 380, "height": 800})
    page.wait_for_function("document.querySelector('.vgp-plot').getAttribute('width') < 360")
    foot_and_top()
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    edge = page.locator(".vgp-bench").bounding_box()
    for cell in page.locator(".vgp-rows tbody :is(th, td)").all():  # the verdict, too
        box = cell.bounding_box()
        assert box["x"] + box["width"] <= edge["x"] + edge["width"]
    headed = page.get_by_role("row", name="Adam").get_by_role("cell")
    assert headed.count() == 3  # it's still a table


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_accessibility_problem(show, theme):
    page = show(race.bench(initial=FOUR), race.single())
    page.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
    pick(page, "four layers").click()
    page.get_by_role("slider").first.press("Home")
    found = Axe().run(page, options={"preload": False}).response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
