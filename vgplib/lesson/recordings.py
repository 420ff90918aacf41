"""What a page reads aloud: recordings beside the pages, and in each page when its words begin.

The recordings lie in ``audio/CHAPTER/PLACE.mp3`` of the book, with ``words.json`` beside them;
``make audio`` makes them. A page holds the times itself, since a page that was opened as a file may
read no other file; ``listen.js`` turns them into players.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FOLDER = "audio"
PUBLISHED = "_static/vgp/audio"


def offer(app: Sphinx, page: str, context: dict[str, Any]) -> str:
    """The recordings of a page as data for its script; nothing where it has none.

    Args:
        app: The running Sphinx.
        page: The page's name, ``"chapters/02-causes"``.
        context: What its template is filled with.
    """
    chapter = page.rpartition("/")[2]
    table = Path(app.srcdir, FOLDER, chapter, "words.json")
    if not table.exists():
        return ""
    recordings = {
        f"{chapter}/{place}": {"seconds": one["seconds"], "starts": one["starts"]}
        for place, one in json.loads(table.read_text("utf-8")).items()
    }
    data = {"folder": context["pathto"](PUBLISHED, 1), "recordings": recordings}
    text = json.dumps(data, separators=(",", ":")).replace("</", "<\\/")
    return f'<script type="application/json" class="vgp-recordings">{text}</script>'


def publish(app: Sphinx) -> None:
    """Put the recordings beside the pages."""
    source = Path(app.srcdir, FOLDER)
    for file in source.glob("*/*.mp3"):
        target = Path(app.outdir, PUBLISHED, file.relative_to(source))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
