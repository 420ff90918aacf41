import math
import re
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from vgplib.measures.layers import measure
from vgplib.measures.report import VARIABLES
from vgplib.networks import FeedForward, gaussian

FEW = settings(max_examples=10)
SMOOTH = ["sigmoid", "tanh", "gelu", "silu", "linear", "softplus"]


def projected(x, scale=1.0):
    """A loss: the mean over the batch of <v, output>, with one Gaussian v."""

    def loss(model):
        out = model(x)
        v = gaussian(1, out.shape[-1], seed=77, dtype=out.dtype)[0]
        return scale * (out @ v).mean()

    return loss


def by_differences(loss, model, tensor, h=1e-6):
    """The gradient of ``loss(model)`` with respect to ``tensor``, by central differences."""
    flat, gradient = tensor.data.view(-1), torch.empty(tensor.numel(), dtype=torch.float64)
    for i in range(flat.numel()):
        middle = flat[i].item()
        flat[i] = middle + h
        above = loss(model).item()
        flat[i] = middle - h
        below = loss(model).item()
        flat[i] = middle
        gradient[i] = (above - below) / (2 * h)
    return gradient


@pytest.mark.parametrize("activation", [*SMOOTH, "relu", "selu"])
def test_gradients_against_finite_differences(activation):
    net = FeedForward(3, 4, 3, activation, "pytorch", gain=1.5, outputs=2, seed=2)
    loss = projected(gaussian(1, 3, seed=4))  # a batch of 1: dloss/db is then dloss/dz
    data = measure(net, loss)
    for i, layer in enumerate([*net.hidden, net.readout]):
        signal = by_differences(loss, net, layer.bias).norm().item()
        weight_grad = by_differences(loss, net, layer.weight).norm().item()
        assert data.signal[i].item() == pytest.approx(signal, rel=1e-6)
        assert data.weight_grad[i].item() == pytest.approx(weight_grad, rel=1e-6)


def test_every_variable_against_its_definition():
    net = FeedForward(3, 5, 4, "tanh", gain=2.0, outputs=2, seed=1)
    x = gaussian(6, 3, seed=0)
    data = measure(net, projected(x))

    assert list(data.layer) == [1, 2, 3, 4, 5]
    assert list(data.name.values) == [*(f"hidden.{i}" for i in range(4)), "readout"]
    assert list(data.data_vars) == list(VARIABLES)
    assert all(data[v].units and data[v].definition for v in VARIABLES)

    h, zs = x, []
    for layer in net.hidden:
        zs.append(layer(h))
        zs[-1].retain_grad()
        h = torch.tanh(zs[-1])
    (net.readout(h) @ gaussian(1, 2, seed=77)[0]).mean().backward()
    for i, z in enumerate(zs):
        slope = 1 - torch.tanh(z) ** 2
        expected = {
            "signal": z.grad.norm(),
            "weight_grad": net.hidden[i].weight.grad.norm(),
            "weight_norm": net.hidden[i].weight.norm(),
            "activation_mean": torch.tanh(z).mean(),
            "activation_std": torch.tanh(z).std(correction=0),
            "saturated": (slope < 0.05).double().mean(),
            "output_rms": z.pow(2).mean().sqrt(),
            "signal_rms": z.grad.pow(2).mean().sqrt(),
            "dead": torch.tensor(0.0),
        }
        for key, value in expected.items():
            assert data[key][i].item() == pytest.approx(value.item(), rel=1e-10), key
    assert all(math.isnan(data[k][-1].item()) for k in ("activation_mean", "saturated", "dead"))


def test_dead_units_are_those_with_slope_0_for_the_whole_batch():
    net = FeedForward(2, 4, 1, "relu")
    with torch.no_grad():
        net.hidden[0].weight.zero_()
        net.hidden[0].bias.copy_(torch.tensor([-1.0, 1.0, -1.0, -1.0]))
    data = measure(net, projected(gaussian(5, 2, seed=0)))
    assert data.dead.item() == data.saturated.item() == 0.75


