"""What theory says, held to published and derived numbers: one row each.

The other files of this name hold theory to networks.
"""

import math

import numpy as np
import pytest
import torch
from torch import nn

from vgplib.measures import theory
from vgplib.networks import ACTIVATIONS

FORMAT = theory.number_format
BIASES, CRITICAL, SETTLED = (
    [0.0005, 0.01, 0.05, 0.1, 0.3],
    [1.1490, 1.4242, 1.76095, 1.98607, 2.50513],
    [0.0825, 0.2733, 0.5700, 0.8058, 1.4612],
)
ORDERED, CHAOTIC = [0.5, 1.0, 1.3], [2.0, 2.5, 4.0]


def slopes(name):
    return ACTIVATIONS[name].slope(torch.linspace(-6, 6, 1_200_001, dtype=torch.float64))


def scales(kind, variances):
    return theory.depth_scale("tanh", variances, 0.05, kind)


def critical_tanh(layers):
    """2 l q_l and l (1 - chi_l) for tanh at weight variance 1, where both go to 1."""
    z = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
    density = torch.exp(-z * z / 2)
    density /= density.sum()
    q = 1.0
    for _ in range(layers):
        q = (density @ torch.tanh(math.sqrt(q) * z) ** 2).item()
    first, second = theory.signal_profile("tanh", layers + 2, 1.0)[layers - 1 : layers + 1]
    return [2 * layers * q, layers * (1 - (first / second) ** 2)]


def squared(function, *arguments):
    return function(*arguments) ** 2


def selu_chi():
    """lambda^2 (1/2 + alpha^2 e^2 Phi(-2)), Phi the normal distribution function."""
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return scale**2 * (0.5 + alpha**2 * math.e**2 * math.erfc(math.sqrt(2)) / 2)


def rounded(value, dtype):
    return torch.tensor(value, dtype=torch.float64).to(dtype).double().item()


def largest(name):
    return ACTIVATIONS[name].max_slope


def preserving(name):
    return [theory.preserving_variance(name, way) for way in ("forward", "backward")]


# what it is, how it is computed, what it must be, absolute tolerance
ACTIVATION_ROWS = [
    ("largest slope: sigmoid", lambda: largest("sigmoid"), 0.25, 1e-12),
    ("largest slope: tanh", lambda: largest("tanh"), 1.0, 1e-12),
    ("largest slope: ReLU", lambda: largest("relu"), 1.0, 1e-12),
    ("largest slope: leaky ReLU", lambda: largest("leaky_relu"), 1.0, 1e-12),
    ("largest slope: ELU", lambda: largest("elu"), 1.0, 1e-12),
    ("largest slope: softsign", lambda: largest("softsign"), 1.0, 1e-12),
    ("largest slope: softplus, a limit", lambda: largest("softplus"), 1.0, 1e-12),
    ("largest slope: SELU", lambda: largest("selu"), 1.758099, 1e-5),
    ("largest slope: GELU", lambda: largest("gelu"), 1.128904, 1e-5),
    ("largest slope: SiLU", lambda: largest("silu"), 1.099839, 1e-5),
    ("largest slope: Mish", lambda: largest("mish"), 1.088498, 1e-5),
    ("least slope: GELU", lambda: slopes("gelu").min().item(), -0.128904, 1e-5),
    ("least slope: SiLU", lambda: slopes("silu").min().item(), -0.099839, 1e-5),
    ("least slope: Mish", lambda: slopes("mish").min().item(), -0.112526, 1e-5),
    ("slope of ReLU at 0", lambda: ACTIVATIONS["relu"].slope(torch.zeros(1)).item(), 0.0, 0.0),
    ("PyTorch's gain for tanh", lambda: nn.init.calculate_gain("tanh"), 5 / 3, 0.0),
    ("PyTorch's gain for ReLU", lambda: nn.init.calculate_gain("relu"), math.sqrt(2), 0.0),
    ("PyTorch's gain for sigmoid", lambda: nn.init.calculate_gain("sigmoid"), 1.0, 0.0),
    ("PyTorch's gain for SELU", lambda: nn.init.calculate_gain("selu"), 0.75, 0.0),
    (
        "PyTorch's gain for PReLU",
        lambda: nn.init.calculate_gain("leaky_relu", 0.25),
        math.sqrt(2 / (1 + 0.25**2)),
        0.0,
    ),
    ("the gain that keeps PReLU's size", lambda: theory.gain("prelu"), 1.37199, 1e-5),
    ("the gain that keeps ReLU's size", lambda: theory.gain("relu"), math.sqrt(2), 1e-12),
    ("Glorot: variance", lambda: theory.glorot_variance(300, 100), 0.005, 1e-15),
    ("Glorot: bound", lambda: theory.glorot_bound(300, 100), math.sqrt(0.015), 1e-15),
    ("He: variance", lambda: theory.he_variance(100), 0.02, 1e-15),
    ("He: variance for PReLU", lambda: theory.he_variance(100, 0.25), 0.02 / 1.0625, 1e-15),
    ("LeCun: variance", lambda: theory.lecun_variance(100), 0.01, 1e-15),
    ("PyTorch's default: variance", lambda: theory.pytorch_variance(100), 1 / 300, 1e-15),
    ("GELU keeps unit variance", lambda: preserving("gelu"), [2.3517, 2.1937], 1e-4),
    ("SiLU keeps unit variance", lambda: preserving("silu"), [2.8108, 2.6352], 1e-4),
    ("Mish keeps unit variance", lambda: preserving("mish"), [2.2107, 2.0873], 1e-4),
    ("ELU keeps unit variance", lambda: preserving("elu"), [1.5505, 1.4968], 1e-4),
]

