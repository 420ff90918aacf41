"""What a reader missed, of all quizzes, to be answered once more."""

from __future__ import annotations

import json
import posixpath
from pathlib import Path
from typing import Any

import traitlets

from vgplib.lesson import banks
from vgplib.lesson.bundle import unique, wrapped
from vgplib.lesson.quiz import as_state
from vgplib.lesson.widget import Widget

WORDS = (
    "Questions of the chapters' quizzes that you answered wrong come here, to be answered once "
    "more. What you answered is kept in the browser, so it takes JavaScript to know them."
)


class Repeat(Widget):
    """The questions that a reader missed. Made by :func:`repeat`."""

    kind = traitlets.Unicode("repeat").tag(sync=True)

    def __repr__(self) -> str:
        return wrapped(WORDS)

    def fallback(self) -> str:
        """What comes here, as HTML."""
        return f'<section class="vgp-fallback"><p>{WORDS}</p></section>'


def repeat(chapters: str) -> Repeat:
    """Ask those questions again that the reader missed, whichever chapter they are of.

    Args:
        chapters: The folder of the chapters, as seen from the page: ``"../chapters"``.
    """
    found = []
    for path in sorted(banks.folder().glob("*.json"), key=_place):
        if questions := banks.read(path).questions:
            page = f"{chapters}/{_page(path.stem)}.ipynb"
            state = [_with_page(as_state(question), page) for question in questions]
            named = {"chapter": path.stem, "title": _title(Path(page)), "href": page}
            found.append({**named, "questions": state})
    return Repeat(spec={"id": unique("repeat"), "quizzes": found})


def _title(notebook: Path) -> str:
    """A chapter's title, as its notebook has it; its name where that lies elsewhere."""
    if notebook.exists():
        for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
            if (text := "".join(cell["source"])).startswith("# ") and cell["cell_type"] != "code":
                return text.partition("\n")[0].removeprefix("# ")
    return notebook.stem


def _place(path: Any) -> tuple[bool, str]:
    return not path.stem[0].isdigit(), path.stem


def _page(chapter: str) -> str:
    """Where a chapter's page lies: those on single remedies have a folder of their own."""
    return chapter if chapter[0].isdigit() else f"remedies/{chapter}"


def _with_page(given: Any, page: str) -> Any:
    """A question whose links, which lead somewhere from its page, lead there from this one."""
    if isinstance(given, list):
        return [_with_page(part, page) for part in given]
    if not isinstance(given, dict):
        return given
    return {
        key: _from_here(value, page) if key == "href" else _with_page(value, page)
        for key, value in given.items()
    }


def _from_here(href: str, page: str) -> str:
    if href.startswith("#"):
        return page + href
    return href if "://" in href else posixpath.normpath(f"{posixpath.dirname(page)}/{href}")
