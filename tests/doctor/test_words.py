"""The doctor's plain text: short, exact, and safe to print whatever the model is called."""

import math
import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import vgplib as vgp
from vgplib.doctor.conditions import CONDITIONS
from vgplib.doctor.conditions.causes import CAUSES
from vgplib.doctor.conditions.condition import SEVERITIES, Remedy
from vgplib.doctor.diagnosis import Diagnosis
from vgplib.doctor.output import words


def deep_net(activation=nn.Sigmoid, depth=20):
    torch.manual_seed(0)
    layers = [m for _ in range(depth) for m in (nn.Linear(16, 16), activation())]
    model = nn.Sequential(*layers, nn.Linear(16, 1))
    x, y = torch.randn(32, 16), torch.randn(32, 1)
    return model, lambda model: nn.functional.mse_loss(model(x), y)


@pytest.fixture(scope="module")
def measured():
    return vgp.measure(*deep_net())


def finding(
    condition="vanishing",
    where=("0",),
    evidence=None,
    remedies=(),
    severity="critical",
    cause="bias",
):
    found = CONDITIONS[condition].finding(severity, where, cause, evidence or {})
    return replace(found, remedies=remedies)


# Every character there is, control characters and lone surrogates too. Five of them take up to
# 50 signs when escaped, which leaves room for "and 12 more" on a line.
NAMES = st.text(st.characters(exclude_categories=()), min_size=1, max_size=5)
REMEDIES = st.builds(
    Remedy, st.just("key"), st.lists(NAMES).map(" ".join), st.lists(NAMES).map(" ".join), NAMES
)
FINDINGS = st.builds(
    finding,
    st.sampled_from(sorted(CONDITIONS)),
    st.lists(NAMES, max_size=30).map(tuple),
    st.dictionaries(NAMES, st.floats(), max_size=12),
    st.lists(REMEDIES, max_size=3).map(tuple),
    st.sampled_from(SEVERITIES),
    st.sampled_from([*CAUSES, ""]),
)


@given(st.lists(FINDINGS, max_size=20), st.lists(NAMES, max_size=3), st.lists(st.floats()))
def test_any_diagnosis_is_ten_printable_lines_of_at_most_76_signs(findings, notes, losses):
    said = str(Diagnosis(tuple(findings), None, tuple(losses), None, tuple(notes)))
    lines = said.split("\n")
    assert len(lines) == len(said.splitlines()) <= 10
    assert max(map(len, lines)) <= 76
    assert all(c.isprintable() or c == "\u00a0" for line in lines for c in line)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_as_what_it_was_to_three_digits(number):
    said = words.value(number)
    superscripts = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    mantissa, _, power = said.replace("−", "-").partition("\u00a0×\u00a010")
    read = float(f"{mantissa}e{power.translate(superscripts) or 0}")
    # Half of a third digit: 5e-3 of 1.00; the largest floats round up to infinity.
    assert math.isinf(read) or read == pytest.approx(number, rel=5.1e-3, abs=0)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0.0, "0"),
        (65504.0, "65504"),
        (-2.0, "−2"),
        (0.001, "0.001"),
        (0.12345, "0.123"),
        (1.5e-18, "1.5\u00a0×\u00a010⁻¹⁸"),
        (math.nan, "NaN"),
        (math.inf, "infinite"),
        (-math.inf, "−infinite"),
    ],
)
def test_numbers_have_no_zeros_that_nobody_measured(number, said):
    assert words.value(number) == said


def test_the_verdict_comes_first_then_what_where_evidence_and_what_to_do(measured):
    remedy = Remedy("he", "Initialise anew", "The signal keeps its size.", "pass")
    first = finding(where=("0", "2"), evidence={"first_over_last": 1.234e-18}, remedies=(remedy,))
    second = finding("saturation", severity="mild")
    lines = str(Diagnosis((first, second), measured, (0.7,))).split("\n")
    assert lines[0] == "Sick: vanishing (critical), and 1 more finding."
    assert lines[1].startswith("What    The error signal shrinks")
    assert lines[2:] == [
        "        learn. Cause: bias.",
        "Where   0 and 2",
        "Seen in first over last 1.23\u00a0×\u00a010⁻¹⁸",
        "First   Initialise anew: The signal keeps its size.",
        "Also    saturation (mild)",
        "Read    chapter 2, causes; diagnosis.try_remedies() tries what helps",
    ]


@given(st.integers(1, 400), st.integers(1, 40), st.integers(20, 100))
def test_names_are_whole_and_all_of_them_are_counted(count, length, room):
    names = [f"{i:0{length}}" for i in range(count)]
    said = words.places(names, room)
    told, _, more = said.partition(" more")[0].rpartition(" and ")
    last = int(more) if said.endswith("more") else 1
    shown = told.split(", ") if told else []
    assert len(shown) + last == count
    assert shown == names[: len(shown)]
    assert len(said) <= room or len(shown) <= 1


def test_a_healthy_model_gets_two_lines_that_say_what_was_looked_at(measured):
    said = str(Diagnosis((), measured, (0.9, 0.8, 0.5)))
    assert said == (
        "Healthy: none of the 18 conditions was found.\n"
        "Looked at 21 layers and 42 parameters; in 2 steps the loss went from 0.9 to\n0.5."
    )


def test_what_could_not_be_tried_is_said(measured):
    diagnosis = Diagnosis((), measured, (), None, ("no steps were taken",))
    assert str(diagnosis).endswith("\nNote    no steps were taken")
    assert f"the loss is {words.value(measured.attrs['loss'])}." in str(diagnosis)
    assert str(Diagnosis((), None, ())).endswith("No layer could be measured.")


def test_a_prompt_shows_the_words_and_not_the_objects(measured):
    diagnosis = Diagnosis((finding(),), measured, (0.7,))
    assert repr(diagnosis) == str(diagnosis)


def test_the_words_of_a_real_diagnosis_hold_its_numbers():
    diagnosis = vgp.examine(*deep_net())
    said = str(diagnosis)
    assert said.startswith("Sick: vanishing")
    told = re.search(r"Seen in +(.*)", said)[1]
    assert words.value(next(iter(diagnosis.findings[0].evidence.values()))) in told
    # 0.14 a layer for a sigmoid net of depth 20 with PyTorch's initialisation: far below 1e-3.
    assert diagnosis.measured.attrs["ratio"] < 1e-10
