"""Treatments of structure: each does to a model what its name says."""

import copy

import pytest
import torch
from torch import nn

import vgplib as vgp
from tests.doctor.material import he, mlp, on_digits, refused, sgd, treat
from tests.doctor.patients import PATIENTS, Block
from vgplib.doctor.remedies.treatment import apply


def test_hidden_activations_are_swapped_and_the_last_one_is_not():
    net = nn.Sequential(*mlp(3, nn.Sigmoid, nn.init.xavier_normal_), nn.Sigmoid())
    loss = lambda m: m(torch.randn(16, 64)).mean()  # noqa: E731
    treat("to_relu", net, loss)
    kinds = [type(m).__name__ for m in net]
    assert kinds == ["Linear", "ReLU"] * 3 + ["Linear", "Sigmoid"]


def test_an_activation_that_is_called_cannot_be_swapped_from_outside():
    net, loss, *_ = PATIENTS["functional_sigmoid"]()
    reason, code = refused("to_tanh", net, loss)
    assert "forward()" in reason and "torch.nn.functional.tanh(z) in place of sigmoid(z)" in code


@pytest.mark.parametrize("key", ["batch_norm", "layer_norm"])
def test_norms_stand_before_activations_and_learn(key):
    net = mlp(3, nn.ReLU, lambda w: he(w, 0.1))
    optimizer = sgd(net)
    met = []
    net, loss, optimizer = treat(key, net, on_digits(), optimizer)
    net[5].register_forward_pre_hook(lambda module, args: met.append(args[0].detach()))
    loss(net).backward()
    over = 0 if key == "batch_norm" else 1
    # Without it, 1e-2. The epsilon of 1e-5 takes a little of a variance of 2e-2.
    assert 0.9 < met[0].std(over).median() < 1.02
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert all(id(p) in held for p in net.parameters())


def test_convolutions_get_norms_of_their_own_kind():
    for key, kind in [("batch_norm", nn.BatchNorm2d), ("layer_norm", nn.GroupNorm)]:
        net, loss, *_ = PATIENTS["convnet"]()
        treat(key, net, loss)
        assert sum(isinstance(m, kind) for m in net.modules()) == 8
        loss(net).backward()


def test_batch_norm_is_refused_where_it_cannot_work():
    net = mlp(2, nn.ReLU, he)
    assert "one sample" in refused("batch_norm", net, on_digits(1))[0]
    assert (
        "already" in refused("batch_norm", nn.Sequential(net, nn.BatchNorm1d(10)), on_digits())[0]
    )
    x = torch.randn(2, 5, 64)
    assert "sequences" in refused("batch_norm", net, lambda m: m(x).mean())[0]


@pytest.mark.parametrize("shared", [False, True])
def test_a_skip_adds_what_goes_into_a_layer_to_what_comes_out_of_its_activation(shared):
    net = mlp(3, nn.Tanh, nn.init.xavier_normal_)
    if shared:  # one module in several places
        net[3] = net[5] = net[1]
    layers, x = copy.deepcopy(net), torch.randn(4, 64)
    treat("skips", net, lambda m: m(x).mean())
    h = x
    for i in (0, 2, 4):
        h = h + layers[i + 1](layers[i](h))
    assert torch.allclose(net(x), layers[6](h), atol=1e-6)


def test_blocks_without_a_skip_get_one_as_a_whole():
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(64, 64), nn.Linear(64, 64)

        def forward(self, x):
            return self.second(torch.relu(self.first(x)))

    net, x = nn.Sequential(*(Plain() for _ in range(3))), torch.randn(4, 64)
    before, first = net[0], net[0](x)
    treat("skips", net, lambda m: m(x).mean(), cause="missing residual")
    assert torch.allclose(net[0](x), x + first) and net[0].inner[0] is before
    # Without that cause they may have one inside already, which cannot be seen.
    blocks = nn.Sequential(*(Block() for _ in range(3)))
    assert "x = x + block(x)" in refused("skips", blocks, lambda m: m(x).mean())[1]


def test_residual_branches_are_made_smaller_by_the_root_of_their_number():
    net, loss, *_ = PATIENTS["blocks_add_up"]()
    before = net[3].second.weight.clone()
    treat("scale_branches", net, loss, condition="forward_exploding")
    assert torch.allclose(net[3].second.weight, before / 4)  # 16 blocks


def test_pytorch_s_own_encoder_normalises_first_afterwards():
    net, loss, *_ = PATIENTS["post_norm"]()
    treat("pre_norm", net, loss)
    assert all(layer.norm_first for layer in net[0].layers)
    assert "norm(x + f(x))" in refused("pre_norm", mlp(2, nn.ReLU, he), on_digits())[1]


@pytest.mark.parametrize("key", ["gru", "irnn"])
def test_a_signal_through_time_lives_in_what_takes_a_plain_layer_s_place(key):
    net, loss, *_ = PATIENTS["tanh_rnn"]()
    optimizer = torch.optim.Adam(net.parameters())
    before = vgp.measure(net, loss).step_ratio.item()
    net, loss, optimizer = treat(key, net, loss, optimizer)
    assert before < 1e-6 < 1e-3 < vgp.measure(net, loss).step_ratio.item()
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert all(id(p) in held for p in net.parameters())


@pytest.mark.parametrize("key", ["loss_choice", "connect"])
def test_what_only_the_author_can_do_is_refused_with_code_that_runs(key, capsys):
    net, loss, *_ = PATIENTS["detached" if key == "connect" else "wrong_loss"]()
    reason, code = refused(key, net, loss)
    apply(code, net, loss, None)
    assert reason
    if key == "connect":
        assert capsys.readouterr().out.splitlines() == [
            "the loss does not reach body.weight",
            "the loss does not reach body.bias",
        ]
    else:
        assert isinstance(net[3], nn.Identity)
