"""The picture of a frame, where no script runs: it shows what the page's chart shows."""

import re

from vgplib.experiments import experiment, look
from vgplib.lesson import picture

CLIPPED = re.compile(
    r'<path d="([^"]+)" clip-path="[^"]+" style="fill: none; stroke: var\(--vgp-accent'
)


def test_a_line_that_leaves_the_axis_is_cut_there_and_not_led_along_the_edge():
    exp = experiment("chain")
    frame = look(exp, exp.check({"slope": 0.05, "weight": 0.25, "hops": 50})).to_json()
    drawn = picture.svg(frame, "A chain", "salt")
    (road,) = CLIPPED.findall(drawn)
    heights = [float(y) for y in re.findall(r"[ML] \S+ (\S+)", road)]
    assert len(heights) == len(set(heights)) > 2
    assert "↓" in drawn
