"""The experiments on symptoms: they measure what they say, and what they teach holds."""

import copy
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import vgplib as vgp
from vgplib.engine.atlas import at
from vgplib.experiments import freeze_test, patients, plateau, update_ratio, what_ails_it
from vgplib.experiments import steps as training
from vgplib.networks import FeedForward, digits


def first_batch(seed):
    """The images and labels of a run's first step, drawn as a reader would draw them."""
    x, y, _, _ = training.data()
    pick = torch.randint(len(x), (64,), generator=torch.Generator().manual_seed(seed))
    return x[pick], y[pick]


def test_one_step_of_gradient_descent_moves_a_layer_by_rate_times_gradient_over_weight():
    found = update_ratio.run(
        network="tanh", depth=4, optimizer="sgd", loss_factor=1.0, steps=1, seed=3
    )
    net = FeedForward(64, 64, 4, "tanh", "xavier", outputs=10, seed=3)
    x, y = first_batch(3)
    F.cross_entropy(net(x), y).backward()
    expected = [
        0.1 * (layer.weight.grad.norm() / layer.weight.norm()).item()
        for layer in (*net.hidden, net.readout)
    ]
    # The change is a difference of float64 weights: of a thousandth, 13 digits are left.
    np.testing.assert_allclose(found["change"], expected, rtol=1e-10)


def test_a_larger_loss_is_a_larger_step_for_gradient_descent_and_none_for_adam():
    def change(optimizer, factor):
        return update_ratio.run(
            network="tanh", depth=3, optimizer=optimizer, loss_factor=factor, steps=1, seed=0
        )["change"].values

    np.testing.assert_allclose(change("sgd", 7.0), 7 * change("sgd", 1.0), rtol=1e-9)
    # Adam's eps of 1e-8 is felt in the weights with the smallest gradients: less than 1 % here.
    np.testing.assert_allclose(change("adam", 7.0), change("adam", 1.0), rtol=0.01)


def test_copies_with_frozen_layers_are_networks_with_frozen_layers():
    depth, seed, steps = 3, 1, 10
    x, y, _, _ = digits()
    net = FeedForward(64, 64, depth, "relu", "he", outputs=10, seed=seed, dtype=torch.float32)
    plans = freeze_test._plans(depth)
    copies = freeze_test.Copies(net, len(plans))
    free = torch.tensor([[float(k not in plan) for k in range(depth + 1)] for plan in plans])
    rule = torch.optim.SGD(copies.parameters, lr=0.03, momentum=0.9)
    alone = [copy.deepcopy(net) for _ in plans]
    for plan, one in zip(plans, alone, strict=True):
        for place in plan:
            one.hidden[place].requires_grad_(False)
    rules = [
        torch.optim.SGD([p for p in one.parameters() if p.requires_grad], lr=0.03, momentum=0.9)
        for one in alone
    ]
    for step in range(steps):
        part = slice(64 * step, 64 * (step + 1))
        rule.zero_grad()
        copies.loss(x[part], y[part]).backward()
        copies.stop(free)
        rule.step()
        for one, own in zip(alone, rules, strict=True):
            own.zero_grad()
            F.cross_entropy(one(x[part]), y[part]).backward()
            own.step()
    for place, weights in enumerate(copies.parameters[: depth + 1]):
        for row, one in enumerate(alone):
            layer = one.readout if place == depth else one.hidden[place]
            # Ten steps in float32, summed up in another order.
            torch.testing.assert_close(weights[row], layer.weight, rtol=1e-3, atol=1e-5)
            assert (
                torch.equal(weights[row], net.hidden[place].weight) == (place in plans[row])
                if place < depth
                else True
            )


def test_a_unit_is_dead_when_it_is_0_for_every_image_and_a_diverged_net_is_not_called_alive():
    x, _, _, _ = training.data()
    net = FeedForward(64, 64, 2, "relu", "he", outputs=10)
    with torch.no_grad():
        net.hidden[0].bias[:16] = -1e6
        net.hidden[1].bias[:] = -1e6
    assert training.dead(net, x) == [0.25, 1.0]
    leaky = FeedForward(64, 64, 2, "leaky_relu", "he", outputs=10)
    leaky.load_state_dict(net.state_dict())
    assert training.dead(leaky, x) == [0.0, 0.0]
    with torch.no_grad():
        net.hidden[0].weight[0, 0] = float("nan")
    assert np.isnan(training.dead(net, x)).all()


@pytest.mark.parametrize("case", sorted(patients.PATIENTS))
def test_the_evidence_speaks_for_the_true_diagnosis_and_against_all_others(case):
    exp = vgp.experiments.experiment("what-ails-it")
    data = at(exp, {"case": case, "evidence": "loss", "diagnosis": "none"})
    seen = what_ails_it.Evidence(data, case)
    fits = [name for name, (_, judge) in what_ails_it.DIAGNOSES.items() if judge(seen)[0]]
    assert fits == [what_ails_it.TRUTH[case]]


def test_every_seed_of_a_case_has_the_illness_of_the_case():
    """A median over seeds that differ in kind would be the evidence of nobody."""
    exp = vgp.experiments.experiment("what-ails-it")
    for case, truth in what_ails_it.TRUTH.items():
        data = at(exp, {"case": case, "evidence": "loss", "diagnosis": "none"})
        for seed in range(exp.seeds):
            seen = what_ails_it.Evidence(data.isel(seed=[seed]), case)
            assert what_ails_it.DIAGNOSES[truth][1](seen)[0], f"{case}, seed {seed}"