@FEW
@given(
    activation=st.sampled_from(["sigmoid", "tanh", "relu"]),
    scale=st.floats(1e-9, 1e9),
    seed=st.integers(0, 50),
)
def test_the_scale_of_the_loss_scales_every_gradient_and_no_ratio(activation, scale, seed):
    net = FeedForward(4, 6, 5, activation, "he", seed=seed)
    x = gaussian(3, 4, seed)
    one, scaled = measure(net, projected(x)), measure(net, projected(x, scale))
    for key in ("signal", "weight_grad"):
        assert scaled[key].values == pytest.approx(scale * one[key].values, rel=1e-9)
    for key in ("factor", "r2", "ratio"):
        assert scaled.attrs[key] == pytest.approx(one.attrs[key], rel=1e-9, nan_ok=True)


@FEW
@given(gain=st.floats(0.2, 3.0), depth=st.integers(3, 12), seed=st.integers(0, 50))
def test_a_deep_linear_orthogonal_network_multiplies_by_its_gain(gain, depth, seed):
    net = FeedForward(6, 6, depth, "linear", "orthogonal", gain=gain, seed=seed)
    attrs = measure(net, projected(gaussian(2, 6, seed))).attrs
    assert attrs["factor"] == pytest.approx(gain, rel=1e-9)
    assert attrs["ratio"] == pytest.approx(gain ** (depth - 1), rel=1e-9)


def state(model):
    return [
        *(p.detach().clone() for p in model.parameters()),
        *(b.clone() for b in model.buffers()),
        torch.get_rng_state(),
    ]


@pytest.mark.parametrize("training", [True, False])
def test_the_model_and_the_random_state_are_left_as_they_were(training):
    net = nn.Sequential(
        nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(5, 1)
    ).train(training)
    net[0].weight.grad = torch.full((5, 4), 3.0)
    before = state(net)
    with torch.no_grad():
        measure(net, lambda m: m(gaussian(6, 4, 0, torch.float32)).mean())
        assert not torch.is_grad_enabled()
    assert all(torch.equal(a, b) for a, b in zip(before, state(net), strict=True))
    assert torch.equal(net[0].weight.grad, torch.full((5, 4), 3.0)) and net[4].weight.grad is None
    assert net.training is training
    assert not any(m._forward_hooks for m in net.modules())


def test_hooks_are_removed_when_the_loss_fails():
    net = FeedForward(2, 2, 2, "tanh")
    with pytest.raises(ZeroDivisionError):
        measure(net, lambda m: 1 / 0)
    assert not any(m._forward_hooks for m in net.modules())


def test_an_activation_in_place_does_not_change_what_is_measured():
    layers = FeedForward(4, 4, 2, "relu").hidden
    loss = projected(gaussian(6, 4, 0))
    apart = measure(nn.Sequential(layers[0], nn.ReLU(), layers[1]), loss)
    in_place = measure(nn.Sequential(layers[0], nn.ReLU(inplace=True), layers[1]), loss)
    assert in_place.signal.values == pytest.approx(apart.signal.values, rel=1e-12)


def test_frozen_layers_have_a_signal_and_no_weight_gradient():
    net = FeedForward(3, 4, 3, "tanh")
    loss = projected(gaussian(2, 3, 0))
    free = measure(net, loss)
    for layer in net.hidden[:2]:
        layer.requires_grad_(False)
    frozen = measure(net, loss)
    assert frozen.signal.values == pytest.approx(free.signal.values, rel=1e-12)
    assert [math.isnan(g) for g in frozen.weight_grad.values] == [True, True, False]


def test_layers_come_in_the_order_in_which_they_ran():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.last, self.first = nn.Linear(3, 1), nn.Linear(2, 3)

        def forward(self, x):
            return self.last(self.first(x))

    data = measure(Backwards(), lambda m: m(torch.ones(1, 2)).sum())
    assert list(data.name.values) == ["first", "last"]


def test_only_layers_of_the_same_width_are_compared():
    widths = [3, 8, 5, 5, 5, 2]
    net = nn.Sequential(*(nn.Linear(a, b) for a, b in zip(widths, widths[1:], strict=False)))
    net = net.double()
    data = measure(net, projected(gaussian(4, 3, 0)))
    signal = data.signal.values
    assert data.attrs["ratio"] == pytest.approx(signal[1] / signal[3], rel=1e-12)


