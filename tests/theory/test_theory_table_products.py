"""Theory held to products of random layers: how they spread, die, add up and shatter."""

import math
from statistics import fmean as mean

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vgplib.measures import theory
from vgplib.networks import FeedForward, gaussian


def generator(seed):
    return torch.Generator().manual_seed(seed)


def log_square_norms(activation, widths, networks, seed=0):
    """ln of norm(h_L)^2 / norm(x)^2 of many networks at once; without those that are dead."""
    drawn = generator(seed)
    scale = 2.0 if activation == "relu" else 1.0
    h = torch.ones(networks, 1, widths[0])
    start = h.square().sum(dim=2)
    for n in widths:
        weight = torch.randn(networks, h.shape[2], n, generator=drawn)
        # The variance is that of fan_out, so that norms are kept whatever the widths are.
        h = h @ weight * math.sqrt(scale / n)
        h = h.relu() if activation == "relu" else h
    logs = (h.square().sum(dim=2) / start).log().flatten().double()
    return logs[logs.isfinite()]


SHAPES = [("relu", 20, 10), ("relu", 50, 20), ("relu", 100, 20)]


@pytest.mark.parametrize(("activation", "n", "depth"), [*SHAPES, ("linear", 20, 10)])
def test_norms_are_close_to_log_normal(activation, n, depth):
    """Hanin & Nica 2020: Var ln(norm^2) is about 5 L / n for ReLU, and 2 L / n for linear."""
    variance = theory.log_norm_variance(activation, [n] * depth)
    first_order = (5 if activation == "relu" else 2) * depth / n
    assert 0.95 < variance / first_order < (1.25 if activation == "relu" else 1.08)
    centre = theory.log_norm_mean(activation, [n] * depth)
    assert centre == pytest.approx(-first_order / 2, rel=0.15)
    networks = {20: 4000, 50: 1000, 100: 400}[n]
    measured = log_square_norms(activation, [n] * depth, networks)
    # four standard errors
    assert measured.mean() == pytest.approx(centre, abs=4 * math.sqrt(variance / networks))
    assert measured.var().item() == pytest.approx(variance, rel=4 * math.sqrt(2 / networks))


@pytest.mark.parametrize(("n", "depth", "median"), [(20, 10, 0.264), (50, 20, 0.368)])
def test_a_typical_norm_is_below_the_mean(n, depth, median):
    measured = log_square_norms("relu", [n] * depth, 2000).exp()
    assert measured.median() == pytest.approx(median, rel=0.15)
    assert measured.mean() == pytest.approx(1.0, abs=0.25)


def test_the_sum_of_one_over_width_sets_the_spread():
    """Hanin 2018: a narrow layer counts for many wide ones, and more than to first order."""
    wide, narrow, bottleneck = [60] * 10, [30] * 10, [6] + [60] * 10
    spreads = [theory.log_norm_variance("relu", widths) for widths in (wide, narrow, bottleneck)]
    assert spreads == sorted(spreads)
    assert spreads[:2] == pytest.approx([0.89, 1.90], rel=0.02)
    measured = [log_square_norms("relu", widths, 4000).var().item() for widths in (wide, narrow)]
    assert measured == pytest.approx(spreads[:2], rel=0.1)


@pytest.mark.parametrize("depth", [1, 2, 5, 10])
def test_the_largest_singular_value_of_a_gaussian_product(depth):
    """From below as the width grows: at width 200 and depth 10 a fifth of the square is missing."""
    squares = []
    for seed in range(3):
        drawn, product = generator(seed), torch.eye(200, dtype=torch.float64)
        for _ in range(depth):
            weight = torch.randn(200, 200, dtype=torch.float64, generator=drawn)
            product = weight @ product / math.sqrt(200)
        squares.append(torch.linalg.matrix_norm(product, 2).item() ** 2)
    expected = theory.largest_singular_value(depth) ** 2
    assert 0.75 * expected < mean(squares) < 1.05 * expected


def test_an_orthogonal_product_has_singular_values_of_1():
    net = FeedForward(64, 64, 32, "linear", "orthogonal", bias=False)
    product = torch.linalg.multi_dot([layer.weight.detach() for layer in net.hidden])
    expected = torch.full((64,), theory.largest_singular_value(32, "orthogonal")).double()
    assert torch.allclose(torch.linalg.svdvals(product), expected, rtol=0, atol=1e-12)


