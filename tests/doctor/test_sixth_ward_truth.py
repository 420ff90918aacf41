"""Each case of the sixth ward is what its label says, by measurements in plain torch."""

import pytest
import torch

from tests.doctor.sixth_ward import ALL
from vgplib.doctor.vocabulary import CAUSES, CONDITIONS

each = pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)


def test_it_is_as_large_and_as_mixed_as_it_says():
    sick = [c for c in ALL if c.condition]
    assert len(sick) == 41 and len(ALL) == 74
    assert {c.condition for c in sick} == set(CONDITIONS)
    for c in sick:
        causes = {c.cause} if isinstance(c.cause, str) else set(c.cause)
        assert causes and causes <= set(CAUSES) and set(c.also) <= CONDITIONS.keys() - {c.condition}
    assert all(c.cause is None and not c.also for c in ALL if not c.condition)


@each
def test_the_label_is_true(case):
    case.prove()


@each
def test_it_is_made_anew_and_leaves_the_random_state(case):
    before = torch.get_rng_state()
    (first, *_), (second, *_) = case.make(), case.make()
    assert torch.equal(before, torch.get_rng_state())
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs)
