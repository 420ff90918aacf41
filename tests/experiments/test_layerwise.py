"""Layer by layer: what practice does to a network, and what its page states."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import vgplib as vgp
from vgplib.experiments import pretraining
from vgplib.experiments.recipe import Recipe, greedy, images


def practised(steps, seed=0):
    net = Recipe("").build(seed)
    greedy(net, images("train")[0], torch.Generator().manual_seed(seed), steps)
    return net


@torch.no_grad()
def differences_kept(net):
    """How far pictures differ in the last layer, as a share of what they do in the first."""
    first, *_, last = net.states(images("train")[0])
    return (last.std(dim=0).norm() / first.std(dim=0).norm()).item()


def test_who_has_practised_keeps_what_pictures_differ_in():
    fresh = Recipe("").build(0)
    short, long = practised(30), practised(100)
    assert differences_kept(fresh) < 1e-4
    assert min(differences_kept(short), differences_kept(long)) > 0.5
    for net in (short, long):  # the output layer has had no practice
        assert torch.equal(net.readout.weight, fresh.readout.weight)
    for before, little, much in zip(fresh.hidden, short.hidden, long.hidden, strict=True):
        assert before.weight.norm() < little.weight.norm() < much.weight.norm()


def test_shuffling_moves_every_layers_weights_and_changes_none():
    net, before = Recipe("").build(1), Recipe("").build(1)
    with torch.no_grad():
        for layer in (*net.hidden, *before.hidden):
            layer.bias.copy_(torch.arange(64.0))
    pretraining.shuffle(net, torch.Generator().manual_seed(3))
    for now, then in zip(net.hidden, before.hidden, strict=True):
        for a, b in ((now.weight, then.weight), (now.bias, then.bias)):
            assert torch.equal(a.flatten().sort().values, b.flatten().sort().values)
            assert (a != b).double().mean() > 0.9
    assert torch.equal(net.readout.weight, before.readout.weight)


@pytest.mark.parametrize("alone", [False, True])
def test_with_a_loss_at_every_layer_the_signal_is_that_of_their_sum_or_of_the_last(alone):
    found = pretraining.run(length=0, then="heads", shows="signal", seed=2).isel(step=0)
    recipe = Recipe("", heads=True)
    net = recipe.build(2)
    heads = recipe.readouts(net, 2)
    x, y = (part[: pretraining.SEEN] for part in images("train"))
    h, sums, losses = x, [], []
    for layer, head in zip(net.hidden, [*heads, net.readout], strict=True):
        sums.append(layer(h))
        h = torch.sigmoid(sums[-1])
        losses.append(F.cross_entropy(head(h), y))
    total = losses[-1] if alone else sum(losses)
    signal = [g.norm().item() for g in torch.autograd.grad(total, sums)]
    measured = found["last_alone" if alone else "signal"].values
    np.testing.assert_allclose(measured / measured[-1], np.array(signal) / signal[-1], rtol=1e-6)


def seen(place, length=0, then="plain"):
    return vgp.readouts("pretraining", length=length, then=then)[place].value


def test_practice_brings_the_signal_back_and_half_done_practice_does_not():
    assert seen(1) < 0.12 and seen(0) < 1e-4
    assert seen(1, 10) < 0.4
    assert 0.85 < seen(1, 30) < seen(1, 300)
    assert seen(0) < seen(0, 10) < seen(0, 30) < seen(0, 300)


@pytest.mark.parametrize(("length", "least", "most"), [(30, 0.0, 0.2), (300, 0.8, 0.95)])
def test_shuffled_weights_learn_only_after_long_practice(length, least, most):
    assert least < seen(1, length, "shuffled") < most < seen(1, length) + 0.1
    assert seen(0) < seen(0, length, "shuffled") < seen(0, length) / 10


def test_with_a_loss_at_every_layer_they_learn_from_the_front_one_by_one():
    assert seen(0, 0, "heads") > 0.1 > 1000 * seen(0)
    assert seen(1, 0, "heads") > 0.9
    runs = vgp.atlas("pretraining").sel(shows="accuracy", then="heads").median("seed")
    half = (runs.accuracy > 0.5).sel(length=0)
    wakes = [int(half.step[half.sel(layer=layer).values][0]) for layer in range(1, 9)]
    assert wakes == sorted(wakes)
    assert wakes[0] <= 20 and wakes[7] >= wakes[0] + 150
    assert (runs.accuracy.sel(length=30, step=40) > 0.5).all()  # who has practised needn't wait
    share = runs.last_alone.sel(length=0, layer=1) / runs.last_alone.sel(length=0, layer=8)
    assert share.sel(step=0) < 1e-4 and share.sel(step=300) > 0.3


def test_a_layer_with_a_loss_next_door_cannot_learn_from_what_it_is_not_given():
    """Four layers stay as they were drawn: the outputs above them hear their losses, and guess."""
    x, y = images("train")
    recipe = Recipe("", heads=True)
    net = recipe.build(0)
    heads = recipe.readouts(net, 0)
    learns = [p for part in (*net.hidden[4:], net.readout, *heads) for p in part.parameters()]
    rule = torch.optim.SGD(learns, lr=0.1, momentum=0.9)
    batches = torch.Generator().manual_seed(0)
    for _ in range(150):
        pick = torch.randint(len(x), (64,), generator=batches)
        outputs = zip([*heads, net.readout], net.states(x[pick]), strict=True)
        rule.zero_grad()
        sum(F.cross_entropy(output(h), y[pick]) for output, h in outputs).backward()
        rule.step()
    with torch.no_grad():
        outputs = zip([*heads, net.readout], net.states(x), strict=True)
        right = [(output(h).argmax(1) == y).double().mean().item() for output, h in outputs]
    assert right[0] > 0.5
    assert max(right[4:]) < 0.3
