"""The questions of a chapter, from the bank in ``quizzes/``.

A bank is JupyterQuiz's JSON: a list of questions with ``question``, ``type`` and ``answers``
(``answer``, ``correct``, ``feedback``; for numbers ``value`` or ``range``), plus optional keys
that JupyterQuiz ignores: ``id``, ``objective``, ``hint``, ``section``, ``tolerance``,
``bench`` (the link to the setting that settles it).
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from vgplib.errors import BankError
from vgplib.lesson.bundle import DIST, island, live_parts, unique
from vgplib.lesson.text import plain, segments, to_html

TYPES = ("multiple_choice", "many_choice", "numeric", "string")
KEYS = {
    "question",
    "type",
    "answers",
    "precision",
    "id",
    "objective",
    "hint",
    "section",
    "tolerance",
    "bench",
}


class Quiz(anywidget.AnyWidget):
    """The questions of one chapter. Made by :func:`quiz`."""

    _esm = DIST / "vgp.esm.js"
    _css = DIST / "vgp.css"

    kind = traitlets.Unicode("quiz").tag(sync=True)
    spec = traitlets.Dict().tag(sync=True)
    live = traitlets.Bool(True).tag(sync=True)

    def __repr__(self) -> str:
        return f"Quiz {self.spec['chapter']}: {self.spec['title']}"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        state = {"kind": "quiz", "spec": self.spec, "live": False}
        fallback = _fallback(self.spec)
        page = island("quiz", self.spec["id"], state, fallback)
        return live_parts(self, {"text/plain": repr(self), "text/html": page})


def quiz(chapter: str, folder: str | Path | None = None) -> Quiz:
    """Show the questions of a chapter.

    Args:
        chapter: The bank's name without its ending: ``"02-causes"``.
        folder: Where the banks lie; by default the nearest ``quizzes/`` above this notebook.

    Raises:
        BankError: There is no such bank, or it breaks its format.
    """
    path = _folder(folder) / f"{chapter}.json"
    questions = [_question(q, path) for q in read(path)]
    return Quiz(
        spec={
            "id": unique(f"quiz-{chapter}"),
            "chapter": chapter,
            "title": f"{len(questions)} questions",
            "questions": questions,
        }
    )


def _folder(given: str | Path | None) -> Path:
    if given is not None:
        return Path(given)
    here = Path.cwd()
    for above in (here, *here.parents):
        if (above / "quizzes").is_dir():
            return above / "quizzes"
    raise BankError(f"there is no folder quizzes/ in {here} or above it.")


def read(path: Path) -> list[dict[str, Any]]:
    """Read a bank and check all of it.

    Raises:
        BankError: The file is missing, is not JSON, or a question breaks the format; the
            message names file, question and reason.
    """
    if not path.exists():
        raise BankError(f"{path.name}: there is no such question bank in {path.parent}.")
    try:
        bank = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as problem:
        raise BankError(f"{path.name}: not valid JSON ({problem}).") from problem
    if not isinstance(bank, list) or not bank:
        raise BankError(f"{path.name}: a bank is a list of at least one question.")
    seen: set[str] = set()
    for place, question in enumerate(bank, start=1):
        name = question.get("id", f"number {place}") if isinstance(question, dict) else place
        for reason in _problems(question):
            raise BankError(f"{path.name}, question {name}: {reason}.")
        if question["id"] in seen:
            raise BankError(f"{path.name}, question {name}: its id is used twice.")
        seen.add(question["id"])
    return bank


def _problems(question: Any) -> Iterable[str]:
    """What breaks the format, the first first."""
    if not isinstance(question, dict):
        yield "it must be an object"
        return
    for key in ("id", "question", "type", "answers"):
        if key not in question:
            yield f"the key {key!r} is missing"
            return
    if unknown := sorted(set(question) - KEYS):
        yield f"unknown key {unknown[0]!r}; known: {', '.join(sorted(KEYS))}"
    if question["type"] not in TYPES:
        yield f"unknown type {question['type']!r}; known: {', '.join(TYPES)}"
        return
    answers = question["answers"]
    if not isinstance(answers, list) or not answers:
        yield "it needs a list of answers"
        return
    for answer in answers:
        yield from _answer_problems(question["type"], answer)
    right = sum(bool(a.get("correct")) for a in answers)
    if right == 0:
        yield "no answer is marked correct"
    if question["type"] == "multiple_choice" and right > 1:
        yield "a multiple_choice question has exactly one correct answer; use many_choice"
    if question["type"].endswith("choice") and len(answers) < 2:
        yield "a choice needs at least two answers"


def _answer_problems(kind: str, answer: Any) -> Iterable[str]:
    if not isinstance(answer, dict):
        yield "each answer must be an object"
        return
    if not answer.get("feedback"):
        yield f"the answer {answer.get('answer', answer.get('value', '?'))!r} has no feedback"
    default = answer.get("type") == "default"
    if kind == "numeric" and not default and not ({"value", "range"} & set(answer)):
        yield "a numeric answer needs a 'value', a 'range' or the type 'default'"
    if kind == "numeric" and "range" in answer:
        ends = answer["range"]
        if not (isinstance(ends, list) and len(ends) == 2 and ends[0] < ends[1]):
            yield f"a range is [low, high], not {ends!r}"
    if kind != "numeric" and not default and not isinstance(answer.get("answer"), str):
        yield "an answer's text must be a string"
    if not default and "correct" not in answer:
        yield "each answer must say whether it is correct"


def _question(given: dict[str, Any], path: Path) -> dict[str, Any]:
    """A question as the front end takes it: all text as segments, tolerances as numbers."""
    out: dict[str, Any] = {"id": given["id"], "type": given["type"]}
    try:
        out["question"] = segments(given["question"])
        out["answers"] = [_answer(given, a) for a in given["answers"]]
        if "hint" in given:
            out["hint"] = segments(given["hint"])
    except ValueError as problem:
        raise BankError(f"{path.name}, question {given['id']}: {problem}") from problem
    for key in ("section", "bench"):
        if key in given:
            out[key] = given[key]
    return out


def _answer(question: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    out = dict(given) | {"feedback": segments(given["feedback"])}
    if question["type"].endswith("choice"):
        out["answer"] = segments(given["answer"])
    if "value" in given:
        out["type"] = "value"
        out["tolerance"] = question.get("tolerance", abs(given["value"]) * 1e-9)
    elif "range" in given:
        out["type"] = "range"
    return out


def _fallback(spec: dict[str, Any]) -> str:
    """All questions with their answers folded away: for no script and for print."""
    items = []
    for question in spec["questions"]:
        answers = "".join(
            f"<li>{_shown(a)}<br><strong>{'Right' if a.get('correct') else 'Not right'}:</strong> "
            f"{to_html(a['feedback'])}</li>"
            for a in question["answers"]
        )
        options = (
            "<ul>" + "".join(f"<li>{_shown(a)}</li>" for a in question["answers"]) + "</ul>"
            if question["type"].endswith("choice")
            else ""
        )
        items.append(
            f"<li><p>{to_html(question['question'])}</p>{options}"
            f"<details><summary>Answers</summary><ul>{answers}</ul></details></li>"
        )
    return (
        f'<section class="vgp-fallback"><p class="vgp-title">{html.escape(spec["title"])}</p>'
        f"<ol>{''.join(items)}</ol></section>"
    )


def _shown(answer: dict[str, Any]) -> str:
    """An answer in words: its text, its value, its range."""
    if isinstance(answer.get("answer"), list):
        return to_html(answer["answer"])
    if "value" in answer:
        return html.escape(f"{answer['value']:g}")
    if "range" in answer:
        low, high = answer["range"]
        return html.escape(f"{low:g} to {high:g}")
    return html.escape(plain(answer.get("answer", "anything else")))
