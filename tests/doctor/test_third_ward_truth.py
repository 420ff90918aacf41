"""The labels of the third ward are true, by plain torch and without the doctor."""

import math
import warnings
from collections import Counter

import pytest
import torch

from tests.doctor.third_ward import ALL, FACTS, WAIVED
from tests.doctor.third_ward.facts import (
    RECTIFIERS,
    SQUASHERS,
    backward,
    dead_shares,
    saturated_shares,
)
from tests.doctor.third_ward.registry import CONDITIONS

CASES = [pytest.param(c, id=c.name) for c in ALL]


@pytest.fixture(autouse=True)
def _quiet_single_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # checkpoint warns of just the fault that a case is about
        yield
    torch.set_num_threads(threads)


def test_the_set_covers_every_condition_and_is_balanced():
    count = Counter(c.condition for c in ALL)
    assert set(count) == CONDITIONS | {None}
    assert count[None] >= 40
    assert len(ALL) - count[None] >= 40


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_what_it_says(case):
    assert FACTS[case.name]
    for fact in FACTS[case.name]:
        fact(case.make)


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_the_same_each_time(case):
    values = []
    for _ in range(2):
        model, loss, optimizer = case.make()
        values.append(loss(model).item())
        if optimizer is not None:
            held = {p for group in optimizer.param_groups for p in group["params"]}
            assert held <= set(model.parameters())
    assert values[0] == values[1] or all(map(math.isnan, values))


@pytest.mark.parametrize("case", CASES)
def test_a_case_hides_nothing_that_a_plain_count_sees(case):
    """Half dead or flat layers, None, zero and non-finite gradients are labelled, or by design."""
    model, loss, _ = case.make()
    value, _ = backward(model, loss, RECTIFIERS | SQUASHERS)
    grads = [p.grad for p in model.parameters() if p.requires_grad]
    given = [g for g in grads if g is not None]
    finite = bool(value.isfinite()) and all(g.isfinite().all() for g in given)
    seen = set()
    if len(given) < len(grads):
        seen.add("no_gradient")
    if not finite:
        seen.add("fp16_overflow" if any(g.dtype == torch.float16 for g in given) else "nan")
    elif any(not g.any() for g in given):
        seen.add("zero_gradient")
    if finite and max(dead_shares(model, loss), default=0) >= 0.5:
        seen.add("dead_relu")
    if finite and max(saturated_shares(model, loss), default=0) >= 0.5:
        seen.add("saturation")
    assert seen <= {case.condition, *case.also, *WAIVED[case.name]}
