"""Committed notebooks hold text alone."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools import notebooks


@pytest.mark.parametrize("path", notebooks.paths(), ids=lambda path: path.stem)
def test_committed_notebooks_hold_text_alone(path):
    assert notebooks.problems(nbformat.read(path, as_version=4)) == []


def notebook(*outputs, count=1):
    cell = new_code_cell("1", execution_count=count, outputs=list(outputs))
    return new_notebook(cells=[cell])


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (notebook(new_output("display_data", {"text/html": "x"})), "text/html"),
        (notebook(new_output("display_data", {"image/png": "x"})), "image/png"),
        (notebook(new_output("error", ename="ValueError", evalue="x")), "ended in ValueError"),
        (notebook(count=None), "not run"),
        (notebook(count=2), "not run"),
    ],
)
def test_what_may_not_be_committed_is_named(made, problem):
    assert problem in " ".join(notebooks.problems(made))


def test_text_is_kept_and_all_else_goes():
    made = notebook(
        new_output("display_data", {"text/plain": "x", "text/html": "<b>x</b>"}),
        new_output("display_data", {"image/png": "x"}),
        new_output("stream", name="stdout", text="y"),
    )
    made.metadata["widgets"] = {}
    made.cells[0].metadata = {"tags": ["hide-input"], "execution": {"shell": "x"}}
    notebooks.text_only(made)
    assert notebooks.problems(made) == []
    first, second = made.cells[0].outputs
    assert first.data == {"text/plain": "x"}
    assert second.text == "y"
    assert made.cells[0].metadata == {"tags": ["hide-input"]}
