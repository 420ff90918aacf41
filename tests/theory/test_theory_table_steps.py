"""Theory held to steps of training: clipping, decay, Adam, widths, and rounding."""

import math
from statistics import fmean as mean

import numpy as np
import pytest
import torch
from torch import nn

from vgplib.measures import theory
from vgplib.networks import FeedForward, gaussian

INF, NAN = math.inf, math.nan


def clipped_by_pytorch(gradient, clip, limit):
    parameter = nn.Parameter(torch.zeros(len(gradient), dtype=torch.float64))
    parameter.grad = torch.tensor(gradient, dtype=torch.float64)
    clip([parameter], limit)
    return parameter.grad.numpy()


@pytest.mark.parametrize("limit", [0.1, 1.0, 5.0, 13.0, 100.0])
def test_clipping_by_norm(limit):
    """Exact to rounding: Pascanu et al. 2013, and PyTorch with its 1e-6."""
    gradient = [3.0, 4.0, -12.0]
    ours = theory.clip_by_norm(gradient, limit, eps=1e-6)
    assert ours == pytest.approx(
        clipped_by_pytorch(gradient, nn.utils.clip_grad_norm_, limit), rel=1e-14
    )
    exact = np.multiply(gradient, min(1, limit / 13))
    assert theory.clip_by_norm(gradient, limit) == pytest.approx(exact, rel=1e-9)


def test_clipping_by_value_turns_the_gradient():
    gradient = [10.0, 1.0, -0.5]
    ours = theory.clip_by_value(gradient, 1.0)
    assert ours.tolist() == clipped_by_pytorch(gradient, nn.utils.clip_grad_value_, 1.0).tolist()
    cosine = ours @ gradient / np.linalg.norm(ours) / np.linalg.norm(gradient)
    assert cosine == pytest.approx(11.25 / 1.5 / math.sqrt(101.25), rel=1e-12)


@pytest.mark.parametrize(
    ("gradient", "by_norm", "by_value"),
    [
        ([1.0, INF, 2.0], [0.0, NAN, 0.0], [1.0, 1.5, 1.5]),
        ([1.0, NAN, 2.0], [NAN, NAN, NAN], [1.0, NAN, 1.5]),
    ],
)
def test_clipping_what_is_not_finite(gradient, by_norm, by_value):
    same = {"equal_nan": True}
    norm, value = nn.utils.clip_grad_norm_, nn.utils.clip_grad_value_
    assert np.array_equal(clipped_by_pytorch(gradient, norm, 1.5), by_norm, **same)
    assert np.array_equal(theory.clip_by_norm(gradient, 1.5), by_norm, **same)
    assert np.array_equal(clipped_by_pytorch(gradient, value, 1.5), by_value, **same)
    assert np.array_equal(theory.clip_by_value(gradient, 1.5), by_value, **same)


def descent_steps(start, rate, max_norm, most=1_000_000):
    """Steps on x^4 / 4 until the gradient x^3 is at most 0.01."""
    x = start
    for step in range(most):
        gradient = x**3
        if abs(gradient) <= 0.01:
            return step
        x -= rate * gradient * (min(1, max_norm / abs(gradient)) if max_norm else 1)
    return INF


@pytest.mark.parametrize(
    ("start", "fixed", "clipped"), [(10, 3225, 505), (100, 323_155, 1405), (1000, INF, 10_405)]
)
def test_clipped_descent_beats_a_fixed_rate_where_the_curvature_grows(start, fixed, clipped):
    """Zhang et al. 2020: a fixed rate must suit the steepest place, 1 / (3 x^2) at the start."""
    assert descent_steps(start, 1 / (3 * start**2), None) == fixed
    assert descent_steps(start, 1 / 40, 4) == clipped


def test_decay_without_a_gradient():
    parameter = nn.Parameter(torch.ones(3, dtype=torch.float64))
    optimizer = torch.optim.SGD([parameter], lr=0.1, weight_decay=0.01)
    for _ in range(500):
        parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    assert parameter.tolist() == pytest.approx([theory.decay_left(0.1, 0.01, 500)] * 3, rel=1e-12)


def test_adams_first_step():
    parameter = nn.Parameter(torch.zeros(5, dtype=torch.float64))
    gradient = [1e3, -1e-3, 1e-6, 1e-8, -1e-10]
    parameter.grad = torch.tensor(gradient, dtype=torch.float64)
    torch.optim.Adam([parameter], lr=0.01).step()
    moved = -parameter.detach().numpy() * np.sign(gradient)
    assert moved == pytest.approx(theory.adam_first_step(gradient, 0.01), rel=1e-9)


