"""Prescriptions: which remedies a finding gets, and that their code runs as it stands."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.doctor.material import mlp, on_digits, sgd
from tests.doctor.patients import PATIENTS, Functional, Handmade
from vgplib.doctor.conditions import CONDITIONS
from vgplib.doctor.conditions.causes import CAUSES
from vgplib.doctor.evidence.parts import parts
from vgplib.doctor.remedies.case import listed
from vgplib.doctor.remedies.prescribing import remedies
from vgplib.doctor.remedies.treatment import TREATMENTS, apply


def fresh(name):
    model, loss, optimizer, condition, cause, where = PATIENTS[name]()
    return model, loss, optimizer or torch.optim.Adam(model.parameters()), condition, cause, where


@pytest.mark.parametrize("name", PATIENTS)
def test_the_code_of_every_remedy_runs_as_it_stands(name):
    model, loss, _, condition, cause, where = fresh(name)
    found = remedies(condition, cause, where, model, loss)
    assert found, "a sick model gets a remedy"
    for remedy in found:
        model, loss, optimizer, *_ = fresh(name)
        names = {"model": model, "loss": loss, "optimizer": optimizer}
        exec(remedy.code, names)
        # The model still runs, and takes a step.
        value = names["loss"](names["model"])
        assert value.numel() == 1, remedy.key
        if value.requires_grad:
            value.backward()
        names["optimizer"].step()


@pytest.mark.parametrize("name", PATIENTS)
def test_the_first_remedy_needs_no_optimizer_unless_it_is_about_it(name):
    model, loss, _, condition, cause, where = fresh(name)
    if not condition.startswith(("lr_", "fp16")):
        first = remedies(condition, cause, where, model, loss)[0]
        exec(first.code, {"model": model, "loss": loss, "optimizer": None})


def test_every_condition_and_cause_has_remedies_that_run():
    net, loss = mlp(2, nn.ReLU, nn.init.xavier_normal_), on_digits(16)
    codes = {}
    for condition in CONDITIONS:
        for cause in ("", *CAUSES):
            for remedy in remedies(condition, cause, (), net):
                assert remedy.key in TREATMENTS and remedy.name and remedy.why
                codes[remedy.code] = remedy.key
    for code, key in codes.items():
        if not key.startswith("lr_"):  # these train, and have tests of their own
            model = copy.deepcopy(net)
            apply(code, model, loss, sgd(model))


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS)
def test_a_record_names_what_there_is(condition):
    """Records know treatments, causes and each other by name alone."""
    assert set(condition.remedies) - {""} <= set(CAUSES) and "" in condition.remedies
    keys = {key for keys in condition.remedies.values() for key in keys.split()}
    assert keys | set(condition.controls) <= set(TREATMENTS)
    assert set(condition.implies) <= set(CONDITIONS) - {condition.name}


def test_every_treatment_is_given_for_something():
    given_for = set()
    for name in PATIENTS:
        model, loss, _, condition, cause, where = fresh(name)
        given_for |= {r.key for r in remedies(condition, cause, where, model, loss)}
        given_for |= set(CONDITIONS[condition].controls)
    # Each patient has one cause: these belong to others, and are tried in test_treatments and
    # test_reported.
    others = {"scale_branches", "zero_biases", "layer_norm", "drop_last_activation"}
    others |= {"guard_rows", "guard_means", "bound_exponent", "safe_division", "drop_targets"}
    others |= {"wider_axis", "find_zero", "unclamp"}
    assert set(TREATMENTS) - given_for <= others


def test_what_can_be_applied_comes_before_what_has_to_be_done_by_hand():
    net = Functional()
    keys = [r.key for r in remedies("vanishing", "slope of the activation", (), net, on_digits())]
    # Swapping is what helps a sigmoid network most, but here it cannot be done from outside.
    assert keys.index("reinitialise") < keys.index("to_tanh")
    modules = mlp(8, nn.Sigmoid, nn.init.xavier_normal_)
    keys = [r.key for r in remedies("vanishing", "slope of the activation", (), modules)]
    assert keys[0] == "to_tanh"


def test_an_unknown_condition_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown condition 'vanish'.*'vanishing'"):
        remedies("vanish", "", (), nn.Linear(2, 2))


def test_prescribing_changes_neither_the_model_nor_the_random_state():
    for name in ("sigmoid_net", "post_norm", "tanh_rnn", "convnet"):
        model, loss, _, condition, cause, where = fresh(name)
        before = copy.deepcopy(model.state_dict())
        state = torch.random.get_rng_state()
        remedies(condition, cause, where, model, loss)
        assert torch.equal(state, torch.random.get_rng_state())
        after = model.state_dict()
        assert all(torch.equal(before[key], after[key]) for key in before)
        assert not any(m._forward_pre_hooks or m._forward_hooks for m in model.modules())
        assert all(p.grad is None for p in model.parameters())


def test_code_names_the_model_s_own_layers_and_fits_the_activation_that_follows():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.enter, self.middle, self.leave = (nn.Linear(64, 64) for _ in range(3))

        def forward(self, x):
            return self.leave(torch.tanh(self.middle(torch.relu(self.enter(x)))))

    net = Net()
    (remedy, *_) = remedies("vanishing", "initialisation too small", (), net, on_digits())
    lines = remedy.code.splitlines()
    assert 'nonlinearity="relu"' in lines[lines.index('for name in ["enter.weight"]:') + 1]
    both = 'for name in ["middle.weight", "leave.weight"]:'  # tanh, and no activation: Xavier
    assert "xavier_normal_" in lines[lines.index(both) + 1]


def test_parts_are_told_from_calls_and_without_a_loss_from_modules():
    net = Functional()
    seen = parts(net, on_digits())
    assert [p.weight for p in seen] == [*(f"layers.{i}.weight" for i in range(8)), "out.weight"]
    assert [p.activation for p in seen] == ["sigmoid"] * 8 + [""]
    assert [p.activation for p in parts(net)] == [""] * 9  # which no module tells of
    held = mlp(2, nn.GELU, nn.init.xavier_normal_)
    assert [(p.activation, p.activation_module) for p in parts(held)] == [
        ("gelu", "1"),
        ("gelu", "3"),
        ("", ""),
    ]


def test_weights_behind_their_inputs_are_seen_as_transposed():
    seen = parts(Handmade(), on_digits())
    assert all(p.transposed and not p.module for p in seen)
    assert [p.weight for p in seen] == [*(f"hidden.{i}" for i in range(6)), "out"]


def test_a_model_that_cannot_run_is_read_from_its_modules():
    def broken(model):
        raise RuntimeError("no data")

    assert [p.weight for p in parts(mlp(1, nn.ReLU, nn.init.xavier_normal_), broken)] == [
        "0.weight",
        "2.weight",
    ]


NAMES = st.lists(
    st.from_regex(r"[a-z]{1,12}\.[0-9]{1,3}(\.[a-z]{1,8})?", fullmatch=True),
    min_size=1,
    max_size=30,
)


@given(NAMES)
def test_listed_names_are_python_for_the_same_names(names):
    assert eval(listed(names)) == names


@given(st.integers(0, 40), st.integers(1, 5), st.integers(4, 60))
def test_names_that_count_up_are_listed_by_their_rule(first, step, count):
    names = [f"net.{first + step * i}.weight" for i in range(count)]
    text = listed(names)
    assert "range(" in text and eval(text) == names
