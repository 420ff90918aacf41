"""Sources of the lessons: MyST text with ``{{ expressions }}``, and the notebooks made of it.

A source is Markdown and code cells as jupytext reads them. What stands in double braces is
evaluated by the notebook's own kernel, after all code above it, and put in place as text. A code
cell with the tag ``numbers`` runs for these expressions alone: it is no part of the notebook.
``{{ claim("id") }}`` (or ``solution``, ``card``, ``vote``, ``vote_again``) stands for Markdown from
the question banks, ``{{ ledger("chapter") }}`` for a part of the ledger of all claims,
``{{ sheet("45") }}`` for a run-sheet, and ``{{ form("A") }}`` for a form of the concept inventory.
"""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import jupytext
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import ledger, sheets
from tools.environment import Failure
from vgplib.lesson import banks, inventory, prose
from vgplib.lesson.downloads import META

EXPRESSION = re.compile(r"\{\{(.+?)\}\}", re.DOTALL)
FROM_A_BANK = re.compile(
    r"\{\{\s*(claim|solution|card|vote|vote_again|ledger|sheet|form)\(\s*[\"']([\w-]+)[\"']\s*\)\s*\}\}"
)
CHECK = re.compile(r"""vgp\.check\(\s*["']([\w-]+)["']\s*,(.+)\)""")
NUMBERS = "numbers"
HIDDEN = "remove-input"
IMPORT = "import vgplib as vgp"
# A notebook has no style sheet, and would glue folds to the text below.
ROOM = 'style="margin-block: 1em"'
# Folds with no empty line between them stand in a row, as their page lays it out.
FOLD = re.compile(r"^(?<!>\n)<details", re.MULTILINE)
VARIES = "nbval-ignore-output"  # what a cell puts out depends on the machine, or on the day
KEPT = ("text/plain", "text/markdown")  # what a committed notebook holds of its outputs


def make(path: Path, how_to_get: str) -> Any:
    """Run a source and make its notebook, with text outputs alone.

    Args:
        path: The source, ``chapters/02-causes.md``.
        how_to_get: What the first cell says where vgplib is missing.

    Raises:
        Failure: A cell or an expression fails, or a solution does not pass its own check; the
            message names the source and says why.
    """
    source = jupytext.read(path, fmt="md:myst")
    checks = dict(CHECK.findall("\n".join(c.source for c in source.cells)))
    plan = [
        step for cell in _title_first(source.cells) for step in _steps(cell, checks, path.parent)
    ]
    try:
        ran = _run([code for _, code in plan if code], path.parent)
    except (CellExecutionError, CellTimeoutError) as problem:
        raise Failure(f"{path.name}: {problem}") from None
    results = iter(ran.cells)
    cells = []
    for cell, code in plan:
        result = next(results) if code else None
        if cell is not None:
            cells.append(_made(cell, result))
    _number(cells)
    _explain_import(cells, how_to_get)
    return new_notebook(cells=cells, metadata=META)


def _run(codes: list[str], folder: Path) -> Any:
    """Run some cells in a kernel of their own."""
    ran = new_notebook(cells=[new_code_cell(code) for code in codes], metadata=META)
    client = NotebookClient(
        ran,
        timeout=600,
        iopub_timeout=60,  # what arrives later is left out, silently
        coalesce_streams=True,  # how a cell's prints arrive is chance: one text, always
        resources={"metadata": {"path": folder}},
        extra_arguments=["--IPKernelApp.log_level=40"],
    )
    return client.execute()


def _title_first(cells: list[Any]) -> list[Any]:
    """Let a notebook begin with its title: an import before it goes before the first section."""
    if len(cells) < 2 or cells[0].source != IMPORT or cells[1].cell_type != "markdown":
        return cells
    top, *sections = re.split(r"\n(?=## )", cells[1].source, maxsplit=1)
    return [
        new_markdown_cell(top.rstrip()),
        cells[0],
        *(new_markdown_cell(below) for below in sections),
        *cells[2:],
    ]


def _steps(cell: Any, checks: dict[str, str], folder: Path) -> list[tuple[Any, str]]:
    """What is to run for a cell of the source, each with the cell that it becomes, or None."""
    if cell.cell_type == "code":
        kept = NUMBERS not in cell.metadata.get("tags", [])
        return [(cell if kept else None, cell.source)]
    solved = [name for kind, name in FROM_A_BANK.findall(cell.source) if kind == "solution"]
    cell.source = FROM_A_BANK.sub(lambda m: _from_a_bank(m[1], m[2], folder), cell.source)
    steps = [(None, _check(name, checks.get(name))) for name in solved]
    return [*steps, (cell, _question_kernel(EXPRESSION.findall(cell.source)))]


def _from_a_bank(kind: str, name: str, folder: Path) -> str:
    if kind == "ledger":
        return ledger.table(name)
    if kind == "sheet":
        return sheets.table(name)
    if kind == "form":
        return inventory.key() if name == "key" else inventory.form(name)
    if kind == "claim":
        return prose.claim(name, more=ledger.link(name, folder))
    return getattr(prose, kind)(name)