def test_orthogonal_weights_make_tanh_almost_an_isometry_but_not_relu():
    """Pennington et al. 2017."""
    x = 0.1 * gaussian(1, 128, 0)[0]
    values = {}
    for activation in ("tanh", "relu"):
        gain = math.sqrt(2) if activation == "relu" else 1.0
        net = FeedForward(128, 128, 32, activation, "orthogonal", gain)
        jacobian = torch.autograd.functional.jacobian(net, x)
        values[activation] = torch.linalg.svdvals(jacobian)
    assert values["tanh"].max() < 1 and values["tanh"].min() > 0.3
    assert values["relu"].max() > 3 and values["relu"].min() < 1e-12


@pytest.mark.parametrize(("n", "depth"), [(2, 10), (3, 20), (5, 30), (10, 50)])
def test_how_many_relu_networks_are_born_dead(n, depth):
    """Lu et al. 2019; three standard errors."""
    networks, drawn = 20_000, generator(n)
    h = torch.randn(networks, 1, n, generator=drawn)
    for _ in range(depth):
        h = (h @ torch.randn(networks, n, n, generator=drawn)).relu()
        # keeps what is alive from over- or underflowing; zeros stay zeros
        h = F.normalize(h, dim=2)
    measured = (h == 0).all(dim=2).double().mean().item()
    expected = theory.born_dead_probability([n] * depth)
    error = math.sqrt(expected * (1 - expected) / networks)
    assert measured == pytest.approx(expected, abs=3 * error)


@pytest.mark.parametrize("batch", [1, 3, 6])
def test_how_many_units_are_dead_for_a_batch(batch):
    x = gaussian(batch, 64, 0)
    dead = (x @ gaussian(64, 20_000, 1) <= 0).all(dim=0)
    expected = theory.dead_unit_probability(batch)
    error = math.sqrt(expected * (1 - expected) / 20_000)
    # x is one draw: for given samples the share differs a little from its mean over samples
    assert dead.double().mean().item() == pytest.approx(expected, abs=4 * error + 0.2 * expected)


def test_deep_units_are_dead_more_often_as_samples_come_to_be_alike():
    shares = {1: [], 10: [], 30: []}
    for seed in range(5):
        net, h = FeedForward(128, 128, 30, "relu", "he", seed=seed), gaussian(32, 128, seed)
        for number, layer in enumerate(net.hidden, start=1):
            h = layer(h).relu()
            if number in shares:
                shares[number].append((h == 0).all(dim=0).double().mean().item())
    first, middle, last = (mean(values) for values in shares.values())
    assert first == pytest.approx(theory.dead_unit_probability(32), abs=1e-9)
    assert 0.1 < middle < 0.3 < last < 0.5


def residual_stream(depth, branch_scale, seed, norm=False, width=256, batch=8):
    """Mean squares of h after each block, and the norm of the loss's gradient at either end."""
    drawn, states = generator(seed), [gaussian(batch, width, seed).requires_grad_()]
    for _ in range(depth):
        h = states[-1]
        weights = torch.randn(2, width, width, dtype=torch.float64, generator=drawn)
        branch = F.layer_norm(h, (width,)) if norm else h
        branch = (branch @ weights[0]).relu() @ weights[1] * (math.sqrt(2) / width)
        states.append(h + branch_scale * branch)
    loss = (states[-1] * gaussian(batch, width, seed + 99)).sum()
    ends = torch.autograd.grad(loss, [states[0], states[-1]])
    return [h.square().mean().item() for h in states], ends[0].norm().item() / ends[1].norm().item()


@pytest.mark.parametrize(
    ("depth", "branch_scale", "tolerance"),
    [(20, 1.0, 0.4), (20, 20**-0.5, 0.08), (100, 0.1, 0.08)],
)
def test_a_residual_network_grows_with_every_block(depth, branch_scale, tolerance):
    runs = [residual_stream(depth, branch_scale, seed) for seed in range(6)]
    expected = theory.residual_growth(depth, branch_scale)
    growth = mean(squares[-1] / squares[0] for squares, _ in runs)
    assert growth == pytest.approx(expected, rel=tolerance)
    gradient = mean(ratio for _, ratio in runs)
    expected = theory.residual_factor(branch_scale) ** depth
    assert gradient == pytest.approx(expected, rel=tolerance)


