"""The films' page: they play, with captions, from a server, from a file, and without a script."""

import re

import pytest
from playwright.sync_api import expect

from tools import films
from tools.films import encode

PAGE = "appendix/watch.html"
H264 = """document.createElement("video").canPlayType('video/mp4; codecs="avc1.64001f"')"""
POSTER = """async (video) => {
  const image = new Image();
  image.src = video.poster;
  await image.decode();
  return image.width;
}"""


@pytest.fixture(params=["http", "file"])
def address(request, book) -> str:
    """Where the book is: on a server, or as files that were opened."""
    return request.getfixturevalue("site") if request.param == "http" else book.as_uri()


def test_nothing_is_loaded_before_a_film_is_played_and_then_it_plays(browser, address):
    tab = browser.new_page(viewport={"width": 900, "height": 900})
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(f"{address}/{PAGE}", wait_until="networkidle")
    video = tab.locator("video").first
    assert [url for url in asked if url.endswith(".mp4")] == []
    assert video.evaluate("(v) => v.paused && !v.autoplay && v.controls")

    # A Chromium without H.264 has the poster, the captions and the transcript.
    if tab.evaluate(H264):
        video.focus()
        tab.keyboard.press("Space")
        tab.wait_for_function("document.querySelector('video').currentTime > 0.3")
        seconds = video.evaluate("(v) => v.duration")
        assert seconds == pytest.approx(films.made(films.NAMES[0]).seconds, abs=0.1)
        assert video.evaluate("(v) => v.videoWidth") == 1280
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    tab.close()


def test_each_film_has_its_captions_poster_and_transcript(browser, address):
    tab = browser.new_page()
    tab.goto(f"{address}/{PAGE}", wait_until="networkidle")
    expect(tab.locator("video")).to_have_count(len(films.NAMES))
    for place, name in enumerate(films.NAMES):
        cues = (encode.FOLDER / f"{name}.vtt").read_text("utf-8").count("-->")
        tab.wait_for_function(f"document.querySelectorAll('track')[{place}].readyState === 2")
        video = tab.locator("video").nth(place)
        assert video.evaluate("(v) => v.textTracks[0].mode") == "showing"
        assert video.evaluate("(v) => v.textTracks[0].cues.length") == cues
        assert video.evaluate(POSTER) >= 640
        told = tab.locator("details", has_text="Transcript").nth(place)
        expect(told.locator("li")).to_have_count(cues)
    tab.close()


def test_without_a_script_films_can_be_controlled_and_on_paper_they_can_be_read(browser, site):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{site}/{PAGE}")
    for video in tab.locator("video").all():
        expect(video).to_be_visible()
        assert video.get_attribute("controls") is not None
    words = tab.locator("details", has_text="Transcript").first.locator("li").first
    expect(words).to_be_hidden()
    tab.emulate_media(media="print")
    expect(words).to_be_visible()
    context.close()


def test_on_the_smallest_phone_a_film_fits(browser, site):
    tab = browser.new_page(viewport={"width": 320, "height": 640})
    tab.goto(f"{site}/{PAGE}")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    box = tab.locator("video").first.bounding_box()
    assert box["width"] <= 320
    assert box["width"] / box["height"] == pytest.approx(16 / 9, rel=0.02)
    tab.close()


def test_a_download_is_the_film_and_chapters_lead_to_the_page(book):
    page = (book / PAGE).read_text("utf-8")
    for name in films.NAMES:
        assert f'href="films/{name}.mp4" download' in page
        assert (book / "appendix" / "films" / f"{name}.mp4").read_bytes()
    for chapter in ("02-causes", "06-clipping", "remedies/skip-connections"):
        text = (book / "chapters" / f"{chapter}.html").read_text("utf-8")
        assert re.search(r'href="[./]*appendix/watch\.html#[\w-]+"', text), chapter
