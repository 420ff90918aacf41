"""A text is read aloud: play, pause, place and speed, and the word that is spoken is marked.

With a recording that the book has; the text here has as many words.
"""

from __future__ import annotations

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from cards import FOLD, PLACE
from playwright.sync_api import Page, expect

from tools.environment import ROOT

FOLDER = ROOT / "audio"


def spoken(name: str) -> dict:
    chapter, place = name.split("/")
    return json.loads((FOLDER / chapter / "words.json").read_text())[place]


NAME, CARD = "08-chooser/in-short", "09-questions/card-clipping"
SPOKEN = spoken(NAME)
STARTS = SPOKEN["starts"]
MARKED = "[...(CSS.highlights.get('vgp-spoken') ?? [])].map(String)[0] ?? null"
FORMULA = "<math><mrow><mn>1</mn><mo>+</mo><mi>x</mi></mrow></math>"


def text(count: int) -> str:
    """A text of so many words: w0, a formula with a comma, a link of two words, w4, ..."""
    link = '<a href="other.html">w<em>2</em> w3</a>.'
    rest = " ".join(f"w{k}" for k in range(4, count))
    return f"w0 <span class='math'>{FORMULA}</span>, {link} {rest}"


def recordings(spoken: dict[str, dict], folder: str = FOLDER.as_uri()) -> str:
    """The data of a page."""
    data = json.dumps({"folder": folder, "recordings": spoken})
    return f'<script type="application/json" class="vgp-recordings">{data}</script>'


def section(count: int = len(STARTS)) -> str:
    heading = '<h2>In short<a class="headerlink" href="#in-short">#</a></h2>'
    return f'<section id="in-short">{heading}<p>{text(count)}</p></section>'


PAGE = (section(), recordings({NAME: SPOKEN}))


def player(page: Page):
    return page.get_by_role("group", name="Listen: In short")


def at(page: Page) -> float:
    return player(page).locator("audio").evaluate("(audio) => audio.currentTime")


def stored(page: Page) -> dict:
    return json.loads(page.evaluate("localStorage.getItem('vgp-progress') ?? '{}'"))


def word(seconds: float) -> str:
    """The word of the text that is spoken then."""
    k = max(k for k, start in enumerate(STARTS) if start <= seconds)
    return {1: "1+x,", 3: "w3."}.get(k, f"w{k}")


def test_it_plays_when_asked_by_keyboard_and_marks_the_word_that_is_spoken(show):
    page = show(*PAGE)
    listen = player(page).get_by_role("button", name="Listen")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.evaluate(MARKED) is None
    assert player(page).get_by_role("slider").count() == 0  # what is not asked for is not shown
    assert asked == []
    page.get_by_role("link", name="#").focus()
    page.keyboard.press("Tab")
    expect(listen).to_be_focused()
    page.keyboard.press("Enter")
    expect(player(page).get_by_role("button", name="Pause")).to_be_focused()
    page.wait_for_function(f"({MARKED}) === 'w2'")
    page.wait_for_function(f"({MARKED}) === 'w6'")
    page.keyboard.press("Space")
    expect(listen).to_be_focused()
    here = at(page)
    assert 0 < here < 10
    assert page.evaluate(MARKED) == word(here)
    assert asked == [(FOLDER / f"{NAME}.mp3").as_uri()]
    assert page.locator("#in-short > p").inner_html() == text(len(STARTS)).replace("'", '"')


def test_the_place_is_moved_by_keys_and_told_and_the_mark_goes_with_it(show):
    page = show(*PAGE)
    player(page).get_by_role("button", name="Listen").click()
    slider = player(page).get_by_role("slider", name="Position")
    player(page).get_by_role("button", name="Pause").click()
    whole = int(SPOKEN["seconds"])
    slider.press("Home")
    for _ in range(5):
        slider.press("ArrowRight")
    assert at(page) == 5
    assert slider.get_attribute("aria-valuetext") == f"5 of {whole} seconds"
    assert player(page).locator(".vgp-time").inner_text() == f"0:05 / 0:{whole}"
    assert page.evaluate(MARKED) == word(5)
    slider.press("End")
    assert page.evaluate(MARKED) == word(whole)


def test_a_formula_and_a_link_are_marked_whole_and_stay_what_they_are(show):
    page = show(*PAGE)
    player(page).get_by_role("button", name="Listen").click()
    sound = player(page).locator("audio")
    sound.evaluate("(audio) => (audio.playbackRate = 0.5)")  # no word is too short to be seen
    sound.evaluate("(audio) => (audio.currentTime = 0)")
    page.evaluate(f"""() => {{
      window.seen = new Set();
      const look = () => {{ seen.add({MARKED}); requestAnimationFrame(look); }};
      look();
    }}""")
    page.wait_for_function("seen.has('w4')", timeout=30_000)
    seen = page.evaluate("[...seen]")
    assert {"w0", "1+x,", "w2", "w3."} <= set(seen)
    assert page.locator("#in-short p a").inner_html() == "w<em>2</em> w3"


def test_it_ends_at_the_end_and_begins_anew(show):
    page = show(*PAGE)
    player(page).get_by_role("button", name="Listen").click()
    player(page).get_by_role("slider").press("End")
    listen = player(page).get_by_role("button", name="Listen")
    expect(listen).to_be_visible()
    assert at(page) == 0
    assert page.evaluate(MARKED) is None
    assert stored(page)["heard"] == {}


