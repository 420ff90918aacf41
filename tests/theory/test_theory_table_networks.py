"""Theory held to wide networks at the start of training: the factor that a layer multiplies by."""

import math
from statistics import fmean as mean

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vgplib.measures import theory
from vgplib.networks import FeedForward, digits, gaussian

DEEP = {"silu": 60, "gelu": 90, "mish": 60}
# Layers between which the correlation has settled and rounding does not show.
WINDOW = {0.5: (6, 16), 1.0: (15, 45), 1.3: (30, 70)}


def factor(data, variable="signal", first=5):
    """Per-layer factor between layer 5, where the variance has settled, and the last layer."""
    values = data[variable].values
    return float(values[first - 1] / values[-1]) ** (1 / (len(values) - first))


# what is built, expected factor of the norm per layer, relative tolerance
MEASURED = [
    ("linear", "pytorch", 1.0, 1 / math.sqrt(3), 0.03),
    ("tanh", "pytorch", 1.0, 0.5762, 0.03),
    ("relu", "pytorch", 1.0, 1 / math.sqrt(6), 0.03),
    ("gelu", "pytorch", 1.0, 0.2892, 0.03),
    ("sigmoid", "pytorch", 1.0, 0.1414, 0.03),
    ("sigmoid", "lecun", 1.0, 0.23605, 0.03),
    ("sigmoid", "lecun", math.sqrt(2), 0.31777, 0.03),
    ("tanh", "lecun", math.sqrt(2), 1.05144, 0.015),
    ("tanh", "lecun", 5 / 3, 1.09992, 0.015),
    ("relu", "he", 1.0, 1.0, 0.02),
    ("relu", "xavier", 1.0, math.sqrt(1 / 2), 0.02),
    ("leaky_relu", "lecun", math.sqrt(2 / (1 + 0.01**2)), 1.0, 0.02),
    ("prelu", "lecun", math.sqrt(2 / (1 + 0.25**2)), 1.0, 0.02),
    ("selu", "lecun", 1.0, 1.03517, 0.01),
    ("elu", "lecun", math.sqrt(1.5505), 1.0148, 0.02),
]


@pytest.mark.parametrize(("activation", "initialiser", "gain", "expected", "tolerance"), MEASURED)
def test_measured(wide, activation, initialiser, gain, expected, tolerance):
    measured = mean(factor(d) for d in wide(activation, initialiser, gain))
    assert measured == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize(("gain", "decades"), [(8, -1.06), (16, 1.72)])
def test_a_sigmoid_explodes_only_beyond_weight_variance_103(wide, gain, decades):
    ratios = [d.attrs["ratio"] for d in wide("sigmoid", gain=float(gain))]
    assert mean(map(math.log10, ratios)) == pytest.approx(decades, abs=0.2)


@pytest.mark.parametrize(
    ("activation", "initialiser", "weight_variance", "bias_variance"),
    [
        ("sigmoid", "lecun", 1.0, 0.0),
        ("tanh", "lecun", 1.0, 0.0),
        ("relu", "he", 2.0, 0.0),
        ("gelu", "he", 2.0, 0.0),
        ("relu", "pytorch", 1 / 3, 1 / (3 * 256)),
    ],
)
def test_the_expected_profile_lies_on_the_measured_one(
    wide, activation, initialiser, weight_variance, bias_variance
):
    runs = wide(activation, initialiser, depth=12)
    expected = theory.signal_profile(activation, 12, weight_variance, bias_variance)
    for layer in range(12):
        measured = mean(float(d.signal[layer] / d.signal[-1]) for d in runs)
        assert measured == pytest.approx(expected[layer], rel=0.2)


# Most of the way down SiLU and GELU still have a variance that is not small.
@pytest.mark.parametrize("activation", ["silu", "gelu", "mish"])
def test_smooth_relus_vanish_as_their_slope_at_0(wide, activation):
    runs = wide(activation, "he", depth=DEEP[activation])
    measured = mean(factor(d, first=len(d.layer) - 15) for d in runs)
    assert measured == pytest.approx(theory.signal_factor(activation, 2.0), abs=0.02)


def test_a_selu_network_grows_its_signal(wide):
    """The mean of what SELU makes of the variance stays, that of the gradient does not."""
    growth = mean(float(d.signal[0] / d.signal[-1]) for d in wide("selu", depth=51))
    assert growth == pytest.approx(theory.signal_factor("selu") ** 50, rel=0.2)