@pytest.mark.parametrize(("scaled", "change"), [(False, "grows"), (True, "stays")])
def test_a_learning_rate_over_the_width_keeps_adams_step_the_same(scaled, change):
    """Yang & Hu 2021 (muP), for a hidden matrix: how far one step moves its output."""
    moves = []
    for width in (64, 256, 1024):
        squares = []
        for seed in range(0, 16, 4):
            x = gaussian(2, width, seed)
            layer = nn.Linear(width, width, bias=False, dtype=torch.float64)
            layer.weight.data = gaussian(width, width, seed + 1) / math.sqrt(width)
            before = layer(x)
            # far above eps, as with a loss scale: the step is then the sign of the gradient
            (1e9 * before.relu() @ gaussian(1, width, seed + 2)[0]).mean().backward()
            rate = 0.01 * (64 / width if scaled else 1)
            torch.optim.Adam(layer.parameters(), lr=rate).step()
            squares.append((layer(x) - before).square().mean().item())
        moves.append(math.sqrt(mean(squares)))
    if change == "stays":
        assert moves == pytest.approx([moves[1]] * 3, rel=0.1)
    else:
        assert moves[1] > 3 * moves[0] and moves[2] > 3 * moves[1]


def test_the_defaults_of_the_loss_scaler():
    scaler = torch.amp.GradScaler("cpu")
    assert scaler.get_scale() == 65536 and scaler.get_growth_factor() == 2
    assert scaler.get_backoff_factor() == 0.5 and scaler.get_growth_interval() == 2000


@pytest.mark.parametrize(("change", "lost"), [(1e-3, 1.0), (3e-3, 0.38), (1e-2, 0.0)])
def test_bfloat16_loses_small_updates(change, lost):
    """What is under half the distance to the next number, 2^-9 to 2^-8 of it, rounds away."""
    weight = gaussian(100, 100, 0).to(torch.bfloat16)
    unchanged = (weight + (change * weight.double()).to(torch.bfloat16) == weight).double().mean()
    assert unchanged.item() == pytest.approx(lost, abs=0.05)


def layers_with_a_signal(activation, initialiser, depth, dtype, loss_scale=1.0):
    """How many of the last layers have an error signal that is not all 0; mean of five seeds."""
    left = []
    for seed in range(5):
        net = FeedForward(64, 64, depth, activation, initialiser, seed=seed, dtype=dtype)
        h, v = gaussian(1, 64, seed, dtype), gaussian(1, 64, seed + 9, dtype)[0]
        zs = []
        for layer in net.hidden:
            zs.append(layer(h))
            h = net.activation(zs[-1])
        signals = torch.autograd.grad((h @ v).mean() * loss_scale, zs)
        left.append(sum(bool(s.any()) for s in signals))
    return mean(left)


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
    measured = layers_with_a_signal(activation, initialiser, depth, torch.float32)
    assert measured == pytest.approx(layers, abs=2)
    expected = theory.underflow_depth(theory.signal_factor(activation, *variances), "float32")
    assert measured == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("loss_scale", [1.0, 1024.0])
def test_how_many_layers_a_loss_scale_buys_in_float16(loss_scale):
    """Micikevicius et al. 2018."""
    measured = layers_with_a_signal("sigmoid", "xavier", 25, torch.float16, loss_scale)
    factor = theory.signal_factor("sigmoid")
    assert measured == pytest.approx(theory.underflow_depth(factor, "float16", loss_scale), abs=1.5)


def test_the_bounds_that_pytorch_draws_weights_within():
    generator = torch.Generator().manual_seed(0)
    weight = nn.init.xavier_uniform_(torch.empty(300, 200), generator=generator)
    bound = theory.glorot_bound(200, 300)
    assert 0.999 * bound < weight.abs().max() <= bound * (1 + 1e-6)
    assert weight.var().item() == pytest.approx(theory.glorot_variance(200, 300), rel=0.02)
    weight = nn.init.kaiming_normal_(torch.empty(300, 200), a=0.25, generator=generator)
    assert weight.var().item() == pytest.approx(theory.he_variance(200, 0.25), rel=0.03)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        linear = nn.Linear(200, 3000)
    for drawn in (linear.weight, linear.bias):
        assert drawn.abs().max().item() == pytest.approx(1 / math.sqrt(200), rel=2e-3)
        assert drawn.var().item() == pytest.approx(theory.pytorch_variance(200), rel=0.05)
