"""The room's votes, without a network: what can be asked, what counts, and how it is binned."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgplib.lesson import banks
from vgplib.lesson.room import bins
from vgplib.lesson.room.limits import Bucket
from vgplib.lesson.room.questions import Question, chapters, questions
from vgplib.lesson.room.votes import FARTHEST, Votes

CHOICE = Question("a/one", "a", "What is left?", ("half", "nothing"), answer=1)
NUMBER = Question("a/two", "a", "How much is left?", log=True)


@pytest.fixture
def votes():
    """Three votes on a choice, which is still open."""
    votes = Votes()
    votes.ask(CHOICE)
    for seat, guess in {"anna": 0, "ben": 1, "cleo": 0}.items():
        votes.guess(seat, guess)
    return votes


def counts(votes):
    return [row["count"] for row in votes.tally()]


def test_every_prediction_claim_and_vote_of_the_course_can_be_asked():
    asked = {question.id for question in questions()}
    for path in banks.folder().glob("*.json"):
        bank = banks.read(path)
        names = [part.id for part in bank.predictions]
        names += [f"claim-{part.id}" for part in bank.claims]
        names += [f"vote-{part.id}" for part in bank.votes]
        assert {f"{path.stem}/{name}" for name in names} <= asked
        assert (path.stem in chapters()) == bool(names)


def test_what_is_asked_does_not_tell_the_answer():
    (claim,) = (q for q in questions("02-causes") if q.id.endswith("claim-relu-solves"))
    assert claim.options[claim.answer] == "Depends"
    others = {**vars(claim), "answer": 0}
    assert json.dumps(claim.asked()) == json.dumps(Question(**others).asked())


def test_an_unknown_chapter_names_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown chapter '02-cause'.*'02-causes'.*Allowed"):
        questions("02-cause")


def test_a_seat_has_one_guess_and_may_change_it_until_the_vote_is_closed(votes):
    votes.guess("anna", 1)
    assert counts(votes) == [1, 2] and votes.count == 3
    votes.close()
    with pytest.raises(ValueError, match="closed"):
        votes.guess("anna", 0)
    assert counts(votes) == [1, 2]


def test_the_right_option_is_marked_with_the_answer_alone_which_closes_the_vote(votes):
    votes.show("votes")
    assert votes.open and not any(row["right"] for row in votes.tally())
    votes.show("answer")
    assert [row["right"] for row in votes.tally()] == [False, True] and not votes.open


def test_the_same_again_keeps_the_first_counts_beside_and_forgets_who_said_what(votes):
    votes.again()
    assert votes.said("anna") is None
    votes.guess("ben", 1)
    assert [(row["count"], row["before"]) for row in votes.tally()] == [(0, 2), (1, 1)]
    votes.ask(CHOICE)
    assert [(row["count"], row["before"]) for row in votes.tally()] == [(0, None), (0, None)]


@pytest.mark.parametrize("guess", [-1, 2, 0.5, True, None, "0", [0], {}, float("nan"), 10**400])
def test_what_is_no_option_does_not_count(votes, guess):
    with pytest.raises(ValueError):
        votes.guess("dora", guess)
    assert votes.count == 3


@pytest.mark.parametrize("guess", [0, -1, float("inf"), float("nan"), 10**400, 1e200, 1e-200, "1"])
def test_what_is_no_number_above_0_does_not_count(guess):
    votes = Votes()
    votes.ask(NUMBER)
    with pytest.raises(ValueError):
        votes.guess("anna", guess)
    assert votes.count == 0 and votes.tally() == []


def test_numbers_stand_in_decades_and_what_is_far_out_shares_a_bin():
    votes = Votes()
    votes.ask(NUMBER)
    for seat in range(20):
        votes.guess(f"low {seat}", 3e-6)
        votes.guess(f"high {seat}", 0.02)
    votes.guess("wild", 1e90)
    rows = [(row["label"][0]["text"], row["count"]) for row in votes.tally()]
    assert rows == [
        ("10⁻⁶ to 10⁻⁵", 20),
        ("10⁻⁵ to 0.0001", 0),
        ("0.0001 to 0.001", 0),
        ("0.001 to 0.01", 0),
        ("0.01 to 0.1", 20),
        ("0.1 or more", 1),
    ]


numbers = st.lists(st.floats(-FARTHEST, FARTHEST), min_size=1, max_size=40)
factors = st.lists(st.floats(1 / FARTHEST, FARTHEST), min_size=1, max_size=40)


@given(numbers.map(lambda v: (v, False)) | factors.map(lambda v: (v, True)))
def test_whatever_was_guessed_is_in_one_of_a_few_bins(case):
    values, log = case
    marks = bins.edges(values, log)
    assert sorted(marks) == marks
    assert sum(bins.counts(values, marks)) == len(values)
    assert 3 <= len(bins.labelled(marks)) == len(marks) + 1 <= bins.MOST + 4


def test_a_bucket_gives_what_is_in_it_and_then_what_comes_in():
    now = 0.0
    bucket = Bucket(burst=3, rate=2, clock=lambda: now)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now = 1.0
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now = 100.0
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