MEAN_FIELD_ROWS = [
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
    ("tanh, critical, l=16: 2 l q", lambda: critical_tanh(16)[0], 1.039, 1e-3),
    ("tanh, critical, l=32: 2 l q", lambda: critical_tanh(32)[0], 1.029, 1e-3),
    ("tanh, critical, l=64: 2 l q", lambda: critical_tanh(64)[0], 1.019, 1e-3),
    ("tanh, critical, l=1000: both", lambda: critical_tanh(1000), [1.002, 1.0], [1e-3, 5e-3]),
    ("tanh, no bias: critical", lambda: theory.critical_line("tanh", 0.0), 1.0, 1e-6),
    ("tanh: critical line", lambda: theory.critical_line("tanh", BIASES), CRITICAL, 1e-4),
    ("tanh: q* on it", lambda: theory.fixed_point("tanh", CRITICAL, BIASES), SETTLED, 1e-4),
    ("xi_q, ordered", lambda: scales("variance", ORDERED), [1.009, 1.748, 1.785], 1e-3),
    ("xi_c, ordered", lambda: scales("correlation", ORDERED), [1.191, 3.627, 7.834], 1e-3),
    ("xi_grad, ordered", lambda: scales("gradient", ORDERED), [1.191, 3.627, 7.834], 1e-3),
    ("xi_grad, chaotic", lambda: scales("gradient", CHAOTIC), [-21.5, -7.98, -3.40], 0.03),
    ("SELU: mean", lambda: theory.normal_expectation("selu"), 0.0, 1e-6),
    ("SELU: q*", lambda: theory.fixed_point("selu"), 1.0, 1e-6),
    ("SELU: chi", lambda: theory.chi("selu"), 1.071575, 1e-6),
    ("SELU: chi, closed form", selu_chi, 1.071575, 1e-6),
    ("SELU: factor", lambda: theory.signal_factor("selu"), 1.03517, 1e-5),
    ("GELU dies out: q*", lambda: theory.fixed_point("gelu", 2.0), 0.0, 0.0),
    ("GELU, He: slope 1/2 at 0", lambda: theory.chi("gelu", 2.0), 2 / 4, 1e-9),
    ("SiLU, He: slope 1/2 at 0", lambda: theory.chi("silu", 2.0), 2 / 4, 1e-9),
    ("Mish: slope .6 at 0", lambda: theory.signal_factor("mish", 1.0), 0.6, 1e-9),
]

