"""A film: the strip at each moment of a training, on a time line under the chart."""

from __future__ import annotations

import race

LAST = len(race.STEPS) - 1


def words(page):
    return page.locator(".vgp-moment").inner_text()


def counts(page):
    return page.locator(".vgp-strip:visible strong").all_inner_texts()


def heard(row, step):
    return race.heard(race.ROWS[row][2], step)["count"]


def button(page, name):
    return page.locator(".vgp-film").get_by_role("button", name=name)


def test_it_starts_at_the_end_and_the_keys_go_through_it_with_strip_and_cursor(show):
    page = show(race.single())
    slider = page.get_by_role("slider", name="Moment")
    cursor = page.locator(".vgp-cursor > *")
    assert words(page) == "step 300 of 300"
    assert counts(page) == [heard("relu_he", 300)]
    assert cursor.count() == 0
    slider.press("Home")
    assert words(page) == "step 0 of 300"
    assert counts(page) == [heard("relu_he", 0)] != [heard("relu_he", 300)]
    for _ in range(6):
        slider.press("ArrowRight")
    said = slider.get_attribute("aria-valuetext")
    assert said == f"step 120 of 300; {heard('relu_he', 120)}"
    path = page.locator(".vgp-plot .vgp-line.vgp-main")
    points = path.get_attribute("d").removeprefix("M").split("L")
    x, y = map(float, points[6].split())
    mark = page.locator(".vgp-cursor circle")
    assert [float(mark.get_attribute(at)) for at in ("cx", "cy")] == [x, y]
    slider.press("End")
    assert cursor.count() == 0
    assert counts(page) == [heard("relu_he", 300)]


def test_it_plays_when_asked_pauses_and_stops_at_the_end(show):
    page = show(race.single(), before="undefined")  # a clock stays with its page
    page.clock.install()
    page.reload()
    page.clock.pause_at(page.evaluate("Date.now() + 3000"))
    assert words(page) == "step 300 of 300"  # nothing plays by itself
    button(page, "Play").click()
    assert words(page) == "step 0 of 300"
    page.clock.run_for(3000)
    step = int(words(page).split()[1])
    assert 100 <= step <= 160
    button(page, "Pause").click()
    page.clock.run_for(1000)
    assert words(page) == f"step {step} of 300"
    button(page, "Play").click()
    page.clock.run_for(4000)
    assert words(page) == "step 300 of 300"
    assert button(page, "Play").count() == 1


def test_without_motion_the_button_goes_one_step_on(show):
    page = show(race.single(), reduced_motion="reduce")
    for step in (0, 20, 40):
        button(page, "Step").click()
        assert words(page) == f"step {step} of 300"
    page.wait_for_timeout(500)
    assert words(page) == "step 40 of 300"


def test_all_strips_follow_and_the_moment_outlives_a_move(show):
    state = race.bench()
    film = state["frames"][2 * list(race.ROWS).index("relu_he")]["film"]
    for key in film:  # recorded half as often: the nearest moment is shown
        film[key] = film[key][::2]
    page = show(state)
    slider = page.get_by_role("slider", name="Moment")
    slider.press("Home")
    for _ in range(3):
        slider.press("ArrowRight")
    assert words(page) == "step 60 of 300"
    assert counts(page) == [heard("nothing", 60), heard("relu_he", 40)]
    assert page.locator(".vgp-cursor circle").count() == 2
    page.get_by_role("checkbox", name="tanh").check()
    page.get_by_role("radio", name="training loss").check()
    assert words(page) == "step 60 of 300"
    assert counts(page)[2] == heard("tanh", 60)
    assert page.locator(".vgp-cursor circle").count() == 3
    page.get_by_role("checkbox", name="Adam").check()
    slider.press("End")
    slider.press("ArrowLeft")
    assert page.locator(".vgp-cursor circle").count() == 3  # the line of one has ended before
    page.get_by_role("button", name="Reset").click()
    assert words(page) == "step 300 of 300"


def test_a_step_is_quick_with_four_strips(show):
    page = show(race.bench(initial=race.INITIAL | {"row": list(race.ROWS)[:4]}))
    fast = page.evaluate(
        """() => {
          const slider = document.querySelector(".vgp-film input");
          const times = Array.from({ length: 60 }, (_, k) => {
            slider.value = k % 15;
            const start = performance.now();
            slider.dispatchEvent(new Event("input"));
            document.body.offsetHeight;
            return performance.now() - start;
          });
          return times.sort((a, b) => a - b)[15]; // the rest is other work of this machine
        }"""
    )
    assert fast < 16
