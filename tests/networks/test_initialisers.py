import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from vgplib.networks import INITIALISERS, initialise

FEW = settings(max_examples=15)


def linear(fan_in, fan_out, name, gain=1.0, seed=0, dtype=torch.float64, bias=True):
    layer = nn.Linear(fan_in, fan_out, dtype=dtype, bias=bias)
    initialise(layer, name, gain, torch.Generator().manual_seed(seed))
    return layer


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("lecun", lambda fan_in, fan_out: 1 / fan_in),
        ("xavier", lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
        ("he", lambda fan_in, fan_out: 2 / fan_in),
        ("pytorch", lambda fan_in, fan_out: 1 / (3 * fan_in)),
        ("orthogonal", lambda fan_in, fan_out: 1 / max(fan_in, fan_out)),
    ],
)
@pytest.mark.parametrize("shape", [(200, 200), (300, 100), (100, 300)])
@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_the_variance_of_the_weights(name, variance, shape, gain):
    weight = linear(*shape, name, gain).weight
    assert weight.var().item() == pytest.approx(gain**2 * variance(*shape), rel=0.03)
    assert abs(weight.mean().item()) < 5 * weight.std().item() / math.sqrt(weight.numel())


@FEW
@given(
    fan_in=st.integers(1, 12),
    fan_out=st.integers(1, 12),
    gain=st.floats(0.1, 10),
    seed=st.integers(0, 99),
)
def test_orthogonal_weights_have_singular_values_equal_to_the_gain(fan_in, fan_out, gain, seed):
    weight = linear(fan_in, fan_out, "orthogonal", gain, seed).weight.detach()
    values = torch.linalg.svdvals(weight)
    assert torch.allclose(values, torch.full_like(values, gain), rtol=1e-12)


@FEW
@given(name=st.sampled_from(list(INITIALISERS)), gain=st.floats(0.01, 100))
def test_the_gain_multiplies_the_weights_and_not_the_biases(name, gain):
    one, scaled = linear(5, 7, name), linear(5, 7, name, gain)
    assert torch.allclose(scaled.weight, gain * one.weight, rtol=1e-12)
    assert torch.equal(scaled.bias, one.bias)


@pytest.mark.parametrize("name", INITIALISERS)
def test_biases_are_zero_except_in_pytorch_s_own_default(name):
    bias = linear(400, 500, name).bias.detach()
    if name == "pytorch":
        assert bias.abs().max() <= 1 / math.sqrt(400)
        assert bias.var().item() == pytest.approx(1 / (3 * 400), rel=0.1)
    else:
        assert not bias.any()


def test_pytorch_is_what_nn_linear_does():
    ours, theirs = linear(400, 500, "pytorch"), nn.Linear(400, 500, dtype=torch.float64)
    for name in ("weight", "bias"):
        a, b = getattr(ours, name), getattr(theirs, name)
        assert a.std().item() == pytest.approx(b.std().item(), rel=0.1)
        assert a.abs().max().item() == pytest.approx(b.abs().max().item(), rel=0.02)


@pytest.mark.parametrize("name", INITIALISERS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_every_format_gets_the_same_weights_rounded(name, dtype):
    exact = linear(6, 6, name).weight
    assert torch.equal(linear(6, 6, name, dtype=dtype).weight, exact.to(dtype))


def test_a_layer_without_bias_and_the_global_generator():
    layer = nn.Linear(3, 3, bias=False)
    torch.manual_seed(5)
    initialise(layer, "pytorch")
    first = layer.weight.clone()
    torch.manual_seed(5)
    initialise(layer, "pytorch")
    assert torch.equal(first, layer.weight)


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("xavier_normal", "xavier"),
        ("kaiming", "he"),
        ("glorot_uniform", "xavier"),
        ("Lecun", "lecun"),
    ],
)
def test_an_unknown_name_says_what_it_is_called_here(name, closest):
    with pytest.raises(ValueError, match=f"unknown initialiser '{name}'.*'{closest}'.*Allowed"):
        linear(3, 3, name)


@pytest.mark.parametrize("gain", [0.0, -1.0, math.nan, math.inf, "2", True])
def test_a_gain_that_makes_no_sense(gain):
    with pytest.raises(ValueError, match=f"gain must be .*{gain!r}"):
        linear(3, 3, "he", gain)
