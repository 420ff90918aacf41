"""The films are what their numbers and their drawing make, and can be read and followed."""

import json
import re
import struct
from functools import cache

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from tools import films
from tools.films import encode, stage

FILMS = pytest.mark.parametrize("name", films.NAMES)
made = cache(films.made)
CUE = re.compile(r"(\d\d):(\d\d\.\d{3}) --> (\d\d):(\d\d\.\d{3})\n(.+)")


@FILMS
def test_a_film_is_what_its_numbers_and_its_drawing_make(name):
    kept = json.loads((encode.FOLDER / f"{name}.json").read_text("utf-8"))
    now = encode.made_of(made(name))
    stale = f"The film {name} was made of something else: run `make films`, look at it, commit it."
    assert (kept["drawing"], kept["colours"]) == (now["drawing"], now["colours"]), stale
    assert kept["numbers"].keys() == now["numbers"].keys(), stale
    for about, values in now["numbers"].items():
        assert np.allclose(kept["numbers"][about], values, rtol=1e-3, atol=1e-5), stale
    assert (encode.FOLDER / f"{name}.vtt").read_text("utf-8") == made(name).captions(), stale
    assert (encode.FOLDER / f"{name}.md").read_text("utf-8") == made(name).transcript(), stale


def boxes(content: bytes) -> list[tuple[str, bytes]]:
    """The boxes of an MP4, or of one of its boxes: their names and contents."""
    found, at = [], 0
    while at < len(content):
        size, kind = struct.unpack(">I4s", content[at : at + 8])
        found.append((kind.decode("latin-1"), content[at + 8 : at + size]))
        at += size
    return found


@FILMS
def test_a_file_is_short_light_silent_and_starts_before_it_is_all_there(name):
    content = (encode.FOLDER / f"{name}.mp4").read_bytes()
    assert len(content) < 1_000_000
    parts = [kind for kind, _ in boxes(content)]
    assert parts.index("moov") < parts.index("mdat")
    movie = boxes(dict(boxes(content))["moov"])
    scale, duration = struct.unpack(">II", dict(movie)["mvhd"][12:20])
    assert 30 <= duration / scale <= 90
    assert duration / scale == pytest.approx(made(name).seconds, abs=0.1)
    (track,) = [boxes(inside) for kind, inside in movie if kind == "trak"]
    wide, high = struct.unpack(">II", dict(track)["tkhd"][-8:])
    assert (wide >> 16, high >> 16) == (stage.WIDTH, stage.HEIGHT) == (1280, 720)
    assert b"avc1" in dict(track)["mdia"]


@FILMS
def test_captions_can_be_read_in_their_time_and_end_before_the_film(name):
    text = (encode.FOLDER / f"{name}.vtt").read_text("utf-8")
    head, *cues = text.strip().split("\n\n")
    assert head == "WEBVTT"
    last = 0.0
    for cue in cues:
        match = CUE.fullmatch(cue)
        assert match, cue
        minutes, seconds, to_minutes, to_seconds = map(float, match.groups()[:4])
        start, end = 60 * minutes + seconds, 60 * to_minutes + to_seconds
        assert last <= start < end
        assert len(match[5]) <= 90 and len(match[5]) / (end - start) <= 15, match[5]
        last = end
    assert last < made(name).seconds


@FILMS
def test_a_film_asks_and_leaves_two_seconds_to_guess(name):
    asking = [beat for beat in made(name).beats if beat.title.endswith("?") and not beat.moving]
    assert asking
    for beat in asking:
        assert beat.seconds >= len(beat.says) / 18 + 2, beat.says  # letters a second, read silently


@FILMS
def test_a_picture_is_legible_and_leaves_room_for_captions(name):
    figure = stage.figure()
    for beat in made(name).beats:
        encode.paint(figure, beat, 1.0)
        for text in figure.findobj(Text):
            if not (text.get_text() and text.get_visible() and text.figure):
                continue
            box = text.get_window_extent()
            if box.width == 0:
                continue
            size = text.get_fontsize() * stage.DPI / 72
            assert size > stage.SMALLEST - 0.1, (beat.title, text.get_text(), size)
            assert box.x0 >= 0 and box.x1 <= stage.WIDTH, (beat.title, text.get_text())
            assert box.y0 >= stage.FOOT - 10 and box.y1 <= stage.HEIGHT, text.get_text()


@FILMS
def test_a_poster_is_light(name):
    path = encode.FOLDER / f"{name}.webp"
    assert path.stat().st_size <= 60_000
    with Image.open(path) as poster:
        assert poster.format == "WEBP"
        assert poster.width * 9 == poster.height * 16


def test_an_open_way_around_gives_what_the_atlas_has():
    """The two ends of the film are the networks of the experiment."""
    from tools.films import skip_connection
    from vgplib.engine.atlas import at
    from vgplib.experiments import experiment

    exp = experiment("residual")
    for opening, path in ((0.0, "plain"), (1.0, "skip")):
        runs = at(exp, {**exp.start, "path": path})["signal"].values
        expected = np.median(runs / runs[:, -1:], axis=0)
        assert skip_connection.profile(opening) == pytest.approx(expected, rel=1e-3)


def test_without_ffmpeg_it_is_said_where_to_get_it(monkeypatch):
    monkeypatch.setattr(encode.shutil, "which", lambda name: None)
    monkeypatch.setattr(encode.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(encode.Failure, match="imageio-ffmpeg"):
        encode.ffmpeg()
