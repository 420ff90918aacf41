"""The notebooks that the book's pages offer: as they ran, with their pictures, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

META = {  # of every notebook of the course: nothing of the machine that it ran on
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
WIDGET = "application/vnd.jupyter.widget-view+json"


def publish(executed: Path, sources: Path, cache: Path | None) -> None:
    """Put executed notebooks in place of those that the pages' download buttons lead to.

    Args:
        executed: Where MyST-NB left the notebooks as they ran.
        sources: The folder of the pages' sources.
        cache: Where jupyter-cache keeps what was run, if it does. From there come the outputs of
            a notebook that didn't run in this build: MyST-NB leaves it as it was before it ran.
    """
    if cache:
        from jupyter_cache import get_cache  # it takes its time

        kept = get_cache(cache)
    for path in sources.rglob("*.ipynb"):
        notebook = nbformat.read(executed / path.relative_to(sources), as_version=4)
        if cache:
            _, notebook = kept.merge_match_into_notebook(notebook)
        tidy(notebook)
        nbformat.write(notebook, path)


def tidy(notebook: Any) -> None:
    """Take out, in place, what needs the kernel that is gone, and what the run says of itself."""
    for cell in notebook.cells:
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in ("tags", "jupyter")}
        if "outputs" in cell:
            for output in cell.outputs:
                output.get("data", {}).pop(WIDGET, None)
            cell.outputs = [output for output in cell.outputs if _says_something(output)]
    notebook.metadata = dict(META)


def _says_something(output: Any) -> bool:
    if "data" in output:
        return any(output.data.values())
    return output.get("name") != "stderr"
