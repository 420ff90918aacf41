"""What norms do to the signal: what the page on normalisation states, and what it rests on."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import vgplib as vgp
from vgplib.experiments import normalisation
from vgplib.measures import theory
from vgplib.networks import Deep, gaussian
from vgplib.networks.activations import ACTIVATIONS


def kept(**settings):
    return vgp.readouts("normalisation", **settings)[0].value


def arrives(**settings):
    return vgp.readouts("normalisation", **settings)[1].value


@pytest.mark.parametrize("norm", ["none", "batch", "layer", "weight"])
def test_the_signal_is_the_gradient_of_what_the_activation_gets(norm):
    settings = {"network": "tanh", "norm": norm, "batch": 4, "depth": 3}
    found = normalisation.run(**settings, seed=2)
    net = Deep(256, 256, 3, "tanh", "xavier", norm=None if norm == "none" else norm, seed=2)
    h, sums = gaussian(4, 256, seed=1002), []
    for linear, after in zip(net.hidden, net.norms, strict=True):
        sums.append(after(linear(h)))
        h = torch.tanh(sums[-1])
    loss = (h * gaussian(4, 256, seed=2002)).sum(dim=1).mean()
    expected = [g.norm().item() for g in torch.autograd.grad(loss, sums)]
    np.testing.assert_allclose(found["signal"], expected, rtol=1e-10)


# Where theory has wide layers and the chart has 256 units, over 19 layers: what is kept per layer.
@pytest.mark.parametrize("network", normalisation.NETWORKS)
@pytest.mark.parametrize("norm", ["none", "batch", "layer", "rms", "group", "weight"])
def test_theory_is_what_is_measured(network, norm):
    exp = vgp.experiments.experiment("normalisation")
    settings = exp.check({"network": network, "norm": norm, "depth": 20})
    line = vgp.experiments.look(exp, settings).series[1].y
    assert kept(**settings) == pytest.approx((line[0] / line[-1]) ** (1 / 19), rel=0.02)


@pytest.mark.parametrize("network", ["sigmoid", "tanh", "relu"])
def test_small_batches_explode_and_theory_knows_by_how_much(network):
    settings = {"network": network, "norm": "batch", "depth": 20}
    by_batch = [kept(batch=batch, **settings) for batch in (64, 16, 8, 4)]
    assert by_batch == sorted(by_batch)
    expected = [theory.batch_norm_factor(network, batch) for batch in (64, 16, 8)]
    np.testing.assert_allclose(by_batch[:3], expected, rtol=0.02)
    # With four samples, the mean is far above what a typical run has.
    assert 0.9 < by_batch[3] / theory.batch_norm_factor(network, 4) < 1


def test_batch_norm_saves_ten_sigmoid_layers_and_no_other_norm_does():
    sigmoid = {"network": "sigmoid", "depth": 10, "batch": 64}
    assert 0.5 < arrives(norm="batch", **sigmoid) < 2
    for norm in ("none", "layer", "rms", "group", "weight"):
        assert arrives(norm=norm, **sigmoid) < 1e-3
    # and what stands between them
    assert arrives(norm="layer", **sigmoid) > 50 * arrives(norm="none", **sigmoid)
    assert 0.38 < kept(norm="layer", **sigmoid) < 0.4


def test_batch_norm_explodes_fifty_relu_layers_and_layer_norm_keeps_them_level():
    for network in ("relu", "relu_default"):
        deep = {"network": network, "depth": 50, "batch": 64}
        assert 1.2 < kept(norm="batch", **deep) < 1.24
        assert 5e3 < arrives(norm="batch", **deep) < 5e4
        for norm in ("layer", "rms", "group"):
            assert 0.2 < arrives(norm=norm, **deep) < 5
    assert 0.2 < arrives(network="relu", norm="none", depth=50, batch=64) < 5
    assert arrives(network="relu_default", norm="none", depth=50, batch=64) < 1e-15


def test_norms_cancel_the_scale_of_the_weights():
    for norm in ("batch", "layer", "rms", "group"):
        both = [kept(network=n, norm=norm, depth=20) for n in ("relu", "relu_default")]
        assert both[0] == pytest.approx(both[1], rel=0.02)


def test_weight_norm_is_a_weight_scale_of_one():
    assert kept(network="relu", norm="weight", depth=20) == pytest.approx(0.71, abs=0.01)
    assert kept(network="relu_default", norm="weight", depth=20) == pytest.approx(0.71, abs=0.01)
    for network in ("sigmoid", "tanh"):  # which Xavier draws anyway
        both = [kept(network=network, norm=norm, depth=20) for norm in ("none", "weight")]
        assert both[0] == pytest.approx(both[1], rel=0.01)


def test_the_batch_is_nothing_to_the_other_norms():
    for norm in ("layer", "rms", "group"):
        many, few = (kept(network="relu", norm=norm, depth=20, batch=b) for b in (64, 4))
        assert few == pytest.approx(many, rel=0.05)


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_the_typical_slope_is_never_below_the_spread_of_the_values(name, scale):
    """So batch norm never lets the signal fade, whatever scale and shift it learns."""
    z = scale * gaussian(1, 400_000, seed=0)[0] + 0.5
    phi = ACTIVATIONS[name]
    slope = scale * phi.slope(z).square().mean().sqrt()
    assert slope > 0.99 * phi(z).std()


def test_the_bias_before_a_batch_norm_gets_no_gradient_in_training():
    x, y, _, _ = vgp.networks.digits()
    net = Deep(64, 64, 3, "relu", "he", norm="batch")
    F.cross_entropy(net(x.double()), y).backward()
    gradients = [layer.bias.grad.norm().item() for layer in net.hidden]
    assert max(gradients) < 1e-15
    net.zero_grad()
    F.cross_entropy(net.eval()(x.double()), y).backward()
    assert min(layer.bias.grad.norm().item() for layer in net.hidden) > 1e-3


def test_what_the_quiz_reads_off_the_benches():
    sixteen, more, fewer = (
        arrives(network="relu", norm="batch", depth=20, batch=batch) for batch in (16, 64, 4)
    )
    assert 60 < sixteen < 110 and 35 < more < 55 and 8e3 < fewer < 4e4
    assert 1.5 < sixteen / more < 2.2  # "nearly twice as much"
