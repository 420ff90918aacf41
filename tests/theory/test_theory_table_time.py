"""Theory held to signals through time, and between tokens."""

import math
from statistics import fmean as mean

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from vgplib.measures import theory
from vgplib.networks import Recurrent, gaussian


def step_signals(cell, x, v):
    """The norm of dloss/dh_t for every step t of a recurrent layer, loss = mean of <v, h_T>.

    Each step runs on its own, so that h_t is a tensor to ask for.
    """
    states, h = [], None
    for step in x:
        _, h = cell(step[None], h)
        states.append(h[0] if isinstance(h, tuple) else h)
    loss = (states[-1] @ v).mean()
    return [s.norm().item() for s in torch.autograd.grad(loss, states)]


def input_ratio(cell, steps, seed):
    """Norm of the gradient at the first input, over that at the last."""
    x = gaussian(steps * 8, 32, 100 + seed).reshape(steps, 8, 32).requires_grad_()
    (gradient,) = torch.autograd.grad((cell(x)[0][-1] @ gaussian(1, 32, seed)[0]).mean(), x)
    return (gradient[0].norm() / gradient[-1].norm()).item()


@settings(max_examples=20)
@given(gain=st.floats(0.2, 2.5), seed=st.integers(0, 99), steps=st.integers(2, 20))
def test_a_tanh_rnn_is_bounded_by_its_largest_singular_value(gain, seed, steps):
    """Pascanu et al. 2013: below 1 it is sufficient for vanishing."""
    cell = Recurrent(3, 8, "rnn", gain, seed).cell
    largest = torch.linalg.matrix_norm(cell.weight_hh_l0.detach(), 2).item()
    signals = step_signals(cell, gaussian(steps, 3, seed)[:, None], gaussian(1, 8, seed)[0])
    for age, signal in enumerate(reversed(signals)):
        bound = signals[-1] * theory.recurrent_bound(largest, age)
        assert signal <= bound * (1 + 1e-12)


@pytest.mark.parametrize(("size", "explodes"), [(0.0, True), (5.0, False)])
def test_a_large_singular_value_is_necessary_for_exploding_but_not_sufficient(size, explodes):
    """Inputs that saturate the units make the same layer's gradient vanish."""
    cell = Recurrent(32, 32, "rnn", seed=0).cell
    nn.init.orthogonal_(cell.weight_hh_l0, 1.5, generator=torch.Generator().manual_seed(0))
    nn.init.zeros_(cell.bias_ih_l0), nn.init.zeros_(cell.bias_hh_l0)
    x = size * gaussian(50, 32, 1)[:, None]
    signals = step_signals(cell, x, gaussian(1, 32, 2)[0])
    assert theory.recurrent_bound(1.5, 49) > 1e8
    assert signals[0] > 1e8 if explodes else signals[0] < 1e-8 * signals[-1]


def test_a_spectral_radius_below_1_may_grow_first():
    matrix = 0.9 * torch.eye(30, dtype=torch.float64) + torch.diag(torch.ones(29).double(), 1)
    assert torch.linalg.eigvals(matrix).abs().max() == pytest.approx(0.9, rel=1e-12)
    largest = torch.linalg.matrix_norm(matrix, 2).item()
    assert largest == pytest.approx(1.90, abs=0.01)
    norms = [
        torch.linalg.matrix_norm(torch.linalg.matrix_power(matrix, t), 2).item()
        for t in (10, 50, 100, 400, 5000)
    ]
    assert norms[:4] == pytest.approx([6.0e2, 4.6e13, 8.0e21, 1.2e27], rel=0.03)
    assert norms[0] < theory.recurrent_bound(largest, 10) and norms[4] < 1e-100


