"""How one object shows itself everywhere: in a live notebook, in the book, as plain text."""

from __future__ import annotations

import html
import itertools
import json
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
        kind: ``"bench"`` or ``"quiz"``.
        key: The element's id.
        state: What the front end's model holds; it stands in the page as JSON.
        fallback: HTML for no JavaScript, for print engines and for search.
    """
    # "</" would end the script element early; JSON allows the escaped form.
    data = json.dumps(state, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return (
        f'<div class="vgp" id="{html.escape(key)}" data-vgp="{kind}">'
        f'<script type="application/json" class="vgp-state">{data}</script>'
        f"{fallback}</div>"
    )


def live_parts(widget: Any, shown: dict[str, Any]) -> tuple[dict, dict]:
    """The MIME bundle of ``widget`` for live front ends, with the parts in ``shown`` beside it.

    Args:
        widget: An ipywidget.
        shown: MIME type -> data, such as ``text/html`` for the book.
    """
    from ipywidgets import DOMWidget

    data = DOMWidget._repr_mimebundle_(widget) or {}
    return {**data, **shown}, {}
