"""Five ways to measure vanishing gradients and be wrong."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vgplib.measures.layers import measure
from vgplib.networks import FeedForward, digits, gaussian, initialise


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def weight_ratio(data):
    return float(data.weight_grad[0] / data.weight_grad[-1])


def factor(data, variable):
    """Per-layer factor between layer 5, where the variance has settled, and the last layer."""
    values = data[variable].values
    return float(values[4] / values[-1]) ** (1 / (len(values) - 5))


# In bias-free ReLU networks (and nearly so in any network in its linear range) the scale of the
# forward pass and that of the backward pass cancel in the weight gradient.
@pytest.mark.parametrize(
    ("activation", "gain", "signal", "weights"),
    [("relu", 1.0, 4.3e-5, 0.41), ("tanh", math.sqrt(1 / 3), 9.3e-8, 1.24)],
)
def test_weight_gradients_do_not_see_a_scale_that_is_lost(wide, activation, gain, signal, weights):
    runs = wide(activation, "xavier", gain, depth=30)
    assert mean(d.attrs["ratio"] for d in runs) == pytest.approx(signal, rel=0.5)
    assert mean(map(weight_ratio, runs)) == pytest.approx(weights, rel=0.5)


@pytest.mark.parametrize(
    ("activation", "spread"),
    [("relu", 1e-13), ("leaky_relu", 1e-13), ("linear", 1e-12), ("tanh", None), ("sigmoid", None)],
)
def test_weight_times_gradient_is_conserved_in_homogeneous_networks(activation, spread):
    net = FeedForward(64, 64, 10, activation, "xavier", bias=False)
    (net(gaussian(8, 64, 1)) @ gaussian(1, 64, 2)[0]).mean().backward()
    sums = torch.stack([(layer.weight * layer.weight.grad).sum() for layer in net.hidden])
    measured = ((sums.max() - sums.min()) / sums.abs().max()).item()
    if spread is None:
        assert measured > 0.5
    else:
        assert measured < spread


def test_weight_gradients_do_not_see_an_explosion_either():
    x, y, _, _ = digits()
    x, y = x[:256].double(), y[:256]
    runs = [
        measure(
            FeedForward(64, 64, 12, "relu", "he", 2.0, outputs=10, seed=seed),
            lambda m: F.cross_entropy(m(x), y),
        )
        for seed in range(5)
    ]
    assert 0.1 < mean(float(d.weight_grad[0] / d.weight_grad[11]) for d in runs) < 0.6
    assert mean(math.log10(d.weight_grad.values.max()) for d in runs) > 3.5
    assert mean(d.attrs["loss"] for d in runs) > 1000 * math.log(10)


# The samples of a batch become more (or less) alike with depth; weight gradients sum over them.
# A single sample is noisy, so its tolerance is wider.
@pytest.mark.parametrize(
    ("batch", "weights", "tolerance"), [(1, 1.076, 0.03), (8, 1.050, 0.015), (64, 0.998, 0.015)]
)
def test_the_batch_biases_weight_gradients_but_not_the_signal(wide, batch, weights, tolerance):
    runs = wide("tanh", gain=math.sqrt(3), batch=batch, bias_variance=0.1)
    assert mean(factor(d, "signal") for d in runs) == pytest.approx(1.087, abs=tolerance)
    assert mean(factor(d, "weight_grad") for d in runs) == pytest.approx(weights, abs=tolerance)


@pytest.mark.parametrize(("batch", "weights"), [(1, 1.000), (8, 0.968), (64, 0.933)])
def test_the_batch_biases_weight_gradients_of_relu_too(wide, batch, weights):
    runs = wide("relu", "he", batch=batch)
    assert mean(factor(d, "signal") for d in runs) == pytest.approx(1.0, abs=0.02)
    assert mean(factor(d, "weight_grad") for d in runs) == pytest.approx(weights, abs=0.025)


def test_norm_and_rms_disagree_where_widths_differ():
    norms, means = [], []
    for seed in range(6):
        generator = torch.Generator().manual_seed(seed)
        modules = []
        for fan_in, fan_out in [(64, 256), (256, 64)] * 4:
            layer = nn.Linear(fan_in, fan_out, dtype=torch.float64)
            initialise(layer, "he", generator=generator)
            modules += [layer, nn.ReLU()]
        net, x, v = nn.Sequential(*modules), gaussian(64, 64, seed), gaussian(1, 64, seed + 9)[0]
        data = measure(net, lambda m, x=x, v=v: (m(x) @ v).mean())
        norms += [float(data.signal[i] / data.signal[i + 1]) for i in (0, 2, 4)]
        means += [float(data.signal_rms[i] / data.signal_rms[i + 1]) for i in (0, 2, 4)]
    assert mean(norms) == pytest.approx(1.0, abs=0.04)
    assert mean(means) == pytest.approx(math.sqrt(64 / 256), abs=0.02)


def test_a_sigmoid_network_vanishes_without_any_saturation():
    x, y, _, _ = digits()
    x, y = x[:256], y[:256]
    for seed in range(5):
        net = FeedForward(
            64, 100, 3, "sigmoid", "pytorch", outputs=10, seed=seed, dtype=torch.float32
        )
        data = measure(net, lambda m: F.cross_entropy(m(x), y))
        assert data.saturated[:3].max() < 0.005
        assert data.activation_std[1:3].values == pytest.approx([0.072] * 2, abs=0.015)
        assert data.attrs["factor"] == pytest.approx(0.14, abs=0.015)


@pytest.mark.parametrize(("bias", "weights"), [(True, 6e-7), (False, 0.43)])
def test_biases_decide_whether_the_weights_show_it(wide, bias, weights):
    runs = wide("relu", "pytorch", bias=bias)
    assert mean(factor(d, "signal") for d in runs) == pytest.approx(0.408, rel=0.02)
    assert mean(map(weight_ratio, runs)) == pytest.approx(weights, rel=0.3)
