"""Exercises to hand out: solutions are right, mistakes get their hints, students see neither."""

import ast
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient

from tools import exercises, toc
from tools.environment import ROOT
from tools.sources import CHECK
from vgplib.lesson import banks
from vgplib.lesson.text import plain

NOTEBOOKS = [
    path
    for page in toc.pages()
    if (path := ROOT / f"{page}.ipynb").exists()
    if exercises.tasks(path)
]
TASKS = [
    pytest.param(path.stem, number, id=task.asked.id)
    for path in NOTEBOOKS
    for number, task in enumerate(exercises.tasks(path))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Both versions of all exercises, made twice."""
    folder = tmp_path_factory.mktemp("exercises")
    first = {path: path.read_bytes() for path in exercises.make(folder)}
    assert {path: path.read_bytes() for path in exercises.make(folder)} == first
    return folder


@pytest.fixture
def attempt(folder):
    """A function that starts a student's notebook anew, answers with code, and returns the check.

    It runs the cells down to the exercise's, then the code, then the check once more.
    """

    def attempt(chapter, number, code=None):
        space, checks = {}, -1
        torch.manual_seed(0)  # one cell draws without a seed of its own
        for cell in cells(folder / "student" / f"{chapter}.ipynb", "code"):
            checked = run(cell, space)
            checks += bool(match := CHECK.search(cell))
            if checks == number:
                return checked if code is None else run(f"{code}\n{match[0]}", space)
        raise AssertionError("the exercise isn't there")

    return attempt


def cells(path, kind):
    return [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == kind]


def run(code, space):
    """Run a cell, and return the value of its last line."""
    *statements, last = ast.parse(code).body
    if isinstance(last, ast.Expr):
        exec(compile(ast.Module(statements, []), "cell", "exec"), space)
        return eval(compile(ast.Expression(last.value), "cell", "eval"), space)
    exec(code, space)


def asked(chapter, number):
    return banks.read(banks.folder() / f"{chapter}.json").exercises[number]


def test_every_exercise_of_the_banks_is_handed_out():
    known = [
        task.id for path in banks.folder().glob("*.json") for task in banks.read(path).exercises
    ]
    assert sorted(known) == sorted(param.id for param in TASKS)


@pytest.mark.parametrize(("chapter", "number"), TASKS)
def test_a_solution_passes_its_check_and_the_untouched_cell_does_not(attempt, chapter, number):
    untouched = attempt(chapter, number)
    assert not untouched.right
    assert repr(untouched).startswith(("Put your answer in place of the dots", "Not yet. "))
    solved = attempt(chapter, number, asked(chapter, number).solution)
    assert solved.right, solved


@pytest.mark.parametrize(("chapter", "number"), TASKS)
def test_each_known_mistake_gets_the_hint_that_is_meant_for_it(attempt, chapter, number):
    known = [answer for answer in asked(chapter, number).answers if answer.code]
    assert len(known) >= 2
    for answer in known:
        checked = attempt(chapter, number, answer.code)
        assert not checked.right
        said = " ".join(repr(checked).split())
        assert said == " ".join(f"Not yet. {plain(answer.feedback)}".split()), answer.code


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_student_s_notebook_has_the_tasks_and_no_trace_of_an_answer(folder, path):
    student = folder / "student" / path.name
    notebook = nbformat.read(student, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert {key for cell in notebook.cells for key in cell.metadata} == {"jupyter"}
    written = student.read_text("utf-8")
    tasks = exercises.tasks(path)
    asked = [task.asked for task in tasks]
    answers = [answer for task in asked for answer in task.answers]
    told = lines(*(task.solution for task in asked), *(a.code for a in answers if a.code))
    told -= lines(*(code for task in tasks for code in (task.cell, *task.needs)))
    told |= {text for task in asked for text in (task.why, task.room)}
    told |= {answer.feedback for answer in answers}
    assert not {text for text in told if as_written(text) in written}
    assert all(as_written(task.text) in written for task in tasks)


def lines(*codes):
    """The lines of some code, as they are without imports, comments and room."""
    found = {line.partition("#")[0].strip() for code in codes for line in code.splitlines()}
    return {line for line in found if line and not line.startswith(("import ", "from "))}


def as_written(text):
    """A text as it stands in a notebook's file."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_an_instructor_s_notebook_solves_everything_and_tells_the_mistakes(folder, path):
    instructor = folder / "instructor" / path.name
    nbformat.validate(nbformat.read(instructor, as_version=4))
    space, checks = {}, []
    for cell in cells(instructor, "code"):
        checked = run(cell, space)
        if CHECK.search(cell):
            checks.append(checked.right)
    assert checks == [False, True] * len(exercises.tasks(path))
    told = "".join(cells(instructor, "markdown"))
    for task in exercises.tasks(path):
        asked = task.asked
        assert asked.room in told
        assert all(
            a.feedback in told and (a.code or "") in told for a in asked.answers if not a.correct
        )


def test_what_a_student_gets_runs_in_a_kernel_and_each_check_answers(folder):
    notebook = nbformat.read(folder / "student" / "03-symptoms.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": folder}}).execute()
    said = [
        output.data["text/plain"]
        for cell in notebook.cells
        if "vgp.check" in cell.source
        for output in cell.outputs
    ]
    assert len(said) == 2
    assert all(words.startswith("Put your answer in place of the dots") for words in said)


def test_only_what_a_cell_needs_of_its_chapter_comes_before_it():
    before = [
        "import torch\nfrom torch import nn\n\nx = 3\nprint(x)",
        "torch.manual_seed(0)\nz = torch.randn(x)  # drawn\nunused = nn.Linear(1, 1)\nx = 4",
        "def curve(at):\n    total = at + z\n    return total",
    ]
    assert exercises.needed("kept = ...", ["kept = curve(1)"], before) == [
        "import torch",
        "x = 3",
        "torch.manual_seed(0)\nz = torch.randn(x)  # drawn",
        "def curve(at):\n    total = at + z\n    return total",
    ]
    assert exercises.needed("z = 1\nkept = z", ["kept = z + 1"], before) == []
    assert exercises.needed("kept = x", [], before) == ["x = 4"]


MAKE = """
import os, pathlib, sys
from tools import exercises
exercises.FOLDER = pathlib.Path(sys.argv[1])
if hasattr(os, "geteuid") and os.geteuid() == 0:  # root may write anywhere
    os.setuid(65534)
exercises.main()
"""


def test_a_folder_that_may_not_be_written_to_is_named():
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o555)
        command = [sys.executable, "-c", MAKE, f"{place}/exercises"]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 1
    assert f"{place}/exercises cannot be written to" in ran.stderr
    assert "Traceback" not in ran.stderr
