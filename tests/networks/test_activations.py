import pytest
import torch

from vgplib.networks import ACTIVATIONS, activation

DENSE = torch.linspace(-12, 12, 240_001, dtype=torch.float64)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_slope_is_the_derivative(name):
    phi = activation(name)
    z = torch.linspace(-4, 4, 40, dtype=torch.float64)  # an even number: no point at a kink
    h = 1e-6
    by_differences = (phi(z + h) - phi(z - h)) / (2 * h)
    assert torch.allclose(phi.slope(z), by_differences, atol=1e-8)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_max_slope_is_the_largest_slope(name):
    phi = activation(name)
    assert phi.slope(DENSE).max().item() == pytest.approx(phi.max_slope, abs=1e-5)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_slope_keeps_shape_and_dtype_and_leaves_its_argument(name, dtype):
    z = torch.randn(3, 4, dtype=dtype, generator=torch.Generator().manual_seed(0))
    before = z.clone()
    with torch.no_grad():
        slope = activation(name).slope(z)
    assert slope.shape == z.shape and slope.dtype == dtype
    assert torch.equal(z, before) and not z.requires_grad


def test_an_unknown_activation_says_what_there_is():
    with pytest.raises(
        ValueError, match=r"unknown activation 'ReLu'\. Did you mean 'relu'\?.*tanh"
    ):
        activation("ReLu")


def test_prelu_stands_where_pytorch_starts_it():
    assert torch.equal(activation("prelu")(DENSE.float()), torch.nn.PReLU()(DENSE.float()))
