"""In the loop: the same figures as measure, read off a step that runs anyway."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import vgplib as vgp


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 6), nn.Linear(6, 3))


def test_it_reads_what_measure_reads():
    net, x, y = mlp(), torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    data = vgp.measure(net, lambda m: F.cross_entropy(m(x), y))
    with vgp.record(net) as seen:
        F.cross_entropy(net(x), y).backward()
    assert seen.names == list(data.name.values)
    assert seen.signal == pytest.approx(data.signal.values.tolist(), rel=1e-6)
    assert seen.weight_grad == pytest.approx(data.weight_grad.values.tolist(), rel=1e-6)
    frame = seen.dataset()
    assert frame.signal.values.tolist() == seen.signal and list(frame.name.values) == seen.names


def test_it_reads_every_step_anew_and_leaves_training_as_it_is():
    x, y = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])

    def train(net, seen):
        optimizer, told = torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.9), []
        for _ in range(4):
            optimizer.zero_grad()
            if seen:
                with seen:
                    F.cross_entropy(net(x), y).backward()
                told.append(seen.signal)
            else:
                F.cross_entropy(net(x), y).backward()
            optimizer.step()
        return told

    plain, watched = mlp(), mlp()
    train(plain, None)
    told = train(watched, vgp.record(watched))
    for a, b in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(a, b)
    assert len(told) == 4 and told[0] != told[3]
    assert not any(m._forward_hooks for m in watched.modules())


def test_large_outputs_are_read_like_small_ones():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 300), nn.Tanh(), nn.Linear(300, 2))
    x = torch.randn(200, 8)  # 60,000 entries behind the first layer
    data = vgp.measure(net, lambda m: m(x).pow(2).mean())
    with vgp.record(net) as seen:
        net(x).pow(2).mean().backward()
    assert seen.signal == pytest.approx(data.signal.values.tolist(), rel=1e-6)


def test_what_the_loss_does_not_see_and_what_has_no_gradient_is_nan():
    net = mlp()
    net[0].weight.requires_grad_(False)
    with vgp.record(net) as seen:
        net[0](torch.randn(2, 4))
        net[3](torch.randn(2, 6)).sum().backward()
    assert seen.names == ["0", "3"]
    assert math.isnan(seen.signal[0]) and math.isnan(seen.weight_grad[0]) and seen.signal[1] > 0


def test_hooks_go_when_the_block_fails():
    net = mlp()
    with pytest.raises(ZeroDivisionError), vgp.record(net):
        raise ZeroDivisionError
    assert not any(m._forward_hooks for m in net.modules())


def test_a_module_that_runs_again_and_one_of_recurrence():
    torch.manual_seed(0)
    net = nn.ModuleDict({"rnn": nn.LSTM(3, 4), "head": nn.Linear(4, 1)})
    x = torch.randn(5, 2, 3)
    with vgp.record(net) as seen:
        states, _ = net["rnn"](x)
        sum(net["head"](state).sum() for state in states).backward()
    assert seen.names == ["rnn"] + ["head"] * 5
    assert all(value > 0 for value in seen.signal + seen.weight_grad)


def test_only_a_module_can_be_read():
    with pytest.raises(TypeError, match=r"model must be a torch\.nn\.Module, not list"):
        vgp.record([1])


def test_parametrized_weights_and_results_that_get_nothing_back():
    torch.manual_seed(0)
    net = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 4)), nn.LSTM(4, 4))
    seen = vgp.record(net)
    with seen:
        net(torch.randn(5, 3))[1][0].pow(2).mean().backward()  # of the last state alone
    assert seen.names == ["0", "1"]
    assert seen.signal[0] > 0 and math.isnan(seen.signal[1])
    assert all(gradient > 0 for gradient in seen.weight_grad)