def test_a_normalised_branch_adds_the_same_every_time():
    runs = [residual_stream(50, 1.0, seed, norm=True)[0] for seed in range(4)]
    for block in (1, 5, 10, 25, 50):
        measured = mean(squares[block] / squares[0] for squares in runs)
        assert measured == pytest.approx(theory.residual_growth(block, normalised=True), rel=0.08)


def test_a_branch_at_0_is_the_identity():
    """ReZero, SkipInit, LayerScale at 0: the ratio is 1, and the branch's weights get nothing."""
    scales = torch.zeros(100, dtype=torch.float64, requires_grad=True)
    weights = [gaussian(16, 16, seed).requires_grad_() for seed in range(100)]
    x = gaussian(4, 16, 200).requires_grad_()
    h = x
    for scale, weight in zip(scales, weights, strict=True):
        h = h + scale * (h @ weight).relu()
    v = gaussian(4, 16, 201)
    at_x, at_scales, *at_weights = torch.autograd.grad((h * v).sum(), [x, scales, *weights])
    assert torch.equal(at_x, v)
    assert theory.residual_growth(100, 0.0) == 1.0
    assert not any(gradient.any() for gradient in at_weights) and at_scales.all()


def test_fixup_starts_at_the_loss_of_guessing():
    """The last layer of a branch and the read-out start at 0 (Zhang et al. 2019)."""
    depth, h = 16, gaussian(32, 64, 0)
    for block in range(depth):
        first = nn.Linear(64, 64, dtype=torch.float64)
        nn.init.normal_(first.weight, 0, math.sqrt(2 / 64), generator=generator(block))
        first.weight.data *= theory.fixup_scale(depth)
        last = nn.Linear(64, 64, dtype=torch.float64)
        nn.init.zeros_(last.weight), nn.init.zeros_(last.bias)
        h = h + last(first(h).relu())
    readout = torch.zeros(64, 10, dtype=torch.float64)
    loss = F.cross_entropy(h @ readout, torch.arange(32) % 10).item()
    assert loss == pytest.approx(theory.guessing_loss(10), abs=1e-6)


@pytest.mark.parametrize(("bias", "tolerance"), [(-4.0, 0.01), (-6.0, 0.01)])
def test_a_highway_carries_its_signal(bias, tolerance):
    ratios = []
    for seed in range(3):
        drawn = generator(seed)
        x = gaussian(8, 64, seed).requires_grad_()
        h = x
        for _ in range(50):
            weights = torch.randn(2, 64, 64, dtype=torch.float64, generator=drawn) / 8
            gate = torch.sigmoid(bias + 0.1 * (h @ weights[0]))
            h = gate * (h @ weights[1]).relu() + (1 - gate) * h
        v = gaussian(8, 64, seed + 50)
        (gradient,) = torch.autograd.grad((h * v).sum(), x)
        # the share of v that arrives: the rest of the gradient is at right angles to it
        ratios.append(((gradient * v).sum() / (v * v).sum()).item())
    assert mean(ratios) == pytest.approx(theory.highway_carry(50, bias), rel=tolerance)


def input_gradients(depth, architecture, seed, networks=300, width=64):
    """Gradients at two unlike inputs of many ReLU networks, of shape (networks, 2, width)."""
    drawn = generator(seed)
    x = torch.randn(networks, 2, width, dtype=torch.float64, generator=drawn).requires_grad_()
    h = x
    for _ in range(depth):
        weight = torch.randn(networks, width, width, dtype=torch.float64, generator=drawn)
        weight = weight * math.sqrt(2 / width)
        h = (h @ weight).relu() if architecture == "feed-forward" else h + h.relu() @ weight
    v = torch.randn(networks, 1, width, dtype=torch.float64, generator=drawn)
    return torch.autograd.grad((h * v).sum(), x)[0]


@pytest.mark.parametrize("architecture", ["feed-forward", "residual"])
def test_gradients_shatter_with_depth(architecture):
    """Balduzzi et al. 2017, whose assumption holds for a layer or two; deeper ones lie above."""
    measured = []
    for depth in (1, 2, 4, 8):
        g = input_gradients(depth, architecture, depth)
        measured.append(((g[:, 0] * g[:, 1]).sum() / (g.square().sum() / 2)).item())
    expected = theory.shattering_correlation([1, 2, 4, 8], architecture)
    assert measured[:2] == pytest.approx(expected[:2], abs=0.06)
    assert measured == sorted(measured, reverse=True)
    assert all(m > e - 0.06 for m, e in zip(measured, expected, strict=True))
