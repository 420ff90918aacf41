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
def one_thread():
    """Models this small are slower on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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
def test_a_case_is_made_the_same_each_time_and_its_loss_reads_the_model_given(case):
    state = torch.get_rng_state()
    (model, loss, _), (twin, its_loss, _) = case.make(), case.make()
    assert torch.equal(torch.get_rng_state(), state)
    for mine, its in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, its, rtol=0, atol=0, equal_nan=True)
    value, again = value_of(model, loss), value_of(twin, its_loss)
    assert value == again or math.isnan(value) and math.isnan(again)
    others = set()
    for _ in range(5):  # one other set of weights may have the same loss, above all in bfloat16
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
        others.add(value_of(twin, loss))
    assert others != {value} or not math.isfinite(value)


def value_of(model, loss):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return loss(model).item()


def test_there_are_enough_of_each():
    assert len({case.name for case in ALL}) == len(ALL)
    assert len(SICK) >= 50 and len(HEALTHY) >= 40
    by_condition = Counter(case.condition for case in SICK)
    assert set(by_condition) == CONDITIONS and min(by_condition.values()) >= 2
    assert all(case.cause and case.condition not in case.also for case in SICK)
    assert all(case.about for case in ALL)