def test_the_place_and_the_speed_are_remembered(show):
    page = show(*PAGE)
    player(page).get_by_role("button", name="Listen").click()
    slider = player(page).get_by_role("slider")
    player(page).get_by_role("combobox", name="Speed").select_option("1.5×")
    assert player(page).locator("audio").evaluate("(audio) => audio.playbackRate") == 1.5
    player(page).get_by_role("button", name="Pause").click()
    slider.press("Home")
    for _ in range(7):
        slider.press("ArrowRight")
    assert stored(page)["heard"] == {NAME: 7}
    page.reload()
    assert page.evaluate(MARKED) is None  # nothing was spoken yet
    assert player(page).locator(".vgp-time").inner_text().startswith("0:07 / ")
    assert player(page).get_by_role("combobox", name="Speed").input_value() == "1.5"
    player(page).get_by_role("button", name="Listen").click()
    page.wait_for_function(f"({MARKED}) !== null")
    assert 7 <= at(page) < 17
    assert player(page).locator("audio").evaluate("(audio) => audio.playbackRate") == 1.5
    page.reload()  # while it plays
    assert 7 <= stored(page)["heard"][NAME] < 17


def test_a_place_just_behind_the_beginning_is_the_beginning(show):
    page = show(*PAGE)
    player(page).get_by_role("button", name="Listen").click()
    player(page).get_by_role("combobox", name="Speed").select_option("2×")
    player(page).get_by_role("button", name="Pause").click()
    player(page).locator("audio").evaluate("(audio) => (audio.currentTime = 0.03)")
    player(page).get_by_role("slider").dispatch_event("change")
    assert stored(page)["heard"] == {}
    page.reload()
    assert player(page).locator(".vgp-time").inner_text() == f"0:{int(SPOKEN['seconds'])}"
    assert stored(page)["speed"] == 2


@pytest.mark.parametrize("kept", [{"heard": {NAME: "7"}}, {"heard": [7]}, {"speed": 0}])
def test_a_damaged_place_or_speed_is_set_aside(show, kept):
    page = show(*PAGE)
    text = json.dumps({"version": 1, "answers": {}, **kept})
    page.evaluate("(text) => localStorage.setItem('vgp-progress', text)", text)
    page.reload()
    assert at(page) == 0
    assert page.evaluate("localStorage.getItem('vgp-progress-damaged')") == text


def test_one_speaks_at_a_time_also_in_the_self_test_and_none_from_a_closed_fold(show):
    answer = text(len(spoken(CARD)["starts"]))
    folds = [
        FOLD.format("In 30 seconds, and the trap", f"{answer}</p><p>The trap."),
        FOLD.format("In two minutes, and the proof", "Long."),
    ]
    card = (
        "<section><h3>By norm?</h3><div class='vgp-folds vgp-card' id='card-clipping'>"
        f"{''.join(folds)}</div></section>"
    )
    page = show(section(), PLACE, card, recordings({NAME: SPOKEN, CARD: spoken(CARD)}))
    audios = page.locator("audio").element_handles()
    running = lambda: [one.evaluate("(one) => !one.paused") for one in audios]  # noqa: E731
    assert running() == [False, False]
    player(page).get_by_role("button", name="Listen").click()
    assert running() == [True, False]
    fold = page.get_by_text("In 30 seconds")
    fold.click()
    page.get_by_role("group", name="Listen: By norm?").get_by_role("button").click()
    assert running() == [False, True]
    fold.click()
    page.wait_for_function("([one]) => one.paused", arg=[audios[1]])

    player(page).get_by_role("button", name="Listen").click()
    page.get_by_role("button", name="Start round").click()
    page.get_by_role("button", name="Show the answer").click()
    asked = page.get_by_role("dialog").get_by_role("group", name="Listen: By norm?")
    assert asked.count() == 1
    audios += asked.locator("audio").element_handles()
    asked.get_by_role("button").click()
    assert running() == [False, False, True]
    page.wait_for_function(f"({MARKED}) !== null")
    page.get_by_role("button", name="Again").click()
    page.wait_for_function("([one]) => one.paused", arg=[audios[2]])


@pytest.mark.parametrize("parts", [[section()], [section(len(STARTS) - 1), PAGE[1]]])
def test_no_player_where_there_is_no_recording_or_one_of_another_text(show, parts):
    page = show(*parts)
    expect(page.get_by_role("heading", name="In short")).to_be_visible()
    assert page.get_by_role("button").count() == 0


def test_no_player_without_scripts(show):
    page = show(*PAGE, java_script_enabled=False)
    expect(page.get_by_role("heading", name="In short")).to_be_visible()
    assert page.get_by_role("button").count() == 0


def test_a_file_that_cannot_be_played_is_told(show, tmp_path):
    file = tmp_path / f"{NAME}.mp3"
    file.parent.mkdir()
    file.write_text("no sound")
    page = show(section(), recordings({NAME: SPOKEN}, tmp_path.as_uri()))
    player(page).get_by_role("button", name="Listen").click()
    expect(player(page).get_by_role("status")).to_contain_text("can’t be played")
    expect(player(page).get_by_role("button", name="Listen")).to_be_visible()


def test_nothing_of_it_is_printed(show):
    page = show(*PAGE)
    page.emulate_media(media="print")
    assert player(page).count() == 0
    assert page.get_by_text("w10").is_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_accessible_and_fits_a_narrow_phone(show, theme):
    page = show(*PAGE)
    page.set_viewport_size({"width": 320, "height": 640})
    page.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
    player(page).get_by_role("button", name="Listen").click()
    player(page).get_by_role("button", name="Pause").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    found = (
        Axe().run(page, context=".vgp-listen", options={"preload": False}).response["violations"]
    )
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    for control in player(page).locator("button, input, select").filter(visible=True).all():
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= 24
