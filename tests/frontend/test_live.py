"""The module in a notebook: Python answers what the table of frames does not hold."""

from __future__ import annotations

import pages
import pytest

from vgplib.lesson.several import together

MODULE = (pages.DIST / "vgp.esm.js").read_text(encoding="utf-8")
# As anywidget's model: `receive` is Python setting traits, `saved` what Python was sent.
START = """async ([source, state, first]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: widget } = await import(url);
  const ears = {};
  const tell = (name) => (ears[name] ?? []).forEach((ear) => ear());
  window.saved = [];
  window.model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; tell("change:" + name); },
    save_changes: () => saved.push({ ...state.settings }),
    on: (name, ear) => (ears[name] ??= []).push(ear),
    off: (name, ear) => (ears[name] = ears[name].filter((other) => other !== ear)),
    ears,
  };
  window.receive = (traits) => {
    Object.assign(state, traits);
    Object.keys(traits).forEach((name) => tell("change:" + name));
  };
  if (first) eval(`(${first})`)();
  const el = document.querySelector("main").appendChild(document.createElement("div"));
  window.stop = widget.render({ model, el });
}"""


@pytest.fixture
def start(show):
    def start(before_render=None, clock=False, **changes):
        page = show(before="undefined") if clock else show()  # a clock stays with its page
        if clock:
            page.clock.install()
        state = pages.bench() | {"live": True} | changes
        page.evaluate(START, [MODULE, state, before_render])
        return page

    return start


def busy(page):
    return page.locator(".vgp-bench").get_attribute("aria-busy") == "true"


def move_off_the_grid(page):
    page.get_by_role("slider", name="Depth").press("ArrowLeft")
    return {"activation": "sigmoid", "depth": 29, "weight_scale": 1}


def answer(page, settings, text="0.5"):
    frame = pages.frame("tanh", 29, 1.0)
    frame["readouts"][0]["text"] = text
    idle = {"state": "idle", "message": ""}
    page.evaluate("receive", {"frame": frame, "answers": settings, "status": idle})


def test_on_the_grid_python_is_told_and_not_waited_for(start):
    page = start()
    page.get_by_role("radio", name="tanh").check()
    assert page.evaluate("saved") == [{"activation": "tanh", "depth": 30, "weight_scale": 1}]
    assert not busy(page)
    assert page.locator("dd").first.inner_text() == "0.8"


def test_off_the_grid_it_is_busy_until_python_answers(start):
    page = start()
    asked = move_off_the_grid(page)
    assert busy(page)
    assert page.get_by_text("PyTorch is computing…").is_visible()
    assert page.get_by_role("slider", name="Depth").get_attribute("aria-valuetext") == "29 layers"
    assert float(page.locator(".vgp-picture").evaluate("(e) => getComputedStyle(e).opacity")) < 0.5
    page.wait_for_function("saved.length === 1")
    assert page.evaluate("saved") == [asked]
    page.evaluate("receive", {"status": {"state": "busy", "message": ""}})
    assert busy(page)
    answer(page, asked)
    assert not busy(page)
    assert page.get_by_text("PyTorch is computing…").count() == 0
    assert page.locator("dd").first.inner_text() == "0.5"


def test_a_drag_asks_once(start):
    page = start(clock=True)  # five presses are quick, however slow this machine is
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))
    for _ in range(5):
        page.get_by_role("slider", name="Depth").press("ArrowLeft")
    page.clock.run_for(400)
    assert [s["depth"] for s in page.evaluate("saved")] == [25]


def test_an_answer_to_another_setting_is_not_shown(start):
    page = start()
    asked = move_off_the_grid(page)
    answer(page, asked | {"depth": 11})
    assert busy(page)
    assert page.locator("dd").first.inner_text() == "0.234"


def test_an_error_is_told_and_the_next_answer_clears_it(start):
    page = start()
    asked = move_off_the_grid(page)
    page.wait_for_function("saved.length === 1")
    page.evaluate("receive", {"status": {"state": "busy", "message": ""}})
    page.evaluate("receive", {"status": {"state": "error", "message": "out of memory <b>"}})
    alert = page.get_by_role("alert")
    assert alert.inner_text() == "out of memory <b>"
    assert not busy(page)

    page.get_by_role("slider", name="Depth").press("ArrowLeft")
    assert busy(page)
    page.wait_for_function("saved.length === 2")
    page.evaluate("receive", {"status": {"state": "busy", "message": ""}})
    answer(page, asked | {"depth": 28})
    assert alert.inner_text() == ""
    assert page.locator("dd").first.inner_text() == "0.5"


def test_a_setting_on_the_grid_clears_an_error(start):
    page = start()
    move_off_the_grid(page)
    page.evaluate("receive", {"status": {"state": "error", "message": "no"}})
    page.get_by_role("slider", name="Depth").press("End")
    assert page.get_by_role("alert").inner_text() == ""
    assert not busy(page)


def test_settings_from_python_move_the_controls(start):
    page = start()
    page.evaluate("receive", {"settings": {"activation": "relu", "depth": 10, "weight_scale": 2.0}})
    assert page.get_by_role("radio", name="ReLU").is_checked()
    assert page.get_by_role("slider", name="Depth").get_attribute("aria-valuetext") == "10 layers"
    assert page.evaluate("saved") == []
    assert "ReLU, 10 layers" in page.locator(".vgp-plot").get_attribute("aria-label")


