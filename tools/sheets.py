"""The instructor's run-sheets: minute by minute, which bench, which vote, and what to say.

``appendix/sheets.json`` holds them. A step's question, its answer and what else people will say
come from the prediction of its bench, and its minutes from the words of its chapter's notebook, so
that a sheet follows the lesson that it is for.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from urllib.parse import parse_qsl

import nbformat
from pydantic import BaseModel, ConfigDict, TypeAdapter, model_validator

from tools import ledger
from tools.environment import ROOT
from vgplib import errors
from vgplib.lesson import banks
from vgplib.lesson.schema import Prediction, Text, Word

SHEETS = ROOT / "appendix" / "sheets.json"
PACE = 140  # words a minute, read aloud
VOTE = 5  # minutes: a first vote 1, neighbours 2, a second vote 1, moving the controls 1
HEAD = "| Clock | Do | They'll say, and you |\n|---|---|---|\n"

_NUMBER = re.compile(r'number="([\w.]+)"')
# What is not read aloud: asides, solutions, exercises, formulas and tables.
_ASIDE = re.compile(r"<details(?![^>]*vgp-after).*?</details>", re.DOTALL)
_UNSAID = re.compile(r"^### .*|\$\$.*?\$\$|^\|.*?$|<[^>]*>|\]\([^)]*\)", re.DOTALL | re.MULTILINE)


class Then(BaseModel):
    """Where a bench goes after the vote: a setting, and the words of the link to it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    at: Word
    words: Word


class Step(BaseModel):
    """One line of a sheet.

    Attributes:
        do: What the instructor does.
        at: The bench whose prediction is put to the vote: ``02-causes#chain?hops=10``.
        then: Settings to show after it.
        read: A section that is told aloud, ``02-causes#The whisper line``; a bench has its own.
        minutes: What it takes beyond telling and voting.
        say: What comes, and what to say, where that isn't the prediction's own note.
        late: What to leave out, or where to stop, when time runs out.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    do: Text
    at: Word | None = None
    then: list[Then] = []
    read: Word | None = None
    minutes: int = 0
    say: Text | None = None
    late: Text | None = None

    @model_validator(mode="after")
    def _lasts(self) -> Step:
        if not (self.at or self.read or self.minutes):
            raise ValueError(f"{self.do!r} takes no time: it needs 'at', 'read' or 'minutes'")
        return self

    def words(self) -> int:
        """How many words are told."""
        if self.at:
            chapter, number = self.at.partition("#")[0], ledger.bench(self.at)["number"]
            return next(part.words for part in sections(chapter) if number in part.benches)
        if self.read:
            chapter, _, title = self.read.partition("#")
            titles = {part.title: part.words for part in sections(chapter)}
            return titles[errors.choose(f"section of {chapter}", title, titles)]
        return 0

    def lasts(self) -> int:
        """Minutes, at least one."""
        return max(1, round(self.words() / PACE) + VOTE * bool(self.at) + self.minutes)


class Sheet(BaseModel):
    """A run-sheet: ``minutes`` is what there is, and its steps fit in."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: Word
    minutes: int
    steps: list[Step]

    def lasts(self) -> int:
        """Minutes, all steps together."""
        return sum(step.lasts() for step in self.steps)


class Section(BaseModel):
    """A section of a chapter: its title, its words as they are told, the numbers of its benches."""

    title: str
    words: int
    benches: list[str]


@functools.cache
def sheets() -> tuple[Sheet, ...]:
    """All sheets, checked.

    Raises:
        pydantic.ValidationError: A sheet breaks the schema; the message names the place.
    """
    return tuple(TypeAdapter(list[Sheet]).validate_json(SHEETS.read_text(encoding="utf-8")))


def sections(chapter: str) -> list[Section]:
    """The sections of a chapter's notebook, in order.

    Raises:
        ValueError: There is no such chapter.
    """
    return _sections(ledger.source(chapter).with_suffix(".ipynb"))


@functools.cache
def _sections(notebook: Path) -> list[Section]:
    found: list[Section] = []
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code":
            if found:
                found[-1].benches += _NUMBER.findall(cell.source)
            continue
        for part in re.split(r"^(?=## )", cell.source, flags=re.MULTILINE):
            if part.startswith("## "):
                title, _, part = part.removeprefix("## ").partition("\n")
                found.append(Section(title=title.strip(), words=0, benches=[]))
            if found:
                told = _UNSAID.sub(" ", _ASIDE.sub(" ", part)).split()
                found[-1].words += sum(any(map(str.isalnum, word)) for word in told)
    return found


def table(name: str) -> str:
    """A sheet as Markdown, with what its minutes are made of.

    Raises:
        ValueError: There is no such sheet, or a link or a section leads nowhere.
    """
    known = {sheet.id: sheet for sheet in sheets()}
    sheet = known[errors.choose("sheet", name, known)]
    lines, clock = "", 0
    for step in sheet.steps:
        lines += _line(step, clock)
        clock += step.lasts()
    words = sum(step.words() for step in sheet.steps)
    votes = sum(bool(step.at) for step in sheet.steps)
    made = (
        f"{clock} of {sheet.minutes} minutes. Telling it all, {words:,} words at {PACE} a minute, "
        f"takes {round(words / PACE)} of them, and {votes} votes take {VOTE * votes}."
    )
    return f'{made}\n\n<div class="vgp-cards vgp-sheet">\n\n{HEAD}{lines}\n</div>'


def _line(step: Step, clock: int) -> str:
    do, say = [step.do], [step.say] if step.say else []
    if step.at:
        bench = ledger.bench(step.at)
        guess = banks.find("predictions", bench["predict"])
        if guess.room is None:
            raise ValueError(f"{step.at}: the prediction {guess.id} has no note for a room.")
        link = f"{ledger.to(step.at)}{'&' if '?' in step.at else '?'}ask"
        do.insert(0, f"[Experiment {bench['number']}]({link}). *Vote:* {guess.question}")
        said = guess.room
        say += [f"**It's:** {_answer(step.at, guess)}", said.expect, f"*Neighbours:* {said.ask}"]
    if step.read:
        do.insert(0, _told(step.read))
    for then in step.then:
        ledger.bench(then.at)  # it must be there
        do.append(f"[{then.words}]({ledger.to(then.at)})")
    if step.late:
        do.append(f"**Late?** {step.late}")
    cells = (
        f"{clock // 60}:{clock % 60:02}<br>{step.lasts()} min",
        "<br>".join(do),
        "<br>".join(say),
    )
    return f"| {' | '.join(cells)} |\n"


def _told(section: str) -> str:
    """A link to a section: ``02-causes#The whisper line``."""
    chapter, _, title = section.partition("#")
    place = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
    return f"[{title}]({ledger.to(f'{chapter}#{place}')})"


def _answer(at: str, guess: Prediction) -> str:
    """A prediction's answer: an option, or an expression for what the bench reads out."""
    if guess.answer is not None:
        return guess.answer
    place, _, query = at.partition("?")
    last = {
        key: value[-1] if isinstance(value, list) else value for key, value in guess.show.items()
    }
    setting = "&".join(f"{key}={value}" for key, value in (dict(parse_qsl(query)) | last).items())
    readouts = ledger.bench(f"{place}?{setting}")["readouts"]
    return f"{{{{ {readouts}[{guess.readout}] }}}}"
