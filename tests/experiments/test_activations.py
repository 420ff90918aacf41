"""The experiments on activations: they measure what they say, and what they teach holds."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import vgplib as vgp
from vgplib.experiments import activation_gallery, dead_units, look
from vgplib.experiments import steps as training
from vgplib.networks import ACTIVATIONS, FeedForward

KIN = ("relu", "leaky_relu", "prelu", "linear")  # whose slopes do not depend on the spread


def typical_slope(activation, spread=1.0, mean=0.0):
    return vgp.readouts("activation-gallery", activation=activation, spread=spread, mean=mean)[
        0
    ].value


def left(activation, initialiser):
    """What reaches layer 1 of thirty."""
    setting = {"activation": activation, "initialiser": initialiser, "depth": 30}
    return vgp.readouts("error-signal", **setting)[1].value


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize(("spread", "mean"), [(0.5, 2.0), (2.0, -1.0)])
def test_the_typical_slope_is_the_root_of_the_shaded_share(name, spread, mean):
    """By plain sums over a fine grid, with the slope by differences."""
    z = torch.linspace(mean - 9 * spread, mean + 9 * spread, 400_001, dtype=torch.float64)
    middle = (z[1:] + z[:-1]) / 2
    slope = (ACTIVATIONS[name](z[1:]) - ACTIVATIONS[name](z[:-1])) / (z[1] - z[0])
    hill = torch.exp(-(((middle - mean) / spread) ** 2) / 2)
    share = ((hill * slope**2).sum() / hill.sum()).item()
    data = activation_gallery.run(activation=name, spread=spread, mean=mean, seed=0)
    # Softsign's slope has a kink, which costs its quadrature the fourth digit.
    assert data["slope_square"].item() == pytest.approx(share, rel=2e-3)


def test_what_counts_is_the_slope_where_the_sums_are():
    spreads = vgp.experiments.experiment("activation-gallery").control("spread").values
    tanh = [typical_slope("tanh", s) for s in spreads]
    assert tanh == sorted(tanh, reverse=True) and tanh[0] > 0.98 and 0.3 < tanh[-1] < 0.4
    assert [typical_slope("relu", s) for s in spreads] == pytest.approx([0.5**0.5] * len(spreads))
    assert 0.24 < typical_slope("sigmoid", spreads[0]) < 0.25
    for name in ("gelu", "silu"):
        assert ACTIVATIONS[name].max_slope > 1.09
        assert typical_slope(name, spreads[0]) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_fitted_weights_make_up_for_the_typical_slope_and_relus_kin_need_the_same_forward(name):
    back, forward = (vgp.theory.gain(name, way) for way in ("backward", "forward"))
    assert back * typical_slope(name) == pytest.approx(1, rel=1e-5)  # as an atlas keeps it
    assert (abs(forward / back - 1) < 1e-6) == (name in KIN)


def test_he_fits_relu_and_its_kin_and_the_smooth_ones_slide_down_one_after_the_other():
    assert all(1 / 3 < left(name, "he") < 3 for name in ("relu", "leaky_relu", "prelu"))
    assert left("silu", "he") < 1e-3 < left("gelu", "he") < 1 / 3 < left("mish", "he") < 1
    # Deeper down, in theory: per layer 1.41 times the slope at 0, which is 0.5 or, for Mish, 0.6.
    for name, slope in {"silu": 0.5, "gelu": 0.5, "mish": 0.6}.items():
        deep = [
            vgp.theory.signal_profile(name, depth, weight_variance=2.0)[0] for depth in (200, 201)
        ]
        assert deep[1] / deep[0] == pytest.approx(2**0.5 * slope, rel=0.01)


def test_fitted_weights_keep_the_signal_of_relus_kin_alone():
    for name in KIN:
        assert 1 / 3 < left(name, "fitted") < 3
    assert left("softplus", "fitted") > 300
    assert left("silu", "fitted") > 20
    assert left("sigmoid", "fitted") < 1e-4


def test_tanh_fades_by_a_power_law_and_sigmoid_by_equal_shares():
    assert 0.05 < left("tanh", "lecun") < 0.3 and left("sigmoid", "lecun") < 1e-15
    assert left("linear", "lecun") == pytest.approx(1, rel=0.4)  # the luck of five draws

    def theory(name, depth):
        return vgp.theory.signal_profile(name, depth, weight_variance=1.0)[0]

    for depth in (30, 60, 120):
        assert theory("tanh", 4 * depth) / theory("tanh", depth) == pytest.approx(0.5, rel=0.03)
    # Four times the layers: the fourth power, but for the first few, where the sums settle.
    assert math.log(theory("sigmoid", 120)) / math.log(theory("sigmoid", 30)) == pytest.approx(
        4, rel=0.05
    )


def test_selu_keeps_its_activations_and_lets_the_signal_grow():
    assert vgp.theory.gain("selu", "forward") == pytest.approx(1, abs=1e-6)
    assert typical_slope("selu") == pytest.approx(1.035, abs=5e-4)
    assert 1.5 < left("selu", "lecun") < 5  # 1.035 to the 29th is 2.7


def end(activation, **settings):
    """The worst layer's share of dead units, and the share of test digits that are right."""
    dead, right, _ = vgp.readouts("dead-units", activation=activation, **settings)
    return dead.value, right.value