@pytest.mark.parametrize(
    ("bias", "forget", "product"),
    [(0.0, 0.501, -14.7), (1.0, 0.717, -6.9), (2.0, 0.866, -3.0), (5.0, 0.992, -0.18)],
)
def test_the_cell_path_of_an_lstm_is_the_product_of_its_forget_gates(bias, forget, product):
    means, decades, errors = [], [], []
    for seed in range(5):
        net, x = Recurrent(32, 32, "lstm", seed=seed).cell, gaussian(50, 32, seed)
        if bias:  # else PyTorch's own, drawn around 0
            net.bias_ih_l0.data[32:64] = bias
            net.bias_hh_l0.data[32:64] = 0.0
        start = c = torch.zeros(32, dtype=torch.float64, requires_grad=True)
        h, gates = torch.zeros(32, dtype=torch.float64), []
        for step in x:
            z = net.weight_ih_l0 @ step + net.bias_ih_l0 + net.weight_hh_l0 @ h + net.bias_hh_l0
            i, f, g, o = z.chunk(4)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = (o.sigmoid() * c.tanh()).detach()  # the cell path alone
            gates.append(f.sigmoid().detach())
        (path,) = torch.autograd.grad(c.sum(), start)
        gates = torch.stack(gates)
        expected = torch.from_numpy(theory.gate_path(gates))
        errors.append((path - expected).abs().max().item())
        means.append(gates.mean().item())
        decades.append(expected.log10().mean().item())
    assert max(errors) < 1e-12
    assert mean(means) == pytest.approx(forget, abs=0.02)
    # Inputs N(0, 1) and weights of variance 1/96 move the gate's input by a third, the state less.
    assert mean(means) == pytest.approx(theory.mean_gate(bias, 0.36), abs=0.02)
    # units differ by some decades: between them, the mean and the mean logarithm differ by two
    assert mean(decades) == pytest.approx(product, abs=1.3)


