"""Exploding gradients: what the page states about where, when, and what helps."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import vgplib as vgp
from vgplib.engine.atlas import at
from vgplib.experiments import explosion, recipe, weight_decay
from vgplib.measures import theory
from vgplib.measures.layers import measure

GUESSES, LEARNS = 0.2, 0.9  # shares of test digits right


def right(row):
    return vgp.readouts("explosion", row=row)[0].value


def finite(row, rate):
    """How many of the search's five runs end as numbers."""
    return int(vgp.atlas("explosion-rates").accuracy.sel(row=row, rate=rate).notnull().sum())


def times(activation, scale, depth=20):
    return vgp.readouts(
        "error-signal", activation=activation, initialiser="he", weight_scale=scale, depth=depth
    )[1].value


def test_relu_explodes_most_and_sigmoid_least():
    for scale in (2.0, 4.0, 8.0, 16.0):
        assert times("relu", scale) > 100 * times("tanh", scale)
        assert times("tanh", scale) > 100 * times("sigmoid", scale)
    assert times("sigmoid", 4.0) < 0.01 < 1 < times("sigmoid", 16.0)


def test_relu_doubles_with_the_weights_and_tanh_has_a_brake():
    for activation, least, most in (("relu", 1.99, 2.01), ("tanh", 1.3, 1.45)):
        both = [theory.signal_factor(activation, weight_variance=2 * s**2) for s in (4.0, 8.0)]
        assert least < both[1] / both[0] < most


def test_near_he_s_weights_alone_tanh_is_ahead_of_relu():
    def ahead(scale):
        tanh, relu = (
            theory.signal_factor(name, weight_variance=2 * scale**2) for name in ("tanh", "relu")
        )
        return tanh > relu

    assert [ahead(scale) for scale in (1.0, 1.05, 1.1, 2.0)] == [True, True, False, False]
    assert times("tanh", 1.0) > 1.2 and 0.7 < times("relu", 1.0) < 1.5


def test_a_radius_above_one_allows_an_explosion_and_does_not_make_one():
    arrives = {s: vgp.readouts("through-time", recurrent_scale=s)[1].value for s in (1.0, 2.0, 4.0)}
    matrices = [
        vgp.networks.Recurrent(8, 32, "rnn", gain=2.0, seed=seed).cell.weight_hh_l0.detach()
        for seed in range(5)
    ]
    assert all(1.1 < weight_decay.spectral_radius(matrix) < 1.3 for matrix in matrices)
    assert arrives[1.0] < 1e-10 < arrives[2.0] < 0.2 and arrives[4.0] > 1000


def test_benches_that_grow_have_room_for_it():
    def drawn(name, **given):
        bench = vgp.bench(name, **given)
        return [float(v) for v in bench.frame["y"]["domain"]]

    settings = {"activation": "relu", "initialiser": "he", "depth": 20}
    low, high = drawn("error-signal", controls=["activation", "weight_scale"], **settings)
    assert low < times("sigmoid", 1.0) and times("relu", 16.0) < high
    low, high = drawn("through-time", controls=["recurrent_scale", "steps"])
    loudest = vgp.readouts("through-time", recurrent_scale=4.0, steps=100)[1].value
    assert loudest < high


def test_the_network_explodes_forward_and_back_before_any_step():
    x, y = recipe.images("train")
    for seed in range(5):
        net = explosion.RECIPES["nothing"].build(seed)
        assert F.cross_entropy(net(x), y).item() > 1000
        signal = measure(net, lambda model: F.cross_entropy(model(x), y))["signal"].values
        assert 500 < signal[0] / signal[11] < 8000  # 11 doublings make 2048


def test_recipes_differ_from_the_sick_network_in_what_they_name():
    sick = explosion.RECIPES["nothing"].build(0)
    for row in ("clip", "clip_value", "decay", "decay_large", "adam", "batch_norm", "skip", "tanh"):
        net = explosion.RECIPES[row].build(0)
        assert torch.equal(net.hidden[5].weight, sick.hidden[5].weight), row
    half = explosion.RECIPES["he"].build(0)
    assert torch.equal(2 * half.hidden[5].weight, sick.hidden[5].weight)


def test_decay_alone_is_its_closed_form():
    steps = vgp.readouts("weight-decay")[0].value
    assert steps == pytest.approx(math.log(1.6) / -math.log1p(-1e-4), rel=1e-3)
    found = weight_decay.run(training="alone", radius="1.6", decay=0.01, seed=3)
    expected = 1.6 * (1 - 1e-4) ** found["step"].values
    np.testing.assert_allclose(found["size"], expected, rtol=1e-9)


def test_decay_comes_too_late_for_what_blows_up_and_the_right_size_in_time():
    def blown(**settings):
        return vgp.readouts("weight-decay", training="task", **settings)[1].value

    assert blown(decay=0.0) >= 4 and blown(decay=0.01) >= 4
    assert blown(decay=0.01, radius="1.0") == 0
    radii = vgp.atlas("weight-decay")["size"].sel(training="task", radius="1.6", decay=0.01)
    steps = np.array(weight_decay.RECORDS)
    gone = [steps[:16][np.isnan(run[:16])].min() for run in radii.values if np.isnan(run[15])]
    assert max(gone) <= 300 < 4700 / 10


def test_runs_that_blow_up_are_counted_and_the_others_drawn():
    settings = {"training": "task", "radius": "1.6", "decay": 1.0}
    data = at(weight_decay.EXPERIMENT, settings)
    blown = ~(data["size"].isel(record=-1) < weight_decay.BLOWN)
    assert 0 < blown.sum() < blown.size
    (line,) = weight_decay.view(data, **settings).series
    # The decay itself, and little else: its rate times 1 is a hundredth a step.
    assert line.y[1] == pytest.approx(1.6 * 0.99**2, rel=0.02)
    seen = weight_decay.view(data.isel(seed=blown.values), **settings)
    assert seen.readouts[1].value == blown.sum()
    assert not np.isfinite(seen.series[0].y).any()


@pytest.mark.parametrize("row", ["nothing", "decay", "decay_large", "skip", "clip", "sigmoid"])
def test_what_leaves_the_sizes_wrong_does_not_learn_well(row):
    assert right(row) < LEARNS


@pytest.mark.parametrize("row", ["he", "batch_norm", "layer_norm", "lsuv", "depth_4"])
def test_what_sets_the_sizes_right_learns(row):
    assert right(row) >= 0.85


def test_clipping_keeps_runs_finite_and_helps_only_in_part():
    assert all(finite("clip", rate) == 5 for rate in explosion.RATES[:-1])
    assert right("nothing") + 0.1 < right("clip") < right("he") - 0.05


def test_sigmoid_catches_the_other_illness():
    assert right("sigmoid") <= GUESSES
    signal = vgp.atlas("explosion").signal.sel(row="sigmoid", shows="accuracy").isel(record=0)
    assert (signal.sel(place=1) / signal.sel(place=12) < 0.02).all()


def test_at_an_everyday_rate_the_sick_network_and_its_decays_blow_up_in_every_run():
    for row in ("nothing", "decay", "decay_large", "skip"):
        assert finite(row, 0.01) == 0, row
    assert finite("he", 0.01) == finite("clip", 0.01) == finite("sigmoid", 0.01) == 5


def test_skips_make_it_louder():
    def first(row):
        signal = vgp.atlas("explosion").signal.sel(row=row, shows="accuracy").isel(record=0)
        return float((signal.sel(place=1) / signal.sel(place=12)).median())

    assert first("skip") > 1.5 * first("nothing") > 1000
    assert first("scaled") < 50
