"""The fifth ward's labels are true: every fact of every case holds by plain measurement."""

from collections import Counter

import pytest
import torch

from tests.doctor.fifth_ward import ALL
from tests.doctor.fifth_ward.case import Case

CONDITIONS = set(
    """vanishing exploding temporal_vanishing temporal_exploding forward_vanishing
    forward_exploding dead_relu saturation nan zero_gradient no_gradient frozen fp16_underflow
    fp16_overflow lr_too_high lr_too_low symmetry rank_collapse""".split()
)
CAUSES = {
    *("saturating activation", "slope of the activation", "initialisation too small"),
    *("initialisation too large", "initialisation constant", "bias", "learning rate too high"),
    *("learning rate too low", "half precision", "loss choice", "detached", "unused"),
    *("not trainable", "recurrent weight", "forget gate", "input scale"),
    *("normalisation without skip", "missing residual", "residual without normalisation"),
    *("post-norm depth", "attention without skip", "attention logit scale"),
    *("non-differentiable operation", "singular derivative", "NaN in the data"),
    *("NaN in the weights", "dead units"),
}


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_every_fact_holds(case: Case) -> None:
    """Each fact gets the patient fresh, and noise that a loss draws is the same each time."""
    for fact in case.facts:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            fact(*case.make())


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_a_case_is_the_same_each_time_and_leaves_the_random_state(case: Case) -> None:
    state = torch.get_rng_state()
    (one, _, _), (two, _, _) = case.make(), case.make()
    assert torch.equal(state, torch.get_rng_state())
    for (name, a), (_, b) in zip(one.state_dict().items(), two.state_dict().items(), strict=True):
        assert torch.equal(a, b), name


def test_the_mix() -> None:
    assert len({case.name for case in ALL}) == len(ALL) == 74
    assert sum(case.condition is None for case in ALL) == 33
    assert set(Counter(case.condition for case in ALL)) == {None, *CONDITIONS}
    for case in ALL:
        assert case.facts and case.about, case.name
        assert set(case.also) <= CONDITIONS - {case.condition}, case.name
        causes = {case.cause} if isinstance(case.cause, str) else set(case.cause or ())
        assert causes <= CAUSES and bool(causes) == (case.condition is not None), case.name
