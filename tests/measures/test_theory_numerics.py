"""The numerics of mean-field theory: arrays, kinks, limits, and other ways to the same number."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from vgplib.measures import theory
from vgplib.measures.theory import mean_field
from vgplib.measures.theory._quadrature import find_breaks
from vgplib.networks import ACTIVATIONS

FEW = settings(max_examples=15)
OF_TWO_VARIANCES = {
    "fixed_point": theory.fixed_point,
    "chi": theory.chi,
    "signal_factor": theory.signal_factor,
    "fixed_correlation": theory.fixed_correlation,
    "xi_q": lambda *a: theory.depth_scale(*a, kind="variance"),
    "xi_c": lambda *a: theory.depth_scale(*a, kind="correlation"),
    "xi_grad": lambda *a: theory.depth_scale(*a, kind="gradient"),
}


def bisected(function, low, high):
    """The root of an increasing ``function``: 100 halvings leave rounding only."""
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (low, middle) if function(middle) > 0 else (middle, high)
    return (low + high) / 2


@pytest.mark.parametrize("name", OF_TWO_VARIANCES)
@pytest.mark.parametrize("activation", ["tanh", "relu", "selu", torch.cos])
def test_arrays_give_what_their_entries_give(name, activation):
    function = OF_TWO_VARIANCES[name]
    weights, biases = np.array([[0.0], [0.7], [2.0], [9.0]]), np.array([0.0, 0.05, 1.0])
    together = function(activation, weights, biases)
    assert together.shape == (4, 3)
    for i, j in np.ndindex(4, 3):
        alone = function(activation, weights[i, 0].item(), biases[j].item())
        assert isinstance(alone, float)
        assert together[i, j] == pytest.approx(alone, rel=1e-10, abs=1e-300)


@pytest.mark.parametrize("name", OF_TWO_VARIANCES)
def test_an_array_of_nothing_gives_nothing(name):
    assert OF_TWO_VARIANCES[name]("tanh", np.zeros((0, 3)), 0.1).shape == (0, 3)


def test_the_critical_line_of_an_array():
    line = theory.critical_line("tanh", [[0.0, 0.1], [0.3, 1.0]])
    assert line.shape == (2, 2) and (np.diff(line.ravel()) > 0).all()
    assert line[1, 0] == pytest.approx(theory.critical_line("tanh", 0.3), rel=1e-10)
    # chi touches 1 at weight variance 1 without a bias: there it is flat, and rounding shows
    chi = theory.chi("tanh", line, [[0.0, 0.1], [0.3, 1.0]])
    assert chi == pytest.approx(np.ones((2, 2)), abs=1e-9)


@FEW
@given(weight=st.floats(0.1, 8), bias=st.floats(0.01, 1))
def test_a_wave_against_its_closed_forms(weight, bias):
    """E[sin(u1) sin(u2)] = exp(-q) sinh(q c): an activation that is not monotone."""
    q = theory.fixed_point(torch.sin, weight, bias)
    assert weight * math.exp(-q) * math.sinh(q) + bias == pytest.approx(q, rel=1e-12)
    chi = weight * math.exp(-q) * math.cosh(q)
    assert theory.chi(torch.sin, weight, bias) == pytest.approx(chi, rel=1e-12)
    c = theory.fixed_correlation(torch.sin, weight, bias)
    assert weight * math.exp(-q) * math.sinh(q * c) + bias == pytest.approx(q * c, rel=1e-9)
    slope = weight * math.exp(-q) * math.cosh(q * c)
    scale = theory.depth_scale(torch.sin, weight, bias, "correlation")
    assert math.exp(-1 / scale) == pytest.approx(slope, rel=1e-9)
    assert slope < 1 + 1e-9


@pytest.mark.parametrize("shift", [0.3, 1.0, 2.0])
def test_an_activation_that_is_not_0_at_0(shift):
    """E[cos(u + s)^2] = (1 + cos(2 s) exp(-2 q)) / 2."""
    q = theory.fixed_point(lambda u: torch.cos(u + shift), 1.5, 0.1)
    square = (1 + math.cos(2 * shift) * math.exp(-2 * q)) / 2
    assert 1.5 * square + 0.1 == pytest.approx(q, rel=1e-12)


# Steep ones, close to the critical line, are beyond what the power series can do.
@pytest.mark.parametrize(
    ("weight", "bias"), [(1.5, 0.05), (4.0, 0.05), (20.0, 1.0), (200.0, 40.0), (500.0, 400.0)]
)
def test_the_correlation_of_an_error_function_in_chaos(weight, bias):
    """E[erf(u1) erf(u2)] = 2 / pi * asin(2 q c / (1 + 2 q))."""
    q = theory.fixed_point(torch.erf, weight, bias)

    def excess(c):
        return c - (weight * 2 / math.pi * math.asin(2 * q * c / (1 + 2 * q)) + bias) / q

    assert excess(1.0) == pytest.approx(0, abs=1e-12)
    c = theory.fixed_correlation(torch.erf, weight, bias)
    assert 0 < c < 1 < theory.chi(torch.erf, weight, bias)
    assert c == pytest.approx(bisected(excess, 0, (1 + c) / 2), abs=1e-9)
    sine = 2 * q * c / (1 + 2 * q)
    slope = weight * 4 / math.pi / (1 + 2 * q) / math.sqrt(1 - sine**2)
    scale = theory.depth_scale(torch.erf, weight, bias, "correlation")
    assert scale == pytest.approx(-1 / math.log(slope), rel=1e-6)


@pytest.mark.parametrize("weight", [0.9, 1.3, 3.0, 50.0])
def test_kinks_away_from_0(weight):
    """Hard tanh has slope 1 between its kinks: E[phi'^2] = P(abs(u) < 1)."""
    q = theory.fixed_point(F.hardtanh, weight, 0.1)
    inside = math.erf(1 / math.sqrt(2 * q))
    assert theory.chi(F.hardtanh, weight, 0.1) == pytest.approx(weight * inside, rel=1e-12)
    tail = math.sqrt(2 / math.pi / q) * math.exp(-1 / (2 * q))
    square = q * (inside - tail) + 1 - inside
    assert weight * square + 0.1 == pytest.approx(q, rel=1e-12)


@pytest.mark.parametrize("excess", [1e-4, 3e-3, 0.05, 0.2])
def test_a_kink_close_to_the_critical_line(excess):
    """Near 1 a kink makes the slope of the map fall from chi as sqrt(1 - c).

    The slope at c* is then as far below 1 as half of what chi is above it.
    """
    weight = theory.critical_line(F.hardtanh, 0.05) + excess
    c = theory.fixed_correlation(F.hardtanh, weight, 0.05)
    scale = theory.depth_scale(F.hardtanh, weight, 0.05, "correlation")
    chi = theory.chi(F.hardtanh, weight, 0.05)
    assert 0 < c < 1
    slope = math.exp(-1 / scale)
    assert (1 - slope) / (chi - 1) == pytest.approx(0.5, abs=0.01 + excess / 2)


def test_jumps_and_straight_lines():
    assert theory.fixed_point(torch.sign, 2.0, 0.5) == pytest.approx(2.5, rel=1e-12)
    assert theory.chi(torch.sign, 2.0, 0.5) == 0
    assert theory.depth_scale(torch.sign, 2.0, 0.5) == 0
    assert theory.normal_expectation(lambda u: (u > 1.5).double()) == pytest.approx(
        math.erfc(1.5 / math.sqrt(2)) / 2, rel=1e-10
    )


@pytest.mark.parametrize(
    ("function", "breaks"),
    [
        (F.relu, [0]),
        (F.hardtanh, [-1, 1]),
        (F.relu6, [0, 6]),
        (F.hardswish, [-3, 3]),
        (F.hardshrink, [-0.5, 0.5]),
        (lambda u: (u - math.pi / 7).abs(), [math.pi / 7]),
        (lambda u: torch.tanh(100 * u), []),
        (lambda u: F.relu(u - 30) + F.relu(-u - 1234.5), [-1234.5, 30]),
        (lambda u: (u > 7e5).double(), [7e5]),
        (lambda u: u**3, []),
        (torch.sin, []),
    ],
)
def test_where_a_function_has_kinks_or_jumps(function, breaks):
    assert find_breaks(function).tolist() == pytest.approx(breaks, rel=1e-12, abs=1e-12)


def test_a_kink_that_is_far_away_counts():
    """E[relu(u - k)] = sqrt(q / 2 pi) exp(-a^2) - k erfc(a) / 2 with a = k / sqrt(2 q)."""
    a = 30 / math.sqrt(2 * 900)
    expected = 30 * math.exp(-a * a) / math.sqrt(2 * math.pi) - 30 * math.erfc(a) / 2
    found = theory.normal_expectation(lambda u: F.relu(u - 30), 900.0)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_activations_with_names_have_no_kink_but_at_0(name):
    assert find_breaks(ACTIVATIONS[name]).abs().sum() < 1e-12
    assert theory.chi(ACTIVATIONS[name].function, 1.1, 0.2) == pytest.approx(
        theory.chi(name, 1.1, 0.2), rel=1e-12
    )


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "gelu", "elu", "softsign", "relu"])
def test_xi_q_is_the_slope_of_the_variance_map(name):
    weight, bias = 1.2, 0.3
    q = theory.fixed_point(name, weight, bias)

    def layer(q):
        return weight * theory.normal_expectation(lambda u: ACTIVATIONS[name](u) ** 2, q) + bias

    h = 1e-4 * q
    slope = (layer(q + h) - layer(q - h)) / (2 * h)
    scale = theory.depth_scale(name, weight, bias, "variance")
    assert math.exp(-1 / scale) == pytest.approx(slope, rel=1e-6)


