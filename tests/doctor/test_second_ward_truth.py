"""The second ward's cases are what they say, by plain PyTorch and without the doctor."""

import pytest
import torch

from tests.doctor.second_ward import ALL
from tests.doctor.second_ward.proofs import backward

CONDITIONS = set(
    """vanishing exploding temporal_vanishing temporal_exploding forward_vanishing
    forward_exploding dead_relu saturation nan zero_gradient no_gradient frozen fp16_underflow
    fp16_overflow lr_too_high lr_too_low symmetry rank_collapse""".split()
)
SICK = [c for c in ALL if c.condition]
HEALTHY = [c for c in ALL if not c.condition]


@pytest.fixture(autouse=True)
def seeded():
    """Some losses draw a batch at each call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def by_name(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda c: c.name)


def test_every_condition_has_cases_and_many_are_healthy():
    assert {c.condition for c in SICK} == CONDITIONS
    assert len(SICK) >= 45 and len(HEALTHY) >= 40
    assert len({c.name for c in ALL}) == len(ALL)


@by_name(SICK)
def test_a_sick_case_has_what_it_claims(case):
    claims = (case.condition, *case.also)
    assert CONDITIONS.issuperset(claims)
    for claim, proof in zip(claims, case.proofs, strict=True):
        assert proof(*case.make()), claim


@by_name(HEALTHY)
def test_a_healthy_case_is_finite_and_does_what_it_claims(case):
    model, loss, _ = case.make()
    assert backward(model, loss).isfinite()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert grads and all(g.to_dense().isfinite().all() for g in grads)
    for proof in case.proofs:
        assert proof(*case.make())


@by_name(ALL)
def test_a_case_is_the_same_each_time_and_leaves_the_random_state(case):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    (one, _, _), (two, _, _) = case.make(), case.make()
    assert torch.equal(torch.get_rng_state(), before)
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(p, q)
