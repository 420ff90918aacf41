"""Exercises: a cell that the learner completes, and a check that says what is wrong."""

from __future__ import annotations

from typing import Any

from vgplib.lesson import banks, schema
from vgplib.lesson.bundle import wrapped
from vgplib.lesson.text import plain

_WAITING = (
    "Put your answer in place of the dots, then run this cell again. (Reading this on a web page? "
    "Its download button brings you the notebook.)"
)
_EXACT = 1e-3  # relative: what a learner rounds to three digits is right


class Checked:
    """What a check says of an answer. Made by :func:`check`."""

    def __init__(self, right: bool, words: str) -> None:
        self.right = right
        self._words = words

    def __repr__(self) -> str:
        return wrapped(self._words)


def check(exercise: str, answer: Any) -> Checked:
    """Say whether an answer is right, and if it is not, what went wrong.

    Args:
        exercise: Its id, as it stands in the exercise's cell.
        answer: A number, or a tensor or array of one number.

    Raises:
        ValueError: There is no exercise of that id; the message lists the ones there are.
    """
    wanted = banks.find("exercises", exercise)
    if answer is ...:
        return Checked(False, _WAITING)
    try:
        number = float(answer.item() if hasattr(answer, "item") else answer)
    except (TypeError, ValueError, RuntimeError):
        kind = type(answer).__name__
        return Checked(False, f"The answer is a number; this is of type {kind}: {answer!r}.")
    found = next(a for a in wanted.answers if _fits(a, number))
    said = plain(found.feedback)
    return Checked(found.correct, f"✓ {said}" if found.correct else f"Not yet. {said}")


def _fits(answer: schema.Typed, number: float) -> bool:
    if answer.value is not None:
        return abs(number - answer.value) <= _EXACT * abs(answer.value)
    if answer.range is not None:
        return answer.range[0] <= number <= answer.range[1]
    return answer.type == "default"
