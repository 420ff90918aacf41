"""What a room can be asked: the predictions, the claims and the votes of the question banks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vgplib import errors
from vgplib.lesson import banks
from vgplib.lesson.text import plain, segments

VERDICTS = ("holds", "depends", "false")


@dataclass(frozen=True)
class Question:
    """A question among options, or for a number, where there are no options.

    ``answer`` is the right option's place; None where nobody can mark it, or where the bench on the
    chapter's page tells the number. ``log``: a number above 0, and guesses are apart by factors.
    """

    id: str
    chapter: str
    text: str
    options: tuple[str, ...] = ()
    answer: int | None = None
    log: bool = False
    unit: str = ""

    def asked(self) -> dict[str, Any]:
        """What everybody may know of it, in the front end's form."""
        return {
            "question": segments(self.text),
            "options": [segments(option) for option in self.options],
            "log": self.log,
            "unit": self.unit,
        }

    def listed(self) -> dict[str, str]:
        """How it stands in the instructor's list."""
        return {"id": self.id, "chapter": self.chapter, "text": plain(self.text)}


def chapters() -> list[str]:
    """The chapters that have something to vote on."""
    names = sorted(path.stem for path in banks.folder().glob("*.json"))
    return [name for name in names if any(_of(name))]


def questions(chapter: str | None = None) -> list[Question]:
    """What can be asked of one chapter, or of all.

    Raises:
        ValueError: No chapter has that name; the message lists those there are.
        BankError: A bank breaks the schema.
    """
    known = chapters()
    chosen = known if chapter is None else [errors.choose("chapter", chapter, known)]
    return [question for name in chosen for question in _of(name)]


def _of(chapter: str) -> Iterator[Question]:
    bank = banks.read(banks.folder() / f"{chapter}.json")
    for given in bank.predictions:
        options = tuple(given.options or ())
        yield Question(
            f"{chapter}/{given.id}",
            chapter,
            given.question,
            options,
            options.index(str(given.answer)) if options else None,
            given.log,
            given.unit,
        )
    for claim in bank.claims:
        said = f"“{claim.said}” Does it hold, does it depend, or is it false?"
        options = tuple(verdict.capitalize() for verdict in VERDICTS)
        yield Question(
            f"{chapter}/claim-{claim.id}", chapter, said, options, VERDICTS.index(claim.verdict)
        )
    for vote in bank.votes:
        yield Question(f"{chapter}/vote-{vote.id}", chapter, vote.question, tuple(vote.options))
