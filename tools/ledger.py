"""The ledger: what people say, with a verdict, a correction and a measured number, row by row.

``appendix/claims.json`` holds the rows, beside the page that shows them and not among the banks in
``quizzes/``: no chapter asks them, and nothing that is installed reads them. A row's number is an
expression, as in a lesson's text; ``shown[0]`` is the first readout of the row's bench, at the
setting that the row links to, so that a reader who follows the link finds that number there.
"""

from __future__ import annotations

import ast
import functools
import os
import re
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, TypeAdapter, model_validator

from tools.environment import ROOT
from vgplib import errors
from vgplib.engine.experiment import Slider
from vgplib.experiments import experiment
from vgplib.lesson import banks
from vgplib.lesson.schema import Text, Word

ROWS = ROOT / "appendix" / "claims.json"
PAGE = ROOT / "appendix" / "claims.ipynb"
SOURCES = {"overview": "overview article", "interview": "interview page", "lesson": "lesson page"}
HEAD = "| What people say | Verdict | What's true | Measured here |\n|---|---|---|---|\n"
_CODE = re.compile(r"^```\{code-cell\} python\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Row(BaseModel):
    """One claim.

    Attributes:
        id: Its row is ``#said-<id>``.
        source: A key of ``SOURCES``.
        chapter: The part of the page that it stands in, named by a chapter's file.
        said: The claim, in our words.
        verdict: As in the chapters.
        truth: What's true about it, and why.
        measured: The number that settles it; Markdown with ``{{ expressions }}``.
        bench: Where a reader can see it: ``02-causes#chain?hops=10``.
        claim: The id of the chapter's claim that says the same.
        why: Where nothing is measured: why not.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: Word
    source: Literal["overview", "interview", "lesson"]
    chapter: Word
    said: Text
    verdict: Literal["holds", "depends", "false"]
    truth: Word
    measured: Word | None = None
    bench: Word | None = None
    claim: Word | None = None
    why: Word | None = None

    @model_validator(mode="after")
    def _settled(self) -> Row:
        if (self.measured is None) == (self.why is None):
            raise ValueError(f"{self.id}: a row has either 'measured' or 'why'")
        if "shown[" in (self.measured or "") and not self.bench:
            raise ValueError(f"{self.id}: 'shown' needs a 'bench'")
        if any("|" in (text or "") for text in (self.said, self.truth, self.measured, self.why)):
            raise ValueError(f"{self.id}: a cell of a table can't hold a '|'")
        return self


@functools.cache
def rows() -> tuple[Row, ...]:
    """All rows, checked, in the order of the page.

    Raises:
        pydantic.ValidationError: A row breaks the schema; the message names it.
    """
    return tuple(TypeAdapter(list[Row]).validate_json(ROWS.read_text(encoding="utf-8")))


def table(chapter: str) -> str:
    """The rows of one part of the page, as Markdown.

    Raises:
        ValueError: No row belongs there; the message lists the parts there are.
    """
    errors.choose("part of the ledger", chapter, list(dict.fromkeys(r.chapter for r in rows())))
    lines = [_line(row) for row in rows() if row.chapter == chapter]
    return f'<div class="vgp-cards vgp-ledger">\n\n{HEAD}{"".join(lines)}\n</div>'


def link(claim: str, folder: Path) -> str:
    """A link from a chapter's claim to its row, as Markdown; nothing where it has none.

    Args:
        claim: The claim's id.
        folder: Where the chapter lies.
    """
    for row in rows():
        if row.claim == claim:
            page = Path(os.path.relpath(PAGE, folder)).as_posix()
            return f"[In the list of all claims]({page}#said-{row.id})"
    return ""


def _line(row: Row) -> str:
    said = f'<a id="said-{row.id}"></a>“{row.said}” <small>{SOURCES[row.source]}</small>'
    verdict = f'<strong class="vgp-{row.verdict}">{row.verdict.capitalize()}</strong>'
    measured = row.measured or f"*Not measured.* {row.why}"
    if row.bench:
        place = bench(row.bench)
        measured = measured.replace("shown[", f"{place['readouts']}[")
        measured += f" [Experiment {place['number']}]({to(row.bench)})"
    if row.claim:
        between = " · " if row.bench else " "
        measured += f"{between}[Vote on it]({to(f'{_asked_by(row.claim)}#claim-{row.claim}')})"
    return f"| {said} | {verdict} | {row.truth} | {measured} |\n"


def _asked_by(claim: str) -> str:
    """The chapter that has a claim."""
    for path in sorted(banks.folder().glob("*.json")):
        if any(one.id == claim for one in banks.read(path).claims):
            return path.stem
    raise ValueError(f"There is no claim {claim!r} in any bank.")


def to(place: str) -> str:
    """The address of ``02-causes#chain?hops=10`` as a page of the appendix links to it."""
    chapter, _, below = place.partition("#")
    page = os.path.relpath(source(chapter).with_suffix(".ipynb"), PAGE.parent)
    return f"{Path(page).as_posix()}#{below}"


def source(chapter: str) -> Path:
    """A chapter's source, by its name: ``02-causes``.

    Raises:
        ValueError: There is no such chapter; the message lists the ones there are.
    """
    found = {path.stem: path for path in (ROOT / "chapters").rglob("*.md")}
    return found[errors.choose("chapter", chapter, sorted(found))]


def bench(place: str) -> dict[str, str]:
    """The bench that ``02-causes#chain?hops=10`` leads to: its number, its prediction (or "").

    ``readouts`` is Python for its readouts.

    Raises:
        ValueError: There is no such bench, or it can't be set like that.
    """
    chapter, _, below = place.partition("#")
    name, _, query = below.partition("?")
    calls = _benches(source(chapter))
    call = calls[errors.choose(f"bench of {chapter}", name, sorted(calls))]
    exp = experiment(call["experiment"])
    shown = call.get("controls", [control.name for control in exp.controls])
    settings = {key: call[key] for key in (c.name for c in exp.controls) if key in call}
    for key, text in parse_qsl(query):
        control = exp.control(errors.choose(f"control of {place}", key, shown))
        last = text.split(",")[-1]  # of several that are compared, the last is read out
        settings[key] = float(last) if isinstance(control, Slider) else last
        allowed = call.get("options", {}).get(key, control.values)
        if settings[key] not in allowed:
            raise ValueError(f"{place}: the bench has no {key} {last}; it has {allowed}.")
    compared = call.get("compare")
    settings = {
        k: v[-1] if k == compared and isinstance(v, list) else v for k, v in settings.items()
    }
    given = "".join(f", {key}={value!r}" for key, value in settings.items())
    return {
        "number": call["number"],
        "predict": call.get("predict", ""),
        "readouts": f"vgp.readouts({exp.name!r}{given})",
    }


@functools.cache
def _benches(source: Path) -> dict[str, dict[str, Any]]:
    """The benches of a chapter by the id that each has on its page, with their arguments."""
    found: dict[str, dict[str, Any]] = {}
    for code in _CODE.findall(source.read_text(encoding="utf-8")):
        for node in ast.walk(ast.parse(re.sub(r"^:tags:.*", "", code))):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "vgp.bench"):
                continue
            # Literals, but for a list that unpacks others to be short.
            given = {k.arg: eval(ast.unparse(k.value)) for k in node.keywords if k.arg}
            name = ast.literal_eval(node.args[0])
            count = sum(call["experiment"] == name for call in found.values())
            place = name if count == 0 else f"{name}-{count + 1}"
            found[place] = {"experiment": name, **given}
    return found
