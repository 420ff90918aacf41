import torch

from vgplib.networks import digits, gaussian


def test_digits_are_standardised_and_always_split_the_same_way():
    before = torch.get_rng_state()
    x, y, x_test, y_test = digits()
    assert torch.equal(torch.get_rng_state(), before)
    assert x.shape == (1400, 64) and x_test.shape == (397, 64)
    assert x.dtype == x_test.dtype == torch.float32 and y.dtype == y_test.dtype == torch.int64
    assert x.mean(0).abs().max() < 1e-5
    std = x.std(0)
    assert bool(((std - 1).abs() < 1e-4).logical_or(std == 0).all())
    assert x_test.isfinite().all()
    assert y.bincount().min() > 100 and y_test.bincount().min() > 20
    assert y.sum().item() + y_test.sum().item() == 8070  # the labels of all 1797 digits


def test_digits_belong_to_the_caller():
    digits()[0].zero_()
    assert digits()[0].any()


def test_gaussian_inputs():
    before = torch.get_rng_state()
    x = gaussian(500, 40, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert abs(x.mean().item()) < 0.03 and abs(x.std().item() - 1) < 0.03
    assert torch.equal(x.to(torch.float16), gaussian(500, 40, seed=1, dtype=torch.float16))
    assert not torch.equal(x, gaussian(500, 40, seed=2))
