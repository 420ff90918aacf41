"""The experiments on symptoms: they measure what they say, and what they teach holds."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import vgplib as vgp
from vgplib.experiments import freezing, plateau, update_ratio
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
    plans = freezing._plans(depth)
    copies = freezing.Copies(net, len(plans))
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