def test_what_is_looked_at_and_what_is_guessed_do_not_change_a_run():
    pairs = [("loss", "none"), ("flat", "dead")]
    runs = [what_ails_it.run(case="B", evidence=e, diagnosis=d, seed=0) for e, d in pairs]
    assert runs[0].equals(runs[1])


# What is known to act on the cause, from the illness alone.
CURES = {
    "vanishing": "tanh",
    "exploding": "redraw",
    "dead": "redraw",
    "saturation": "redraw",
    "rate_low": "larger_steps",
    "rate_high": "smaller_steps",
    "labels": "labels",
}


@pytest.mark.parametrize("case", sorted(patients.PATIENTS))
def test_the_remedy_of_its_illness_cures_and_the_healthy_need_none(case):
    truth = what_ails_it.TRUTH[case]
    if truth in CURES:
        found = vgp.readouts("try-a-remedy", case=case, remedy=CURES[truth])
        assert found[2].text == "Cures it"
    else:
        found = vgp.readouts("try-a-remedy", case=case, remedy="adam")
        assert found[2].text == "There was nothing to cure"


def test_a_remedy_that_a_healthy_network_is_worse_for_is_said_to_do_harm():
    found = vgp.readouts("try-a-remedy", case="C", remedy="clip")
    assert found[2].text == "Does harm"
    assert found[1].value < 0.9


def test_a_loss_that_explodes_is_no_success_even_if_nothing_was_right_before():
    assert vgp.readouts("try-a-remedy", case="A", remedy="larger_steps")[2].text == "Makes it worse"


@pytest.mark.parametrize("remedy", ["larger_steps", "smaller_steps", "clip", "labels"])
def test_what_leaves_the_jacobians_as_they_were_does_not_cure_vanishing(remedy):
    found = vgp.readouts("try-a-remedy", case="A", remedy=remedy)
    told = ("It has that already",) if remedy == "labels" else ("Changes nothing", "Makes it worse")
    assert found[2].text in told
    assert found[1].value < 0.15  # guessing is 0.10; the 397 test digits vary by 0.015


@pytest.mark.parametrize(
    ("case", "remedy"), [("H", "adam"), ("C", "labels"), ("B", "tanh"), ("J", "redraw")]
)
def test_a_remedy_that_a_run_has_already_is_no_other_run(case, remedy):
    loss, _, verdict = vgp.readouts("try-a-remedy", case=case, remedy=remedy)
    before, after = loss.text.split(" → ")
    assert before == after
    assert verdict.text == "It has that already"


def test_evidence_says_which_way_its_number_points():
    """With its number blotted out, a sentence still tells whether it speaks for or against."""
    sentences = {"For it": set(), "Against it": set()}
    for case in patients.PATIENTS:
        for diagnosis in what_ails_it.DIAGNOSES:
            _, said, verdict = vgp.readouts("what-ails-it", case=case, diagnosis=diagnosis)
            side, words = said.text.split(": ", 1)
            assert side == ("For it" if verdict.text == "That is it" else "Against it")
            number = r"[\d.]+(\s×\s10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?|not finite"
            sentences[side].add(re.sub(number, "…", words))
    assert len(sentences["For it"]) == len(what_ails_it.DIAGNOSES)
    assert not sentences["For it"] & sentences["Against it"]


def test_clipping_limits_the_first_step_and_leaves_the_ratio_of_layers_alone():
    patient = patients.PATIENTS["F"]
    whole, clipped = (
        patients.course(p, seed=0)["update"][0]
        for p in (patient, patients.TREATMENTS["clip"][1](patient))
    )
    np.testing.assert_allclose(
        np.array(clipped) / clipped[0], np.array(whole) / whole[0], rtol=1e-6
    )
    assert clipped[0] < 1e-3 * whole[0]


@pytest.mark.parametrize("task", ["digits", "half_zeros", "ink"])
def test_the_plateau_lies_at_the_loss_of_the_best_answer_that_ignores_the_image(task):
    x, y = plateau.examples(task)
    regression = y.is_floating_point()
    loss = F.mse_loss if regression else F.cross_entropy
    blind = torch.zeros(1, 1 if regression else 10, dtype=torch.float64, requires_grad=True)
    rule = torch.optim.LBFGS([blind], max_iter=100, tolerance_grad=1e-12, tolerance_change=0)

    def closure():
        rule.zero_grad()
        value = loss(blind.expand(len(y), -1), y)
        value.backward()
        return value

    rule.step(closure)
    assert closure().item() == pytest.approx(plateau.height(task), rel=1e-6)
    # Eight layers of sigmoid end there: above by at most what a batch of 64 pulls them about.
    end = vgp.readouts("plateau", task=task, depth=8)[0].value
    assert 0.99 < end / plateau.height(task) < 1.15


@pytest.mark.parametrize("task", ["digits", "half_zeros", "ink"])
def test_each_layer_more_makes_the_plateau_longer(task):
    waits = [vgp.readouts("plateau", task=task, depth=d)[1].value for d in (3, 4, 5, 6, 8)]
    assert waits == sorted(waits)
    assert np.isinf(waits[-1]) and waits[0] <= 120
