"""A lesson's source becomes a notebook that reads as a document, and drift is seen."""

import builtins
import copy
import json
import re

import nbformat
import pytest
from parts import write

from tools import notebooks, sources
from tools.environment import Failure
from vgplib.lesson import banks

HEAD = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

"""
SOURCE = """# A lesson

```{code-cell} python
:tags: [remove-input]

import vgplib as vgp
```

The chain keeps {{ vgp.readouts("chain", hops=2)[1] }} of it, or {{ kept }}.

```{code-cell} python
:tags: [numbers]

third = 1 / 3
```

A third is {{ third }}, ten are {{ 10 }}.

{{ claim("said") }}

```{code-cell} python
weight = ...  # your answer
vgp.check("do", weight)
```

{{ solution("do") }}

{{ card("ask") }}
"""
CLAIM = {
    "id": "said",
    "said": "A third is *little*.",
    "verdict": "false",
    "answer": "It is {{ third }}.",
}
CARD = {
    "id": "ask",
    "question": "How much is a third?",
    "short": "{{ third }}, so *little*.",
    "long": "One of three.",
    "trap": "It isn't 0.3.",
    "proof": "[Here](02-causes.ipynb#chain?hops=1): {{ third }}.",
}
TASK = {
    "id": "do",
    "answers": [
        {"value": 4, "correct": True, "feedback": "Yes."},
        {"type": "default", "feedback": "No."},
    ],
    "solution": "weight = 4",
    "why": "Four times a quarter.",
    "room": "Expect 2.",
}


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """A function that makes a notebook of a source, with a bank of its own."""
    monkeypatch.setattr(banks, "folder", lambda: tmp_path)

    def lesson(text, task=TASK):
        write(tmp_path, claims=[CLAIM], exercises=[task], cards=[CARD])
        # The kernel is another process: it finds the bank where a checkout's is.
        code = (
            "from pathlib import Path\nfrom vgplib.lesson import banks\n"
            f"banks.folder = lambda: Path({str(tmp_path)!r})\nkept = 'a bit'"
        )
        cell = f"```{{code-cell}} python\n:tags: [numbers]\n\n{code}\n```\n\n"
        (tmp_path / "lesson.md").write_text(HEAD + cell + text, encoding="utf-8")
        return sources.make(tmp_path / "lesson.md", "Get it there.")

    return lesson


def test_a_source_becomes_a_notebook_with_its_numbers_in_place(lesson):
    made = lesson(SOURCE)
    nbformat.validate(made)
    assert notebooks.problems(made) == []
    markdown = [c.source for c in made.cells if c.cell_type == "markdown"]
    code = [c for c in made.cells if c.cell_type == "code"]
    assert "keeps 0.062 of it, or a bit." in markdown[1]
    assert "A third is 0.33, ten are 10." in markdown[2]
    assert "“A third is <em>little</em>.”" in markdown[2]
    assert "**False.** It is 0.33." in markdown[2]
    assert "```python\nweight = 4\n```\n\nFour times a quarter." in markdown[3]
    heading, asked = markdown[3].split("### ")[1].split("\n\n", 1)
    assert heading == "How much is a third?"
    assert asked.startswith('<div class="vgp-folds vgp-card" id="card-ask"')
    assert asked.index("<details>") < asked.index("0.33, so *little*.") < asked.index("0.3.")
    assert "[Here](02-causes.ipynb#chain?hops=1): 0.33.\n\n</details>\n</div>" in asked
    assert not any("{{" in text for text in markdown)
    assert "margin" in re.search(r"<details [^>]*>", markdown[3])[0]
    assert len(code) == 2  # cells for numbers alone are no part of it
    assert "import vgplib as vgp" in code[0].source
    assert "Get it there." in code[0].source
    # Nobody needs to read how to get vgplib who has it: JupyterLab shows a bar in its place.
    assert code[0].metadata == {"tags": ["remove-input"], "jupyter": {"source_hidden": True}}
    assert "jupyter" not in code[1].metadata
    assert "in place of the dots" in code[1].outputs[0].data["text/plain"]


def test_the_title_comes_before_the_import_and_its_words_fit_a_narrow_window(lesson, tmp_path):
    lesson("# None\n")  # what is read is the file below
    text = "# A lesson\n\n40 min\n\n## One\n\nText.\n"
    cell = "```{code-cell} python\n:tags: [remove-input]\n\nimport vgplib as vgp\n```\n\n"
    (tmp_path / "lesson.md").write_text(HEAD + cell + text, encoding="utf-8")
    way = "This notebook needs vgplib, the course's package: `make lab` in its folder sets it up."
    made = sources.make(tmp_path / "lesson.md", way)
    assert [c.source.partition("\n")[0] for c in made.cells] == [
        "# A lesson",
        "# Brings vgplib, the course's package",
        "## One",
    ]
    assert max(len(line) for line in made.cells[1].source.splitlines()) <= 79
    scope = {"__builtins__": {**vars(builtins), "__import__": _nothing_is_there}}
    with pytest.raises(ModuleNotFoundError, match=re.escape(way)):
        exec(made.cells[1].source, scope)


def _nothing_is_there(*names):
    raise ModuleNotFoundError


def test_what_a_cell_prints_is_one_text_however_long_it_takes(lesson):
    cell = "import time\n\nprint(1)\ntime.sleep(0.5)\nprint(2)"
    (code,) = lesson(f"# A lesson\n\n```{{code-cell}} python\n{cell}\n```\n").cells[1:]
    assert [output.text for output in code.outputs] == ["1\n2\n"]


def test_a_cell_or_an_expression_that_fails_is_named(lesson):
    with pytest.raises(Failure, match=r"lesson.md: [\s\S]*name 'nowhere' is not defined"):
        lesson("# A lesson\n\nIt is {{ nowhere }}.\n")


def test_a_solution_that_fails_its_own_check_is_named(lesson):
    with pytest.raises(Failure, match="the solution of do fails its check: Not yet. No."):
        lesson(SOURCE, task=TASK | {"solution": "weight = 3"})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("keeps 0.33 of it", "keeps 0.34 of it", True),
        ("keeps 0.33 of it", "keeps 0.35 of it", False),
        ("keeps 0.33 of it", "leaves 0.33 of it", False),
        ("4.9 × 10⁻¹⁹", "4.8 × 10⁻¹⁹", True),
        ("4.9 × 10⁻¹⁹", "4.9 × 10⁻¹⁸", False),
        ("1,302 steps", "1,303 steps", True),
        ("1,302 steps", "1,312 steps", False),
        ("in 0.5 and 12 %", "in 0.6 and 14 %", False),
        ("at 1.0", "at 1", True),
    ],
)
def test_a_number_may_differ_in_its_last_printed_digit_and_nothing_else(one, other, same):
    assert sources.alike(one, other) == same


def test_drift_is_found_in_text_in_outputs_and_in_tags(lesson):
    made = lesson(SOURCE)
    committed = nbformat.from_dict(json.loads(json.dumps(made)))
    assert sources.drift(made, committed) == []
    for change in ("text", "output", "tags", "cells"):
        other = copy.deepcopy(committed)
        if change == "text":
            other.cells[2].source += " And more."
        elif change == "output":
            other.cells[-2].outputs[0].data["text/plain"] += " More."
        elif change == "tags":
            other.cells[1].metadata = {}
        else:
            del other.cells[-1]
        assert len(sources.drift(made, other)) == 1


def test_an_output_that_depends_on_the_machine_is_no_drift(lesson):
    timed = "\n```{code-cell} python\n:tags: [nbval-ignore-output]\n\nprint(12.5)\n```\n"
    made = lesson(SOURCE + timed)
    committed = copy.deepcopy(made)
    committed.cells[-1].outputs[0].text = "99.5\n"
    assert sources.drift(made, committed) == []
    committed.cells[-1].source += "  # more"
    assert len(sources.drift(made, committed)) == 1


def test_only_sources_are_made_and_an_unknown_one_is_refused_with_the_known_ones():
    known = [path.stem for path in notebooks.paths()]
    assert "glossary" not in known
    with pytest.raises(Failure, match=f"no source 'nowhere'; there are: {', '.join(known)}"):
        notebooks.paths("nowhere")
