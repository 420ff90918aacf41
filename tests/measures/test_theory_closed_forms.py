"""Properties of the closed forms: bounds, limits, scaling, and what they refuse."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from vgplib.measures import theory
from vgplib.networks import ACTIVATIONS

FEW = settings(max_examples=15)
KIN = ["linear", "relu", "leaky_relu", "prelu"]


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "sigmoid", "selu", F.hardtanh])
def test_a_large_batch_is_the_limit_of_batch_norm(name):
    sizes = np.array([8, 100, 10**4, 10**6])
    distances = np.abs(theory.batch_norm_factor(name, sizes) - theory.batch_norm_factor(name))
    assert (np.diff(distances) < 0).all() and distances[-1] < 1e-5


@pytest.mark.parametrize("batch", [4, 7, 20])
@pytest.mark.parametrize("name", ["relu", "tanh", "softplus"])
def test_batch_norm_against_random_batches(name, batch):
    """Its derivation, step by step, with automatic differentiation and random numbers.

    A feature's values over the batch, in place of the sphere; read-outs of the units independent.
    """
    generator = torch.Generator().manual_seed(batch)
    features = 200_000

    def normal():
        return torch.randn(features, batch, dtype=torch.float64, generator=generator)

    z, v = normal().requires_grad_(), normal()
    v = v - v.mean(dim=1, keepdim=True)  # what comes back through the next batch norm
    centred = z - z.mean(dim=1, keepdim=True)
    norms = centred.square().mean(dim=1, keepdim=True).sqrt()
    h = ACTIVATIONS[name](centred / norms)
    (signal,) = torch.autograd.grad((h * v).sum(), z)
    # The spread of 1 / norm^2 is wide in small batches, but it does not depend on the direction.
    gain = (signal * norms.detach()).square().sum() / v.square().sum()
    spread = (h - h.mean(dim=1, keepdim=True)).square().sum() / (features * (batch - 1))
    mean_inverse = batch / (batch - 3)  # of 1 / norm^2: an inverse chi-squared variable
    expected = (gain / spread).item() * mean_inverse
    assert theory.batch_norm_factor(name, batch) ** 2 == pytest.approx(expected, rel=0.01)


@FEW
@given(batch=st.integers(4, 5000))
def test_linear_layers_and_norms(batch):
    chi = theory.batch_norm_factor("linear", batch) ** 2
    assert chi == pytest.approx((batch - 2) / (batch - 3), rel=1e-10)
    for name in ("linear", "relu", "prelu"):
        chi = theory.group_norm_factor(name, batch) ** 2
        assert chi == pytest.approx((batch - 2) / (batch - 3), rel=1e-10)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "gelu"])
def test_a_large_group_is_layer_norm(name):
    large = theory.group_norm_factor(name, 10**6)
    assert large == pytest.approx(theory.layer_norm_factor(name), rel=1e-5)


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"linear"}))
def test_batch_norm_explodes_unless_layers_are_linear(name):
    """E[phi'^2] is above Var[phi] (Poincare's inequality), equal for straight lines only."""
    assert theory.batch_norm_factor(name) > 1.0


@FEW
@given(rate=st.floats(0, 0.95), weight=st.floats(0.1, 4), bias=st.floats(0, 1))
def test_dropout_is_a_larger_weight_variance(rate, weight, bias):
    expected = theory.signal_factor("tanh", weight / (1 - rate), bias)
    assert theory.dropout_factor("tanh", rate, weight, bias) == pytest.approx(expected, rel=1e-12)


@FEW
@given(name=st.sampled_from(KIN), variance=st.floats(1e-3, 1e3))
def test_relu_and_its_kin_keep_every_variance_both_ways(name, variance):
    ways = [theory.preserving_variance(name, way, variance) for way in ("forward", "backward")]
    assert ways[0] == pytest.approx(ways[1], rel=1e-11)
    assert ways[0] == pytest.approx(theory.gain(name) ** 2, rel=1e-11)
    slopes = {"linear": 1.0, "relu": 0.0, "leaky_relu": 0.01, "prelu": 0.25}
    assert ways[0] / 7 == pytest.approx(theory.he_variance(7, slopes[name]), rel=1e-6)


@pytest.mark.parametrize("name", ["tanh", "elu", "gelu", "selu"])
def test_the_preserving_variances_preserve(name):
    forward = theory.preserving_variance(name, "forward", 0.7)
    square = theory.normal_expectation(lambda u: ACTIVATIONS[name](u) ** 2, 0.7)
    assert forward * square == pytest.approx(0.7, rel=1e-12)
    backward = theory.preserving_variance(name, "backward", 0.7)
    square = theory.normal_expectation(lambda u: ACTIVATIONS[name].slope(u) ** 2, 0.7)
    assert backward * square == pytest.approx(1.0, rel=1e-12)


@FEW
@given(fan_in=st.integers(1, 10**4), fan_out=st.integers(1, 10**4))
def test_glorot_lies_between_the_two_fans(fan_in, fan_out):
    variance = theory.glorot_variance(fan_in, fan_out)
    low, high = sorted([theory.lecun_variance(fan_in), theory.lecun_variance(fan_out)])
    assert low * (1 - 1e-12) <= variance <= high * (1 + 1e-12)
    assert theory.glorot_bound(fan_in, fan_out) ** 2 / 3 == pytest.approx(variance, rel=1e-12)
    assert theory.he_variance(fan_in) == 2 * theory.lecun_variance(fan_in)
    assert theory.pytorch_variance(fan_in) == pytest.approx(theory.lecun_variance(fan_in) / 3)


@FEW
@given(depth=st.integers(1, 500), weight=st.floats(0.5, 2))
def test_the_largest_singular_value_grows_slowly_at_weight_variance_1(depth, weight):
    square = theory.largest_singular_value(depth) ** 2
    assert math.e * (depth + 0.4) < square < math.e * (depth + 1)
    scaled = theory.largest_singular_value(depth, weight_variance=weight)
    assert scaled == pytest.approx(math.sqrt(square) * weight ** (depth / 2), rel=1e-9)


@FEW
@given(widths=st.lists(st.integers(20, 400), min_size=1, max_size=30))
def test_the_spread_of_norms_adds_up_over_layers(widths):
    beta = sum(1 / n for n in widths)
    for name, first_order in (("relu", 5), ("linear", 2)):
        variance = theory.log_norm_variance(name, widths)
        assert first_order * beta < variance < 1.26 * first_order * beta
        assert theory.log_norm_mean(name, widths) < -first_order * beta / 2 * 0.98
        alone = [theory.log_norm_variance(name, [n]) for n in widths]
        assert variance == pytest.approx(sum(alone), rel=1e-12)


@FEW
@given(depth=st.integers(1, 10**4), scale=st.floats(0, 2))
def test_residual_growth(depth, scale):
    assert theory.residual_growth(depth, depth**-0.5) < math.e
    linear = theory.residual_growth(depth, scale, normalised=True)
    assert linear == pytest.approx(1 + depth * scale**2)
    shallow = min(depth, 100)
    growth = theory.residual_growth(shallow, scale)
    assert growth >= theory.residual_growth(shallow, scale, normalised=True) * (1 - 1e-12)
    assert theory.residual_factor(scale) ** (2 * shallow) == pytest.approx(growth, rel=1e-9)


@pytest.mark.parametrize("layers", [1, 6, 100])
def test_deepnorm_makes_a_deeper_network_scale_down_more(layers):
    for more, part in [
        (lambda n: (n, 0), None),
        (lambda n: (n, 6), "encoder"),
        (lambda n: (6, n), "decoder"),
    ]:
        alphas = [theory.deepnorm_alpha(*more(n), part) for n in (layers, 2 * layers)]
        betas = [theory.deepnorm_beta(*more(n), part) for n in (layers, 2 * layers)]
        assert alphas[0] < alphas[1] and betas[0] > betas[1]
    assert theory.deepnorm_alpha(layers) == theory.deepnorm_alpha(0, layers, "decoder")


@FEW
@given(gates=st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_a_path_through_gates(gates):
    assert theory.gate_path(gates) == pytest.approx(math.prod(gates), rel=1e-12)
    both = theory.gate_path(np.stack([gates, np.ones(len(gates))], axis=1))
    assert both == pytest.approx([math.prod(gates), 1.0])


@FEW
@given(bias=st.floats(-6, 6), variance=st.floats(0, 9))
def test_a_mean_gate_is_drawn_towards_a_half(bias, variance):
    gate = theory.mean_gate(bias, variance)
    assert gate + theory.mean_gate(-bias, variance) == pytest.approx(1, rel=1e-10)
    assert abs(gate - 0.5) <= abs(1 / (1 + math.exp(-bias)) - 0.5) + 1e-12
    z = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
    density = torch.exp(-z * z / 2)
    expected = density @ torch.sigmoid(bias + math.sqrt(variance) * z) / density.sum()
    assert gate == pytest.approx(expected.item(), rel=1e-9)


@FEW
@given(depth=st.integers(1, 200), bias=st.floats(-20, 5))
def test_a_highway_carries_as_its_gates_do(depth, bias):
    carry = theory.gate_path([theory.mean_gate(-bias)] * depth)
    assert theory.highway_carry(depth, bias) == pytest.approx(carry, rel=1e-8)


@FEW
@given(gradient=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), limit=st.floats(1e-3, 1e3))
def test_clipping_shortens_and_does_not_turn(gradient, limit):
    clipped = theory.clip_by_norm(gradient, limit)
    assert np.linalg.norm(clipped) <= limit * (1 + 1e-12)
    coefficient = theory.clip_coefficient(np.linalg.norm(gradient), limit)
    assert 0 < coefficient <= 1
    assert clipped == pytest.approx(np.multiply(gradient, coefficient), rel=1e-12)
    assert np.abs(theory.clip_by_value(gradient, limit)).max() <= limit


@FEW
@given(factor=st.floats(0.05, 0.95), layers=st.integers(0, 30))
def test_a_loss_scale_buys_layers(factor, layers):
    plain = theory.underflow_depth(factor, "float32")
    scaled = theory.underflow_depth(factor, "float32", factor ** (-layers))
    assert scaled == pytest.approx(plain + layers, abs=1e-6)
    both = theory.underflow_depth([factor, 1.0], "float32")
    assert both.tolist() == [plain, math.inf]


def test_floats_for_floats_and_arrays_for_arrays():
    for function in (theory.lecun_variance, theory.guessing_loss, theory.fixup_scale):
        assert isinstance(function(10), float)
        assert function([10, 20]).shape == (2,) and function([10, 20])[0] == function(10)
    assert theory.highway_carry(np.array([[1], [2]]), [-1.0, 0.0, 1.0]).shape == (2, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.batch_norm_factor("relu", 3), "batch_size must be at least 4, not 3"),
        (lambda: theory.batch_norm_factor("relu", 8.5), "a whole number of at least 4, not 8.5"),
        (lambda: theory.group_norm_factor("relu", 2), "group_size must be at least 4, not 2"),
        (lambda: theory.dropout_factor("relu", 1.0), "drop_rate must be below 1, not 1"),
        (lambda: theory.weight_norm_factor("relu", 0.0), "g must be above 0, not 0.0"),
        (lambda: theory.lecun_variance(0), "fan_in must be at least 1, not 0"),
        (lambda: theory.gain("relu", "up"), "unknown direction 'up'.*'forward', 'backward'"),
        (lambda: theory.largest_singular_value(3, "he"), "unknown kind of weights 'he'"),
        (lambda: theory.log_norm_variance("tanh", [5]), "unknown activation of random products"),
        (lambda: theory.born_dead_probability([3, 0]), "width must be at least 1, not 0"),
        (lambda: theory.deepnorm_alpha(), "needs encoder_layers or decoder_layers above 0"),
        (lambda: theory.deepnorm_beta(6, 6), "say which: part='encoder' or part='decoder'"),
        (lambda: theory.deepnorm_alpha(6, part="decoder"), "unknown part 'decoder'"),
        (lambda: theory.fixup_scale(10, 1), "branch_layers must be at least 2, not 1"),
        (lambda: theory.shattering_correlation(3, "resnet"), "unknown architecture 'resnet'"),
        (lambda: theory.gate_path([0.5, 1.5]), "gates must be at most 1, not 1.5"),
        (lambda: theory.gate_path([]), "gates must have at least one step"),
        (lambda: theory.chrono_bias(50, 1.5), "quantile must be at most 1, not 1.5"),
        (lambda: theory.linear_recurrence(0.5, -1), "steps must be at least 0, not -1"),
        (lambda: theory.recurrent_bound(1.0, 5, "thank"), "unknown activation 'thank'"),
        (lambda: theory.clip_coefficient(1.0, 0.0), "max_norm must be above 0, not 0.0"),
        (lambda: theory.adam_first_step(1.0, eps=0.0), "eps must be above 0, not 0.0"),
        (
            lambda: theory.underflow_depth(0.5, "float16", 0.0),
            "loss_scale must be above 0, not 0.0",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_difference_of_two_inputs_follows_relu_s_arc_cosine_formula():
    """Cho & Saul 2009: c -> (sqrt(1 - c^2) + (pi - arccos c) c) / pi, at any weight variance."""
    c, expected = 0.5, []
    for _ in range(8):
        expected.append(math.sqrt(2 * (1 - c)))
        c = (math.sqrt(1 - c * c) + (math.pi - math.acos(c)) * c) / math.pi
    for weight in (0.5, 2.0):
        found = theory.difference_profile("relu", 8, weight, difference=1.0)
        assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "weight", "settled"), [("tanh", 1.0, 40), ("tanh", 4.0, 12), ("sigmoid", 1.0, 8)]
)
def test_a_small_difference_changes_by_the_signal_factor(name, weight, settled):
    profile = theory.difference_profile(name, settled + 1, weight, 0.05, difference=1e-5)
    expected = theory.signal_factor(name, weight, 0.05)
    assert profile[-1] / profile[-2] == pytest.approx(expected, rel=1e-3)


def test_inputs_that_are_opposite_or_equal_have_no_difference_profile():
    with pytest.raises(ValueError, match=r"difference must be below 2, not 2\.0"):
        theory.difference_profile("tanh", 3, 1.0, difference=2.0)
    with pytest.raises(ValueError, match="difference must be above 0"):
        theory.difference_profile("tanh", 3, 1.0, difference=0.0)
