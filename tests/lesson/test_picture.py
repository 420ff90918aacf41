"""The picture of a frame, where no script runs: it shows what the page's chart shows."""

import re

from vgplib.experiments import experiment, look
from vgplib.lesson import picture

CLIPPED = re.compile(
    r'<path d="([^"]+)" clip-path="[^"]+" style="fill: none; stroke: var\(--vgp-accent'
)


def test_a_line_ends_at_a_cross_where_what_follows_is_not_finite():
    exp = experiment("chain")
    frame = look(exp, exp.check({"slope": 1.0, "weight": 1.0, "hops": 50})).to_json()
    whole = picture.svg(frame, "A chain", "salt")
    (series, *_) = (one for one in frame["series"] if one["role"] == "main")
    series["y"] = [v if k < 20 else "nan" for k, v in enumerate(series["y"])]
    drawn = picture.svg(frame, "A chain", "salt")
    assert "not finite" in drawn
    assert "not finite" not in whole
    assert "↑" not in drawn  # it does not climb
    assert CLIPPED.findall(drawn)[0] != CLIPPED.findall(whole)[0]


def test_a_line_that_leaves_the_axis_is_cut_there_and_not_led_along_the_edge():
    exp = experiment("chain")
    frame = look(exp, exp.check({"slope": 0.05, "weight": 0.25, "hops": 50})).to_json()
    drawn = picture.svg(frame, "A chain", "salt")
    (road,) = CLIPPED.findall(drawn)
    heights = [float(y) for y in re.findall(r"[ML] \S+ (\S+)", road)]
    assert len(heights) == len(set(heights)) > 2
    assert "↓" in drawn