def drawn_in(width, depth, seed):
    scale = 1 / math.sqrt(width)
    return [scale * gaussian(width, width, 100 * seed + layer) for layer in range(depth)]


def test_a_selu_network_stays_near_mean_0_and_variance_1():
    means, squares = [], []
    for seed in range(6):
        h = gaussian(64, 64, seed)
        for weight in drawn_in(64, 32, seed + 1):
            h = F.selu(h @ weight)
        means.append(h.mean().item())
        squares.append(h.var().item())
    assert abs(mean(means)) < 0.1
    assert mean(squares) == pytest.approx(1.0, abs=0.25)


def test_critical_tanh_falls_as_a_power_law():
    """q_l goes to 1 / (2 l)."""
    at = {16: [], 32: [], 64: []}
    for seed in range(4):
        z = gaussian(16, 512, seed)
        for layer, weight in enumerate(drawn_in(512, 64, seed + 1), start=1):
            z = z.tanh() @ weight
            if layer in at:
                at[layer].append((z**2).mean().item() * 2 * layer)
    assert [mean(values) for values in at.values()] == pytest.approx([1.0] * 3, rel=0.1)


# Schoenholz et al. 2017. In chaos networks of finite width fall short of theory.
@pytest.mark.parametrize(
    ("weight_variance", "tolerance"),
    [(0.5, 0.1), (1.0, 0.1), (1.3, 0.1), (2.0, 0.25), (2.5, 0.25), (4.0, 0.25)],
)
def test_the_depth_scale_of_gradients(chain_factor, weight_variance, tolerance):
    measured = chain_factor(
        torch.tanh,
        width=512,
        batch=8,
        weight_variance=weight_variance,
        bias_variance=0.05,
        depth=20,
        seeds=5,
    )
    expected = theory.depth_scale("tanh", weight_variance, 0.05, "gradient")
    assert -1 / math.log(measured**2) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("weight_variance", [0.5, 1.0, 1.3])
def test_the_depth_scale_of_correlations(weight_variance):
    """1 - c falls by e over xi_c layers, when two inputs have become much alike."""
    measured, far, near = [], *WINDOW[weight_variance]
    for seed in range(5):
        h = gaussian(2, 512, seed)
        gaps = []
        for layer, weight in enumerate(drawn_in(512, near, seed + 1)):
            bias = math.sqrt(0.05) * gaussian(1, 512, 10_000 + 100 * seed + layer)
            z = h @ weight * math.sqrt(weight_variance) + bias
            gaps.append(1 - F.cosine_similarity(z[0], z[1], dim=0).item())
            h = z.tanh()
        measured.append((near - far) / math.log(gaps[far - 1] / gaps[near - 1]))
    expected = theory.depth_scale("tanh", weight_variance, 0.05, "correlation")
    assert mean(measured) == pytest.approx(expected, rel=0.2)


def test_the_correlation_that_chaos_leaves():
    """Two inputs that were almost the same come to differ as much as theory says."""
    late = []
    for seed in range(4):
        h = gaussian(2, 256, seed)
        h[1] = h[0] + 0.1 * h[1]
        for layer, weight in enumerate(drawn_in(256, 60, seed + 1)):
            bias = math.sqrt(0.05) * gaussian(1, 256, 10_000 + 100 * seed + layer)
            z = h @ weight * math.sqrt(8.0) + bias
            if layer >= 20:
                late.append(F.cosine_similarity(z[0], z[1], dim=0).item())
            h = z.tanh()
    assert mean(late) == pytest.approx(theory.fixed_correlation("tanh", 8.0, 0.05), abs=0.05)


def batch_normed(phi, gain=1.0):
    return lambda z: phi(F.batch_norm(gain * z, None, None, training=True, eps=1e-30))


