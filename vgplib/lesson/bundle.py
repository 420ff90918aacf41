"""How one object shows itself everywhere: in a live notebook, in the book, as plain text."""

from __future__ import annotations

import html
import itertools
import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

DIST = Path(__file__).parent / "frontend" / "dist"

_ids: dict[str, itertools.count] = {}


def unique(name: str) -> str:
    """``name`` the first time, then ``name-2``, ``name-3``: ids within one page."""
    number = next(_ids.setdefault(name, itertools.count(1)))
    return name if number == 1 else f"{name}-{number}"


def island(kind: str, key: str, state: dict[str, Any], fallback: str) -> str:
    """HTML that the host script brings to life, and that says it all without the script.

    Args:
        kind: ``"bench"``, ``"quiz"`` or ``"clinic"``.
        key: The element's id.
        state: What the front end's model holds; it stands in the page as JSON.
        fallback: HTML for no JavaScript, for print engines and for search.
    """
    return (
        f'<div class="vgp" id="{html.escape(key)}" data-vgp="{kind}">'
        f'<script type="application/json" class="vgp-state">{_dumped(state)}</script>'
        f"{fallback}</div>"
    )


# JupyterLab says "model not found" where a saved notebook is opened without its kernel. The still
# output above says it all then, so that line is taken away. Its formulas look as in theme.css.
_QUIET = (
    '<style class="vgp-quiet">'
    ".jp-OutputArea-child:has(.vgp-fallback, .vgp-yours) + "
    ".jp-OutputArea-child > .jupyter-widgets:not(:has(*)) { display: none }"
    ".vgp math mi:not([mathvariant]) { font-family: serif; font-style: italic; "
    "text-transform: none }"
    ".vgp math :is(msub, msubsup) > :nth-child(2) { position: relative; top: 0.14em }</style>"
)


def show(widget: Any, still: str, text: str) -> None:
    """Show a widget in a notebook in two outputs: one that stays, and one that lives.

    The first is HTML, for files that are opened again, exports, and the book; the front end hides
    it when the second, the widget, comes alive (``render.js``).

    Args:
        widget: An ipywidget.
        still: HTML that says the same without a kernel.
        text: The same in plain words.
    """
    from IPython.display import display
    from ipywidgets import DOMWidget

    display({"text/html": still + _QUIET, "text/plain": wrapped(text)}, raw=True)
    live = DOMWidget._repr_mimebundle_(widget) or {}
    live.pop("text/plain", None)
    display({**live, "text/html": ""}, raw=True)


def wrapped(text: str, width: int = 76) -> str:
    """Each line of a text broken between words: JupyterLab breaks plain text within them.

    What goes on stands under the first word of its line, after a bullet or a number too.
    """
    lines = []
    for line in text.splitlines():
        start = re.match(r" *(- |\d+\. )?", line)
        hang = " " * (start.end() if start else 0)
        lines += textwrap.wrap(
            line,
            width,
            subsequent_indent=hang,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return "\n".join(lines)


_STATE = re.compile(
    r'(<script type="application/json" class="vgp-state">)(.*?)(</script>)', re.DOTALL
)


def finished(page: str, fill: Callable[[dict[str, Any]], None]) -> str:
    """A page of the book: each island's state is filled, and what is for notebooks goes.

    Args:
        page: HTML with islands.
        fill: Changes a state in place.
    """

    def filled(found: re.Match[str]) -> str:
        state = json.loads(found[2])
        fill(state)
        return f"{found[1]}{_dumped(state)}{found[3]}"

    still = page.replace(_QUIET, "").replace('<div class="output text_html"></div>', "")
    return _STATE.sub(filled, still)


def _dumped(state: dict[str, Any]) -> str:
    # "</" would end the script element early; JSON allows the escaped form.
    return json.dumps(state, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
