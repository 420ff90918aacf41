"""What a reader can do with a bench on a static page."""

from __future__ import annotations

import pages

PHONE = {"width": 380, "height": 800}


def label(page, id="error-signal"):
    return page.locator(f"#{id} svg.vgp-plot").get_attribute("aria-label")


def line(page, id="error-signal"):
    """The path of the measured line: the last line that is drawn."""
    return page.locator(f"#{id} .vgp-plot .vgp-line path").last.get_attribute("d")


def dialled(page, name):
    return page.get_by_role("slider", name=name).get_attribute("aria-valuetext")


def test_the_bench_takes_the_place_of_the_picture(show):
    page = show(pages.bench())
    assert page.get_by_text("Experiment 2.1 · The error signal, layer by layer").is_visible()
    assert page.get_by_text("measured in PyTorch, 5 seeds").is_visible()
    assert not page.locator(".vgp-fallback").is_visible()
    assert page.locator("dd").all_inner_texts() == ["0.234", "5.1e-19", "Vanished"]


def test_a_damaged_state_leaves_the_picture(browser, tmp_path):
    path = tmp_path / "damaged.html"
    path.write_text(pages.page(pages.place(pages.bench()).replace('{"kind"', '{"kind')))
    page = browser.new_page()
    page.goto(path.as_uri())
    assert page.locator(".vgp-fallback").is_visible()
    assert page.locator(".vgp-mount").count() == 0
    page.close()


def test_every_control_moves_the_chart_by_keyboard_alone(show):
    page = show(pages.bench())
    seen = {line(page)}
    for tabs, key in [(1, "ArrowRight"), (1, "ArrowLeft"), (1, "ArrowRight")]:
        for _ in range(tabs):
            page.keyboard.press("Tab")
        page.keyboard.press(key)
        seen.add(line(page))
    assert len(seen) == 4
    assert page.get_by_role("radio", name="tanh").is_checked()
    assert dialled(page, "Depth") == "20 layers"
    assert dialled(page, "Weight scale") == "2.00"
    assert "tanh, 20 layers, Weight scale 2.00" in label(page)
    assert page.locator("dd").last.inner_text() == "Healthy"


