"""Fewer layers, faster machines: the experiments measure what they say, and their page holds."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import vgplib as vgp
from vgplib.experiments import folds, steps_versus_depth
from vgplib.experiments import steps as training
from vgplib.networks import FeedForward


def test_steps_are_those_that_a_plain_loop_takes():
    x, y, _, _ = training.data()
    counts = []
    for depth in range(1, steps_versus_depth.DEEPEST + 1):
        net = FeedForward(64, 64, depth, "tanh", "xavier", outputs=10, seed=1)
        rule = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        counts.append(0)
        while (loss := F.cross_entropy(net(x), y)).item() >= 1.5:
            rule.zero_grad()
            loss.backward()
            rule.step()
            counts[-1] += 1
    found = steps_versus_depth.run(activation="tanh", faster=1000.0, seed=1)
    assert found["steps"].values.tolist() == counts


def test_the_fit_finds_an_exponential():
    runs = np.array([[2, 6, 18, 54]] * 3) * 1.5
    growth, start = steps_versus_depth.fitted(np.arange(1, 5), runs)
    assert (growth, start) == (pytest.approx(3), pytest.approx(1))


def layers(faster):
    verdict = vgp.readouts("steps-versus-depth", faster=faster)[2]
    return int(verdict.text.split()[0])


def test_a_million_times_the_speed_takes_sigmoid_from_five_layers_to_about_twenty():
    growth = vgp.readouts("steps-versus-depth")[0].value
    assert 2.4 < growth < 3.0
    assert layers(1) == 5
    for faster in (100, 1e6):  # whole layers: each of the two is cut by less than one
        bought = np.log(faster) / np.log(growth)
        assert layers(faster) - layers(1) == pytest.approx(bought, abs=1)
    assert 17 <= layers(1e6) <= 21


def test_healthy_layers_cost_next_to_no_steps():
    steps = vgp.atlas("steps-versus-depth").steps.sel(faster=1, activation="tanh")
    assert steps.sel(depth=5).median("seed") < 10


def test_what_goes_on_beyond_the_measured_depths_is_said_to():
    notes = [vgp.readouts("steps-versus-depth", faster=faster)[2].note for faster in (1, 1e6)]
    assert notes == ["in that time", "in that time, if steps grow on like that"]


def test_adam_hardly_helps_eight_sigmoid_layers():
    descent, adam = (vgp.readouts("training-race", row=row)[0].value for row in ("nothing", "adam"))
    assert descent < 0.12 < adam < 0.4


def test_the_fold_on_the_page_is_a_layer_of_three_units():
    x = torch.linspace(0, 1, 200, dtype=torch.float64)[:, None]
    y = x
    for _ in range(4):
        y = 3 * torch.relu(y) - 6 * torch.relu(y - 1 / 3) + 6 * torch.relu(y - 2 / 3)
    with torch.no_grad():
        np.testing.assert_allclose(folds.zigzag(4)(x), y, atol=1e-9)


@pytest.mark.parametrize(("layers", "count"), folds.COUNTS.items())
def test_a_network_of_twelve_units_folds_as_often_as_its_layers_multiply(layers, count):
    net = folds.zigzag(count)
    assert sum(layer.out_features for layer in net.hidden) == 12
    pieces = (12 // count) ** count
    corners = torch.linspace(0, 1, pieces + 1, dtype=torch.float64)[:, None]
    with torch.no_grad():
        # Rounding of a corner's place, times the slope of all layers before it.
        np.testing.assert_allclose(net(corners)[:, 0], np.arange(pieces + 1) % 2, atol=1e-9)
        halfway = (corners[1:] + corners[:-1]) / 2  # straight in between
        np.testing.assert_allclose(net(halfway)[:, 0], 0.5, atol=1e-9)
    shown, slope, _ = vgp.readouts("folds", layers=layers)
    assert (shown.value, slope.value) == (pieces, pytest.approx(pieces))


def test_on_the_digits_two_layers_give_nothing_up():
    def right(depth, activation):
        settings = {"depth": depth, "activation": activation, "steps": 300}
        return vgp.readouts("freeze-test", **settings)[0].value

    assert right(2, "sigmoid") > 0.94 > 0.12 > right(5, "sigmoid")
    assert right(2, "sigmoid") == pytest.approx(right(5, "relu"), abs=0.03)


def test_the_share_that_arrives_does_not_depend_on_the_batch():
    x, y, _, _ = training.data()
    net = FeedForward(64, 64, 8, "sigmoid", "xavier", outputs=10, seed=0)

    def arrives(batch):
        heard = vgp.measure(net, lambda model: F.cross_entropy(model(x[:batch]), y[:batch])).signal
        return (heard[0] / heard[7]).item()

    # Which examples they are makes a difference, and how many doesn't.
    assert arrives(8) == pytest.approx(arrives(512), rel=0.5)
