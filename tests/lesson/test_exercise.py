"""A check says whether an answer is right, and answers each known mistake."""

import numpy as np
import pytest
import torch
from parts import write

import vgplib as vgp
from vgplib.lesson import banks

CARRY = {
    "id": "carry",
    "answers": [
        {"value": 4, "correct": True, "feedback": "Slope times weight is $1$."},
        {"range": [0.2, 0.3], "code": "weight = 0.25", "feedback": "That is the slope."},
        {"type": "default", "feedback": "Slope times weight must be 1."},
    ],
    "solution": "weight = 4",
    "why": "A quarter times four is one.",
    "room": "Expect the slope.",
}


@pytest.fixture(autouse=True)
def bank(tmp_path, monkeypatch):
    write(tmp_path, exercises=[CARRY])
    monkeypatch.setattr(banks, "folder", lambda: tmp_path)


@pytest.mark.parametrize("answer", [4, 4.0, 3.999, np.float32(4), torch.tensor(4.0), np.array([4])])
def test_a_right_answer_of_any_kind_of_number_is_right(answer):
    checked = vgp.check("carry", answer)
    assert checked.right
    assert repr(checked) == "✓ Slope times weight is 1."


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (..., "Put your answer in place of the dots"),
        (0.25, "Not yet. That is the slope."),
        (3.9, "Not yet. Slope times weight must be 1."),
        (float("nan"), "Not yet. Slope times weight must be 1."),
        ("four", "The answer is a number; this is of type str: 'four'."),
        (None, "The answer is a number; this is of type NoneType: None."),
        (torch.ones(3), "The answer is a number; this is of type Tensor"),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong_with_it(answer, said):
    checked = vgp.check("carry", answer)
    assert not checked.right
    assert repr(checked).startswith(said)


def test_an_unknown_exercise_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown exercise 'carri'. Did you mean 'carry'"):
        vgp.check("carri", 4)
