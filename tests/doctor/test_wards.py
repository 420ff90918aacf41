"""Every case of every ward is what its label says, by plain PyTorch and without the doctor."""

import math
import socket
import warnings

import pytest
import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from tests.doctor.wards import WARDS
from vgplib.doctor.conditions import CONDITIONS
from vgplib.doctor.conditions.causes import CAUSES

ALL = [pytest.param(case, id=f"{ward}-{case.name}") for ward in WARDS for case in WARDS[ward]]
HEALTHY = [each for each in ALL if each.values[0].condition is None]


@pytest.fixture(autouse=True)
def quiet():
    """Some faults make PyTorch warn, which is what their cases are about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No case asks the network for anything."""

    def refuse(*args):
        raise AssertionError("a case asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("case", ALL)
def test_a_case_is_what_it_says(case):
    case.prove()


@pytest.mark.parametrize("case", HEALTHY)
def test_a_healthy_case_is_finite(case):
    model, loss, _ = case.make()
    value = loss(model)
    value.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert value.isfinite() and gradients
    assert all(gradient.to_dense().isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("case", ALL)
def test_a_case_is_made_the_same_each_time(case):
    state = torch.get_rng_state()
    (model, loss, optimizer), (twin, its_loss, _) = case.make(), case.make()
    assert torch.equal(torch.get_rng_state(), state)
    if optimizer is not None:
        held = {p for group in optimizer.param_groups for p in group["params"]}
        assert held <= set(model.parameters())
    for mine, its in zip(model.state_dict().values(), twin.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, its, equal_nan=True)
    value, again = value_of(model, loss), value_of(twin, its_loss)
    assert math.isclose(value, again, rel_tol=1e-5) or math.isnan(value) and math.isnan(again)


@pytest.mark.parametrize("case", ALL)
def test_a_loss_runs_the_model_that_it_is_given(case):
    (model, loss, _), (twin, _, _) = case.make(), case.make()
    ran = set()
    hook = register_module_forward_pre_hook(lambda module, args: ran.add(module))
    try:
        loss(twin)
    finally:
        hook.remove()
    assert ran & set(twin.modules()) and not ran & set(model.modules())


def value_of(model, loss):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return loss(model).item()


@pytest.mark.parametrize("ward", WARDS)
def test_a_ward_has_enough_of_each(ward):
    cases = WARDS[ward]
    sick = [case for case in cases if case.condition]
    assert len({case.name for case in cases}) == len(cases)
    assert len(sick) >= 40 and len(cases) - len(sick) >= 30
    assert {case.condition for case in sick} == set(CONDITIONS)
    for case in cases:
        assert case.about and set(case.also) <= set(CONDITIONS) - {case.condition}, case.name
        assert set(case.cause) <= set(CAUSES), case.name
        assert case.condition or not (case.also or case.cause), case.name