def test_the_read_out_is_not_a_hidden_layer_even_where_it_is_as_wide():
    data = measure(FeedForward(4, 4, 3, "tanh", outputs=4), projected(gaussian(2, 4, 0)))
    signal = data.signal.values
    assert data.attrs["ratio"] == pytest.approx(signal[0] / signal[2], rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_every_format_gives_nearly_the_float64_profile(dtype):
    def data(dtype):
        net = FeedForward(16, 32, 4, "tanh", dtype=dtype)
        return measure(net, projected(gaussian(4, 16, 0, dtype)))

    exact, rounded = data(torch.float64), data(dtype)
    tolerance = 20 * torch.finfo(dtype).eps
    assert rounded.signal.values == pytest.approx(exact.signal.values, rel=tolerance)
    assert rounded.weight_norm.values == pytest.approx(exact.weight_norm.values, rel=tolerance)


def test_a_signal_that_underflows_is_0_and_so_is_the_ratio():
    net = FeedForward(8, 8, 30, "sigmoid", dtype=torch.float16)
    data = measure(net, projected(gaussian(4, 8, 0, torch.float16)))
    assert data.signal[0] == 0 and data.signal[-1] > 0
    assert data.attrs["ratio"] == 0
    assert 0.1 < data.attrs["factor"] < 0.5  # over the layers that are left
    assert data.attrs["first_non_finite"] == ""


def test_one_hidden_layer_has_no_factor():
    attrs = measure(FeedForward(2, 3, 1, "tanh"), projected(gaussian(2, 2, 0))).attrs
    assert math.isnan(attrs["factor"]) and math.isnan(attrs["r2"]) and attrs["ratio"] == 1


def forward_overflow():
    net = FeedForward(8, 8, 40, "relu", gain=10.0, dtype=torch.float16)
    return net, projected(gaussian(2, 8, 0, torch.float16)), r"output of hidden\.\d+"


def infinite_weight():
    net = FeedForward(4, 4, 3, "tanh")
    net.hidden[1].weight.data[0, 0] = math.inf
    return net, projected(gaussian(2, 4, 0)), r"parameter hidden\.1\.weight"


def bad_data():
    x = gaussian(2, 4, 0)
    x[1, 2] = math.nan
    return FeedForward(4, 4, 3, "tanh"), projected(x), r"input of hidden\.0"


def infinite_loss():
    net = FeedForward(4, 4, 3, "tanh")
    return net, lambda m: m(gaussian(2, 4, 0)).sum() * math.inf, "loss"


def backward_overflow():
    net = FeedForward(8, 8, 40, "linear", gain=20.0, dtype=torch.float32)
    x = torch.zeros(2, 8)  # the forward pass stays at 0
    return net, lambda m: m(x).sum(), r"signal at hidden\.\d+"


@pytest.mark.parametrize(
    "case", [infinite_weight, bad_data, forward_overflow, infinite_loss, backward_overflow]
)
def test_what_is_not_finite_is_named_and_no_ratio_is_made_of_it(case):
    net, loss, place = case()
    attrs = measure(net, loss).attrs
    assert re.fullmatch(place, attrs["first_non_finite"])
    assert all(math.isnan(attrs[key]) for key in ("factor", "r2", "ratio"))


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (
            lambda m: m(gaussian(2, 3, 0)),
            r"scalar tensor, not one of shape \(2, 4\): take its mean",
        ),
        (lambda m: m(gaussian(2, 3, 0)).mean().item(), r"scalar tensor, not float.*\.item\(\)"),
        (lambda m: m(gaussian(2, 3, 0)).mean().detach(), "detached from the network"),
        (lambda m: m(gaussian(2, 3, 0)).detach().mean() + m.hidden[0].bias.sum(), "not depend on"),
        (lambda m: m.hidden[0].weight.sum(), r"no layer of the model ran"),
        (lambda m: torch.tensor(1.0), r"no layer of the model ran"),
    ],
)
def test_a_loss_that_cannot_be_measured_says_why(loss, message):
    with pytest.raises(ValueError, match=message):
        measure(FeedForward(3, 4, 2, "tanh"), loss)


def test_the_import_is_light():
    code = (
        "import sys, vgplib.networks, vgplib.measures.layers, vgplib.measures.record, "
        "vgplib.measures.theory; "
        "print([m for m in ('xarray', 'pandas', 'scipy', 'sklearn', 'matplotlib') "
        "if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