NORM_ROWS = [
    ("batch norm, ReLU", lambda: squared(theory.batch_norm_factor, "relu"), 1.46694, 1e-5),
    (
        "batch norm, ReLU: the same",
        lambda: squared(theory.batch_norm_factor, "relu"),
        math.pi / (math.pi - 1),
        1e-12,
    ),
    ("batch norm, tanh", lambda: squared(theory.batch_norm_factor, "tanh"), 1.1778, 1e-4),
    ("batch norm, GELU", lambda: squared(theory.batch_norm_factor, "gelu"), 1.3188, 1e-4),
    ("batch norm, SiLU", lambda: squared(theory.batch_norm_factor, "silu"), 1.2121, 1e-4),
    ("batch norm, ELU", lambda: squared(theory.batch_norm_factor, "elu"), 1.0790, 1e-4),
    ("batch norm, SELU", lambda: squared(theory.batch_norm_factor, "selu"), 1.0716, 1e-4),
    ("batch norm, sigmoid", lambda: squared(theory.batch_norm_factor, "sigmoid"), 1.0336, 1e-4),
    (
        "batch norm, linear: (B-2)/(B-3)",
        lambda: squared(theory.batch_norm_factor, "linear", np.array([4, 5, 16, 128])),
        [2.0, 1.5, 14 / 13, 126 / 125],
        1e-10,
    ),
    ("layer norm, ReLU", lambda: squared(theory.layer_norm_factor, "relu"), 1.0, 1e-10),
    ("layer norm, tanh", lambda: squared(theory.layer_norm_factor, "tanh"), 1.180, 0.03),
    ("layer norm, sigmoid", lambda: theory.layer_norm_factor("sigmoid"), 0.389, 0.01),
    (
        "group norm, ReLU",
        lambda: theory.group_norm_factor("relu", np.array([256, 32, 8])),
        [1.005, 1.022, 1.098],
        0.02,
    ),
    ("dropout .1, He", lambda: theory.dropout_factor("relu", 0.1, 2.0), 1.054, 1e-3),
    ("dropout .5, He", lambda: theory.dropout_factor("relu", 0.5, 2.0), math.sqrt(2), 1e-12),
    ("weight norm, ReLU", lambda: theory.weight_norm_factor("relu"), math.sqrt(0.5), 1e-12),
    ("and g = sqrt 2", lambda: theory.weight_norm_factor("relu", math.sqrt(2)), 1.0, 1e-12),
]

SHORT_PATH_ROWS = [
    ("residual, no norm: 2^L", lambda: theory.residual_growth(20), 2.0**20, 0.0),
    ("its gradient", lambda: theory.residual_factor() ** 20, 2.0**10, 1e-9),
    ("branch / sqrt 20", lambda: theory.residual_growth(20, 20**-0.5), 2.653, 1e-3),
    ("branch / sqrt 100", lambda: theory.residual_growth(100, 0.1), 2.705, 1e-3),
    ("its gradient, sqrt e", lambda: theory.residual_factor(0.1) ** 100, 1.65, 6e-3),
    ("normalised branch: L + 1", lambda: theory.residual_growth(50, normalised=True), 51.0, 0.0),
    ("branch at 0", lambda: theory.residual_growth(100, 0.0), 1.0, 0.0),
    ("Fixup", lambda: theory.fixup_scale(12, 4), 12 ** (-1 / 6), 1e-15),
    ("DeepNorm, encoder", lambda: theory.deepnorm_alpha(18), 36**0.25, 1e-12),
    ("DeepNorm, encoder: beta", lambda: theory.deepnorm_beta(18), 144**-0.25, 1e-12),
    ("DeepNorm, decoder", lambda: theory.deepnorm_alpha(0, 12), 24**0.25, 1e-12),
    ("DeepNorm, decoder: beta", lambda: theory.deepnorm_beta(0, 12), 96**-0.25, 1e-12),
    (
        "DeepNorm, both: encoder",
        lambda: theory.deepnorm_alpha(6, 12, "encoder"),
        0.81 * (6**4 * 12) ** (1 / 16),
        1e-12,
    ),
    (
        "DeepNorm, both: encoder's beta",
        lambda: theory.deepnorm_beta(6, 12, "encoder"),
        0.87 * (6**4 * 12) ** (-1 / 16),
        1e-12,
    ),
    ("DeepNorm, both: decoder", lambda: theory.deepnorm_alpha(6, 12, "decoder"), 36**0.25, 1e-12),
    ("its beta", lambda: theory.deepnorm_beta(6, 12, "decoder"), 144**-0.25, 1e-12),
    ("highway, bias -2", lambda: theory.highway_carry(50, -2.0), 0.00175, 1e-5),
    ("highway, bias -4", lambda: theory.highway_carry(50, -4.0), 0.40353, 1e-5),
    (
        "shattering, feed-forward",
        lambda: theory.shattering_correlation([1, 2, 4, 8]),
        [0.5, 0.25, 0.0625, 0.0039],
        1e-4,
    ),
    (
        "shattering, residual",
        lambda: theory.shattering_correlation([1, 2, 4, 8], "residual"),
        [0.75, 0.5625, 0.316, 0.100],
        1e-3,
    ),
    (
        "shattering, residual with batch norm",
        lambda: theory.shattering_correlation([4, 16], "residual with batch norm"),
        [0.5, 0.25],
        1e-12,
    ),
]

