"""The concept inventory: two forms that are twins, and tell nobody which options are right."""

import re
from collections import Counter

import pytest
from pydantic import ValidationError

from tools import ledger
from vgplib.lesson import inventory
from vgplib.lesson.inventory import FORMS, LETTERS, items

each_form = pytest.mark.parametrize("form", FORMS)
GOOD = items()[0].model_dump()


def asked(form):
    return [item.asked(form) for item in items()]


def test_there_are_twenty_each_after_a_line_of_the_ledger_and_no_line_twice():
    lines = [item.row for item in items()]
    assert len(lines) == len(set(lines)) == 20
    assert set(lines) <= {row.id for row in ledger.rows()}


def test_each_concept_has_questions_enough_for_a_gain():
    assert min(Counter(item.concept for item in items()).values()) >= 2


@each_form
def test_no_place_and_no_length_tells_what_is_right(form):
    keys = [one.right for one in asked(form)]
    assert Counter(keys) == dict.fromkeys(LETTERS, 5)
    longest = [max(range(4), key=lambda k, o=one.options: len(o[k])) for one in asked(form)]
    assert sum(LETTERS[k] == right for k, right in zip(longest, keys, strict=True)) <= 7
    assert not re.search(r"(.)\1\1", "".join(keys))


def test_a_form_does_not_give_away_the_other_s_key():
    assert all(item.A.right != item.B.right for item in items())


@each_form
def test_what_asks_for_a_number_offers_numbers_and_all_options_differ(form):
    for item in items():
        options = item.asked(form).options
        assert len(set(options)) == 4, item.row
        assert all(re.search(r"\d", o) for o in options) or item.type == "words", item.row


def test_twins_ask_in_other_words():
    for item in items():
        assert item.A.question != item.B.question and item.A.options != item.B.options, item.row


@each_form
def test_a_form_is_printed_without_its_key(form):
    text = inventory.form(form)
    numbers = [int(n) for n in re.findall(r"^\*\*(\d+)\.\*\* ", text, re.MULTILINE)]
    assert numbers == list(range(1, 21))
    assert len(re.findall(r"^[a-d]\) ", text, re.MULTILINE)) == 80
    for item in items():
        assert item.asked(form).question in text and item.why not in text


def test_the_key_names_both_letters_of_each_question_its_reason_and_its_line():
    lines = inventory.key().splitlines()[2:]
    for number, (item, line) in enumerate(zip(items(), lines, strict=True), start=1):
        assert line.startswith(f"| {number} | {item.A.right} | {item.B.right} | {item.why} ")
        assert f"(claims.ipynb#said-{item.row})" in line


def test_a_form_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="unknown form 'C'"):
        inventory.form("C")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"type": "essay"}, "'number' or 'words'"),
        ({"A": GOOD["A"] | {"right": "e"}}, "'a', 'b', 'c' or 'd'"),
        ({"A": GOOD["A"] | {"options": ["yes", "no"]}}, "at least 4 items"),
        ({"B": GOOD["B"] | {"question": "a $ sign"}}, "no partner"),
    ],
)
def test_a_question_that_breaks_the_schema_is_named(broken, said):
    with pytest.raises(ValidationError, match=said):
        inventory.Item.model_validate(GOOD | broken)
