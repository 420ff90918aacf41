"""The concept inventory: twenty questions in two forms, to be asked before a course and after it.

``inventory.json`` holds them. Each question of form A has its twin in form B, which asks the same
in other words, and both go back to one line of the ledger of what people say. So a room that
answers A before and B after, or the other way round, shows what it has learned, and not which
questions it remembers. :mod:`vgplib.lesson.gain` turns the answers into a gain for each concept.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from vgplib import errors
from vgplib.lesson.schema import Text, Word

FORMS = ("A", "B")
LETTERS = "abcd"

_FILE = Path(__file__).with_name("inventory.json")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Asked(_Part):
    """A question as one form asks it; ``right`` is the letter of the right option."""

    question: Text
    options: Annotated[list[Text], Field(min_length=len(LETTERS), max_length=len(LETTERS))]
    right: Literal["a", "b", "c", "d"]


class Item(_Part):
    """A question and its twin.

    Attributes:
        row: The line of the ledger whose misconception it is after.
        concept: What it belongs to; a gain is told for each concept.
        type: Whether one has to work out a number, or to choose among words.
        why: Why the right option is right, in both forms.
        A: As form A asks it.
        B: As form B asks it.
    """

    row: Word
    concept: Word
    type: Literal["number", "words"]
    why: Text
    A: Asked
    B: Asked

    def asked(self, form: str) -> Asked:
        """The question of a form, ``"A"`` or ``"B"``."""
        return self.A if form == "A" else self.B


@functools.cache
def items() -> tuple[Item, ...]:
    """All questions, checked, in their order on both forms.

    Raises:
        pydantic.ValidationError: One breaks the schema; the message names the place.
    """
    return tuple(TypeAdapter(list[Item]).validate_json(_FILE.read_text(encoding="utf-8")))


def form(name: str) -> str:
    """A form as Markdown, to be printed.

    Raises:
        ValueError: It's neither ``"A"`` nor ``"B"``.
    """
    errors.choose("form", name, FORMS)
    questions = (_numbered(k, item.asked(name)) for k, item in enumerate(items(), start=1))
    return '<div class="vgp-form">\n\n' + "\n\n".join(questions) + "\n\n</div>"


def _numbered(number: int, asked: Asked) -> str:
    options = zip(LETTERS, asked.options, strict=True)
    lines = "\\\n".join(f"{letter}) {option}" for letter, option in options)
    return f"**{number}.** {asked.question}\n\n{lines}"


def key() -> str:
    """The right answers to both forms as Markdown, each with its reason and its ledger line."""
    lines = "".join(
        f"| {number} | {item.A.right} | {item.B.right} | {item.why} "
        f"[Said about it](claims.ipynb#said-{item.row}) |\n"
        for number, item in enumerate(items(), start=1)
    )
    return f"|  | A | B | Why |\n|---|---|---|---|\n{lines}"