@FEW
@given(weight=st.floats(0.05, 10), bias=st.floats(0.001, 1))
def test_signs_of_the_depth_scales(weight, bias):
    chi = theory.chi("tanh", weight, bias)
    gradient, correlation, variance = (
        theory.depth_scale("tanh", weight, bias, kind)
        for kind in ("gradient", "correlation", "variance")
    )
    assert variance > 0 and correlation > 0 and (gradient > 0) == (chi < 1)
    if chi < 1:
        assert correlation == gradient
        assert theory.fixed_correlation("tanh", weight, bias) == 1
    else:
        assert theory.fixed_correlation("tanh", weight, bias) < 1


@pytest.mark.parametrize(
    ("activation", "weight", "bias", "kind", "scale"),
    [
        ("relu", 2.0, 0.0, "gradient", math.inf),
        ("relu", 2.0, 0.0, "correlation", math.inf),
        ("relu", 2.0, 0.0, "variance", math.inf),
        ("relu", 3.0, 0.0, "correlation", math.inf),
        ("relu", 3.0, 0.0, "gradient", -1 / math.log(1.5)),
        ("relu", 3.0, 0.1, "variance", -1 / math.log(1.5)),
        ("relu", 1.0, 0.1, "variance", 1 / math.log(2)),
        ("tanh", 1.0, 0.0, "gradient", math.inf),
        ("tanh", 0.5, 0.0, "gradient", 1 / math.log(2)),
        ("tanh", 0.5, 0.0, "correlation", 1 / math.log(2)),
        ("tanh", 0.0, 0.3, "gradient", 0.0),
        ("tanh", 0.0, 0.3, "correlation", 0.0),
    ],
)
def test_the_limits_of_the_depth_scales(activation, weight, bias, kind, scale):
    assert theory.depth_scale(activation, weight, bias, kind) == pytest.approx(scale, rel=1e-9)