def test_it_starts_off_the_grid_with_the_answer_that_is_there(start):
    settings = {"activation": "tanh", "depth": 29, "weight_scale": 1.0}
    page = start(settings=settings, answers=settings, frame=pages.frame("tanh", 29, 1.0))
    assert not busy(page)
    assert "tanh, 29 layers" in page.locator(".vgp-plot").get_attribute("aria-label")


THERE = pages.INITIAL | {"activation": "tanh", "depth": 20}
GUESSED = """() => localStorage.setItem("vgp-progress",
  JSON.stringify({ version: 1, answers: {}, guesses: { double: "" } }))"""


@pytest.mark.parametrize(
    ("settings", "told", "shown"),
    [
        (pages.INITIAL, [THERE], "tanh, 20 layers"),
        (THERE | {"depth": 10}, [], "tanh, 10 layers"),  # code has set it: there it stays
    ],
)
def test_a_guess_made_before_is_shown_again_and_python_is_told(start, settings, told, shown):
    state = pages.bench(predict=pages.PREDICT | {"show": THERE})
    page = start(before_render=GUESSED, **state | {"live": True, "settings": settings})
    assert page.evaluate("saved") == told
    assert shown in page.locator(".vgp-plot").get_attribute("aria-label")


def test_several_options_off_the_grid_come_from_python_as_one_frame(start):
    controls = [pages.CONTROLS[0] | {"most": 3}, *pages.CONTROLS[1:]]
    settings = pages.INITIAL | {"activation": ["tanh", "relu"]}
    state = pages.bench(controls=controls, initial=settings)
    page = start(spec=state["spec"], settings=settings)
    names = page.locator(".vgp-rows tbody th")
    assert names.all_inner_texts() == ["tanh", "ReLU"]
    page.get_by_role("checkbox", name="sigmoid").check()
    asked = settings | {"activation": ["tanh", "relu", "sigmoid"], "depth": 29}
    assert not busy(page)
    move_off_the_grid(page)
    assert busy(page)
    page.wait_for_function("saved.length === 2")
    assert page.evaluate("saved")[1] == asked
    frames = [pages.frame(one, 29, 1.0) for one in asked["activation"]]
    frame = together(frames, ["tanh", "ReLU", "sigmoid"])
    idle = {"state": "idle", "message": ""}
    page.evaluate("receive", {"frame": frame, "answers": asked, "status": idle})
    assert not busy(page)
    assert names.all_inner_texts() == ["tanh", "ReLU", "sigmoid"]
    assert "of 29 layers" in page.locator(".vgp-strip strong").last.inner_text()


def test_the_page_around_belongs_to_somebody_else(start):
    page = start()
    assert page.get_by_role("button", name="Link to this setting").count() == 0
    page.evaluate("location.hash = '#error-signal?depth=10'")
    page.wait_for_timeout(50)
    assert page.get_by_role("slider", name="Depth").get_attribute("aria-valuetext") == "30 layers"


# As JupyterLab's widget manager: its kernel says when it restarts.
KERNEL = """() => {
  const ears = [];
  const signal = { connect: (ear) => ears.push(ear), disconnect() {} };
  model.widget_manager = { kernel: { statusChanged: signal } };
  window.kernelSays = (status) => ears.forEach((ear) => ear(null, status));
}"""


def test_a_kernel_that_is_gone_is_told_and_the_table_goes_on(start):
    page = start(before_render=KERNEL)
    asked = move_off_the_grid(page)
    assert busy(page)
    page.wait_for_function("saved.length === 1")
    page.evaluate("kernelSays('autorestarting')")
    alert = page.get_by_role("alert")
    assert alert.inner_text().startswith("The kernel is gone")
    assert not busy(page)
    assert asked["depth"] == 29
    slider = page.get_by_role("slider", name="Depth")
    assert slider.get_attribute("aria-valuetext") == "30 layers"
    slider.press("ArrowLeft")  # from now on along the table
    assert slider.get_attribute("aria-valuetext") == "20 layers"
    assert "20 layers" in page.locator(".vgp-plot").get_attribute("aria-label")
    assert not busy(page)


def test_a_kernel_that_says_nothing_is_told_after_a_while(start):
    page = start(clock=True)
    move_off_the_grid(page)
    page.clock.run_for(9_000)
    assert page.get_by_role("alert").inner_text() == ""
    page.clock.run_for(2_000)
    assert page.get_by_role("alert").inner_text().startswith("The kernel hasn't answered yet")
    page.get_by_role("radio", name="tanh").check()
    page.get_by_role("slider", name="Depth").press("End")
    assert page.get_by_role("alert").inner_text() == ""
    assert not busy(page)


def test_a_quiz_shows_too(start):
    page = start(**pages.quiz())
    page.get_by_role("radio").nth(1).check()
    assert page.get_by_text("Right: 0.23 to the 20th.").is_visible()


def test_it_can_be_taken_down(start):
    page = start()
    move_off_the_grid(page)
    page.evaluate("stop()")
    page.wait_for_timeout(300)
    assert page.locator(".vgp-bench").count() == 0
    assert page.evaluate("Object.values(model.ears).flat().length") == 0
    assert page.evaluate("saved") == []


def test_in_a_row_of_widgets_it_takes_the_room_there_is(start):
    page = start()
    page.evaluate("document.querySelector('.vgp').parentNode.style.display = 'flex'")
    assert page.locator(".vgp-bench").bounding_box()["width"] > 600
