"""The lessons' notebooks, made of their sources: ``python tools/notebooks.py [NAME ...]``.

Each source is run once, and written as a notebook with its text outputs. With ``--check``, nothing
is written: the exit status is 1 where a committed notebook is not what its source makes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":  # in place of tools/, so that `tools` and `vgplib` are found
    sys.path[0] = str(ROOT)

import nbformat  # noqa: E402

from tools import address, sources  # noqa: E402
from tools.environment import Failure  # noqa: E402


def how_to_get() -> str:
    """What a notebook says where vgplib is missing, with the course's address if there is one."""
    wheel = address.wheel()
    way = f"`%pip install {wheel}` brings it" if wheel else "`make lab` in its folder sets it up"
    return f"This notebook needs vgplib, the course's package: {way}."


def paths(*names: str) -> list[Path]:
    """The sources of the lessons, in the order of their names.

    Raises:
        Failure: There is no source of a name; the message lists the ones there are.
    """
    found = {
        path.stem: path
        for folder in (ROOT, ROOT / "chapters", ROOT / "appendix")
        for path in sorted(folder.rglob("*.md") if folder != ROOT else folder.glob("intro.md"))
        if path.read_text(encoding="utf-8").startswith("---\njupytext:")
    }
    if unknown := [name for name in names if name not in found]:
        raise Failure(f"There is no source {unknown[0]!r}; there are: {', '.join(found)}.")
    return [found[name] for name in names or found]


def problems(notebook: Any) -> list[str]:
    """What a committed notebook may not hold, each as a sentence; empty if all is well."""
    found = []
    if "widgets" in notebook.metadata:
        found.append("it holds widget state.")
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in cells if cell.source.strip()]
    if counts != list(range(1, len(counts) + 1)):
        found.append(f"its cells were not run once, top to bottom: the counts are {counts}.")
    for number, cell in enumerate(cells, start=1):
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"code cell {number} ended in {output.ename}.")
            extra = sorted(set(output.get("data", {})) - set(sources.KEPT))
            found += [f"code cell {number} holds {kind}." for kind in extra]
    return found


def main(arguments: list[str]) -> int:
    """Make or check notebooks; returns the exit status."""
    bad = 0
    try:
        for path in paths(*(a for a in arguments if not a.startswith("-"))):
            print(f"    {path.relative_to(ROOT).as_posix()}", flush=True)
            made, target = sources.make(path, how_to_get()), path.with_suffix(".ipynb")
            if "--check" not in arguments:
                nbformat.write(made, target)
                continue
            committed = nbformat.read(target, as_version=4)
            for problem in [*problems(committed), *sources.drift(made, committed)]:
                print(f"    {target.relative_to(ROOT).as_posix()}: {problem}")
                bad = 1
    except (Failure, OSError) as problem:
        print(problem)
        return 1
    if bad:
        print("Run `python tools/course.py notebooks`, then look at what changed.")
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
