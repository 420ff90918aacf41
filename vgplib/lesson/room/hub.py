"""Who is in the room, and what each of them is told."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Protocol

from vgplib.lesson.room.limits import Bucket
from vgplib.lesson.room.questions import Question
from vgplib.lesson.room.votes import MOST, Votes

TABS = 4  # connections that one seat may hold


class Line(Protocol):
    """A connection, as the hub knows it."""

    def tell(self, state: dict[str, Any]) -> None:
        """Send a state."""


class Hub:
    """One room: its questions, its vote, and the connections to it.

    Args:
        questions: What can be asked.

    Attributes:
        key: Stands in the instructor's address, and nowhere else.
        requests: How many requests are answered, of all together.
        messages: How many messages are taken, of all together.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        self.questions = {question.id: question for question in questions}
        self.key = secrets.token_urlsafe(16)
        self.votes = Votes()
        self.requests = Bucket(burst=3000, rate=500)
        self.messages = Bucket(burst=1000, rate=200)
        self._seats: dict[str, set[Line]] = {}
        self._screens: set[Line] = set()

    def sit_down(self, seat: str, line: Line) -> bool:
        """Let a phone in; False where the room is full, or the phone has too many tabs."""
        tabs = self._seats.get(seat, set())
        if len(tabs) >= TABS or (not tabs and len(self._seats) >= MOST):
            return False
        self._seats[seat] = tabs | {line}
        line.tell(self._to_seat(seat))
        self.tell_screens()
        return True

    def stand_up(self, seat: str, line: Line) -> None:
        """A phone left. What it said counts all the same."""
        tabs = self._seats.get(seat, set()) - {line}
        if tabs:
            self._seats[seat] = tabs
        else:
            self._seats.pop(seat, None)
        self.tell_screens()

    def light_up(self, screen: Line) -> None:
        """An instructor's screen is there."""
        self._screens.add(screen)
        screen.tell(self._to_screen() | {"list": [q.listed() for q in self.questions.values()]})

    def go_dark(self, screen: Line) -> None:
        """A screen is gone."""
        self._screens.discard(screen)

    def guess(self, seat: str, given: object) -> None:
        """Take a guess.

        Raises:
            ValueError: It isn't one; the message is for whoever made it.
        """
        self.votes.guess(seat, given)
        for line in self._seats.get(seat, ()):
            line.tell(self._to_seat(seat))
        self.tell_screens()

    def direct(self, order: dict[str, Any]) -> None:
        """Do what the instructor wants.

        Raises:
            ValueError: That is not among what can be done.
        """
        match order:
            case {"do": "ask", "id": str(name)} if name in self.questions:
                self.votes.ask(self.questions[name])
            case {"do": "again"}:
                self.votes.again()
            case {"do": "close"}:
                self.votes.close()
            case {"do": "show", "what": "" | "votes" | "answer" as what}:
                self.votes.show(what)
            case _:
                raise ValueError("There is no such order.")
        self.tell_all()

    def tell_screens(self) -> None:
        """Tell the instructor how things are."""
        for screen in self._screens:
            screen.tell(self._to_screen())

    def tell_all(self) -> None:
        """Tell everybody."""
        self.tell_screens()
        for seat, tabs in self._seats.items():
            for line in tabs:
                line.tell(self._to_seat(seat))

    def _to_all(self) -> dict[str, Any]:
        votes = self.votes
        return {
            "asked": votes.question and votes.question.asked(),
            "round": votes.round,
            "open": votes.open,
            "shown": votes.shown,
        }

    def _to_seat(self, seat: str) -> dict[str, Any]:
        # What changes with each guess is for the screen: five hundred phones would be too many.
        tally = self.votes.tally() if self.votes.shown and not self.votes.open else None
        return self._to_all() | {"said": self.votes.said(seat), "tally": tally}

    def _to_screen(self) -> dict[str, Any]:
        question = self.votes.question
        return self._to_all() | {
            "tally": self.votes.tally() if self.votes.shown else None,
            "id": question and question.id,
            "joined": len(self._seats),
            "voted": self.votes.count,
            "marked": question is not None and question.answer is not None,
        }
