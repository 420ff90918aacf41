"""What a reader can do with a bench on a static page."""

from __future__ import annotations

import pages

PHONE = {"width": 380, "height": 800}


def label(page, id="error-signal"):
    return page.locator(f"#{id} svg.vgp-plot").get_attribute("aria-label")


def line(page, id="error-signal"):
    """The path of the measured line."""
    return page.locator(f"#{id} .vgp-plot .vgp-line.vgp-main").get_attribute("d")


def dialled(page, name):
    return page.get_by_role("slider", name=name).get_attribute("aria-valuetext")


def test_the_bench_takes_the_place_of_the_picture(show):
    page = show(pages.bench())
    assert page.get_by_text("Experiment 2.1 · The error signal, layer by layer").is_visible()
    assert page.get_by_text("measured in PyTorch, range of 5 seeds").is_visible()
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
    assert page.locator("dd").last.inner_text() == "Level"


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
              return [at.type === "radio" ? at.value : at.ariaLabel || at.textContent || at.id,
                      style.outlineStyle + " " + style.outlineWidth];
            }"""
        )
        names.append(name)
        assert outline == "solid 2px", name
    assert names == [
        "sigmoid",
        "error-signal-depth",
        "error-signal-weight_scale",
        "Chart: the arrow keys read its values",
        "Copy as Python",
        "Link to this setting",
        "Data table",
        "Hear it",
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
    chart = pages.box(page, "#error-signal .vgp-plot")
    controls = page.locator("#error-signal .vgp-controls").bounding_box()
    assert chart["y"] > controls["y"] + controls["height"]


def test_the_chart_follows_the_width_of_its_place(show):
    page = show(pages.bench())
    wide = pages.box(page, ".vgp-plot")["width"]
    page.set_viewport_size(PHONE)
    page.wait_for_function("document.querySelector('.vgp-plot').getAttribute('width') < 360")
    assert pages.box(page, ".vgp-plot")["width"] < wide


def test_a_second_bench_is_left_alone(show):
    page = show(pages.bench(), pages.bench("second"))
    before = line(page, "second")
    page.locator("#error-signal").get_by_role("radio", name="tanh").check()
    assert line(page, "second") == before
    assert page.locator("#second").get_by_role("radio", name="sigmoid").is_checked()
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


def test_a_choice_of_many_options_is_a_list_beside_the_chart(show):
    many = [{"value": f"n{k}", "label": f"Net {k}"} for k in range(41)]
    state = pages.bench(
        controls=[pages.CONTROLS[0] | {"options": many}, *pages.CONTROLS[1:]],
        initial=pages.INITIAL | {"activation": "n0"},
    )
    state["settings"] = state["spec"]["initial"]
    state["frames"] = (state["frames"] * 14)[: 41 * 9]
    page = show(state)
    page.set_viewport_size({"width": 1366, "height": 768})
    menu = page.get_by_role("combobox", name="Activation")
    assert page.get_by_role("radio").count() == 0
    menu.focus()
    page.keyboard.press("ArrowDown")
    assert "Net 1, 30 layers" in label(page)
    assert page.locator(".vgp-ghost-name").text_content() == "earlier: Net 0"
    page.get_by_role("button", name="Next: Activation").click()
    assert "Net 2, 30 layers" in label(page)
    assert page.get_by_role("status").filter(has_text="Net 2").count() == 1
    for _ in range(3):
        page.get_by_role("button", name="Previous: Activation").click()
    assert menu.input_value() == "n40"  # round and round
    bench = page.locator(".vgp-bench").bounding_box()
    assert bench["height"] < 620
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_a_move_that_changes_nothing_says_so(show):
    state = pages.bench()
    sigmoid = state["frames"][:9]
    sigmoid[7] = sigmoid[8] | {"summary": "Told in other words."}  # 30 layers at two weight scales
    state["frames"][:9] = sigmoid
    page = show(state)
    told = page.get_by_role("status").filter(has_text="That changes nothing here")
    scale = page.get_by_role("slider", name="Weight scale")
    scale.press("ArrowRight")
    assert told.is_visible()
    scale.press("Home")
    assert told.count() == 0
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("button", name="Reset").click()  # nothing was moved
    assert told.count() == 0


def test_a_move_keeps_the_controls(show):
    page = show(pages.bench())
    page.evaluate("document.querySelector('#error-signal-depth').mark = true")
    page.get_by_role("radio", name="tanh").check()
    assert page.evaluate("document.querySelector('#error-signal-depth').mark")


def test_the_axes_stay_while_the_line_moves_and_the_setting_before_stays_pale(show):
    """A deeper network is a longer line on the same axes, beside the one that was there."""
    page = show(pages.bench(initial=pages.INITIAL | {"depth": 10}))
    axes = (
        "(svg) => [...svg.querySelectorAll('.vgp-grid, text:not([class])')].map(e => e.outerHTML)"
    )
    plot = page.locator(".vgp-plot")
    ghost = page.locator(".vgp-plot .vgp-ghost")
    before, old = plot.evaluate(axes), line(page)
    assert ghost.count() == 0
    for key in ("ArrowRight", "ArrowRight"):
        page.get_by_role("slider", name="Depth").press(key)
    assert plot.evaluate(axes) == before
    assert line(page).endswith(old.removeprefix("M"))  # longer, to the left
    assert len(line(page)) > len(old)
    assert ghost.get_attribute("d") != old  # of 20 layers, the setting before
    assert page.locator(".vgp-ghost-name").text_content() == "earlier: 20 layers"
    page.get_by_role("slider", name="Weight scale").press("ArrowRight")
    assert plot.evaluate(axes) == before
    assert page.locator(".vgp-ghost-name").text_content() == "earlier: weight scale 1.00"


def test_a_drag_is_one_move_and_leaves_what_was_there_before_it(show):
    page = show(pages.bench())
    box = page.get_by_role("slider", name="Depth").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 6, middle)
    page.mouse.down()
    for share in (0.5, 0.02):
        page.mouse.move(box["x"] + share * box["width"], middle)
    page.mouse.up()
    assert dialled(page, "Depth") == "10 layers"
    assert page.locator(".vgp-ghost-name").text_content() == "earlier: 30 layers"


def test_a_strip_shows_who_still_hears_it_and_a_pulse_goes_through(show):
    page = show(pages.bench())
    count = page.locator(".vgp-strip strong")
    cells = page.locator(".vgp-cells")
    pulses = "(e) => e.getAnimations().length"
    runs = "document.querySelector('.vgp-pulse').getAnimations().length === 1"
    assert count.inner_text() == "4 of 30 layers still hear it"
    assert cells.get_attribute("d").count("M") == 30
    assert page.locator(".vgp-pulse").evaluate(pulses) == 0
    page.get_by_role("slider", name="Depth").press("Home")
    assert cells.get_attribute("d").count("M") == 10
    page.wait_for_function(runs)
    page.get_by_role("radio", name="ReLU").check()
    page.get_by_role("slider", name="Weight scale").press("End")
    assert page.locator(".vgp-cell-loud").get_attribute("d").count("M") == 4  # above 50 times

    page.wait_for_function(runs.replace("1", "0"))  # it arrives
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("radio", name="tanh").check()
    page.evaluate("new Promise(requestAnimationFrame)")
    assert page.locator(".vgp-pulse").evaluate(pulses) == 0
    page.emulate_media(reduced_motion="null")


def test_from_the_first_control_to_the_verdict_it_fits_a_laptop_and_the_guess_a_line(show):
    page = show(pages.bench(predict=pages.PREDICT))
    page.set_viewport_size({"width": 1366, "height": 768})
    page.get_by_role("button", name="Show me").click()
    top = page.locator(".vgp-control").first.bounding_box()["y"]
    verdict = page.locator(".vgp-figures").bounding_box()
    assert verdict["y"] + verdict["height"] - top <= 620
    chart = pages.box(page, ".vgp-plot")
    assert chart["x"] > verdict["x"] + verdict["width"]  # beside it
    assert page.locator(".vgp-guess").bounding_box()["height"] < 44


def test_on_a_phone_the_verdict_stays_in_view_while_a_control_is_moved(show):
    theme = "<style>.cell .output { overflow: auto }</style>"
    book = f'{theme}<link rel="stylesheet" href="{pages.BOOK_STYLE}">'
    cell = f'<div class="cell"><div class="output">{pages.place(pages.bench())}</div></div>'
    page = show(f'{book}<article class="bd-article">{cell}</article>')
    page.set_viewport_size(PHONE | {"height": 500})
    page.locator(".vgp-bench").evaluate("(e) => e.scrollIntoView()")
    for name in ("Depth", "Weight scale"):
        page.get_by_role("slider", name=name).press("ArrowLeft")
        verdict = page.locator(".vgp-verdict dd").bounding_box()
        assert verdict["y"] >= 0
        assert verdict["y"] + verdict["height"] <= 500
    assert page.locator(".vgp-verdict").bounding_box()["height"] < 40  # the chart has the rest
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    verdict = page.locator(".vgp-verdict").bounding_box()
    others = page.locator(".vgp-figures dl > div:not(.vgp-verdict)").all()
    assert all(
        verdict["y"] < other.bounding_box()["y"] for other in others
    )  # at the end: its place


def test_chosen_options_and_sliders_can_be_told_in_forced_colours(show):
    page = show(pages.bench(), forced_colors="active")
    background = "(e) => getComputedStyle(e).backgroundColor"
    chosen, other = (page.locator(".vgp-choice span").nth(k).evaluate(background) for k in (0, 1))
    assert chosen != other
    track = page.get_by_role("slider", name="Depth").evaluate(
        "(e) => [getComputedStyle(e).forcedColorAdjust, getComputedStyle(e)"
        ".getPropertyValue('--vgp-line'), getComputedStyle(e).getPropertyValue('--vgp-bg')]"
    )
    assert track == ["none", "GrayText", "Canvas"]


def test_a_link_restores_its_setting_and_reveals(show):
    hash = "#error-signal?activation=tanh&depth=20&weight_scale=2"
    state = pages.bench(predict=pages.PREDICT)
    page = show(pages.bench("other"), pages.bench("more"), state, hash=hash)
    assert "tanh, 20 layers, Weight scale 2.00" in label(page)
    assert page.locator("#error-signal .vgp-plot").is_visible()
    assert pages.box(page, "#error-signal .vgp-plot")["y"] < 900
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
        ("depth=Infinity&weight_scale=NaN", "sigmoid, 30 layers, Weight scale 1.00"),
        ("weight_scale=Infinity", "sigmoid, 30 layers, Weight scale 2.00"),
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
    for hidden in (".vgp-controls", ".vgp-tools"):
        assert not page.locator(hidden).is_visible(), hidden
    background = "(e) => getComputedStyle(e).backgroundColor"
    assert page.locator(".vgp-bench").evaluate(background) == "rgb(255, 255, 255)"


def test_without_javascript_there_is_the_picture(show):
    page = show(pages.bench(), java_script_enabled=False)
    assert page.locator(".vgp-fallback").is_visible()


def test_a_move_is_quick(show):
    """Drawing takes about a millisecond; a frame of the screen means that something broke."""
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
    assert median < 16