def test_keyboard_reaches_everything_and_shows_where_it_is(show):
    page = show(pages.bench())
    names = []
    for _ in range(9):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => {
              const at = document.activeElement;
              const shown = at.type === "radio" ? at.nextSibling : at;
              const style = getComputedStyle(shown);
              return [at.value && at.type === "radio" ? at.value : at.textContent || at.id,
                      style.outlineStyle + " " + style.outlineWidth];
            }"""
        )
        names.append(name)
        assert outline == "solid 2px", name
    assert names == [
        "sigmoid",
        "error-signal-depth",
        "error-signal-weight_scale",
        "theory",
        "keep this run",
        "Copy as Python",
        "Link to this setting",
        "Data table",
        "Reset",
    ]


def test_everything_is_large_enough_to_hit(show):
    page = show(pages.bench(predict=pages.PREDICT), pages.quiz())
    page.set_viewport_size(PHONE)
    boxes = page.locator(
        ".vgp :is(button, input[type=range], input[type=text], .vgp-choice, .vgp-option,"
        " .vgp-guesses label, summary):visible"
    )
    assert boxes.count() > 20
    for box in boxes.all():
        size = box.bounding_box()
        assert size["width"] >= 24, box
        assert size["height"] >= 24, box


def test_a_phone_shows_all_of_it_without_scrolling_sideways(show):
    states = [pages.bench(), pages.single("bars", pages.bar_frame()), pages.quiz()]
    page = show(*states)
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    chart = page.locator("#error-signal .vgp-plot")
    controls = page.locator("#error-signal .vgp-controls").bounding_box()
    assert chart.bounding_box()["y"] > controls["y"] + controls["height"]


def test_the_chart_follows_the_width_of_its_place(show):
    page = show(pages.bench())
    wide = page.locator(".vgp-plot").bounding_box()["width"]
    page.set_viewport_size(PHONE)
    page.wait_for_function("document.querySelector('.vgp-plot').getAttribute('width') < 360")
    assert page.locator(".vgp-plot").bounding_box()["width"] < wide


def test_a_second_bench_is_left_alone(show):
    page = show(pages.bench(), pages.bench("second"))
    before = line(page, "second")
    page.locator("#error-signal").get_by_role("radio", name="tanh").check()
    page.locator("#error-signal").get_by_role("button", name="theory").click()
    assert line(page, "second") == before
    assert page.locator("#second").get_by_role("radio", name="sigmoid").is_checked()
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


def test_a_move_keeps_the_controls(show):
    page = show(pages.bench())
    page.evaluate("document.querySelector('#error-signal-depth').mark = true")
    page.get_by_role("radio", name="tanh").check()
    assert page.evaluate("document.querySelector('#error-signal-depth').mark")


def test_theory_can_be_switched_off_and_on(show):
    page = show(pages.bench())
    lines = page.locator(".vgp-plot .vgp-line")
    theory = page.get_by_role("button", name="theory")
    assert (lines.count(), theory.get_attribute("aria-pressed")) == (2, "true")
    theory.click()
    assert (lines.count(), theory.get_attribute("aria-pressed")) == (1, "false")
    theory.click()
    assert lines.count() == 2


def test_theory_is_offered_only_where_there_is_one(show):
    page = show(pages.single("edge", pages.edge_frame()))
    assert page.get_by_role("button", name="theory").count() == 0


def test_a_run_can_be_kept_to_compare_with(show):
    page = show(pages.bench())
    page.get_by_role("button", name="this run").click()
    page.get_by_role("radio", name="tanh").check()
    legend = page.locator(".vgp-legend")
    assert legend.inner_text() == "kept: sigmoid, 30 layers, Weight scale 1.00"
    ghost = page.locator('.vgp-plot .vgp-line[stroke="var(--vgp-ghost)"] path')
    assert ghost.get_attribute("d") != line(page)
    page.get_by_role("button", name="this run").click()
    assert ghost.count() == 0
    assert legend.inner_text() == ""


def test_a_link_restores_its_setting_and_reveals(show):
    hash = "#error-signal?activation=tanh&depth=20&weight_scale=2"
    state = pages.bench(predict=pages.PREDICT)
    page = show(pages.bench("other"), pages.bench("more"), state, hash=hash)
    assert "tanh, 20 layers, Weight scale 2.00" in label(page)
    assert page.locator("#error-signal .vgp-plot").is_visible()
    assert page.locator("#error-signal .vgp-plot").bounding_box()["y"] < 900
    assert "sigmoid, 30 layers" in label(page, "other")


def test_a_changed_address_restores_too(show):
    page = show(pages.bench())
    page.evaluate("location.hash = '#error-signal?depth=10'")
    page.wait_for_function("document.querySelector('#error-signal-depth').value === '0'")
    assert "sigmoid, 10 layers" in label(page)


def test_a_link_with_other_values_is_read_as_well_as_it_can_be(show):
    page = show(pages.bench())
    for query, expected in [
        ("depth=19&weight_scale=1.9", "sigmoid, 20 layers, Weight scale 2.00"),
        ("depth=nonsense&activation=step", "sigmoid, 30 layers, Weight scale 1.00"),
        ("depth=&other=1", "sigmoid, 30 layers, Weight scale 1.00"),
        ("depth=-1e9", "sigmoid, 10 layers, Weight scale 1.00"),
    ]:
        page.get_by_role("button", name="Reset").click()
        page.evaluate("(query) => (location.hash = `#error-signal?${query}`)", query)
        page.wait_for_function(
            "(text) => document.querySelector('.vgp-setting').textContent === text", arg=expected
        )


def test_the_verdict_is_announced_and_coloured_by_its_tone(show):
    page = show(pages.bench())
    verdict = page.locator("dd").last
    assert verdict.get_attribute("aria-live") == "polite"
    assert verdict.evaluate("(e) => getComputedStyle(e).color") == "rgb(180, 35, 24)"
    page.get_by_role("radio", name="tanh").check()
    assert verdict.evaluate("(e) => getComputedStyle(e).color") == "rgb(26, 127, 69)"


def test_on_paper_there_is_a_light_chart_with_its_setting_and_no_controls(show):
    page = show(pages.bench(predict=pages.PREDICT))
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.emulate_media(media="print")
    assert page.locator(".vgp-plot").is_visible()
    assert page.locator("dl").is_visible()
    assert page.locator(".vgp-setting").inner_text() == "sigmoid, 30 layers, Weight scale 1.00"
    for hidden in (".vgp-controls", ".vgp-tools", ".vgp-predict", ".vgp-hint"):
        assert not page.locator(hidden).is_visible(), hidden
    background = "(e) => getComputedStyle(e).backgroundColor"
    assert page.locator(".vgp-bench").evaluate(background) == "rgb(255, 255, 255)"


def test_without_javascript_there_is_the_picture(show):
    page = show(pages.bench(), java_script_enabled=False)
    assert page.locator(".vgp-fallback").is_visible()


def test_a_move_is_quick(show):
    """Drawing takes a few milliseconds; ten times that here still means that something broke."""
    page = show(pages.bench())
    median = page.evaluate(
        """() => {
          const slider = document.querySelector("#error-signal-depth");
          const times = Array.from({ length: 60 }, (_, k) => {
            slider.value = k % 3;
            const start = performance.now();
            slider.dispatchEvent(new Event("input"));
            return performance.now() - start;
          });
          return times.sort((a, b) => a - b)[30];
        }"""
    )
    assert median < 50