def test_a_variance_that_grows_ever_more_slowly_still_grows():
    """softplus is larger than ReLU: at weight variance 2 no q is enough."""
    assert theory.fixed_point("softplus", 2.0) == math.inf
    assert theory.signal_factor("softplus", 2.0) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("power", [3, 11, 13, 15, 40, 150, 300])
def test_a_saturating_network_settles_at_any_variance(power):
    """E[erf(u)^2] = 2 / pi * atan(2 q / sqrt(1 + 4 q)); the integral of tanh'(u)^2 is 4 / 3."""
    weight = 10.0**power
    q = theory.fixed_point(torch.erf, weight)
    square = 2 / math.pi * math.atan(2 * q / math.sqrt(1 + 4 * q))
    assert weight * square == pytest.approx(q, rel=1e-10)
    chi = weight * 4 / math.pi / math.sqrt(1 + 4 * q)
    assert theory.chi(torch.erf, weight) == pytest.approx(chi, rel=1e-10)
    limit = 4 / 3 * math.sqrt(weight / 2 / math.pi)
    assert theory.chi("tanh", weight) == pytest.approx(limit, rel=2 / math.sqrt(weight) + 1e-10)
    # softsign has long tails, and its q* is below the weight variance by a logarithm
    limit, slack = limit / 2, math.log(weight) / math.sqrt(weight)
    assert theory.chi("softsign", weight) == pytest.approx(limit, rel=2 * slack + 1e-9)


