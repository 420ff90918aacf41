"""The exercises as notebooks to hand out: ``python -m tools.exercises``.

A student's version has each exercise's task, its cell and what the cell needs of the chapter. The
instructor's has a solution to run as well, the mistakes that the check knows, and what to expect of
a room. Both are made of the chapters' notebooks and their question banks.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import book, folders, toc
from tools.environment import ROOT
from tools.sources import CHECK, IMPORT
from vgplib.lesson import banks
from vgplib.lesson.downloads import META
from vgplib.lesson.schema import Exercise

FOLDER = book.BUILD / "exercises"

STUDENT = (
    "Put your answer where a cell says so, then run it (Shift+Enter): its check tells you how far "
    "you are. Try as often as you like, nobody counts. Start with the cell below and go down."
)
INSTRUCTOR = (
    "This one is yours, so keep it off the projector. Below each cell there's a solution to run, "
    "what to expect of a room, and the mistakes that the check knows, with what it says to each. "
    "To show one, run the exercise's cell anew, and put the mistake in place of the solution. The "
    "student's version stops at the exercise's cell."
)

# A task begins below the heading or the solution before it, and at its own first words in bold.
_BEFORE = re.compile(r"^#.*$|^</details>$", re.MULTILINE)
_COUNTED = re.compile(r"^\*\*(One|Two)\.\*\* ")
_LINK = re.compile(r"\[([^\[\]]+)\]\([^()\s]+\)")


class Task(NamedTuple):
    """An exercise: ``needs`` is code of its chapter, without which its cell doesn't run."""

    asked: Exercise
    text: str
    needs: list[str]
    cell: str
    check: str


def make(folder: Path) -> list[Path]:
    """Write ``student/`` and ``instructor/``, a notebook in each for every chapter with exercises.

    Returns:
        The notebooks.
    """
    versions = {
        solved: folder / ("instructor" if solved else "student") for solved in (False, True)
    }
    for place in versions.values():
        place.mkdir(parents=True, exist_ok=True)
    made = []
    for page in toc.pages():
        path = ROOT / f"{page}.ipynb"
        if not path.exists() or not (found := tasks(path)):
            continue
        print(f"    {path.relative_to(ROOT).as_posix()}", flush=True)
        for solved, place in versions.items():
            made.append(place / path.name)
            nbformat.write(notebook(path, found, solved=solved), made[-1])
    return made


def tasks(path: Path) -> list[Task]:
    """The exercises of a chapter's notebook, in order."""
    found: list[Task] = []
    before: list[str] = []
    text = ""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            text = cell.source
            continue
        if match := CHECK.search(cell.source):
            asked = banks.find("exercises", match[1])
            codes = [asked.solution, *(a.code for a in asked.answers if a.code)]
            needs = needed(cell.source, codes, before)
            found.append(Task(asked, _task(text), needs, cell.source, match[0]))
        before.append(cell.source)
    return found


def needed(cell: str, codes: list[str], before: list[str]) -> list[str]:
    """The statements that a cell, and what may be written in it, need of the cells before it.

    Args:
        cell: The cell.
        codes: Code that is run after it.
        before: The code of the cells before it, in order.
    """
    own = _bound(ast.parse(cell))
    wanted = _read(ast.parse(cell)).union(*(_read(ast.parse(code)) - own for code in codes))
    kept: list[str] = []
    for node, text in reversed([pair for source in before for pair in _statements(source)]):
        if (wanted - {"vgp"}) & _bound(node):  # every notebook brings vgplib itself
            wanted = (wanted - _bound(node)) | _read(node)
            kept.insert(0, text)
    return kept


def _statements(source: str) -> list[tuple[ast.stmt, str]]:
    """The statements of a cell, each with its lines; a seed belongs to what is drawn after it."""
    lines = source.splitlines()
    found, seed = [], ""
    for node in ast.parse(source).body:
        text = "\n".join(lines[node.lineno - 1 : node.end_lineno])
        if text.startswith("torch.manual_seed("):
            seed = f"{text}\n"
            continue
        found.append((node, seed + text))
        seed = ""
    return found


def _bound(node: ast.AST) -> set[str]:
    """The names that code defines, those inside its functions left out."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Store) else set()
    return set().union(*map(_bound, ast.iter_child_nodes(node)))


def _read(node: ast.AST) -> set[str]:
    """The names that code reads, and doesn't define itself."""
    inside = list(ast.walk(node))
    names = {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    own = {n.arg for n in inside if isinstance(n, ast.arg)}
    return names - own.union(*map(_bound, inside))


def _task(text: str) -> str:
    """What a chapter's text asks just before a cell; links, which lead elsewhere, are words."""
    asked = _BEFORE.split(text)[-1].strip()
    bold = re.search(r"^\*\*", asked, re.MULTILINE)
    return _LINK.sub(r"\1", _COUNTED.sub("", asked[bold.start() if bold else 0 :]))


def notebook(path: Path, found: list[Task], *, solved: bool) -> Any:
    """A chapter's exercises as a notebook.

    Args:
        path: The chapter's notebook.
        found: Its exercises.
        solved: Whether it's the instructor's.
    """
    chapter = nbformat.read(path, as_version=4).cells
    title = next(c for c in chapter if c.cell_type == "markdown").source.partition("\n")[0]
    start = next(c for c in chapter if c.cell_type == "code" and IMPORT in c.source)
    about = INSTRUCTOR if solved else STUDENT
    more = ", solved" if solved else ""
    hidden = {"jupyter": {"source_hidden": True}}
    cells = [
        new_markdown_cell(f"{title}: try it yourself{more}\n\n{about}"),
        new_code_cell(start.source, metadata=hidden),
    ]
    given: set[str] = set()
    for number, task in enumerate(found, start=1):
        cells.append(new_markdown_cell(f"## Exercise {number}\n\n{task.text}"))
        if needs := [text for text in task.needs if text not in given]:
            cells.append(new_code_cell("# This is from the chapter.\n" + _together(needs)))
        cells.append(new_code_cell(task.cell))
        given.update(needs, (text for _, text in _statements(task.cell)))
        if solved:
            cells += _solved(task)
    for place, cell in enumerate(cells, start=1):
        cell.id = f"cell-{place}"  # so that makings agree
    return new_notebook(cells=cells, metadata=META)


def _together(statements: list[str]) -> str:
    """Statements as a cell, with room around functions."""
    text = "\n".join(f"\n\n{s}\n\n" if s.startswith("def ") else s for s in statements)
    return re.sub(r"\n{3,}", "\n\n\n", text).strip()


def _solved(task: Task) -> list[Any]:
    """What the instructor's version has below a cell."""
    asked = task.asked
    mistakes = [
        (f"```python\n{answer.code}\n```" if answer.code else "Anything else:", answer.feedback)
        for answer in asked.answers
        if not answer.correct
    ]
    said = "\n\n".join(f"{what}\n\n> Not yet. {words}" for what, words in mistakes)
    return [
        new_markdown_cell(f"### A solution\n\n{asked.why}"),
        new_code_cell(f"{asked.solution}\n\n{task.check}"),
        new_markdown_cell(
            f"### What to expect\n\n{asked.room}\n\n### Mistakes that the check knows\n\n{said}"
        ),
    ]


def main() -> None:
    """Write both versions, and say where they are."""
    try:
        made = make(FOLDER)
    except OSError as problem:
        if advice := folders.explain(problem):
            raise SystemExit(advice) from None
        raise
    print(
        f"{len(made) // 2} notebooks for students: {FOLDER / 'student'}\n"
        f"The same, solved: {FOLDER / 'instructor'}"
    )


if __name__ == "__main__":
    main()