@pytest.mark.parametrize(
    ("activation", "phi", "batch", "width", "tolerance"),
    [
        ("relu", F.relu, 8, 512, 0.03),
        ("relu", F.relu, 32, 512, 0.03),
        ("relu", F.relu, 128, 512, 0.03),
        ("linear", nn.Identity(), 16, 256, 0.01),
        ("linear", nn.Identity(), 128, 1024, 0.01),
        ("tanh", torch.tanh, 16, 512, 0.02),
        ("tanh", torch.tanh, 128, 512, 0.02),
        ("sigmoid", torch.sigmoid, 16, 512, 0.02),
        ("gelu", F.gelu, 32, 512, 0.03),
    ],
)
def test_batch_norm(chain_factor, activation, phi, batch, width, tolerance):
    measured = chain_factor(batch_normed(phi), width=width, batch=batch)
    expected = theory.batch_norm_factor(activation, batch)
    assert measured**2 == pytest.approx(expected**2, rel=tolerance)


def test_batch_norm_cancels_any_gain(chain_factor):
    factors = [
        chain_factor(batch_normed(F.relu, gain), width=64, batch=16, seeds=1)
        for gain in (0.1, 1.0, 10.0)
    ]
    assert factors == pytest.approx([factors[1]] * 3, rel=1e-9)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("norm", [F.layer_norm, F.rms_norm], ids=["layer norm", "RMS norm"])
def test_layer_norm(chain_factor, activation, norm):
    phi = getattr(torch, activation)
    measured = chain_factor(lambda z: phi(norm(z, (256,))), width=256, batch=8, seeds=5)
    assert measured**2 == pytest.approx(theory.layer_norm_factor(activation) ** 2, rel=0.03)


@pytest.mark.parametrize("groups", [1, 8, 32])
def test_group_norm(chain_factor, groups):
    measured = chain_factor(lambda z: F.relu(F.group_norm(z, groups)), width=256, batch=8, seeds=5)
    assert measured == pytest.approx(theory.group_norm_factor("relu", 256 // groups), abs=0.02)


@pytest.mark.parametrize("drop_rate", [0.1, 0.5])
def test_dropout(chain_factor, drop_rate):
    generator = torch.Generator().manual_seed(0)

    def step(z):
        kept = torch.rand(z.shape, generator=generator) >= drop_rate
        return F.relu(z) * kept / (1 - drop_rate)

    measured = chain_factor(step, width=256, batch=8, depth=30, seeds=6, weight_variance=2.0)
    assert measured == pytest.approx(theory.dropout_factor("relu", drop_rate, 2.0), rel=0.01)


@pytest.mark.parametrize("g", [1.0, math.sqrt(2)])
def test_weight_norm(g):
    factors = []
    for seed in range(6):
        net = FeedForward(256, 256, 16, "relu", bias=False, seed=seed)
        for layer in net.hidden:
            nn.utils.parametrizations.weight_norm(layer)
            layer.parametrizations.weight.original0.data.fill_(g)
        zs, h = [], gaussian(8, 256, seed)
        for layer in net.hidden:
            zs.append(layer(h))
            h = zs[-1].relu()
        loss = (h @ gaussian(1, 256, seed + 50)[0]).mean()
        signals = [s.norm().item() for s in torch.autograd.grad(loss, zs)]
        factors.append((signals[0] / signals[-1]) ** (1 / 15))
    assert mean(factors) == pytest.approx(theory.weight_norm_factor("relu", g), rel=0.01)


def test_a_weight_before_batch_norm_has_no_scale():
    """grad(a W) = grad(W) / a, and the gradient is at right angles to the weight."""
    x, y = gaussian(32, 16, 0), gaussian(32, 8, 1)
    norms = []
    for a in (1.0, 10.0, 100.0):
        weight = (a * gaussian(16, 8, 2)).requires_grad_()
        out = F.relu(F.batch_norm(x @ weight, None, None, training=True, eps=1e-30))
        (gradient,) = torch.autograd.grad(((out - y) ** 2).mean(), weight)
        norms.append(gradient.norm().item() * a)
        cosine = (weight * gradient).sum() / weight.norm() / gradient.norm()
        assert abs(cosine) < 1e-12
    assert norms == pytest.approx([norms[0]] * 3, rel=1e-9)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "gelu"])
def test_the_loss_before_training_is_that_of_guessing(activation):
    x, y, _, _ = digits()
    losses = []
    for seed in range(5):
        net = FeedForward(
            64, 64, 4, activation, "pytorch", outputs=10, seed=seed, dtype=torch.float32
        )
        losses.append(F.cross_entropy(net(x), y).item())
    assert mean(losses) == pytest.approx(math.log(10), rel=0.05)