@pytest.mark.parametrize("power", [-3, -12, -14, -16, -17, -40, -150, -300])
def test_a_small_variance_is_not_cut_to_0(power):
    bias = 10.0**power
    slack = 5 * bias + 1e-9
    assert theory.fixed_point("linear", 0.5, bias) == pytest.approx(2 * bias, rel=1e-9, abs=0)
    assert theory.fixed_point("tanh", 0.5, bias) == pytest.approx(2 * bias, rel=slack, abs=0)
    assert theory.chi("tanh", 0.5, bias) == pytest.approx(0.5, rel=slack)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", OF_TWO_VARIANCES)
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", torch.exp])
def test_extreme_variances_give_numbers_and_no_warning(name, activation):
    weights = np.array([[0.0], [1e-300], [2.0], [1e300], [1.7e308]])
    found = OF_TWO_VARIANCES[name](activation, weights, np.array([0.0, 1e-300, 1e300]))
    assert not np.isnan(found).any()
    if activation == "relu" and name == "chi":
        np.testing.assert_allclose(found, np.broadcast_to(weights / 2, (5, 3)), rtol=1e-12)


@pytest.mark.parametrize(
    ("activation", "weight"), [("gelu", 2.352), ("silu", 2.811), ("mish", 2.211)]
)
def test_where_chi_leaps_over_1_there_is_no_critical_line(activation, weight):
    below, above = theory.chi(activation, [0.999 * weight, 1.001 * weight])
    assert below < 0.9 and above > 1.1
    with pytest.raises(ValueError, match=rf"leaps over 1 at weight variance {weight} "):
        theory.critical_line(activation, 0.0)
    line = theory.critical_line(activation, 1.0)  # with larger biases there is one
    assert theory.chi(activation, line, 1.0) == pytest.approx(1, abs=1e-9)


def test_the_critical_line_is_found_without_measuring_the_same_again(monkeypatch):
    """A ladder of variances is measured once for all weight variances, not for each."""
    rows = []
    mean = mean_field.normal_mean
    monkeypatch.setattr(
        mean_field, "normal_mean", lambda f, d, b: rows.append(np.size(d)) or mean(f, d, b)
    )
    assert theory.critical_line("gelu", 0.3) == pytest.approx(1.9561586283, rel=1e-9)
    assert sum(rows) < 2000