def _question_kernel(expressions: list[str]) -> str:
    """Code that evaluates expressions, and hands their words back as one output."""
    if not expressions:
        return ""
    listed = "".join(f"    _said({e.strip()}),\n" for e in expressions)
    return (
        "from vgplib.lesson.prose import said as _said\n"
        "from IPython.display import display as _show\n"
        f'_show({{"application/json": [\n{listed}]}}, raw=True)'
    )


def _check(exercise: str, answer: str | None) -> str:
    """Code that fails where an exercise's solution does not pass its own check."""
    if answer is None:
        raise Failure(f"The exercise {exercise!r} has a solution, and no cell that checks it.")
    solution = banks.find("exercises", exercise).solution
    return (
        "_space = dict(globals())\n"
        f"exec({solution!r}, _space)\n"
        f"_checked = vgp.check({exercise!r}, eval({answer.strip()!r}, _space))\n"
        f"assert _checked.right, f'the solution of {exercise} fails its check: {{_checked}}'"
    )


def _made(cell: Any, result: Any) -> Any:
    """The notebook's cell: Markdown with its numbers in place, or code with its text outputs."""
    if cell.cell_type == "markdown":
        said = iter(result.outputs[0].data["application/json"] if result else ())
        text = EXPRESSION.sub(lambda _: next(said), cell.source)
        return new_markdown_cell(FOLD.sub(f"<details {ROOM}", text))
    tags = cell.metadata.get("tags")
    made = new_code_cell(cell.source, metadata={"tags": tags} if tags else {})
    if tags and HIDDEN in tags and cell.source.count("\n") > 8:
        _fold(made, "Draws the picture below")
    made.outputs = _text(result.outputs)
    return made


def _fold(cell: Any, does: str) -> None:
    """Fold away what nobody needs to read or change; its first line, which stays, says why."""
    cell.source = f"# {does}\n{cell.source}"
    cell.metadata["jupyter"] = {"source_hidden": True}


def _text(outputs: list[Any]) -> list[Any]:
    """The text of some outputs, and nothing larger."""
    kept = []
    for output in outputs:
        output.get("metadata", {}).clear()
        if "data" in output:
            output.data = {k: v for k, v in output.data.items() if k in KEPT}
        if output.get("name") == "stdout" or output.get("data"):
            kept.append(output)
    return kept


def _number(cells: list[Any]) -> None:
    """Count the code cells from 1, and name every cell by its place, so that makings agree."""
    count = 0
    for place, cell in enumerate(cells, start=1):
        cell.id = f"cell-{place}"
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = count


def _explain_import(cells: list[Any], how_to_get: str) -> None:
    """Let the first import of vgplib say how to get it where it is missing."""
    first = next((c for c in cells if c.cell_type == "code" and c.source == IMPORT), None)
    if first is not None:
        lines = textwrap.wrap(  # which keep their spaces, as they are put together again
            how_to_get, 64, drop_whitespace=False, break_long_words=False, break_on_hyphens=False
        )
        said = "\n".join(f"        {json.dumps(line)}" for line in lines)
        first.source = (
            f"try:\n    {IMPORT}\nexcept ModuleNotFoundError:\n"
            f"    raise ModuleNotFoundError(\n{said}\n    ) from None"
        )
        _fold(first, "Brings vgplib, the course's package")


def drift(made: Any, committed: Any) -> list[str]:
    """Where a committed notebook says something else than its source makes, each in a sentence.

    Numbers may differ by one in the last digit that is printed: another processor rounds
    otherwise.
    """
    if len(made.cells) != len(committed.cells):
        return [f"it has {len(committed.cells)} cells, its source makes {len(made.cells)}."]
    found = []
    for place, (new, old) in enumerate(zip(made.cells, committed.cells, strict=True), start=1):
        for one, other in zip(_words(new), _words(old), strict=False):
            if not alike(one, other):
                found.append(f"cell {place}: committed {other!r}, its source makes {one!r}.")
        if len(_words(new)) != len(_words(old)) or new.cell_type != old.cell_type:
            found.append(f"cell {place}: not the same lines.")
        if new.metadata != old.metadata:
            found.append(f"cell {place}: tags {old.metadata}, its source has {new.metadata}.")
    return found


def _words(cell: Any) -> list[str]:
    if VARIES in cell.metadata.get("tags", []):
        return cell.source.splitlines()
    outputs = [
        o.get("text") or "".join(o.get("data", {}).values()) for o in cell.get("outputs", [])
    ]
    return "\n".join([cell.source, *outputs]).splitlines()


_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")


def alike(one: str, other: str) -> bool:
    """Whether two lines differ in nothing but a last printed digit, by one."""
    if one == other:
        return True
    if _NUMBER.sub("#", one) != _NUMBER.sub("#", other):
        return False
    for a, b in zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True):
        places = [len(n.partition(".")[2]) for n in (a, b)]
        unit = 10.0 ** -min(places)
        if abs(float(a.replace(",", "")) - float(b.replace(",", ""))) > 1.001 * unit:
            return False
    return True
