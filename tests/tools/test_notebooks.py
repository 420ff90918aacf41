"""The committed notebooks are what their sources make, and hold text alone."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools import notebooks, sources


@pytest.mark.parametrize("path", notebooks.paths(), ids=lambda path: path.stem)
def test_a_committed_notebook_is_what_its_source_makes(path):
    committed = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    assert notebooks.problems(committed) == []
    assert sources.drift(sources.make(path, notebooks.how_to_get()), committed) == []


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
