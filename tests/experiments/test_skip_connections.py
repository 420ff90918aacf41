"""Ways around a layer: they measure what they say, and what the page says of them holds."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import vgplib as vgp
from vgplib.engine.atlas import at
from vgplib.experiments import degradation, pre_and_post_norm, residual
from vgplib.experiments import steps as training
from vgplib.networks import Deep, gaussian

theory = vgp.theory


def ratios(path, activation="relu", norm="none", depth=30):
    """First over last signal, and last over first activation, for each seed."""
    setting = {"path": path, "norm": norm, "activation": activation, "depth": depth}
    data = at(residual.EXPERIMENT, setting)
    signal, size = data["signal"].values, data["size"].values
    return signal[:, 0] / signal[:, -1], size[:, -1] / size[:, 0]


@pytest.mark.parametrize(("path", "scale"), [("plain", None), ("skip", 1.0), ("scaled", 0.5)])
def test_going_back_a_block_adds_what_comes_around_to_what_comes_through(path, scale):
    depth, seed = 5, 3
    found = residual.run(path=path, norm="none", activation="relu", depth=depth, seed=seed)
    net = Deep(residual.WIDTH, residual.WIDTH, depth, "relu", "he", seed=seed)
    h = gaussian(residual.BATCH, residual.WIDTH, seed=1000 + seed)
    states, slopes = [], []
    with torch.no_grad():
        for k, layer in enumerate(net.hidden):
            z = layer(h)
            around = h if scale and k else 0.0
            h = around + (scale or 1.0 if k else 1.0) * z.relu()
            states.append(h)
            slopes.append((z > 0).double())
        v = gaussian(1, residual.WIDTH, seed=2000 + seed)
        signals = [v.expand_as(h) / residual.BATCH]
        for layer, slope in zip(net.hidden[:0:-1], slopes[:0:-1], strict=True):
            g = signals[0]
            through = (scale or 1.0) * (g * slope) @ layer.weight
            signals.insert(0, (g if scale else 0.0) + through)
    np.testing.assert_allclose(found["signal"], [g.norm().item() for g in signals], rtol=1e-12)
    sizes = [h.square().mean().sqrt().item() for h in states]
    np.testing.assert_allclose(found["size"], sizes, rtol=1e-12)


@pytest.mark.parametrize("depth", [10, 30, 50])
def test_around_sigmoid_layers_all_of_the_signal_comes_back_at_any_depth(depth):
    plain, _ = ratios("plain", "sigmoid", depth=depth)
    skip, grown = ratios("skip", "sigmoid", depth=depth)
    assert plain.max() < 1e-5
    assert skip.min() > 1 and skip.max() < 1.5
    # A sigmoid's values are about a half, and each of the layers after the first adds them.
    assert grown == pytest.approx(depth, rel=0.15)


def test_around_relu_layers_it_explodes_by_more_than_the_root_of_two_each():
    signal, size = ratios("skip")
    assert (signal ** (1 / 29)).min() > 1.41
    assert size.min() > 1000
    assert ratios("plain")[0].max() < 10


def test_what_keeps_the_signal_tame():
    assert (ratios("rezero")[0] == 1).all()
    assert 1 < np.median(ratios("scaled")[0]) < 3
    for path, norm in (("skip", "batch"), ("dense", "none")):
        signal, _ = ratios(path, norm=norm)
        assert signal.min() > 1 and signal.max() < 10, path
    # With a norm in the branch, sums grow evenly with the depth: 30 and 50 layers' by 50/30.
    (thirty, fifty) = (np.median(ratios("skip", norm="batch", depth=d)[1]) for d in (30, 50))
    assert fifty / thirty == pytest.approx(5 / 3, rel=0.1)
    last, second = (Deep(8, 8, 30, "relu", path="dense").hidden[k] for k in (-1, 1))
    assert last.in_features == 29 * second.in_features


def test_branches_that_end_in_no_activation_double_the_mean_square():
    generator = torch.Generator().manual_seed(0)
    h = gaussian(64, 512, seed=1)
    start = h.square().mean()
    for _ in range(20):
        weight = math.sqrt(2 / 512) * torch.randn(
            512, 512, dtype=torch.float64, generator=generator
        )
        h = h + h.relu() @ weight
    grown = (h.square().mean() / start).item()
    assert grown ** (1 / 20) == pytest.approx(2, rel=0.03)
    assert theory.residual_growth(20) == 2**20


def trained(row, layers):
    return at(degradation.EXPERIMENT, {"row": row, "layers": layers})


def test_deeper_plain_networks_fit_worse_in_every_run_though_their_signal_is_strong():
    right = [trained("plain", layers)["right"].values for layers in (8, 20, 56)]
    assert right[0].min() > right[1].max() > right[1].min() > right[2].max()
    assert right[2].max() < 0.3 and 0.6 < np.median(right[1]) < 0.8
    signal = trained("plain", 56)["signal"].values
    assert (signal[:, 0] / signal[:, 1]).min() > 100


@pytest.mark.parametrize("row", ["resnet", "rezero", "fixup"])
def test_with_small_branches_56_layers_learn_in_every_run(row):
    assert trained(row, 56)["right"].values.min() > 0.9


def test_skips_without_a_norm_blow_up_in_every_run():
    data = trained("skip", 56)
    assert np.isnan(data["loss"].values[:, -1]).all() and (data["right"].values == 0).all()
    assert data["loss"].values[:, 0].min() > 1000


@pytest.mark.parametrize("row", degradation.ROWS)
def test_the_first_loss_kept_is_that_of_the_network_as_it_is_built(row):
    x, y, _, _ = training.data()
    loss = F.cross_entropy(degradation.build(row, 8, seed=2)(x), y).item()
    assert trained(row, 8)["loss"].values[2, 0] == pytest.approx(loss, rel=1e-4)


def test_a_branch_times_0_hears_nothing_in_the_first_step_and_something_in_the_second():
    x, y, _, _ = training.data()
    net = Deep(64, 32, 20, "relu", "he", path="rezero", seed=1)
    rule = torch.optim.SGD(net.parameters(), lr=0.05)
    heard = []
    for _ in range(2):
        rule.zero_grad()
        F.cross_entropy(net(x), y).backward()
        rule.step()
        heard.append([layer.weight.grad.norm().item() for layer in net.hidden[1:]])
    assert max(heard[0]) == 0 < min(heard[1])


def transformers(kind, depth):
    return at(pre_and_post_norm.EXPERIMENT, {"arrangement": kind, "depth": depth})


@pytest.mark.parametrize("kind", pre_and_post_norm.KINDS)
def test_what_each_transformer_learns_in_every_run(kind):
    shallow, deep = (transformers(kind, depth)["loss"].values[:, -1] for depth in (2, 12))
    assert shallow.max() < (0.5 if kind == "post_warm" else 0.1)
    if kind in ("pre", "deepnorm"):
        assert deep.max() < 0.1
    else:
        assert deep.min() > 0.7 * pre_and_post_norm.GUESSING


def test_before_training_all_layers_of_all_transformers_hear_about_alike():
    for kind in pre_and_post_norm.KINDS:
        signal = transformers(kind, 12)["signal"].values
        assert np.abs(np.log(signal[:, 0] / signal[:, -1])).max() < math.log(5)


def test_how_much_the_first_step_changes_the_answer():
    """Pre-norm's is large, too: it is not what tells the two apart."""
    change = {k: transformers(k, 12)["change"].values for k in pre_and_post_norm.KINDS}
    assert np.median(change["post"]) > 1 and np.median(change["pre"]) > 1
    assert change["deepnorm"].max() < 0.5 < change["pre"].min()
    assert change["post_warm"].max() < 0.1


@pytest.mark.parametrize("kind", pre_and_post_norm.KINDS)
def test_the_first_loss_of_a_transformer_is_that_of_writing_backward(kind):
    net = pre_and_post_norm.build(kind, 2, seed=4)
    drawn = torch.Generator().manual_seed(4)
    tokens = torch.randint(16, (32, 8), generator=drawn)
    scores = net(tokens)
    backward = torch.stack([tokens[:, 7 - k] for k in range(8)], dim=1)
    loss = -scores.log_softmax(dim=2).gather(2, backward[..., None]).mean().item()
    assert transformers(kind, 2)["loss"].values[4, 0] == pytest.approx(loss, rel=1e-4)
