"""The texts that the pages read aloud, word by word, from the committed notebooks.

A word here is what stands between two spaces on the page, punctuation and formulas included: the
page (``listen.js``) finds the same words in the same order, and marks them as they are spoken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from tools.audio import spoken
from tools.environment import ROOT

FOLDER = ROOT / "audio"
_MARKDOWN = MarkdownIt().use(dollarmath_plugin)
_IN_SHORT = re.compile(r"^## In short\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
# As `vgplib.lesson.prose.card` writes it.
_CARD = re.compile(
    r'id="(card-[\w-]+)".*?</summary>\n\n(.*?)\n\n\*\*The trap\.\*\*', re.MULTILINE | re.DOTALL
)
_FORMULA = 0xE000  # letters of nobody's: each stands for a formula, which is one word


@dataclass(frozen=True)
class Reading:
    """A text to read aloud.

    Attributes:
        chapter: The chapter's file, ``"02-causes"``.
        place: The id on its page: ``"in-short"``, or that of a card, ``"card-relu"``.
        words: What is spoken for each word of the page, ``"ten to the minus eight,"``; empty
            where a sign is not spoken.
    """

    chapter: str
    place: str
    words: tuple[str, ...]

    @property
    def file(self) -> Path:
        """The recording."""
        return FOLDER / self.chapter / f"{self.place}.mp3"

    @property
    def hash(self) -> str:
        """By this a recording is known to be of this text."""
        return sha256("\n".join(self.words).encode()).hexdigest()[:16]


def readings() -> list[Reading]:
    """Every text that a page reads aloud, by chapter."""
    notebooks = sorted((ROOT / "chapters").rglob("*.ipynb"), key=lambda path: path.stem)
    return [
        Reading(path.stem, place, tuple(words(markdown)))
        for path in notebooks
        if ".ipynb_checkpoints" not in path.parts
        for place, markdown in _places(path)
    ]


def words(markdown: str) -> list[str]:
    """What is spoken for each word of a text.

    Args:
        markdown: Paragraphs of Markdown, with ``$formulas$``.
    """
    formulas: list[str] = []
    text = ""
    for block in _MARKDOWN.parse(markdown):
        for part in block.children or ():
            if part.type == "math_inline":
                text += chr(_FORMULA + len(formulas))
                formulas.append(part.content)
            elif part.type in ("softbreak", "hardbreak"):
                text += " "
            elif part.type in ("text", "code_inline"):
                text += part.content
        text += "\n"
    said = {chr(_FORMULA + k): spoken.formula(latex) for k, latex in enumerate(formulas)}
    return spoken.phrased(text.split(), said)


def _places(path: Path) -> Iterator[tuple[str, str]]:
    cells = nbformat.read(path, as_version=4).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    if match := _IN_SHORT.search(text):
        yield "in-short", match[1]
    yield from _CARD.findall(text)
