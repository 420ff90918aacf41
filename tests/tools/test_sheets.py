"""The run-sheets: they fit their time, and what they send a room to is there."""

import re
from itertools import pairwise

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from parts import write
from pydantic import ValidationError

from tools import ledger, sheets
from tools.environment import ROOT
from vgplib.lesson import banks

SHEETS = sheets.sheets()
each_sheet = pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.id)


def test_there_are_the_lengths_that_instructors_have():
    assert [sheet.minutes for sheet in SHEETS] == [45, 90, 180, 210, 210]


@each_sheet
def test_a_sheet_fits_its_time_and_leaves_some_for_questions(sheet):
    assert 0.8 * sheet.minutes <= sheet.lasts() <= 0.95 * sheet.minutes


@each_sheet
def test_what_to_leave_out_is_said_where_time_may_run_out(sheet):
    told = " ".join(step.late for step in sheet.steps if step.late)
    order = [n for n in ("first", "second", "third", "fourth", "fifth") if f"out {n}" in told]
    assert order and all(told.count(f"out {n}") == 1 for n in order)
    assert order == ["first", "second", "third", "fourth", "fifth"][: len(order)]


@each_sheet
def test_the_clock_runs_on_and_each_vote_has_its_question_and_its_note(sheet):
    lines = re.findall(
        r"^\| (\d):(\d\d)<br>(\d+) min \| (.*)", sheets.table(sheet.id), re.MULTILINE
    )
    starts = [60 * int(hour) + int(minute) for hour, minute, _, _ in lines]
    assert starts[0] == 0
    for (start, end), (_, _, lasts, _) in zip(pairwise(starts), lines, strict=False):
        assert end - start == int(lasts)
    for step, (*_, text) in zip(sheet.steps, lines, strict=True):
        if step.at:
            guess = banks.find("predictions", ledger.bench(step.at)["predict"])
            assert guess.question in text and guess.room.expect in text and guess.room.ask in text
            assert re.search(r"\[Experiment [\d.]+\]\(\.\./chapters/\S+[?&]ask\)", text)


def test_no_question_is_asked_twice_in_a_sheet_nor_in_the_two_half_days():
    halves = [step.at for sheet in SHEETS[3:] for step in sheet.steps]
    for places in (*([step.at for step in sheet.steps] for sheet in SHEETS), halves):
        asked = [ledger.bench(at)["predict"] for at in places if at]
        assert len(asked) == len(set(asked))


def test_the_page_holds_every_sheet_as_it_is_made():
    page = nbformat.read(ROOT / "appendix" / "instructors.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in page.cells)
    for sheet in SHEETS:
        for step in sheet.steps:
            assert step.do in text


def test_words_are_counted_as_they_are_told(tmp_path):
    cells = [
        new_markdown_cell("# A chapter\n\nNot told.\n\n## One\n\nFour words [of it](a.md#b)."),
        new_code_cell('vgp.bench("chain", number="2.1")'),
        new_markdown_cell(
            '<details style="x" class="vgp-after"><summary>Two words</summary>\n\nThree more '
            "words\n\n</details>\n\n$$ a = b $$\n\n| no | table |\n\n### No heading\n\n"
            "<details><summary>An aside</summary>\n\nnobody reads\n\n</details>\n\n## Two\n\nHi."
        ),
    ]
    path = tmp_path / "a.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    found = [(part.title, part.words, part.benches) for part in sheets._sections(path)]
    assert found == [("One", 4 + 2 + 3, ["2.1"]), ("Two", 1, [])]


def test_a_sheet_or_a_section_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="unknown sheet '60'"):
        sheets.table("60")
    with pytest.raises(ValueError, match="unknown section of 02-causes 'The whisper'"):
        sheets.Step(do="Tell it.", read="02-causes#The whisper").words()
    with pytest.raises(ValidationError, match="takes no time"):
        sheets.Step(do="Nothing.")


def test_a_vote_without_a_note_is_refused(tmp_path, monkeypatch):
    guess = banks.find("predictions", "ten-hops").model_dump(exclude={"room"})
    write(tmp_path, predictions=[guess])
    monkeypatch.setattr(banks, "folder", lambda: tmp_path)
    with pytest.raises(ValueError, match="02-causes#chain: the prediction ten-hops has no note"):
        sheets._line(sheets.Step(do="Vote.", at="02-causes#chain"), 0)
