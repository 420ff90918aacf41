"""Every case of the ward is what it says: its own proof holds."""

import math
import socket
from collections import Counter

import pytest
import torch

from tests.doctor.ward import ALL, CONDITIONS

SICK = [case for case in ALL if case.condition]
HEALTHY = [case for case in ALL if not case.condition]


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No case asks the network for anything."""

    def refuse(*args):
        raise AssertionError("a case of the ward asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.family}-{case.name}")
def test_a_case_is_what_it_says(case):
    model, loss, optimizer = case.make()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        case.prove(model, loss, optimizer)


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.family}-{case.name}")
def test_a_case_is_made_the_same_each_time(case):
    state = torch.get_rng_state()
    twins = [case.make() for _ in range(2)]
    assert torch.equal(torch.get_rng_state(), state)
    weights = [[p.detach().nan_to_num() for p in model.parameters()] for model, _, _ in twins]
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))
    with torch.random.fork_rng(devices=[]):
        values = []
        for model, loss, _ in twins:
            torch.manual_seed(1)
            values.append(loss(model).item())
    assert values[0] == values[1] or all(map(math.isnan, values))


def test_there_are_enough_of_each():
    assert len({case.name for case in ALL}) == len(ALL)
    assert len(SICK) >= 50 and len(HEALTHY) >= 40
    by_condition = Counter(case.condition for case in SICK)
    assert set(by_condition) == CONDITIONS and min(by_condition.values()) >= 2
    assert all(case.cause and case.condition not in case.also for case in SICK)
    assert all(case.about for case in ALL)


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.family}-{case.name}")
def test_no_model_takes_part_in_its_loss_but_the_one_given(case):
    """A loss reads the model it is given: with other weights it has another value."""
    (model, loss, _), (other, _, _) = case.make(), case.make()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(0.9).add_(0.01)
    values = []
    for each in (model, other):
        torch.manual_seed(1)
        values.append(loss(each).item())
    assert values[0] != values[1]
