"""What the pages read aloud: each recording has its player on its page, and plays from a file."""

import json

from playwright.sync_api import expect
from toc import LESSONS

from tools.audio import texts

MARKED = "[...(CSS.highlights.get('vgp-spoken') ?? [])].map((word) => word.toString())[0] ?? ''"
PAGES = {page.rpartition("/")[2].removesuffix(".html"): page for page in LESSONS}


def test_each_recording_has_a_player_before_its_text(browser, book):
    tab = browser.new_page()
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    wanted = {}
    for one in texts.readings():
        wanted.setdefault(one.chapter, []).append(one.place)
    for chapter, places in wanted.items():
        tab.goto(f"{book.as_uri()}/{PAGES[chapter]}")
        files = tab.locator(".vgp-listen > audio").evaluate_all("(all) => all.map((a) => a.src)")
        folder = (book / "_static" / "vgp" / "audio" / chapter).as_uri()
        assert sorted(files) == sorted(f"{folder}/{place}.mp3" for place in places), chapter
        for reading in places:
            assert (book / "_static/vgp/audio" / chapter / f"{reading}.mp3").exists()
    tab.close()
    assert not [url for url in asked if url.endswith(".mp3")]


def test_it_plays_from_a_file_and_marks_the_formula_that_it_speaks(browser, book):
    [reading] = [one for one in texts.readings() if one.chapter == "gating"]
    starts = json.loads(reading.file.with_name("words.json").read_text())["in-short"]["starts"]
    k = reading.words.index("one plus E to the bias")
    tab = browser.new_page()
    tab.goto(f"{book.as_uri()}/{PAGES['gating']}")
    player = tab.get_by_role("group", name="Listen: In short")
    player.get_by_role("button", name="Listen").press("Enter")
    slider = player.get_by_role("slider", name="Position")
    expect(slider).to_be_visible()
    sound = player.locator("audio")
    sound.evaluate("(audio, start) => (audio.currentTime = start)", starts[k] - 0.2)
    tab.wait_for_function(f"({MARKED}).endsWith('bias')")
    sound.evaluate("(audio) => audio.pause()")
    assert starts[k] <= sound.evaluate("(audio) => audio.currentTime") < starts[k + 1] + 1
    tab.close()