TIME_ROWS = [
    ("a thousand steps at .99", lambda: theory.linear_recurrence(0.99, 1000), 4.317e-5, 1e-8),
    ("and at .999", lambda: theory.linear_recurrence(0.999, 1000), 0.3677, 1e-4),
    ("500 steps at .99", lambda: theory.linear_recurrence(0.99, 500), 0.00657048, 1e-8),
    ("500 steps at 1.01", lambda: theory.linear_recurrence(1.01, 500), 144.77, 5e-3),
    ("forget gates at .5 over 50 steps", lambda: theory.gate_path([0.5] * 50), 2.0**-50, 1e-27),
    ("a forget gate of bias 0", lambda: theory.mean_gate(0.0), 0.5, 1e-12),
    ("a forget gate of bias 1", lambda: theory.mean_gate(1.0), 1 / (1 + math.exp(-1)), 1e-12),
    ("tanh, singular value .9", lambda: theory.recurrent_bound(0.9, 10), 0.9**10, 1e-12),
    ("sigmoid, value 4", lambda: theory.recurrent_bound(4.0, 99, "sigmoid"), 1.0, 1e-12),
    ("chrono, 50 steps: ends", lambda: theory.chrono_bias(50, [0, 1]), [0, math.log(49)], 1e-12),
]

DESCENT_ROWS = [
    ("decay", lambda: theory.decay_left(0.1, 0.01, 500), 0.606379, 1e-6),
    ("a guess in ten", lambda: theory.guessing_loss(10), 2.302585, 1e-6),
    (
        "Adam's first step",
        lambda: theory.adam_first_step([1e-3, 1e-6, 1e-8, 1e-10], 1.0),
        [1.000, 0.990, 0.500, 0.0099],
        [1e-4, 1e-3, 1e-9, 1e-4],
    ),
    ("a deep Gaussian product", lambda: theory.largest_singular_value(1) ** 2, 4.0, 1e-12),
    ("of 2", lambda: theory.largest_singular_value(2) ** 2, 6.75, 1e-12),
    ("of 5", lambda: theory.largest_singular_value(5) ** 2, 14.9, 0.05),
    ("of 10", lambda: theory.largest_singular_value(10) ** 2, 28.5, 0.05),
    ("orthogonal", lambda: theory.largest_singular_value(32, "orthogonal"), 1.0, 1e-12),
    ("born dead, 10 of 2", lambda: theory.born_dead_probability([2] * 10), 0.944, 1e-3),
    ("born dead, 20 of 3", lambda: theory.born_dead_probability([3] * 20), 0.931, 1e-3),
    ("born dead, 30 of 5", lambda: theory.born_dead_probability([5] * 30), 0.614, 1e-3),
    ("born dead, 50 of 10", lambda: theory.born_dead_probability([10] * 50), 0.048, 1e-3),
    ("dead for 32 samples", lambda: theory.dead_unit_probability(32), 2.0**-32, 0.0),
]

FORMAT_ROWS = [
    ("float16: least subnormal", lambda: FORMAT("float16").smallest_subnormal, 2**-24, 0.0),
    ("float16: least normal", lambda: FORMAT("float16").smallest_normal, 2**-14, 0.0),
    ("float16: largest", lambda: FORMAT("float16").largest, 65504, 0.0),
    ("float16: 2^-25 rounds to 0", lambda: rounded(2**-25, torch.float16), 0.0, 0.0),
    ("float16: 1.001 * 2^-25 not", lambda: rounded(1.001 * 2**-25, torch.float16), 2**-24, 0.0),
    ("float16: Adam's eps is 0", lambda: rounded(1e-8, torch.float16), 0.0, 0.0),
    ("bfloat16: least normal", lambda: FORMAT("bfloat16").smallest_normal, 2**-126, 0.0),
    ("bfloat16: least subnormal", lambda: FORMAT("bfloat16").smallest_subnormal, 2**-133, 0.0),
    ("bfloat16: eps", lambda: FORMAT("bfloat16").eps, 2**-7, 0.0),
    ("bfloat16: 1 + 2^-8 is 1", lambda: rounded(1 + 2**-8, torch.bfloat16), 1.0, 0.0),
]

TABLE = [
    *ACTIVATION_ROWS,
    *MEAN_FIELD_ROWS,
    *NORM_ROWS,
    *SHORT_PATH_ROWS,
    *TIME_ROWS,
    *DESCENT_ROWS,
    *FORMAT_ROWS,
]


@pytest.mark.parametrize(
    ("compute", "expected", "tolerance"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE]
)
def test_computed(compute, expected, tolerance):
    assert (np.abs(np.asarray(compute()) - expected) <= tolerance).all()
