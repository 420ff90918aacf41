"""The question banks: what a chapter asks, as data.

``quizzes/02-causes.json`` holds what chapter 2 asks of its reader: guesses to make before a chart
shows (``predictions``), sentences to vote on (``claims``), cells to complete (``exercises``), and
the quiz (``questions``, in JupyterQuiz's format with a few keys that JupyterQuiz ignores). Some
have what is told of the clinic's ``patients``, questions to answer aloud (``cards``), and what
nobody can mark (``votes``). All of it keeps one schema (:mod:`vgplib.lesson.schema`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import vgplib
from vgplib import errors
from vgplib.errors import BankError
from vgplib.lesson.schema import Bank

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
    """What has that id among all banks' entries of one kind.

    Args:
        kind: ``"predictions"``, ``"claims"``, ``"exercises"``, ``"patients"``, ``"cards"`` or
            ``"votes"``.
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
