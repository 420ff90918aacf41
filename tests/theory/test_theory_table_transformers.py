"""Theory held to stacks of transformer layers: where the norm stands decides."""

import math
from statistics import fmean as mean

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vgplib.measures import theory
from vgplib.networks import gaussian

WIDTH, TOKENS = 64, 16


def feed_forward_gradients(layers, kind, seed):
    """Norm of the gradient of the first and the last layer's second feed-forward matrix.

    Layers of one-head attention and a feed-forward pair, Glorot weights, on 16 random tokens.
    """
    drawn = torch.Generator().manual_seed(seed)
    alpha = theory.deepnorm_alpha(layers) if kind == "deepnorm" else 1.0
    beta = theory.deepnorm_beta(layers) if kind == "deepnorm" else 1.0

    def weight(fan_in, fan_out, gain=1.0):
        std = gain * math.sqrt(theory.glorot_variance(fan_in, fan_out))
        return std * torch.randn(fan_in, fan_out, dtype=torch.float64, generator=drawn)

    def norm(h):
        return F.layer_norm(h, (WIDTH,))

    h, seconds = gaussian(TOKENS, WIDTH, seed), []
    for _ in range(layers):
        query, key = weight(WIDTH, WIDTH), weight(WIDTH, WIDTH)
        value, out = weight(WIDTH, WIDTH, beta), weight(WIDTH, WIDTH, beta)
        first = weight(WIDTH, 4 * WIDTH, beta)
        seconds.append(weight(4 * WIDTH, WIDTH, beta).requires_grad_())

        def attention(x, q=query, k=key, v=value, o=out):
            return F.scaled_dot_product_attention(x @ q, x @ k, x @ v) @ o

        def feed_forward(x, w=first, second=seconds[-1]):
            return (x @ w).relu() @ second

        for branch in (attention, feed_forward):
            h = h + branch(norm(h)) if kind == "pre" else norm(alpha * h + branch(h))
    h = norm(h) if kind == "pre" else h
    # A read-out of its own for every token: how alike the tokens have become then plays no part.
    loss = (h * gaussian(TOKENS, WIDTH, seed + 100)).mean()
    gradients = torch.autograd.grad(loss, seconds)
    return gradients[0].norm().item(), gradients[-1].norm().item()


def exponent(kind, depths=(8, 16, 32, 64)):
    """The power of the depth by which the last layer's gradient falls."""
    last = [mean(feed_forward_gradients(n, kind, seed)[1] for seed in range(4)) for n in depths]
    return np.polyfit(np.log(depths), np.log(last), 1)[0]


def test_the_last_gradient_falls_as_the_root_of_the_depth_before_a_norm_only():
    """Xiong et al. 2020: sqrt(1 / L) with the norm inside the branch, no L with it after."""
    assert exponent("pre") == pytest.approx(-0.5, abs=0.15)
    assert exponent("post") > -0.1


def test_deepnorm_keeps_first_and_last_alike():
    """Wang et al. 2022: with it, the norm after the sum neither vanishes nor explodes."""
    assert exponent("deepnorm") == pytest.approx(-0.5, abs=0.1)
    for layers in (4, 32):
        runs = [feed_forward_gradients(layers, "deepnorm", seed) for seed in range(4)]
        assert mean(first / last for first, last in runs) == pytest.approx(1.0, abs=0.1)
