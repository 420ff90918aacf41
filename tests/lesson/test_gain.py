"""What a room has learned: answers in two files become gains with intervals, or helpful words."""

import csv
import subprocess
import sys

import numpy as np
import pytest

from tools.environment import ROOT
from vgplib.lesson import gain
from vgplib.lesson.inventory import items

TEMPLATE = ROOT / "appendix" / "inventory.csv"
COLUMNS = TEMPLATE.read_text("utf-8").strip().split(",")


def line(who, form="A", right=range(20)):
    """Somebody's answers: right where said, and elsewhere the letter after the right one."""
    letters = []
    for k, item in enumerate(items()):
        letter = item.asked(form).right
        letters.append(letter if k in right else "abcd"[("abcd".index(letter) + 1) % 4])
    return [who, form, *letters]


def write(path, *lines, columns=COLUMNS, delimiter=",", encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows([columns, *lines])
    return path


def test_the_gain_is_the_share_of_what_was_left_to_learn():
    before = np.array([[True, False], [False, False]])  # a quarter right
    after = np.array([[True, True], [True, False]])  # three quarters
    found, (low, high) = gain.gain(before, after)
    assert found == pytest.approx((0.75 - 0.25) / (1 - 0.25))
    # The two draws of one person alone: from a half to all, and from nothing to a half.
    assert (low, high) == pytest.approx((0.5, 1.0))


def test_who_forgets_has_a_negative_gain_and_who_knew_it_all_has_none():
    knew, guessed = np.ones((3, 2), bool), np.zeros((3, 2), bool)
    assert np.isnan(gain.gain(knew, knew)[0])
    half = np.array([[True, False]] * 3)
    assert gain.gain(half, guessed)[0] == -1
    assert gain.gain(half, half) == (0, (0, 0))


def test_a_larger_room_has_a_narrower_interval_that_holds_the_gain():
    rng = np.random.default_rng(1)
    widths = []
    for people in (10, 200):
        before, after = rng.random((people, 4)) < 0.4, rng.random((people, 4)) < 0.7
        found, (low, high) = gain.gain(before, after)
        assert low < found < high
        assert gain.gain(before, after) == (found, (low, high))  # the same each time
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_each_form_has_its_own_key_and_people_are_found_by_their_names(tmp_path):
    before = write(tmp_path / "b.csv", line("owl", "A", [0]), line("fox", "B", [1]), line("elk"))
    after = write(tmp_path / "a.csv", line("fox", "A"), line("owl", "B", range(10)))
    one, other = gain.read(before), gain.read(after)
    assert one["owl"].sum() == one["fox"].sum() == 1 and other["owl"].sum() == 10
    told = gain.report(one, other)
    assert "2 people answered both times.\n1 answered only once, and are left out." in told
    assert "All twenty                        5%     75%    0.74" in told
    for concept in {item.concept for item in items()}:
        assert f"\n{concept}" in told


def test_a_concept_that_all_knew_before_says_so(tmp_path):
    file = write(tmp_path / "b.csv", line("owl"), line("fox"))
    assert "nothing was left to learn" in gain.report(gain.read(file), gain.read(file))


def test_blanks_are_wrong_and_a_spreadsheet_s_habits_are_read(tmp_path):
    blank = ["owl", "b", *[""] * 20]
    capitals = ["fox", " a ", *(f" {i.A.right.upper()}" for i in items())]
    path = write(
        tmp_path / "b.csv", blank, [""] * 22, capitals, delimiter=";", encoding="utf-8-sig"
    )
    found = gain.read(path)
    assert list(found) == ["owl", "fox"]
    assert found["owl"].sum() == 0 and found["fox"].all()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line("owl"), line("owl")], "line 3: owl is there twice"),
        ([line("")], "line 2: nobody's name is under “who”"),
        ([["owl", "C", *"a" * 20]], "line 2: the form is A or B, not 'C'"),
        ([["owl", "A", *"abcdabe" + "a" * 13]], "line 2, question 7: a, b, c, d or nothing, .*'e'"),
        ([["owl", "A", "ab", *"a" * 19]], "question 1: .*not 'ab'"),
        ([], "there are no answers in it"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(tmp_path, lines, said):
    with pytest.raises(ValueError, match=f"b.csv.*{said}"):
        gain.read(write(tmp_path / "b.csv", *lines))


def test_a_file_that_is_none_and_columns_that_are_missing_are_named(tmp_path):
    with pytest.raises(ValueError, match="no.csv: there is no such file"):
        gain.read(tmp_path / "no.csv")
    with pytest.raises(ValueError, match="its first line has no form, 19, 20"):
        gain.read(write(tmp_path / "b.csv", columns=["who", *COLUMNS[2:20]]))
    path = write(tmp_path / "b.csv", line("Zoë"), encoding="latin-1")
    with pytest.raises(ValueError, match="save it as UTF-8"):
        gain.read(path)


def test_names_that_do_not_meet_are_shown():
    one = {name: np.ones(20, bool) for name in ("owl", "fox", "elk", "emu")}
    other = {"Owl": np.ones(20, bool), "fox": np.ones(20, bool)}
    with pytest.raises(ValueError, match="^1 of the names .* owl, fox, elk … before, Owl, fox"):
        gain.report(one, other)


def test_the_command_prints_the_table_or_says_what_is_wrong(tmp_path):
    command = [sys.executable, "-m", "vgplib.lesson.gain"]
    before = write(tmp_path / "before.csv", line("owl", "A", [0, 1]), line("fox", "B", [2]))
    after = write(tmp_path / "after.csv", line("owl", "B"), line("fox", "A", range(18)))
    good = subprocess.run([*command, before, after], capture_output=True, text=True, check=True)
    assert good.stdout.splitlines()[0] == "2 people answered both times."
    bad = subprocess.run([*command, before, TEMPLATE], capture_output=True, text=True, check=False)
    assert bad.returncode == 1 and bad.stderr.endswith(
        "inventory.csv: there are no answers in it.\n"
    )
