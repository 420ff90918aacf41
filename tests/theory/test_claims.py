"""Sentences that people repeat about vanishing gradients, and what is measured."""

import math

import pytest
import torch
import torch.nn.functional as F

from vgplib.measures.layers import measure
from vgplib.networks import FeedForward, Recurrent, digits, gaussian


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def test_vanishing_is_there_before_training_and_is_relative(wide):
    runs = wide("sigmoid", "lecun", 1.0)  # at equal widths the same as Xavier
    assert mean(d.attrs["factor"] for d in runs) == pytest.approx(0.236, rel=0.03)
    assert mean(d.attrs["ratio"] for d in runs) == pytest.approx(1.1e-12, rel=0.35)


def test_small_gradients_at_a_solved_task_are_not_vanishing():
    x, y, _, _ = digits()
    net = FeedForward(64, 64, 3, "relu", "he", outputs=10, dtype=torch.float32)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    order = torch.Generator().manual_seed(0)
    for _ in range(14):
        for batch in torch.randperm(len(x), generator=order).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
    data = measure(net, lambda m: F.cross_entropy(m(x), y))
    assert data.attrs["loss"] < 5e-4
    assert data.weight_grad.max() < 2e-3
    assert 0.5 < data.weight_grad[0] / data.weight_grad[2] < 2


@pytest.mark.parametrize(
    ("cell", "steps", "decades", "tolerance"),
    [
        ("rnn", 10, -3.1, 0.3),
        ("rnn", 50, -16.7, 1.6),
        ("rnn", 100, -33.8, 3.6),
        ("lstm", 50, -10.3, 0.4),
        ("lstm_forget_1", 50, -4.6, 0.3),
    ],
)
def test_depth_is_that_of_the_graph_so_a_recurrent_layer_counts_every_step(
    cell, steps, decades, tolerance
):
    ratios = []
    for seed in range(5):
        x = gaussian(steps * 8, 32, 100 + seed).reshape(steps, 8, 32)
        v = gaussian(1, 32, 200 + seed)[0]
        net = Recurrent(32, 32, cell, seed=seed)
        data = measure(net, lambda m, x=x, v=v: (m(x)[-1] @ v).mean())
        ratios.append(math.log10(data.step_ratio.item()))
    assert mean(ratios) == pytest.approx(decades, abs=tolerance)


def test_large_gradients_can_vanish():
    x, y, _, _ = digits()
    x = x[:64].double()
    net = FeedForward(64, 64, 8, "sigmoid", "xavier", outputs=10)
    plain = measure(net, lambda m: F.cross_entropy(m(x), y[:64]))
    large = measure(net, lambda m: 1e9 * F.cross_entropy(m(x), y[:64]))
    assert large.weight_grad.min() > 1e3
    assert large.attrs["ratio"] == pytest.approx(plain.attrs["ratio"], rel=1e-12)
    assert large.attrs["ratio"] < 1e-3


def test_gradients_below_1_need_not_vanish():
    net = FeedForward(64, 64, 20, "linear", "orthogonal")
    x, v = gaussian(8, 64, 0), gaussian(1, 64, 1)[0]
    data = measure(net, lambda m: 1e-3 * (m(x) @ v).mean())
    assert data.weight_grad.max() < 1 and data.signal.max() < 1
    assert data.attrs["ratio"] == pytest.approx(1, rel=1e-12)