# The arc-cosine kernel of Cho & Saul 2009, and Gaussian closed forms.
@pytest.mark.parametrize(
    ("activation", "bias", "mapped"),
    [
        ("relu", 0.0, lambda c, q: (np.sqrt(1 - c * c) + c * (np.pi - np.arccos(c))) / np.pi),
        (torch.erf, 0.1, lambda c, q: (4 / np.pi * np.arcsin(2 * q * c / (1 + 2 * q)) + 0.1) / q),
        (torch.sign, 0.0, lambda c, q: 2 / np.pi * np.arcsin(c)),
        (torch.sin, 0.1, lambda c, q: (2 * np.exp(-q) * np.sinh(q * c) + 0.1) / q),
    ],
)
def test_the_correlation_map_against_its_closed_forms(activation, bias, mapped):
    c = np.array([-1.0, -0.999, -0.6, 0.0, 0.3, 0.9, 1 - 1e-9, 1.0])
    q = theory.fixed_point(activation, 2.0, bias)
    found = theory.correlation_map(activation, c, 2.0, bias)
    np.testing.assert_allclose(found, mapped(c, q), rtol=0, atol=1e-12)


@pytest.mark.parametrize("weight", [0.5, 1.3, 1.8, 4.0])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softsign"])
def test_the_slope_of_the_correlation_map_at_1_is_chi(activation, weight):
    """Schoenholz et al. 2017: one number for the signal and for how alike inputs become."""
    slope = (1 - theory.correlation_map(activation, 1 - 1e-6, weight, 0.1)) / 1e-6
    assert slope == pytest.approx(theory.chi(activation, weight, 0.1), rel=1e-5)


@pytest.mark.parametrize("weight", [0.5, 4.0])
def test_the_correlation_map_leads_to_the_fixed_correlation(weight):
    fixed = theory.fixed_correlation("tanh", weight, 0.1)
    assert theory.correlation_map("tanh", fixed, weight, 0.1) == pytest.approx(fixed, abs=1e-12)
    c = 0.2
    for _ in range(30):
        c = theory.correlation_map("tanh", c, weight, 0.1)
    assert c == pytest.approx(fixed, abs=2e-3)


@FEW
@given(variance=st.floats(1e-6, 1e6), power=st.integers(0, 5))
def test_the_moments_of_a_normal_variable(variance, power):
    moment = theory.normal_expectation(lambda u: u ** (2 * power), variance)
    expected = variance**power * math.prod(range(1, 2 * power, 2))
    assert moment == pytest.approx(expected, rel=1e-11)
    odd = theory.normal_expectation(lambda u: u ** (2 * power + 1), variance)
    assert abs(odd) < 1e-11 * variance ** (power + 0.5) * math.factorial(2 * power + 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.chi("tanh", [1.0, -2.0]), "weight_variance must be at least 0, not -2.0"),
        (
            lambda: theory.chi("tanh", [1.0, math.inf]),
            "weight_variance must be a finite number, not inf",
        ),
        (lambda: theory.chi("tanh", "1"), "weight_variance must be a finite number, not '1'"),
        (lambda: theory.chi("tanh", True), "weight_variance must be a finite number, not True"),
        (lambda: theory.chi(3, 1.0), "unknown activation 3"),
        (
            lambda: theory.depth_scale("tanh", 1.0, 0.0, "gradients"),
            "unknown kind of depth scale 'gradients'. Did you mean 'gradient'",
        ),
        (
            lambda: theory.critical_line("tanh", [0.1, -1.0]),
            "bias_variance must be at least 0, not -1.0",
        ),
        (lambda: theory.correlation_map("tanh", 1.1), "correlation must be at most 1, not 1.1"),
        (lambda: theory.normal_expectation("tanh", 0.0), "variance must be above 0, not 0.0"),
        (lambda: theory.chi(lambda u: u.detach() ** 2), "PyTorch cannot differentiate"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
