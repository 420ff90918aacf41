"""Depth against width, and two inputs in one network: what is measured is what theory says."""

import math

import numpy as np
import pytest
import torch

import vgplib as vgp
from vgplib.engine.atlas import at
from vgplib.experiments import depth_and_width, two_inputs

theory = vgp.theory


@pytest.mark.parametrize("settings", list(depth_and_width.EXPERIMENT.grid()), ids=str)
def test_the_typical_network_keeps_what_depth_over_width_says(settings):
    """The mean of the logarithm over the hundred networks, within four standard errors."""
    signal = at(depth_and_width.EXPERIMENT, settings)["signal"].values
    widths = [settings["width"]] * (settings["depth"] - 1)
    log = np.log(signal[:, 0] / signal[:, -1])
    error = math.sqrt(theory.log_norm_variance("relu", widths) / len(log)) / 2
    assert log.mean() == pytest.approx(theory.log_norm_mean("relu", widths) / 2, abs=4 * error)


def test_of_networks_of_one_depth_a_wide_one_keeps_more():
    shown = [vgp.readouts("depth-and-width", depth=50, width=n) for n in (16, 128, 256)]
    kept = [typical.value for typical, _, _ in shown]
    assert kept == sorted(kept)
    assert kept[0] < 0.1 < 0.5 < kept[2]
    said = [verdict.text for _, _, verdict in shown]
    assert said == ["Few networks keep it", "A matter of luck", "Most networks keep it"]


@pytest.mark.parametrize("distance", two_inputs.DISTANCES)
def test_two_inputs_have_one_size_and_the_distance_that_was_asked_for(distance):
    pair = two_inputs.inputs(two_inputs.DISTANCES[distance], seed=3)
    torch.testing.assert_close(pair.square().mean(dim=1), torch.ones(2).double())
    apart = (pair[0] - pair[1]).norm() / pair[0].norm()
    assert apart.item() == pytest.approx(two_inputs.DISTANCES[distance], rel=1e-12)


@pytest.mark.parametrize("activation, scale", [("sigmoid", 1.0), ("sigmoid", 4.0), ("tanh", 0.71)])
def test_one_number_for_the_difference_forward_and_the_signal_back(activation, scale):
    forward, back, _ = vgp.readouts(
        "two-inputs", activation=activation, weight_scale=scale, distance="small"
    )
    factor = theory.signal_factor(activation, scale**2, two_inputs.BIAS_VARIANCE)
    assert forward.value == pytest.approx(back.value, rel=0.1)
    assert forward.value == pytest.approx(factor, rel=0.08)


@pytest.mark.parametrize("settings", list(two_inputs.EXPERIMENT.grid()), ids=str)
def test_measured_differences_follow_the_dashed_line(settings):
    """Halfway through, the middle one of five networks of 256 units is within a fifth of it."""
    data = at(two_inputs.EXPERIMENT, settings)
    half = two_inputs.DEPTH // 2
    measured = np.median(data["difference"].values[:, half])
    assert measured == pytest.approx(data["expected"].values[0, half], rel=0.2)


def test_what_becomes_of_a_small_difference():
    shown = {
        (activation, scale): vgp.readouts(
            "two-inputs", activation=activation, weight_scale=scale, distance="small"
        )[2].text
        for activation, scale in [("sigmoid", 1.0), ("tanh", 1.0), ("tanh", 1.41), ("tanh", 4.0)]
    }
    assert list(shown.values()) == [
        "They look the same",
        "More alike",
        "Differences survive",
        "They grow apart",
    ]
