"""The questions of a chapter, from its bank (:mod:`vgplib.lesson.banks`)."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import traitlets

from vgplib.lesson import banks, schema
from vgplib.lesson.bundle import unique
from vgplib.lesson.text import plain, segments, to_html
from vgplib.lesson.widget import Widget


class Quiz(Widget):
    """The questions of one chapter. Made by :func:`quiz`."""

    kind = traitlets.Unicode("quiz").tag(sync=True)

    def __init__(self, spec: dict[str, Any], words: str) -> None:
        super().__init__(spec=spec)
        self._words = words

    def __repr__(self) -> str:
        return self._words

    def fallback(self) -> str:
        """The questions as HTML."""
        return _fallback(self.spec)


def quiz(chapter: str, folder: str | Path | None = None) -> Quiz:
    """Show the questions of a chapter.

    Args:
        chapter: The bank's name without its ending: ``"02-causes"``.
        folder: Where the banks lie; by default, the course's own.

    Raises:
        BankError: There is no such bank, or it breaks the schema.
    """
    path = (banks.folder() if folder is None else Path(folder)) / f"{chapter}.json"
    questions = banks.read(path).questions
    spec = {
        "id": unique(f"quiz-{chapter}"),
        "chapter": chapter,
        "title": f"{len(questions)} questions",
        "questions": [as_state(q) for q in questions],
    }
    return Quiz(spec, _words(questions))


def _words(questions: list[schema.Question]) -> str:
    """The questions as text, without their answers: what a file viewer shows."""
    lines = [f"{len(questions)} questions. Run this cell to answer them."]
    for number, question in enumerate(questions, start=1):
        lines.append(f"{number}. {plain(question.question)}")
        if isinstance(question, schema.ChoiceQuestion):
            lines += [f"   - {plain(a.answer)}" for a in question.answers]
    return "\n".join(lines)


def as_state(given: schema.Question) -> dict[str, Any]:
    """A question as the front end takes it: all text as segments, tolerances as numbers."""
    out: dict[str, Any] = {
        "id": given.id,
        "type": given.type,
        "question": segments(given.question),
        "answers": [_answer(given, a) for a in given.answers],
    }
    if given.hint:
        out["hint"] = segments(given.hint)
    for key in ("section", "bench"):
        if link := getattr(given, key):
            out[key] = link.model_dump(exclude_none=True)
    return out


def _answer(question: schema.Question, given: schema.Option | schema.Typed) -> dict[str, Any]:
    out = given.model_dump(exclude_none=True) | {"feedback": segments(given.feedback)}
    if isinstance(question, schema.ChoiceQuestion):
        out["answer"] = segments(given.answer)
        return out
    if given.value is not None:
        exact = abs(given.value) * 1e-9
        tolerance = exact if question.tolerance is None else question.tolerance
        out |= {"type": "value", "tolerance": tolerance}
    elif given.range is not None:
        out |= {"type": "range", "range": list(given.range)}
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