def test_a_small_leak_leaves_nobody_dead_and_helps_as_little():
    right = {}
    for name in dead_units.OFFERED:
        dead, right[name] = end(name, bias=-2)
        assert (dead > 0.1) == (name == "relu") and (dead == 0) == (name != "relu")
    # Guessing is 0.10; of five runs on 397 digits, the middle one varies by some 0.02.
    assert all(right[name] < 0.15 for name in ("relu", "leaky_relu", "gelu", "silu"))
    assert all(right[name] > 0.8 for name in ("prelu", "elu"))
    assert end("prelu", bias=-3)[1] > end("elu", bias=-3)[1] + 0.05
    assert end("elu", bias=-3)[1] > max(end(n, bias=-3)[1] for n in ("relu", "leaky_relu")) + 0.2


def third_layer(activation, seed):
    """Its sums before the first step where all biases are -2, and their typical slope."""
    net = FeedForward(64, 64, 3, activation, "he", outputs=10, seed=seed)
    h = training.data()[0]
    with torch.no_grad():
        for layer in net.hidden:
            z = h @ layer.weight.T - 2
            h = net.activation(z)
        return z, net.activation.slope(z).square().mean().sqrt().item()


def test_a_leak_of_a_hundredth_adds_next_to_nothing_to_the_typical_slope_and_a_quarter_does():
    middle = {
        name: np.median([third_layer(name, seed)[1] for seed in range(5)])
        for name in dead_units.OFFERED
    }
    assert middle["leaky_relu"] == pytest.approx(middle["relu"], abs=0.005)
    little = max(middle[name] for name in ("relu", "leaky_relu", "gelu", "silu"))
    assert 2 * little < min(middle["prelu"], middle["elu"])
    for seed in range(5):  # most units are alive, for one picture in a hundred or fewer
        wakes = (third_layer("relu", seed)[0] > 0).double().mean(dim=0)
        assert (wakes > 0).double().mean() > 0.5
        assert wakes[wakes > 0].median() < 0.01


def test_steps_that_kill_relus_units_blow_a_leaky_network_up():
    assert end("relu", learning_rate=0.2, bias=0)[0] > 0.9
    for name in ("leaky_relu", "prelu"):
        data = vgp.atlas("dead-units").dead.sel(
            activation=name, learning_rate=0.2, bias=0, shows="dead", step=100
        )
        lost = int(np.isnan(data).any("layer").sum())
        assert lost >= 3
        verdict = vgp.readouts("dead-units", activation=name, learning_rate=0.2, bias=0)[2]
        assert verdict.text == "Not finite" and verdict.note == f"{lost} of 5 runs have diverged"


def test_a_run_that_diverges_is_counted_and_the_others_are_shown():
    data = vgp.run("dead-units", learning_rate=0.1)
    data["dead"][1, 4:] = np.nan
    settings = {"activation": "relu", "learning_rate": 0.1, "bias": 0.0, "shows": "dead"}
    shown = dead_units.view(data, **settings)
    others = dead_units.view(data.isel(seed=[0, 2, 3, 4]), **settings)
    assert shown.series == others.series and shown.readouts[:2] == others.readouts[:2]
    assert shown.readouts[2].note == "1 of 5 runs have diverged"


def test_a_saturated_sigmoid_output_still_gets_its_signal_from_cross_entropy():
    """Its slope cancels: what is left is the answer minus the truth."""
    z = torch.tensor([-30.0, -2.0, 0.5, 30.0], dtype=torch.float64, requires_grad=True)
    truth = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    F.binary_cross_entropy_with_logits(z, truth, reduction="sum").backward()
    torch.testing.assert_close(z.grad, torch.sigmoid(z.detach()) - truth)


def test_hardly_a_unit_of_a_fresh_sigmoid_network_is_saturated():
    x, y, _, _ = training.data()
    net = FeedForward(64, 64, 10, "sigmoid", "xavier", outputs=10)
    seen = vgp.measure(net, lambda model: F.cross_entropy(model(x), y))
    assert seen["saturated"].values[:10].max() < 0.02
    assert seen["signal"].values[0] < 1e-4 * seen["signal"].values[9]


def ends(row):
    """The shares of test digits right of five runs; what diverged has none."""
    found = vgp.atlas("activation-race").accuracy.sel(row=row, shows="accuracy").isel(record=-1)
    return np.sort(np.nan_to_num(found.values))


def test_in_twenty_plain_layers_tanh_and_elu_end_above_relu_and_gelu_and_sigmoid_guesses():
    middle = {row: ends(row)[2] for row in ACTIVATIONS}
    # Five runs of these differ by 0.05 or less, those of ReLU and GELU by up to 0.4.
    assert min(middle["tanh"], middle["elu"]) > max(middle["relu"], middle["gelu"]) + 0.05
    assert ends("elu")[0] > 0.9 and ends("tanh")[0] > 0.85
    assert middle["linear"] > 0.9
    assert np.ptp(ends("relu")) > 0.2 < np.ptp(ends("gelu")) and np.ptp(ends("tanh")) < 0.05
    assert ends("sigmoid")[-1] < 0.15
    assert middle["softplus"] < 0.6


def test_no_learning_rate_that_was_tried_helps_twenty_layers_of_sigmoid():
    tried = vgp.atlas("activation-rates").accuracy.sel(row="sigmoid")
    assert tried.max() < 0.2


def test_a_run_of_the_race_that_diverged_has_nothing_right_and_a_loss_beyond_the_chart():
    exp = vgp.experiments.experiment("activation-race")
    row = {"row": "softplus"}
    right, loss = (look(exp, exp.check(row | {"shows": s})) for s in ("accuracy", "loss"))
    assert right.readouts[2].note.startswith("1 of 5 runs diverged")
    assert right.series[0].low[-1] == 0 and right.series[0].y[-1] == right.readouts[0].value
    assert loss.series[0].high[-1] == np.inf and np.isfinite(loss.series[0].y).all()
    assert np.isfinite(right.strip.values).all()
