"""The quiz: its questions are shown as text, its answers are folded away, nothing is markup."""

import json

import pytest
from parts import CHOICE, NUMBER, write

import vgplib as vgp
from vgplib.errors import BankError


def quiz(folder, *questions):
    write(folder, questions=list(questions))
    return vgp.quiz("bank", folder=folder)


def fallback(made):
    return made.still().split("</script>")[1]


def test_mathematics_becomes_a_tree_and_text_stays_text(tmp_path):
    evil = "<img src=x onerror=alert(1)> $x$"
    made = quiz(tmp_path, CHOICE | {"question": evil})
    text, math = made.spec["questions"][0]["question"]
    assert text == {"text": "<img src=x onerror=alert(1)> "}
    assert math["math"][0] == "math"
    assert "<img" not in fallback(made)


def test_without_scripts_the_answers_are_folded_away(tmp_path):
    page = fallback(quiz(tmp_path, CHOICE))
    details = page[page.index("<details>") :]
    assert "You multiplied." in details
    assert "You multiplied." not in page[: page.index("<details>")]


def test_as_text_it_asks_and_does_not_answer(tmp_path):
    lines = repr(quiz(tmp_path, CHOICE, NUMBER)).splitlines()
    assert lines == [
        "2 questions. Run this cell to answer them.",
        "1. What is 2¹⁰?",
        "   - 1024",
        "   - 20",
        "2. How many?",
    ]


def test_what_a_front_end_is_given_is_valid_json_with_a_tolerance_for_each_value(tmp_path):
    made = quiz(tmp_path, NUMBER, NUMBER | {"id": "three", "tolerance": 0.5})
    spec = json.loads(json.dumps(made.spec, allow_nan=False))
    (first, _), (second, _) = (q["answers"] for q in spec["questions"])
    assert first["tolerance"] == pytest.approx(2e-9)
    assert second["tolerance"] == 0.5


def test_a_missing_bank_is_an_error_that_says_so(tmp_path):
    with pytest.raises(BankError, match="there is no such question bank"):
        vgp.quiz("nowhere", folder=tmp_path)
