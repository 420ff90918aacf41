"""A voice of the reader's device reads in the recording's place; one that isn't local never does.

Headless browsers have no voices, so the page gets a device's speech here: it speaks a word in
25 ms, and notes what it was asked to say.
"""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect
from test_listen import MARKED, PAGE, STARTS, at, player, stored, word

DEVICE = """
class Speech extends EventTarget {
  asked = [];
  found = [];
  getVoices() { return this.found; }
  find(voices) {
    this.found = voices.map(([name, lang, localService]) => ({
      name, lang, localService, voiceURI: `urn:${name}`,
    }));
    this.dispatchEvent(new Event("voiceschanged"));
  }
  speak(one) {
    this.now = one;
    this.asked.push({ text: one.text, voice: one.voice.name, rate: one.rate });
    const starts = [...one.text.matchAll(/\\S+/g)].map(({ index }) => index);
    one.onstart?.({});
    const next = () => {
      if (this.now !== one) return;
      const charIndex = starts.shift();
      if (charIndex === undefined) return one.onend?.({});
      if (!this.mute) one.onboundary?.({ name: "word", charIndex });
      setTimeout(next, 25);
    };
    setTimeout(next, 25);
  }
  cancel() {
    const { now } = this;
    this.now = null;
    now?.onerror?.({ error: "canceled" });
  }
}
Object.defineProperty(window, "speechSynthesis", { value: new Speech() });
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
"""
VOICES = [
    ["Ada", "en-GB", True],
    ["Far away", "en-US", False],
    ["Anna", "de-DE", True],
    ["Ben", "en_US", True],
]
FOUND = f"{DEVICE} speechSynthesis.find({json.dumps(VOICES)});"


def voice(page):
    return player(page).get_by_role("combobox", name="Voice")


def asked(page) -> list[dict]:
    return page.evaluate("speechSynthesis.asked")


def toggle(page):
    return player(page).get_by_role("button")


def with_a_voice(show, before: str = FOUND):
    """A page on which the text was begun, and paused, with one of the device's voices chosen."""
    page = show(*PAGE, before=before)
    toggle(page).click()
    toggle(page).click()
    player(page).get_by_role("slider").press("Home")
    voice(page).select_option("Ada")
    return page


def test_local_english_voices_are_offered_when_they_are_found_and_no_other(show):
    page = show(*PAGE, before=DEVICE)
    toggle(page).click()
    expect(voice(page)).to_have_count(0)
    page.evaluate("(voices) => speechSynthesis.find(voices)", VOICES[1:3])
    expect(voice(page)).to_have_count(0)  # nothing that may be offered
    page.evaluate("(voices) => speechSynthesis.find(voices)", VOICES)
    expect(voice(page).locator("option")).to_have_text(["Recorded voice", "Ada", "Ben"])
    assert voice(page).input_value() == ""
    assert asked(page) == []


def test_it_speaks_sentence_by_sentence_and_marks_its_words_by_keyboard_alone(show):
    page = show(*PAGE, before=FOUND)
    requests = []
    page.get_by_role("link", name="#").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    player(page).get_by_role("slider").press("Home")
    page.on("request", lambda request: requests.append(request.url))
    for _ in range(2):  # to the speed, to the voice
        page.keyboard.press("Tab")
    expect(voice(page)).to_be_focused()
    page.keyboard.type("Ada")
    toggle(page).press("Enter")
    page.wait_for_function(f"({MARKED}) === 'w2'")
    page.wait_for_function(f"({MARKED}) === 'w6'")
    first, second = asked(page)
    assert first == {"text": "w0 1 + x, w2 w3.", "voice": "Ada", "rate": 1}
    assert second["text"].startswith("w4 w5 ")
    toggle(page).press("Enter")
    here = at(page)
    assert page.evaluate(MARKED) == word(here)
    page.wait_for_timeout(100)
    assert at(page) == here  # it's silent
    assert requests == []


def test_it_goes_on_where_it_was_also_with_the_other_voice(show):
    page = with_a_voice(show)
    toggle(page).click()
    page.wait_for_function(f"({MARKED}) === 'w6'")
    toggle(page).click()
    left = at(page)
    assert stored(page)["heard"] == {"08-chooser/in-short": pytest.approx(left, abs=0.06)}
    k = max(k for k, start in enumerate(STARTS) if start <= at(page))
    toggle(page).click()
    assert asked(page)[-1]["text"].startswith(f"w{k} ")
    voice(page).select_option("Recorded voice")  # while it speaks
    page.wait_for_function(f"document.querySelector('audio').currentTime > {left}")
    assert page.evaluate("speechSynthesis.now") is None


def test_voice_and_speed_are_remembered_and_a_voice_that_is_gone_is_the_recorded_one(show):
    page = with_a_voice(show)
    player(page).get_by_role("combobox", name="Speed").select_option("1.5×")
    toggle(page).click()
    page.wait_for_function(f"({MARKED}) === 'w4'")
    assert asked(page)[-1]["rate"] == 1.5
    player(page).get_by_role("combobox", name="Speed").select_option("2×")  # while it speaks
    assert asked(page)[-1]["rate"] == 2
    page.reload()
    assert stored(page)["heard"]["08-chooser/in-short"] > 0
    assert voice(page).locator("option:checked").inner_text() == "Ada"
    toggle(page).click()
    assert [one["voice"] for one in asked(page)] == ["Ada"]
    toggle(page).click()
    page.evaluate("(voices) => speechSynthesis.find(voices)", VOICES[1:])
    assert voice(page).locator("option:checked").inner_text() == "Recorded voice"
    toggle(page).click()
    page.wait_for_function("!document.querySelector('audio').paused")
    assert len(asked(page)) == 1


def test_a_voice_that_tells_no_words_is_followed_by_its_sentences(show):
    page = with_a_voice(show, FOUND + "speechSynthesis.mute = true;")
    toggle(page).click()
    page.wait_for_function(f"({MARKED}) === 'w0'")
    page.wait_for_function(f"({MARKED}) === 'w4'")


def test_it_ends_at_the_end_and_a_voice_that_fails_is_told(show):
    page = with_a_voice(show)
    player(page).get_by_role("slider").press("End")
    toggle(page).click()
    expect(toggle(page)).to_have_text("Listen")
    assert at(page) == 0
    assert stored(page)["heard"] == {}
    toggle(page).click()
    page.evaluate("speechSynthesis.now.onerror({ error: 'synthesis-failed' })")
    expect(toggle(page)).to_have_text("Listen")
    expect(player(page).get_by_role("status")).to_contain_text("Choose another one")


@pytest.mark.parametrize("gone", ["parentNode.open = false", "remove()"])
def test_nothing_speaks_from_a_closed_fold_or_from_what_is_gone(show, gone):
    fold = f"<details open><summary>A fold</summary>{PAGE[0]}</details>"
    page = show(fold, PAGE[1], before=FOUND)
    toggle(page).click()
    voice(page).select_option("Ben")
    page.wait_for_function("speechSynthesis.now")
    page.evaluate(f"document.getElementById('in-short').{gone}")
    page.wait_for_function("!speechSynthesis.now")


@pytest.mark.parametrize("width", [320, 380])
def test_the_choice_fits_a_phone(show, width):
    long = json.dumps([["Somebody of Some Maker - English (United Kingdom)", "en", True]])
    page = show(*PAGE, before=f"{DEVICE} speechSynthesis.find({long});")
    page.set_viewport_size({"width": width, "height": 640})
    toggle(page).click()
    box = voice(page).bounding_box()
    assert min(box["width"], box["height"]) >= 24
    assert page.evaluate("document.documentElement.scrollWidth") <= width
