"""The committed notebooks: run top to bottom, with text outputs and nothing larger.

``python tools/notebooks.py`` runs them again and keeps their text; ``--check`` only looks.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
KEPT = ("text/plain", "text/markdown")


def paths() -> list[Path]:
    """Every notebook of the book, in reading order."""
    return sorted(
        path
        for path in (ROOT / "chapters").rglob("*.ipynb")
        if ".ipynb_checkpoints" not in path.parts
    )


def text_only(notebook: Any) -> None:
    """Strip a notebook, in place, of everything but its text."""
    for cell in notebook.cells:
        cell.metadata = {k: v for k, v in cell.metadata.items() if k == "tags"}
        for output in cell.get("outputs", []):
            output.get("metadata", {}).clear()
            if "data" in output:
                output.data = {k: v for k, v in output.data.items() if k in KEPT}
        if "outputs" in cell:
            cell.outputs = [o for o in cell.outputs if o.get("name") == "stdout" or o.get("data")]
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


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
            extra = sorted(set(output.get("data", {})) - set(KEPT))
            found += [f"code cell {number} holds {kind}." for kind in extra]
    return found


def execute(path: Path) -> Any:
    """Run a notebook where it lies; returns it with all its outputs."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": path.parent}}).execute()
    return notebook


def run(path: Path) -> None:
    """Run a notebook again and write it back with its text outputs."""
    notebook = execute(path)
    text_only(notebook)
    nbformat.write(notebook, path)


def main(arguments: list[str]) -> int:
    """Run or check all notebooks; the exit status is 1 if a check found something."""
    bad = 0
    for path in paths():
        name = path.relative_to(ROOT).as_posix()
        if "--check" not in arguments:
            print(f"    {name}", flush=True)
            run(path)
        for problem in problems(nbformat.read(path, as_version=4)):
            print(f"    {name}: {problem}")
            bad = 1
    if bad:
        print("Run `python tools/course.py notebooks`, then look at what changed.")
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
