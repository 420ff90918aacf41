"""What theory says, held to what is computed and what is measured: one row each."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from vgplib.measures import theory
from vgplib.measures.time import measure_time
from vgplib.networks import ACTIVATIONS, FeedForward, Recurrent, digits, gaussian

FORMAT = theory.number_format


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def factor(data, variable="signal", first=5):
    """Per-layer factor between layer 5, where the variance has settled, and the last layer."""
    values = data[variable].values
    return float(values[first - 1] / values[-1]) ** (1 / (len(values) - first))


def least_slope(name):
    z = torch.linspace(-6, 6, 1_200_001, dtype=torch.float64)
    return ACTIVATIONS[name].slope(z).min().item()


def tanh_variance(layers):
    """2 l q_l for tanh at weight variance 1: q falls as 1 / (2 l), a power law."""
    z = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
    density = torch.exp(-z * z / 2)
    density /= density.sum()
    q = 1.0
    for _ in range(layers):
        q = (density @ torch.tanh(math.sqrt(q) * z) ** 2).item()
    return 2 * layers * q


def tanh_critical_q(bias_variance):
    weight_variance = theory.critical_line("tanh", bias_variance)
    return theory.fixed_point("tanh", weight_variance, bias_variance)


def rounded(value, dtype):
    return torch.tensor(value, dtype=torch.float64).to(dtype).double().item()


# what it is, how it is computed, what it must be, absolute tolerance
TABLE = [
    ("largest slope: sigmoid", lambda: ACTIVATIONS["sigmoid"].max_slope, 0.25, 1e-12),
    ("largest slope: tanh", lambda: ACTIVATIONS["tanh"].max_slope, 1.0, 1e-12),
    ("largest slope: SELU", lambda: ACTIVATIONS["selu"].max_slope, 1.758099, 1e-5),
    ("largest slope: GELU", lambda: ACTIVATIONS["gelu"].max_slope, 1.128904, 1e-5),
    ("largest slope: SiLU", lambda: ACTIVATIONS["silu"].max_slope, 1.099839, 1e-5),
    ("least slope: GELU", lambda: least_slope("gelu"), -0.128904, 1e-5),
    ("least slope: SiLU", lambda: least_slope("silu"), -0.099839, 1e-5),
    ("slope of ReLU at 0", lambda: ACTIVATIONS["relu"].slope(torch.zeros(1)).item(), 0.0, 0.0),
    ("PyTorch's gain for tanh", lambda: nn.init.calculate_gain("tanh"), 5 / 3, 0.0),
    ("PyTorch's gain for ReLU", lambda: nn.init.calculate_gain("relu"), math.sqrt(2), 0.0),
    ("sigmoid: q*", lambda: theory.fixed_point("sigmoid"), 0.26469, 1e-5),
    ("sigmoid: chi", lambda: theory.chi("sigmoid"), 0.05572, 1e-5),
    ("sigmoid: factor", lambda: theory.signal_factor("sigmoid"), 0.23605, 1e-5),
    ("sigmoid, variance 2: q*", lambda: theory.fixed_point("sigmoid", 2.0), 0.55529, 1e-5),
    ("sigmoid, variance 2: factor", lambda: theory.signal_factor("sigmoid", 2.0), 0.31777, 1e-5),
    ("sigmoid: where it explodes", lambda: theory.critical_line("sigmoid", 0.0), 103.0, 0.05),
    ("tanh, variance 2: q*", lambda: theory.fixed_point("tanh", 2.0), 0.61796, 1e-5),
    ("tanh, variance 2: factor", lambda: theory.signal_factor("tanh", 2.0), 1.05144, 1e-5),
    ("tanh, gain 5/3: factor", lambda: theory.signal_factor("tanh", 25 / 9), 1.09992, 1e-5),
    ("ReLU, He: factor", lambda: theory.signal_factor("relu", 2.0), 1.0, 1e-12),
    ("ReLU, Xavier: factor", lambda: theory.signal_factor("relu", 1.0), 0.70711, 1e-5),
    ("ReLU, variance 1/3: factor", lambda: theory.signal_factor("relu", 1 / 3), 0.40825, 1e-5),
    ("SELU: chi", lambda: theory.chi("selu"), 1.071575, 1e-6),
    ("tanh, critical: 2 l q at l=16", lambda: tanh_variance(16), 1.039, 1e-3),
    ("tanh, critical: 2 l q at l=32", lambda: tanh_variance(32), 1.029, 1e-3),
    ("tanh, critical: 2 l q at l=64", lambda: tanh_variance(64), 1.019, 1e-3),
    ("tanh, critical: 2 l q at l=1000", lambda: tanh_variance(1000), 1.002, 1e-3),
    ("tanh, no bias: critical", lambda: theory.critical_line("tanh", 0.0), 1.0, 1e-6),
    ("tanh, bias .0005: critical", lambda: theory.critical_line("tanh", 0.0005), 1.1490, 1e-4),
    ("tanh, bias .01: critical", lambda: theory.critical_line("tanh", 0.01), 1.4242, 1e-4),
    ("tanh, bias .05: critical", lambda: theory.critical_line("tanh", 0.05), 1.76095, 1e-4),
    ("tanh, bias .1: critical", lambda: theory.critical_line("tanh", 0.1), 1.98607, 1e-4),
    ("tanh, bias .3: critical", lambda: theory.critical_line("tanh", 0.3), 2.50513, 1e-4),
    ("tanh, bias .05: q* there", lambda: tanh_critical_q(0.05), 0.5700, 1e-4),
    ("tanh, bias .3: q* there", lambda: tanh_critical_q(0.3), 1.4612, 1e-4),
    ("float16: least subnormal", lambda: FORMAT("float16").smallest_subnormal, 2**-24, 0.0),
    ("float16: least normal", lambda: FORMAT("float16").smallest_normal, 2**-14, 0.0),
    ("float16: largest", lambda: FORMAT("float16").largest, 65504, 0.0),
    ("float16: 2^-25 rounds to 0", lambda: rounded(2**-25, torch.float16), 0.0, 0.0),
    (
        "float16: 1.001 * 2^-25 does not",
        lambda: rounded(1.001 * 2**-25, torch.float16),
        2**-24,
        0.0,
    ),
    ("bfloat16: least normal", lambda: FORMAT("bfloat16").smallest_normal, 2**-126, 0.0),
    ("bfloat16: least subnormal", lambda: FORMAT("bfloat16").smallest_subnormal, 2**-133, 0.0),
    ("bfloat16: eps", lambda: FORMAT("bfloat16").eps, 2**-7, 0.0),
    ("bfloat16: 1 + 2^-8 is 1", lambda: rounded(1 + 2**-8, torch.bfloat16), 1.0, 0.0),
]


@pytest.mark.parametrize(
    ("compute", "expected", "tolerance"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE]
)
def test_computed(compute, expected, tolerance):
    assert compute() == pytest.approx(expected, abs=tolerance, rel=0)


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


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(0.2, 2.5), seed=st.integers(0, 99), steps=st.integers(2, 20))
def test_a_tanh_rnn_is_bounded_by_its_largest_singular_value(gain, seed, steps):
    """Pascanu et al. 2013: below 1 it is sufficient for vanishing."""
    net = Recurrent(3, 8, "rnn", gain, seed)
    inwards, recurrent = (
        torch.linalg.matrix_norm(w.detach(), 2).item()
        for w in (net.cell.weight_ih_l0, net.cell.weight_hh_l0)
    )
    v = gaussian(1, 8, seed)[0]
    data = measure_time(net, gaussian(steps, 3, seed)[:, None], lambda h: h[-1, 0] @ v)
    for t, signal in enumerate(data.signal.values):
        assert signal <= v.norm().item() * inwards * recurrent ** (steps - 1 - t) * (1 + 1e-12)


@pytest.mark.parametrize(("cell", "forget"), [("lstm", 0.501), ("lstm_forget_1", 0.717)])
def test_the_cell_path_of_an_lstm_is_the_product_of_its_forget_gates(cell, forget):
    gates, paths = [], []
    for seed in range(5):
        net, x = Recurrent(32, 32, cell, seed=seed).cell, gaussian(50, 32, seed)
        start = c = torch.zeros(32, dtype=torch.float64, requires_grad=True)
        h, product = torch.zeros(32, dtype=torch.float64), torch.ones(32, dtype=torch.float64)
        for step in x:
            z = net.weight_ih_l0 @ step + net.bias_ih_l0 + net.weight_hh_l0 @ h + net.bias_hh_l0
            i, f, g, o = z.chunk(4)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = (o.sigmoid() * c.tanh()).detach()  # the cell path alone
            product = product * f.sigmoid().detach()
            gates.append(f.sigmoid().mean().item())
        (path,) = torch.autograd.grad(c.sum(), start)
        paths.append((path - product).abs().max().item())
    assert max(paths) < 1e-12
    assert mean(gates) == pytest.approx(forget, abs=0.03)


class Scaled(nn.Module):
    """An IRNN (Le et al. 2015): ReLU, recurrent matrix = identity, here times ``scale``."""

    def __init__(self, scale):
        super().__init__()
        self.rnn = nn.RNN(4, 4, nonlinearity="relu", bias=False, dtype=torch.float64)
        with torch.no_grad():
            self.rnn.weight_hh_l0.copy_(scale * torch.eye(4, dtype=torch.float64))
            self.rnn.weight_ih_l0.copy_(torch.eye(4))

    def forward(self, x):
        return self.rnn(x)[0]


@pytest.mark.parametrize(("scale", "ratio"), [(1.0, 1.0), (0.99, 0.00657048), (1.01, 144.77)])
def test_an_identity_recurrence_keeps_its_gradient_over_500_steps(scale, ratio):
    x = gaussian(501 * 2, 4, 0).reshape(501, 2, 4).abs()
    attrs = measure_time(Scaled(scale), x, lambda h: h[-1].sum()).attrs
    assert attrs["ratio"] == pytest.approx(scale**500, rel=1e-12)
    assert attrs["ratio"] == pytest.approx(ratio, rel=1e-4)


@pytest.mark.parametrize(("decay", "left"), [(0.99, 4.317e-5), (0.999, 0.3677)])
def test_a_thousand_steps_of_a_linear_recurrence(decay, left):
    x = torch.ones(1001, 1, 4, dtype=torch.float64)
    attrs = measure_time(Scaled(decay), x, lambda h: h[-1].sum()).attrs
    assert attrs["ratio"] == pytest.approx(left, rel=1e-3)


@pytest.mark.parametrize(
    ("activation", "initialiser", "variances", "depth", "layers"),
    [
        ("sigmoid", "pytorch", (1 / 3, 1 / 192), 70, 53),
        ("sigmoid", "xavier", (1.0, 0.0), 90, 71.7),
        ("relu", "pytorch", (1 / 3, 1 / 192), 140, 113.5),
    ],
)
def test_how_many_layers_float32_can_carry_a_signal(
    activation, initialiser, variances, depth, layers
):
    left = []
    for seed in range(5):
        net = FeedForward(64, 64, depth, activation, initialiser, seed=seed, dtype=torch.float32)
        h, v = gaussian(1, 64, seed, torch.float32), gaussian(1, 64, seed + 9, torch.float32)[0]
        zs = []
        for layer in net.hidden:
            zs.append(layer(h))
            h = net.activation(zs[-1])
        signals = torch.autograd.grad((h @ v).mean(), zs)
        left.append(sum(bool(s.any()) for s in signals))
    assert mean(left) == pytest.approx(layers, abs=2)
    expected = theory.underflow_depth(theory.signal_factor(activation, *variances), "float32")
    assert mean(left) == pytest.approx(expected, rel=0.05)


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
