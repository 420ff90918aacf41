"""Trials: remedies are tried on copies, and the table says what became of them."""

import copy
import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.doctor.material import he, mlp, on_digits
from tests.doctor.patients import PATIENTS, diagnosed
from vgplib.doctor.conditions import CONDITIONS
from vgplib.doctor.conditions.condition import Remedy
from vgplib.doctor.copies import snapshot
from vgplib.doctor.diagnosis import Diagnosis
from vgplib.doctor.remedies.case import Case
from vgplib.doctor.remedies.treatment import TREATMENTS
from vgplib.doctor.trials.trying import UNTREATED
from vgplib.doctor.trials.trying import try_remedies as tried
from vgplib.doctor.trials.verdicts import Outcome, verdict


def table(name, steps=30, **changes):
    """One row for each remedy, by key; the time box never closes, so that no test hangs on it."""
    diagnosis = diagnosed(name, **changes)
    rows = tried(diagnosis, steps=steps, seconds=3600, progress=False)
    keys = {treatment.name: key for key, treatment in TREATMENTS.items()}
    return rows.set_index(rows.remedy.map(lambda name: keys.get(name, "untreated")))


@pytest.fixture(scope="module")
def sigmoid():
    return table("sigmoid_net")


@pytest.fixture(scope="module")
def exploding():
    return table("twice_he")


# The fair comparison: each remedy on one network, trained alike


def test_what_mends_a_sigmoid_network_helps(sigmoid):
    for key in ("to_tanh", "skips", "batch_norm", "reinitialise"):
        assert sigmoid.verdict[key] == "helps", key
        assert sigmoid["ratio after"][key] > 0.05 > 1e-3 > sigmoid["ratio before"][key]
        assert "vanishing" not in sigmoid["still sick"][key]
    # At the rate of the untreated network ReLU diverges, or nearly.
    assert sigmoid.verdict["to_relu"].startswith("helps")


def test_clipping_and_a_faster_machine_change_nothing_about_vanishing(sigmoid):
    for key in ("clip", "more_steps"):
        assert sigmoid.verdict[key] == "changes nothing"
        assert "vanishing" in sigmoid["still sick"][key]
    assert sigmoid["ratio after"]["clip"] == sigmoid["ratio before"]["clip"]


def test_the_best_comes_first_and_the_controls_stand_behind_the_untreated(sigmoid):
    places = {key: i for i, key in enumerate(sigmoid.index)}
    assert sigmoid.verdict.iloc[0] == "helps"
    assert places["to_tanh"] < places["untreated"] < min(places["clip"], places["more_steps"])
    helped = sigmoid[sigmoid.verdict == "helps"]
    assert helped["loss after"].is_monotonic_increasing


def test_layer_norm_does_not_mend_a_sigmoid_network():
    model, loss, optimizer, condition, cause, where = PATIENTS["sigmoid_net"]()
    code = TREATMENTS["layer_norm"].write(Case(model, loss, condition, cause, where))
    remedy = Remedy("layer_norm", "", "", code)
    rows = table("sigmoid_net", remedies=(remedy,))
    assert rows.verdict["layer_norm"] == "changes nothing"


def test_what_mends_an_explosion_helps(exploding):
    for key in ("reinitialise", "layer_norm", "batch_norm", "to_tanh"):
        assert exploding.verdict[key] == "helps", key
        assert 0.05 < exploding["ratio after"][key] < 20, key
        assert exploding["loss after"][key] < 3
    assert not math.isfinite(exploding["loss after"]["untreated"])


def test_clipping_an_explosion_helps_though_the_sign_stays(exploding):
    assert exploding.verdict["clip"] == "helps, the sign stays"
    assert exploding["ratio after"]["clip"] == exploding["ratio before"]["clip"] > 1e3
    assert exploding.verdict["more_steps"] == "changes nothing"


# One remedy for each other patient

HELPS = {
    "handmade": "reinitialise",
    "functional_sigmoid": "reinitialise",
    "frozen": "unfreeze",
    "crawling": "lr_up",
    "leaping": "lr_down",
    "dead": "to_leaky_relu",
    "constant": "reinitialise",
    "root_of_zero": "safe_roots",
    "broken_weight": "reinitialise",
    "broken_input": "nan_inputs",
    "raw_input": "input_scale",
    "one_vector": "reinitialise",
    "tanh_rnn": "recurrent_orthogonal",
    "half_net": "loss_scale",
    "rounded": "straight_through",
}


@pytest.mark.parametrize(("name", "key"), HELPS.items())
def test_the_remedy_of_a_cause_mends_its_sign_and_the_loss_follows(name, key):
    diagnosis = diagnosed(name)
    (only,) = (r for r in diagnosis.remedies if r.key == key)
    rows = table(name, remedies=(only,))
    assert rows.verdict[key] == "helps", rows[["verdict", "sign before", "sign after"]]
    condition = diagnosis.findings[0].condition
    sign = CONDITIONS[condition].indicator
    assert rows["sign is"][key] == sign.name
    assert sign.is_better(rows["sign before"][key], rows["sign after"][key])
    assert condition not in rows["still sick"][key]


