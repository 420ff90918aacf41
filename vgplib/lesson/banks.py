"""The question banks: what a chapter asks, as data, and the one schema that all of it keeps.

``quizzes/02-causes.json`` holds what chapter 2 asks of its reader: guesses to make before a chart
shows (``predictions``), sentences to vote on (``claims``), cells to complete (``exercises``), and
the quiz (``questions``, in JupyterQuiz's format with a few keys that JupyterQuiz ignores).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeFloat,
    ValidationError,
    model_validator,
)

import vgplib
from vgplib import errors
from vgplib.errors import BankError
from vgplib.experiments import experiment
from vgplib.lesson.text import segments


def _marked_up(text: str) -> str:
    segments(text)  # raises ValueError where a formula or a link is broken
    return text


def _bench(href: str) -> str:
    """A link to a bench: ``#chain?hops=10``; the experiment and its settings must exist."""
    name, _, setting = href.partition("#")[2].partition("?")
    exp = experiment(re.sub(r"-\d+$", "", name))
    for key, value in parse_qsl(setting):
        exp.control(key).check(_number(value))
    return href


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


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


class Prediction(_Part):
    """A guess before a chart shows: among options, or of a figure that the bench reads out."""

    id: Word
    question: Text
    because: Text
    options: Annotated[list[Text], Field(min_length=2)] | None = None
    answer: str | None = None
    readout: Literal[0, 1, 2] | None = None
    log: bool = False
    unit: str = ""

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
    verdict: Literal["holds", "depends", "misleading", "false"]
    answer: Word

    @model_validator(mode="after")
    def _plain(self) -> Claim:
        if "$" in self.said:  # it becomes HTML, in which a notebook sets no formulas
            raise ValueError("'said' holds a formula; say it in words")
        return self


class Exercise(_Part):
    """A cell to complete: what a value means, and code that solves it."""

    id: Word
    answers: Annotated[list[Typed], Field(min_length=1)]
    solution: Word
    why: Text

    @model_validator(mode="after")
    def _right(self) -> Exercise:
        _has_right(self.answers)
        if self.answers[-1].type != "default":
            raise ValueError("its last answer must be of the type 'default'")
        return self


class Bank(_Part):
    """All that a chapter asks."""

    predictions: list[Prediction] = []
    claims: list[Claim] = []
    exercises: list[Exercise] = []
    questions: list[Question] = []


def _has_right(answers: list[Typed]) -> None:
    if not any(a.correct for a in answers):
        raise ValueError("no answer is marked correct")


def _distinct(kind: str, given: list[str]) -> None:
    for text in given:
        if given.count(text) > 1:
            raise ValueError(f"the {kind} {text!r} is there twice")


KINDS = tuple(Bank.model_fields)
TYPES = ("multiple_choice", "many_choice", "numeric", "string")


def folder() -> Path:
    """Where the banks lie: in the installed package, or beside it in a checkout."""
    package = Path(vgplib.__file__).parent
    installed = package / "quizzes"
    return installed if installed.is_dir() else package.parent / "quizzes"


def read(path: Path) -> Bank:
    """Read a bank and check all of it.

    Raises:
        BankError: The file is missing or is not JSON, or an entry breaks the schema; the message
            names file, entry and reason.
    """
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.json"))) or "none"
        raise BankError(f"{path.name}: there is no such question bank; there are: {known}.")
    return _read(path, path.stat().st_mtime_ns)


@functools.cache
def _read(path: Path, changed: int) -> Bank:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as problem:
        raise BankError(f"{path.name}: the file is not UTF-8 ({problem.reason}).") from None
    except json.JSONDecodeError as problem:
        raise BankError(f"{path.name}: not valid JSON ({problem}).") from None
    try:
        bank = Bank.model_validate(given)
    except ValidationError as problem:
        raise BankError(f"{path.name}{_told(problem.errors()[0], given)}.") from None
    for kind in KINDS:
        ids = [part.id for part in getattr(bank, kind)]
        for name in ids:
            if ids.count(name) > 1:
                raise BankError(f"{path.name}, {kind[:-1]} {name}: its id is used twice.")
    return bank


def _told(error: Any, given: Any) -> str:
    """One problem, with the entry it is in: ``, question one: answers 2, feedback: ...``."""
    place = list(error["loc"])
    entry = ""
    if len(place) > 1:
        kind, number = place[0], place[1]
        name = given[kind][number]
        name = name.get("id") if isinstance(name, dict) else None
        named = name if name and isinstance(name, str) else f"number {number + 1}"
        entry = f", {kind[:-1]} {named}"
        place = [p for p in place[2:] if p not in TYPES]
    where = ", ".join(str(p + 1) if isinstance(p, int) else str(p) for p in place)
    said = error["msg"].removeprefix("Value error, ").rstrip(".")
    value = error["input"]
    shown = f" (it is {value!r})" if isinstance(value, str | int | float | bool | None) else ""
    return f"{entry}: {where + ': ' if where else ''}{said}{shown}"


def find(kind: str, name: str, where: Path | None = None) -> Any:
    """The prediction, claim or exercise of that id, in whichever bank it is.

    Args:
        kind: ``"predictions"``, ``"claims"`` or ``"exercises"``.
        name: Its id.
        where: The folder of the banks; by default, the course's.

    Raises:
        ValueError: No bank has it; the message lists the ones there are.
        BankError: A bank breaks the schema.
    """
    known = dict(_entries(kind, where or folder()))
    return known[errors.choose(kind[:-1], name, known)]


def _entries(kind: str, where: Path) -> Iterator[tuple[str, Any]]:
    for path in sorted(where.glob("*.json")):
        for part in getattr(read(path), kind):
            yield part.id, part
