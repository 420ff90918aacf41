import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vgplib.measures import theory
from vgplib.networks import ACTIVATIONS

FEW = settings(max_examples=15)
VARIANCE = st.floats(0.05, 8)
HOMOGENEOUS = {"linear": 1.0, "relu": 0.5, "leaky_relu": (1 + 0.01**2) / 2}


def expectation(function, q):
    """E[function(sqrt(q) z)], by a plain sum: a second opinion."""
    z = torch.linspace(-12, 12, 200_000, dtype=torch.float64)
    density = torch.exp(-z * z / 2)
    return (density @ function(math.sqrt(q) * z) / density.sum()).item()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_fixed_point_solves_its_equation_and_chi_is_its_definition(name):
    weight, bias = 0.8, 0.1
    q = theory.fixed_point(name, weight, bias)
    phi = ACTIVATIONS[name]
    assert 0 < q < math.inf
    assert weight * expectation(lambda z: phi(z) ** 2, q) + bias == pytest.approx(q, rel=1e-5)
    slope = weight * expectation(lambda z: phi.slope(z) ** 2, q)
    assert theory.chi(name, weight, bias) == pytest.approx(slope, rel=1e-5)


@FEW
@given(name=st.sampled_from(sorted(HOMOGENEOUS)), weight=VARIANCE, bias=st.floats(0, 1))
def test_for_relu_and_its_kin_chi_does_not_depend_on_q(name, weight, bias):
    expected = weight * HOMOGENEOUS[name]
    assert theory.chi(name, weight, bias) == pytest.approx(expected, rel=1e-12)
    assert theory.signal_factor(name, weight, bias) == pytest.approx(math.sqrt(expected), rel=1e-12)


@FEW
@given(weight=st.floats(0.01, 1.0))
def test_tanh_without_biases_dies_out_up_to_weight_variance_1(weight):
    assert theory.fixed_point("tanh", weight) == 0
    assert theory.chi("tanh", weight) == pytest.approx(weight, rel=1e-9)


@FEW
@given(weight=VARIANCE, bias=st.floats(0, 1))
def test_a_sigmoid_passes_at_most_a_quarter(weight, bias):
    assert theory.chi("sigmoid", weight, bias) < weight / 16


@pytest.mark.parametrize(
    ("weight", "bias", "q"),
    [(1.0, 0.0, 0.0), (2.0, 0.0, 1.0), (4.0, 0.0, math.inf), (2.0, 0.1, math.inf), (1.0, 0.1, 0.2)],
)
def test_where_the_variance_of_a_relu_network_goes(weight, bias, q):
    assert theory.fixed_point("relu", weight, bias) == pytest.approx(q, rel=1e-9)


def test_a_function_will_do_for_a_name():
    assert theory.chi(torch.tanh, 2.0) == theory.chi("tanh", 2.0)


@FEW
@given(
    name=st.sampled_from(["sigmoid", "tanh", "relu", "gelu"]),
    depth=st.integers(1, 12),
    weight=VARIANCE,
    bias=st.floats(0, 1),
)
def test_the_profile_ends_at_1_and_its_steps_do_not_depend_on_the_depth(name, depth, weight, bias):
    def factors(depth):
        profile = theory.signal_profile(name, depth, weight, bias)
        assert len(profile) == depth and profile[-1] == 1
        return [a / b for a, b in zip(profile, profile[1:], strict=False)]

    # one more layer at the output changes nothing about the steps before it
    assert factors(depth + 1)[: depth - 1] == pytest.approx(factors(depth), rel=1e-12)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
def test_at_the_fixed_point_the_profile_is_a_power_of_the_factor(name):
    weight, bias = 1.5, 0.2
    start = (theory.fixed_point(name, weight, bias) - bias) / weight
    profile = theory.signal_profile(name, 10, weight, bias, start)
    factor = theory.signal_factor(name, weight, bias)
    assert profile == pytest.approx([factor ** (9 - i) for i in range(10)], rel=1e-9)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "linear"])
@pytest.mark.parametrize("bias", [0.0, 0.05])
def test_chi_is_1_on_the_critical_line(name, bias):
    weight = theory.critical_line(name, bias)
    assert theory.chi(name, weight, bias) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_the_limits_of_a_format_are_where_arithmetic_finds_them(name):
    limits, dtype = theory.number_format(name), getattr(torch, name)

    def rounded(value):
        return torch.tensor(value, dtype=torch.float64).to(dtype)

    least = rounded(limits.smallest_subnormal)
    assert least > 0 and least.double().item() == limits.smallest_subnormal
    assert least / 2 == 0
    assert rounded(1 + limits.eps) > 1 and rounded(1.0) + rounded(limits.eps / 2) == 1
    assert rounded(limits.largest).isfinite() and (rounded(limits.largest) * 2).isinf()


@FEW
@example(factor=0.5, name="bfloat16")
@example(factor=0.25, name="float16")
@given(factor=st.floats(0.05, 0.95), name=st.sampled_from(["float16", "bfloat16", "float32"]))
def test_underflow_depth_against_rounding(factor, name):
    depth = theory.underflow_depth(factor, name)
    powers = torch.tensor([factor ** (depth - 1), factor**depth], dtype=torch.float64)
    before, at = powers.to(getattr(torch, name)).tolist()
    assert before > 0 and at == 0


@pytest.mark.parametrize("factor", [1.0, 1.2])
def test_what_does_not_shrink_does_not_underflow(factor):
    assert theory.underflow_depth(factor, "float16") == math.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.chi("tahn"), "unknown activation 'tahn'. Did you mean 'tanh'"),
        (lambda: theory.chi("tanh", -1.0), "weight_variance must be at least 0, not -1.0"),
        (
            lambda: theory.chi("tanh", 1.0, math.nan),
            "bias_variance must be a finite number, not nan",
        ),
        (lambda: theory.signal_profile("tanh", 0, 1.0), "depth must be at least 1, not 0"),
        (
            lambda: theory.signal_profile("tanh", 3, 1.0, 0.0, -2),
            "input_variance must be at least 0",
        ),
        (lambda: theory.critical_line(lambda z: 0 * z, 0.0), "chi does not cross 1"),
        (lambda: theory.number_format("fp16"), "unknown number format 'fp16'.*'float16'"),
        (lambda: theory.underflow_depth(0.0, "float16"), "factor must be above 0, not 0.0"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