@pytest.mark.parametrize(
    ("name", "key"),
    [("lstm", "chrono_bias"), ("convnet", "reinitialise"), ("blocks_add_up", "scale_branches")],
)
def test_a_sign_that_is_mended_is_said_so_whether_or_not_the_loss_follows_yet(name, key):
    (only,) = (r for r in diagnosed(name).remedies if r.key == key)
    rows = table(name, steps=5, remedies=(only,))
    assert rows.verdict[key].startswith(("helps", "mends the sign, the loss is no better"))
    sign = CONDITIONS[PATIENTS[name]()[3]].indicator
    assert sign.is_better(rows["sign before"][key], rows["sign after"][key])


@pytest.mark.parametrize(("name", "key"), [("detached", "connect"), ("wrong_loss", "loss_choice")])
def test_what_has_to_be_done_by_hand_stands_in_the_table_with_its_reason(name, key):
    rows = table(name, steps=3)
    assert rows.verdict[key].startswith("cannot be applied: ") and not rows.applicable[key]
    assert rows.index[-1] == key and math.isnan(rows["loss after"][key])


# What must not happen


def test_nothing_of_the_caller_s_is_touched():
    diagnosis = diagnosed("frozen")
    before = copy.deepcopy(diagnosis.snapshot.model.state_dict())
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    states = torch.random.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    tried(diagnosis, steps=2, progress=False)
    assert torch.equal(torch.random.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert (np.random.get_state()[1] == states[2]).all()
    after = diagnosis.snapshot.model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert not diagnosis.snapshot.model[0].weight.requires_grad


def test_the_same_diagnosis_gives_the_same_table():
    first, second = (tried(diagnosed("dead"), steps=5, progress=False) for _ in range(2))
    assert first.equals(second)


def test_a_remedy_that_raises_is_a_row_with_the_reason_and_the_others_are_tried():
    broken = Remedy("zero_biases", "", "", "raise KeyError('no such layer')")
    good = next(r for r in diagnosed("dead").remedies if r.key == "to_leaky_relu")
    rows = table("dead", steps=5, remedies=(broken, good))
    assert rows.verdict["zero_biases"] == "cannot be applied: KeyError: 'no such layer'"
    assert rows.verdict["to_leaky_relu"] == "helps"


def test_a_remedy_that_breaks_the_model_is_a_row_with_the_reason():
    # The new layer does not fit: it shows when the model runs.
    code = "import torch\nmodel[2] = torch.nn.Linear(3, 3)"
    rows = table("dead", steps=2, remedies=(Remedy("zero_biases", "", "", code),))
    assert (
        "cannot be applied: ValueError: layer '2' (linear) cannot take its input"
        in rows.verdict["zero_biases"]
    )


def test_a_time_box_of_nothing_leaves_fewer_steps_and_a_whole_table():
    diagnosis = diagnosed("dead")
    rows = tried(diagnosis, steps=500, seconds=0.0, progress=False)
    assert len(rows) == 1 + len(diagnosis.remedies) + 1  # untreated, and clipping in vain
    assert (rows.steps < 10).all()


def test_a_healthy_model_has_the_untreated_row_alone():
    net = mlp(2, nn.ReLU, he)
    healthy = Diagnosis((), None, (), snapshot(net, on_digits(), None, 3))
    rows = tried(healthy, steps=5, progress=False)
    assert list(rows.remedy) == [UNTREATED]
    assert rows["loss after"][0] < rows["loss at start"][0]


def test_two_findings_with_the_same_remedy_try_it_once():
    diagnosis = diagnosed("dead")
    (finding,) = diagnosis.findings
    other = replace(finding, condition="zero_gradient", cause="dead units")
    both = replace(diagnosis, findings=(finding, other))
    rows = tried(both, steps=2, progress=False)
    assert rows.remedy.is_unique


# Verdicts


@pytest.mark.parametrize(
    ("after", "ratio", "words"),
    [
        (1.0, 0.5, "helps"),
        (1.0, 1e-5, "helps, the sign stays"),
        (2.3, 0.5, "mends the sign, the loss is no better"),
        (2.3, 1e-4, "changes nothing"),
        (2.28, 1e-5, "changes nothing"),  # 1 % of the loss
        (2.4, 1e-5, "makes it worse"),
        (math.nan, 1e-5, "makes it worse"),
        (math.inf, 0.5, "makes it worse"),
    ],
)
def test_a_verdict_needs_the_loss_and_the_sign(after, ratio, words):
    untreated = Outcome(sign=1e-5, losses=[2.5, 2.3])
    treated = Outcome(sign=ratio, losses=[2.5, after])
    assert verdict(treated, untreated, "vanishing") == (words, words)


def test_two_that_diverge_are_the_same_and_one_that_does_not_is_better():
    untreated = Outcome(sign=1e5, losses=[1e4, math.nan])
    assert verdict(Outcome(sign=1e5, losses=[math.nan]), untreated, "exploding")[0] == (
        "changes nothing"
    )
    assert verdict(Outcome(sign=1e5, losses=[1e4, 9e3, 5e3]), untreated, "exploding")[0] == (
        "helps, the sign stays"
    )


def test_a_run_that_was_cut_short_is_compared_after_as_many_steps():
    untreated = Outcome(sign=1e-5, losses=[2.5, 2.4, 2.3, 1.0])
    treated = Outcome(sign=1.0, losses=[2.5, 2.0])
    assert verdict(treated, untreated, "vanishing")[0] == "helps"


def test_losses_that_are_both_next_to_nothing_do_not_differ():
    untreated = Outcome(sign=0.9, losses=[2.5, 1e-6])
    treated = Outcome(sign=0.9, losses=[2.5, 1e-9])
    assert verdict(treated, untreated, "saturation")[0] == "changes nothing"
