"""The schema of the question banks: the keys of all that a chapter asks."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import parse_qsl

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeFloat,
    model_validator,
)

from vgplib import errors
from vgplib.engine.experiment import Choice
from vgplib.experiments import experiment
from vgplib.experiments.patients import PATIENTS
from vgplib.lesson.text import segments


def _marked_up(text: str) -> str:
    segments(text)  # raises ValueError where a formula or a link is broken
    return text


def _bench(href: str) -> str:
    """A link to a bench: ``#chain?hops=10``; the experiment and its settings must exist.

    Of a choice that is compared, several options: ``#training-race?row=nothing,relu_he``.
    """
    name, _, setting = href.partition("#")[2].partition("?")
    exp = experiment(re.sub(r"-\d+$", "", name))
    for key, value in parse_qsl(setting):
        control = exp.control(key)
        for one in value.split(",") if isinstance(control, Choice) else [value]:
            control.check(_number(one))
    return href


def _proof(text: str) -> str:
    links = re.findall(r"\]\(([^()\s]*#[^()\s]+\?[^()\s]+)\)", text)
    if len(links) != 1:
        raise ValueError(
            "a proof has one link to a bench at a setting, "
            f"such as 02-causes.ipynb#chain?hops=10; this one has {len(links)}"
        )
    _bench(links[0])
    return text


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _patient(name: str) -> str:
    return errors.choose("patient", name, PATIENTS)


Word = Annotated[str, Field(min_length=1)]
Text = Annotated[str, Field(min_length=1), AfterValidator(_marked_up)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Section(_Part):
    """Where to read again: ``{"href": "#one-hop", "text": "One hop"}``."""

    href: Annotated[str, Field(pattern=r"^[\w./-]*#[\w-]+$")]
    text: Word


class BenchLink(_Part):
    """The bench and setting that settle a question; ``readout`` says which figure does."""

    href: Annotated[str, AfterValidator(_bench)]
    text: Word
    readout: Literal[0, 1, 2] | None = None


class Option(_Part):
    """One answer of a choice."""

    answer: Text
    correct: bool
    feedback: Text


class Typed(_Part):
    """One answer that is typed: a number, a range of numbers, a word, or anything else."""

    type: Literal["value", "range", "string", "default"] | None = None
    answer: Word | None = None
    value: FiniteFloat | None = None
    range: tuple[FiniteFloat, FiniteFloat] | None = Field(default=None, strict=False)
    match_case: bool = False
    correct: bool = False
    feedback: Text

    @model_validator(mode="after")
    def _one_kind(self) -> Typed:
        given = [k for k in ("answer", "value", "range") if getattr(self, k) is not None]
        if len(given) != (self.type != "default"):
            raise ValueError(
                "an answer that is typed has one of 'answer', 'value' and 'range', "
                f"or the type 'default'; this one has {' and '.join(given) or 'none'}"
            )
        if self.range and not self.range[0] < self.range[1]:
            raise ValueError(f"a range is [low, high], not {list(self.range)}")
        return self


class _Question(_Part):
    id: Word
    question: Text
    objective: Annotated[int, Field(ge=0)] | None = None
    hint: Text | None = None
    section: Section | None = None
    bench: BenchLink | None = None


class ChoiceQuestion(_Question):
    """One right option, or any number of them."""

    type: Literal["multiple_choice", "many_choice"]
    answers: Annotated[list[Option], Field(min_length=2)]

    @model_validator(mode="after")
    def _right(self) -> ChoiceQuestion:
        _distinct("answer", [a.answer for a in self.answers])
        right = sum(a.correct for a in self.answers)
        if right == 0:
            raise ValueError("no answer is marked correct")
        if self.type == "multiple_choice" and right > 1:
            raise ValueError(
                "a multiple_choice question has exactly one correct answer; use many_choice"
            )
        return self


class TypedQuestion(_Question):
    """A number or a word that the reader types."""

    type: Literal["numeric", "string"]
    answers: Annotated[list[Typed], Field(min_length=1)]
    tolerance: Annotated[NonNegativeFloat, FiniteFloat] | None = None
    precision: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _right(self) -> TypedQuestion:
        wanted = {"numeric": ("value", "range"), "string": ("answer",)}[self.type]
        for answer in self.answers:
            if answer.type != "default" and all(getattr(answer, k) is None for k in wanted):
                raise ValueError(f"an answer of a {self.type} question needs {' or '.join(wanted)}")
        _has_right(self.answers)
        return self


Question = Annotated[ChoiceQuestion | TypedQuestion, Field(discriminator="type")]


class Room(_Part):
    """What an instructor is told of a prediction, and nobody else.

    ``expect``: the wrong answers that come, why, and what to say to them. ``ask``: the question
    that neighbours argue about, between a first vote and a second one.
    """

    expect: Text
    ask: Text


class Prediction(_Part):
    """A guess before a chart shows: among options, or of a figure that the bench reads out.

    ``show`` is the setting that answers it, ``{"activation": "sigmoid"}``: the bench moves there
    when the guess is made, and a figure is read off there. Of a choice that is compared it may be a
    list, and a figure is that of the last option. ``room`` is for whoever teaches with it.
    """

    id: Word
    question: Text
    because: Text
    options: Annotated[list[Text], Field(min_length=2)] | None = None
    answer: str | None = None
    readout: Literal[0, 1, 2] | None = None
    log: bool = False
    unit: str = ""
    show: dict[str, FiniteFloat | str | list[str]] = {}
    room: Room | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Prediction:
        if (self.options is None) == (self.readout is None):
            raise ValueError("a prediction has either 'options' with an 'answer', or a 'readout'")
        if self.options is not None:
            _distinct("option", self.options)
            errors.choose("answer", self.answer, self.options)
        return self


class Claim(_Part):
    """A sentence that people repeat; ``answer`` is Markdown and may hold ``{{ expressions }}``."""

    id: Word
    said: Text
    verdict: Literal["holds", "depends", "false"]
    answer: Word

    @model_validator(mode="after")
    def _plain(self) -> Claim:
        if "$" in self.said:  # it becomes HTML, in which a notebook sets no formulas
            raise ValueError("'said' holds a formula; say it in words")
        return self


class Outcome(Typed):
    """What a check may be given; ``code`` is a mistake that leads there, as a learner makes it."""

    code: Word | None = None

    @model_validator(mode="after")
    def _mistaken(self) -> Outcome:
        if (self.code is None) != (self.correct or self.type == "default"):
            raise ValueError("'code' is for each wrong answer but the default, and for no other")
        return self


class Exercise(_Part):
    """A cell to complete: what a value means, and code that solves it.

    ``room`` is for whoever teaches with it: what people will write, and what to say to them.
    """

    id: Word
    answers: Annotated[list[Outcome], Field(min_length=1)]
    solution: Word
    why: Text
    room: Text

    @model_validator(mode="after")
    def _right(self) -> Exercise:
        _has_right(self.answers)
        if self.answers[-1].type != "default":
            raise ValueError("its last answer must be of the type 'default'")
        _distinct("feedback", [a.feedback for a in self.answers])
        return self


class Card(_Part):
    """A question to answer aloud: an answer of 30 seconds, one of two minutes, the trap, the proof.

    All but the question is Markdown and may hold ``{{ expressions }}``. The proof says what to see
    where, with a link to the bench at the setting that shows it.
    """

    id: Word
    question: Text
    short: Word
    long: Word
    trap: Word
    proof: Annotated[str, AfterValidator(_proof)]


class Vote(_Part):
    """A question with no right answer, asked before the evidence and after it."""

    id: Word
    question: Text
    options: Annotated[list[Text], Field(min_length=2)]

    @model_validator(mode="after")
    def _apart(self) -> Vote:
        _distinct("option", self.options)
        return self


class Patient(_Part):
    """What ails a patient of the clinic, told when it is solved or given up.

    ``story`` may hold ``{{ names }}`` of :func:`vgplib.experiments.diagnoses.facts`.
    """

    id: Annotated[str, AfterValidator(_patient)]
    story: Text


class Bank(_Part):
    """All that a chapter asks."""

    predictions: list[Prediction] = []
    claims: list[Claim] = []
    exercises: list[Exercise] = []
    questions: list[Question] = []
    cards: list[Card] = []
    votes: list[Vote] = []
    patients: list[Patient] = []


def _has_right(answers: list[Typed]) -> None:
    if not any(a.correct for a in answers):
        raise ValueError("no answer is marked correct")


def _distinct(kind: str, given: list[str]) -> None:
    for text in given:
        if given.count(text) > 1:
            raise ValueError(f"the {kind} {text!r} is there twice")
