"""The page on initialisation: its experiments measure what they say, and what it states holds."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import vgplib as vgp
from vgplib.experiments import experiment, look
from vgplib.experiments import initialisation_ladder as ladder
from vgplib.experiments import learning_by_depth as pace
from vgplib.experiments import steps as training
from vgplib.networks import FeedForward, gaussian

RUNGS = list(experiment("initialisation-ladder").control("initialiser").values)


def seen(number, **setting):
    full = {"activation": "tanh", "widths": "equal", "depth": 30, "shows": "signal", **setting}
    return vgp.readouts("initialisation-ladder", **full)[number].value


def profile(name, **setting):
    """The middle one of five runs, layer by layer (or direction by direction)."""
    full = {"activation": "tanh", "widths": "equal", "depth": 30, "shows": "signal", **setting}
    return vgp.atlas("initialisation-ladder")[name].sel(full).median("seed").values


@pytest.mark.parametrize("initialiser", ["xavier", "pytorch", "orthogonal"])
def test_with_equal_widths_it_is_the_plain_network_of_the_package(initialiser):
    net = ladder.Ladder("tanh", [16] * 5, initialiser, seed=3)
    plain = FeedForward(16, 16, 4, "tanh", initialiser, seed=3)
    x = gaussian(4, 16, seed=0)
    assert torch.equal(net(x), plain(x))


def test_each_spread_is_the_one_that_its_name_says():
    for name, expected in (
        ("small", [0.01] * 2),
        ("large", [0.2] * 2),
        ("lecun", [1 / 16, 1 / 8]),  # one over the root of 256, of 64
        ("xavier", [(2 / 320) ** 0.5] * 2),
        ("he", [2**0.5 / 16, 2**0.5 / 8]),
    ):
        net = ladder.Ladder("relu", [256, 64, 256], name, seed=0)
        # 16,384 normal numbers: their spread is known to half a per cent (1 sd), so 2 % is 3.6 sd.
        np.testing.assert_allclose([w.weight.std().item() for w in net.hidden], expected, rtol=0.02)


def test_singular_values_are_those_of_the_jacobian_that_autograd_finds():
    net = ladder.Ladder("tanh", [6, 9, 6, 9], "he", seed=1)
    x = gaussian(2, 6, seed=0)
    jacobian = torch.autograd.functional.jacobian(lambda row: net(row[None])[0], x[0])
    with torch.no_grad():
        found = ladder.singular_values(net, net.states(x))
    np.testing.assert_allclose(found, torch.linalg.svdvals(jacobian), rtol=1e-9)


def test_equal_weights_keep_all_sizes_and_make_all_units_copies():
    net = ladder.Ladder("tanh", [128] * 31, "constant", seed=0)
    x = gaussian(8, 128, seed=0)
    for z, _ in net.states(x):
        # Sums of equal products, in whatever order each unit adds them.
        np.testing.assert_allclose(z.detach(), z[:, :1].expand_as(z).detach(), atol=1e-12)
    for shows in ("signal", "size"):
        assert 0.5 < seen(1, initialiser="constant", shows=shows) < 1.5
    assert (profile("stretch", initialiser="constant")[2:] == 0).all()
    assert profile("stretch", initialiser="constant")[0] > 0.5


def test_too_small_kills_the_signal_and_too_large_makes_it_grow():
    assert seen(1, initialiser="small") < 1e-20
    assert seen(1, initialiser="large") > 50
    assert 0.7 < seen(1, initialiser="large", shows="size") < 1.4  # tanh ends at 1
    assert seen(0, activation="linear", initialiser="pytorch") == pytest.approx(0.577, rel=0.03)
    assert seen(0, activation="linear", initialiser="xavier") == pytest.approx(1, rel=0.03)
    assert seen(0, activation="relu", initialiser="he") == pytest.approx(1, rel=0.03)
    assert seen(1, activation="linear", initialiser="he") > 1e4


def test_between_unequal_layers_fan_in_keeps_both_and_xavier_neither():
    setting = {"activation": "linear", "widths": "in_turn"}
    # Into a wide layer and out of it, squares are multiplied by 1.6 and by 0.4.
    compromise = (256 * 2 / 320 * (64 * 2 / 320)) ** 0.25
    for name, expected in (("lecun", 1), ("xavier", compromise)):
        for shows in ("signal", "size"):
            kept = seen(0, **setting, initialiser=name, shows=shows)
            assert kept == pytest.approx(expected, rel=0.03)
    assert seen(1, **setting, initialiser="xavier") < 1 / 20
    # Of LeCun's weights a unit's signal gets twice as much, and then half as much, in turn.
    length = profile("signal", **setting, initialiser="lecun")
    assert np.abs(np.diff(np.log2(length))).max() < 0.5
    each = length / np.sqrt(np.where(np.arange(30) % 2, 256, 64))
    assert 0.7 < np.abs(np.diff(np.log2(each))).mean() < 1.3


def test_tanh_gets_by_with_either_scale_and_relu_with_he_alone():
    """Which the page says of thirty layers."""
    assert 0.05 < seen(1, initialiser="xavier") < 1 < seen(1, initialiser="he") < 5
    assert seen(1, activation="relu", initialiser="xavier") < 1e-3
    for activation in ("linear", "tanh", "relu"):
        assert seen(1, activation=activation, initialiser="pytorch") < 1e-6


def test_orthogonal_weights_treat_all_directions_alike_but_not_through_relu():
    rotation = {"initialiser": "orthogonal"}
    np.testing.assert_allclose(profile("stretch", activation="linear", **rotation), 1, rtol=1e-4)
    gaussians = profile("stretch", activation="linear", initialiser="xavier")
    assert gaussians[0] > 4 and gaussians[16] < 1e-3
    # Through tanh, most of them nearly so: the middle one beside the largest.
    turned, drawn = profile("stretch", **rotation), profile("stretch", initialiser="xavier")
    assert turned[16] / turned[0] > 0.25 and drawn[16] / drawn[0] < 1e-4
    assert (profile("stretch", activation="relu", **rotation)[16:] == 0).all()


def test_on_no_rung_does_a_sigmoid_network_hear_anything_at_layer_1():
    kept = {rung: seen(0, activation="sigmoid", initialiser=rung) for rung in RUNGS}
    assert max(kept.values()) < 0.5
    assert all(seen(1, activation="sigmoid", initialiser=rung) < 1e-6 for rung in RUNGS)
    levels = seen(1, activation="sigmoid", initialiser="lsuv", shows="size")
    assert levels == pytest.approx(1, abs=0.1)
    assert kept["lsuv"] > kept["he"] > kept["xavier"] > kept["pytorch"]


def test_lsuv_gives_every_layer_sums_of_spread_1():
    net = ladder.Ladder("relu", [64, 256, 64, 256], "lsuv", seed=0)
    for z, _ in net.states(gaussian(256, 64, seed=5)):
        # Scaled by other inputs: two batches of 256 agree to a few per cent.
        assert z.std().item() == pytest.approx(1, abs=0.1)


def test_a_bench_that_shows_less_has_narrower_axes():
    exp = experiment("initialisation-ladder")
    widths = exp.check({"activation": "linear", "widths": "in_turn"})
    scale = exp.scale(widths, ("initialiser", "shows"))
    view = look(exp, widths).scaled(scale)
    assert view.y.domain == (1e-3, 1e1) and view.x.domain == (-0.5, 29.5)
    directions = exp.check({"widths": "equal", "shows": "stretch"})
    scale = exp.scale(directions, ("activation", "initialiser"))
    view = look(exp, directions).scaled(scale)
    assert view.y.domain == (1e-8, 1e2) and view.x.domain == (0, 100)
    assert exp.scale(exp.check({}), ("initialiser", "shows")) is None


def test_directions_that_hardly_pass_stand_below_the_axis_and_lost_ones_are_counted():
    exp = experiment("initialisation-ladder")
    directions = {"widths": "equal", "shows": "stretch"}
    view = look(exp, exp.check({**directions, "activation": "linear", "initialiser": "xavier"}))
    line = np.array(view.series[0].y)
    assert line[-1] == 0 and line[line > 0].min() >= 1e-8
    relus = look(exp, exp.check({**directions, "activation": "relu", "initialiser": "he"}))
    lost = (np.array(profile("stretch", activation="relu", initialiser="he")) == 0).mean()
    assert 0.5 < lost < 0.7 and relus.readouts[2].text == f"{lost:.0%} of the directions are lost"


def taken(activation, initialiser):
    """The steps by depth of the middle run."""
    found = vgp.atlas("learning-by-depth").steps.sel(activation=activation, initialiser=initialiser)
    return dict(zip(pace.DEPTHS, found.median("seed").values, strict=True))


def test_side_by_side_a_network_learns_as_it_does_alone():
    steps, rate = pace.steps_to_learn("tanh", "xavier", 4, seed=1)
    net = FeedForward(64, 64, 4, "tanh", "xavier", outputs=10, seed=1)
    rule = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9)
    x, y, _, _ = training.data()
    losses = {}
    for step in training.taken(net, rule, x, y, steps=int(steps), seed=1):
        if step % pace.EVERY == 0:
            with torch.no_grad():
                losses[step] = F.cross_entropy(net(x[:256]), y[:256]).item()
    assert [step for step, loss in losses.items() if loss < pace.LEARNED] == [steps]


def test_with_orthogonal_weights_depth_costs_no_steps_unless_there_are_relus():
    assert taken("linear", "orthogonal")[32] <= 1.5 * taken("linear", "orthogonal")[2]
    assert taken("linear", "xavier")[32] >= 3 * taken("linear", "orthogonal")[32]
    assert taken("tanh", "xavier")[32] >= 2 * taken("tanh", "orthogonal")[32]
    assert taken("tanh", "orthogonal")[32] <= 4 * taken("tanh", "orthogonal")[2]
    for initialiser in ("he", "orthogonal", "lsuv"):
        deeper = taken("relu", initialiser)
        assert 5 * deeper[2] < deeper[32] < math.inf
    assert taken("tanh", "orthogonal")[32] < taken("relu", "orthogonal")[32]


def test_at_32_relu_layers_he_learns_and_xavier_stalls():
    assert taken("relu", "he")[32] < math.inf
    assert taken("relu", "xavier")[32] == math.inf
    assert 2 * taken("relu", "he")[16] < taken("relu", "xavier")[16] < math.inf
