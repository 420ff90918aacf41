"""The colours of the course, and pictures in them: what a lesson and a diagnosis share."""

from __future__ import annotations

import html
import io
import re
from typing import Any

# Safe for colour-blind readers, and of enough contrast on bg and panel. The same as in the
# benches' style sheet, where a page's variables of these names (--vgp-ink, ...) are set.
LIGHT = {
    "bg": "#ffffff",
    "panel": "#f5f7fb",
    "ink": "#1b2430",
    "muted": "#566072",
    "line": "#e2e6ec",
    "accent": "#0b6e99",
    "second": "#b4530a",
    "good": "#1a7f45",
    "warn": "#8a6100",
    "bad": "#b42318",
}
DARK = {
    "bg": "#161c23",
    "panel": "#1c232b",
    "ink": "#e6eaf0",
    "muted": "#a3adba",
    "line": "#323b46",
    "accent": "#5bbfea",
    "second": "#f2a65a",
    "good": "#6fd69a",
    "warn": "#e0b040",
    "bad": "#ff8b80",
}
# What matplotlib draws in when nobody says otherwise: a learner's own figures.
_DEFAULTS = {"#000000": "ink", "#1f77b4": "accent", "#ff7f0e": "second"}
_NAMES = {LIGHT[name]: name for name in LIGHT if name != "bg"} | _DEFAULTS
_COLOUR = re.compile(f"(fill|stroke): ({'|'.join(_NAMES)})")


def figure_svg(figure: Any, label: str, salt: str) -> str:
    """A matplotlib figure as inline SVG that follows the page's colours and has a name.

    What is drawn in a colour of :data:`LIGHT`, or in one of matplotlib's first, takes the
    page's, so that one picture is right in light, in dark and in print.

    Args:
        figure: The figure.
        label: Its description, for screen readers.
        salt: Makes ids within the SVG unique on the page, and the same in every build.
    """
    import matplotlib as mpl

    buffer = io.StringIO()
    unsaid = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=unsaid)
    text = buffer.getvalue()
    text = text[text.index("<svg ") :]
    # Groups' ids are the same in every figure; the style is meant for this one alone.
    text = re.sub(r'<g id="[^"]*"', "<g", text).replace("*{stroke", ".vgp-still *{stroke", 1)
    text = _COLOUR.sub(lambda found: f"{found[1]}: {_variable(found[2])}", text)
    start = f'<svg role="img" aria-label="{html.escape(label)}" class="vgp-still" '
    return text.replace("<svg ", start, 1)


def _variable(colour: str) -> str:
    name = _NAMES[colour]
    return f"var(--vgp-{name}, {LIGHT[name]})"
