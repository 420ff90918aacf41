"""One question at a time, and what each seat says to it."""

from __future__ import annotations

from typing import Any, Literal

from vgplib import errors
from vgplib.lesson.room import bins
from vgplib.lesson.room.questions import Question
from vgplib.lesson.text import segments

MOST = 500  # seats that may vote
FARTHEST = 1e100  # no guess is meant to be larger, or closer to 0 where it is one by factors


class Votes:
    """The state of a vote; it lives in memory alone.

    Attributes:
        question: What is asked, or None before the first question.
        round: Counts the votes that were begun.
        open: Whether guesses are taken.
        shown: What everybody sees: nothing, the votes, or the right answer beside them.
    """

    def __init__(self) -> None:
        self.question: Question | None = None
        self.round = 0
        self.open = False
        self.shown: Literal["", "votes", "answer"] = ""
        self._guesses: dict[str, float] = {}
        self._before: list[float] | None = None

    @property
    def count(self) -> int:
        """How many have voted."""
        return len(self._guesses)

    def ask(self, question: Question) -> None:
        """Open a question; what was said to the last one is forgotten."""
        self._begin(question, None)

    def again(self) -> None:
        """Ask the same again, after neighbours talked; what was said first stays to compare."""
        self._begin(self.question, list(self._guesses.values()))

    def _begin(self, question: Question | None, before: list[float] | None) -> None:
        self.question, self._before = question, before
        self._guesses = {}
        self.round += 1
        self.open, self.shown = question is not None, ""

    def close(self) -> None:
        """Take no more guesses."""
        self.open = False

    def show(self, what: Literal["", "votes", "answer"]) -> None:
        """Show this to everybody. The answer closes the vote."""
        self.shown = what
        if what == "answer":
            self.close()

    def guess(self, seat: str, given: object) -> None:
        """Note what a seat says; it may say something else until the vote is closed.

        Args:
            seat: Whose it is: a number drawn at random.
            given: An option's place, or a number.

        Raises:
            ValueError: It is no answer to the question, or none is taken now.
        """
        if not self.open or self.question is None:
            raise ValueError("The vote is closed.")
        if seat not in self._guesses and self.count >= MOST:
            raise ValueError("The room is full.")
        self._guesses[seat] = self._checked(self.question, given)

    def said(self, seat: str) -> float | None:
        """What a seat says now."""
        return self._guesses.get(seat)

    @staticmethod
    def _checked(question: Question, given: object) -> float:
        if not question.options:
            value = errors.finite("a guess", given)
            if question.log and value <= 0:
                raise ValueError("A guess must be above 0.")
            if abs(value) > FARTHEST or (question.log and value < 1 / FARTHEST):
                raise ValueError("Such a number is out of all reach.")
            return value
        place = errors.whole("an option", given, least=0)
        if place >= len(question.options):
            raise ValueError("There is no such option.")
        return place

    def tally(self) -> list[dict[str, Any]]:
        """The votes, a row each: what was said, by how many, by how many the first time."""
        if self.question is None:
            return []
        now = list(self._guesses.values())
        if self.question.options:
            labels = [segments(option) for option in self.question.options]
            marks = [k + 0.5 for k in range(len(labels) - 1)]
        elif now or self._before:
            marks = bins.edges([*now, *(self._before or ())], self.question.log)
            labels = [[{"text": text}] for text in bins.labelled(marks)]
        else:
            return []
        counts = bins.counts(now, marks)
        before = None if self._before is None else bins.counts(self._before, marks)
        right = self.question.answer if self.shown == "answer" else None
        rows = [
            {
                "label": label,
                "count": counts[k],
                "before": None if before is None else before[k],
                "right": k == right,
            }
            for k, label in enumerate(labels)
        ]
        return rows if self.question.options else _trimmed(rows)


def _trimmed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the bins at the ends that nobody is in."""
    taken = [k for k, row in enumerate(rows) if row["count"] or row["before"]]
    return rows[taken[0] : taken[-1] + 1]