def test_pytorch_adds_two_biases_to_a_gate():
    one, two = (nn.LSTM(3, 3, dtype=torch.float64) for _ in range(2))
    names = {name for name, _ in one.named_parameters()}
    assert names == {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"}
    two.load_state_dict(one.state_dict())
    with torch.no_grad():
        one.bias_ih_l0[3:6], one.bias_hh_l0[3:6] = 1.0, 1.0
        two.bias_ih_l0[3:6], two.bias_hh_l0[3:6] = 2.0, 0.0
    x = gaussian(5, 3, 0)[:, None]
    assert torch.allclose(one(x)[0], two(x)[0], rtol=0, atol=1e-15)


def test_a_chrono_lstm_keeps_its_gradient_for_its_longest_time():
    """Tallec & Ollivier 2018."""
    ratios = []
    for seed in range(5):
        cell = Recurrent(32, 32, "lstm", seed=seed).cell
        quantile = torch.rand(32, generator=torch.Generator().manual_seed(seed))
        forget = torch.from_numpy(theory.chrono_bias(50, quantile))
        with torch.no_grad():
            cell.bias_hh_l0.zero_()
            cell.bias_ih_l0.zero_()
            cell.bias_ih_l0[:32], cell.bias_ih_l0[32:64] = -forget, forget
        ratios.append(input_ratio(cell, 50, seed))
    default = input_ratio(Recurrent(32, 32, "lstm", seed=0).cell, 50, 0)
    assert 1e-2 < mean(ratios) < 10 and default < 1e-8


def test_the_mean_forget_gate_of_chrono_initialisation():
    """E[u / (1 + u)], u uniform from 1 to T - 1, is 1 - ln(T / 2) / (T - 2)."""
    quantiles = (torch.arange(1000) + 0.5).double() / 1000
    measured = theory.mean_gate(theory.chrono_bias(50, quantiles)).mean()
    assert measured == pytest.approx(1 - math.log(25) / 48, rel=1e-5)


@pytest.mark.parametrize(("bias", "decades", "tolerance"), [(None, -10.6, 1.0), (2.0, -2.6, 0.5)])
def test_a_gru_keeps_what_its_update_gate_lets_it(bias, decades, tolerance):
    """In PyTorch h' = (1 - z) n + z h: a large z keeps."""
    ratios = []
    for seed in range(5):
        cell = Recurrent(32, 32, "gru", seed=seed).cell
        if bias:  # gates are in the order reset, update, new
            cell.bias_ih_l0.data[32:64] = bias
            cell.bias_hh_l0.data[32:64] = 0.0
        ratios.append(math.log10(input_ratio(cell, 50, seed)))
    assert mean(ratios) == pytest.approx(decades, abs=tolerance)


def test_a_gru_with_no_weights_is_its_update_gate():
    cell = nn.GRU(2, 2, dtype=torch.float64)
    for parameter in cell.parameters():
        nn.init.zeros_(parameter)
    cell.bias_ih_l0.data[2:4] = 1.5
    start = gaussian(1, 2, 0)[None].requires_grad_()
    out, _ = cell(torch.zeros(20, 1, 2, dtype=torch.float64), start)
    (gradient,) = torch.autograd.grad(out[-1].sum(), start)
    expected = theory.gate_path([theory.mean_gate(1.5)] * 20)
    assert gradient.flatten().tolist() == pytest.approx([expected] * 2, rel=1e-12)


def scaled_identity(scale):
    """An IRNN (Le et al. 2015): ReLU, recurrent matrix = identity, here times ``scale``."""
    cell = nn.RNN(4, 4, nonlinearity="relu", bias=False, dtype=torch.float64)
    nn.init.eye_(cell.weight_ih_l0)
    cell.weight_hh_l0.data = scale * torch.eye(4, dtype=torch.float64)
    return cell


@pytest.mark.parametrize(
    ("scale", "steps", "ratio"),
    [(1.0, 500, 1.0), (0.99, 500, 0.00657048), (1.01, 500, 144.77), (0.99, 1000, 4.317e-5)]
    + [(0.999, 1000, 0.3677)],
)
def test_a_linear_recurrence_is_a_power(scale, steps, ratio):
    x = gaussian((steps + 1) * 2, 4, 0).reshape(steps + 1, 2, 4).abs()
    signals = step_signals(scaled_identity(scale), x, torch.ones(4, dtype=torch.float64))
    expected = theory.linear_recurrence(scale, steps)
    assert signals[0] / signals[-1] == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(ratio, rel=2e-4)


def test_truncated_backpropagation_through_time_is_exactly_0_beyond_its_cut():
    """Williams & Peng 1990: 60 steps, cut 20 before the last."""
    cell, x = Recurrent(4, 8, "rnn").cell, gaussian(60, 4, 0)[:, None].requires_grad_()
    _, h = cell(x[:40])
    out, _ = cell(x[40:], h.detach())
    (gradient,) = torch.autograd.grad(out[-1].sum(), x)
    assert not gradient[:40].any()
    assert gradient[40:].flatten(1).any(dim=1).all()


@pytest.mark.parametrize("tokens", [16, 64, 256])
def test_uniform_attention_gives_every_token_its_share(tokens):
    """The path to any token is of length 1, and its weight 1 / T: no exponential."""
    values = gaussian(tokens, 8, 0).requires_grad_()
    query, keys = torch.zeros(1, 8, dtype=torch.float64), gaussian(tokens, 8, 1)
    out = F.scaled_dot_product_attention(query, keys, values)
    (gradient,) = torch.autograd.grad(out.sum(), values)
    assert torch.allclose(gradient, torch.full_like(gradient, 1 / tokens), rtol=1e-12)


@pytest.mark.parametrize("scaled", [True, False])
def test_the_scale_of_attention_keeps_softmax_from_saturating(scaled):
    """q . k has variance d: over sqrt(d) it has 1, whatever d is (Vaswani et al. 2017)."""
    norms = []
    for d in (16, 1024):
        scores = (gaussian(200, d, 0)[:, None] * gaussian(200 * 16, d, 1).reshape(200, 16, d)).sum(
            2
        )
        assert scores.var().item() == pytest.approx(d, rel=0.1)
        p = (scores / math.sqrt(d) if scaled else scores).softmax(dim=1)
        jacobians = torch.diag_embed(p) - p[:, :, None] * p[:, None]
        norms.append(torch.linalg.matrix_norm(jacobians).mean().item())
    if scaled:
        assert norms[1] == pytest.approx(norms[0], rel=0.1)
    else:
        assert norms[1] < norms[0] / 3


def test_pure_attention_makes_all_tokens_alike_and_a_skip_does_not():
    """Dong et al. 2021: the spread of tokens falls doubly exponentially without a skip."""
    spreads = {}
    for skip in (False, True):
        h, found = gaussian(32, 32, 0), []
        for layer in range(6):
            q, k, v = (h @ gaussian(32, 32, 10 * layer + i) / math.sqrt(32) for i in range(1, 4))
            h = F.scaled_dot_product_attention(q, k, v) + skip * h
            found.append(((h - h.mean(dim=0)).norm() / h.norm()).item())
        spreads[skip] = found
    assert spreads[False][0] > 0.3 and spreads[False][5] < 1e-6
    assert spreads[True][5] > 0.2
