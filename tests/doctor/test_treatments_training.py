"""Treatments of training: each does what its name says, and copies keep it."""

import copy
import math

import pytest
import torch
from torch import nn

from tests.doctor.material import he, mlp, on_digits, refused, sgd, treat
from tests.doctor.patients import PATIENTS


def test_frozen_parameters_learn_and_are_handed_to_the_optimizer():
    net, loss, optimizer, *_, where = PATIENTS["frozen"]()
    treat("unfreeze", net, loss, optimizer, "frozen", where=where)
    assert net[0].weight.requires_grad and net[0].bias.requires_grad and net[2].weight.requires_grad
    assert not net[2].bias.requires_grad  # was not named
    before = net[0].weight.clone()
    loss(net).backward()
    optimizer.step()
    assert not torch.equal(net[0].weight, before)


@pytest.mark.parametrize("name", ["half_net", "autocast_net"])
@pytest.mark.parametrize(
    ("key", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_the_computation_leaves_float16_and_so_do_copies_of_the_model(name, key, dtype):
    net, loss, optimizer, *_ = PATIENTS[name]()
    net, loss, optimizer = treat(key, net, loss, optimizer, "fp16_underflow")
    for model in (net, copy.deepcopy(net)):
        met = []
        model[2].register_forward_hook(lambda module, args, out, met=met: met.append(out.dtype))
        loss(model).backward()
        assert met == [dtype]
    optimizer.step()


@pytest.mark.parametrize("name", ["half_net", "autocast_net"])
def test_a_scaled_loss_saves_gradients_from_float16_s_zero(name):
    net, loss, optimizer, *_ = PATIENTS[name]()

    def zeros(net, loss):
        gradients = torch.autograd.grad(loss(net), [net[2].weight, net[4].weight])
        return sum((g == 0).sum().item() for g in gradients)

    before = zeros(net, loss)
    net, scaled, optimizer = treat("loss_scale", net, loss, optimizer, "fp16_underflow")
    assert zeros(net, scaled) < before / 2
    assert scaled(net).item() == pytest.approx(1024 * loss(net).item(), rel=1e-2)


def test_scaling_the_loss_leaves_a_step_as_it_was():
    net = mlp(2, nn.Tanh, nn.init.xavier_normal_)
    other = copy.deepcopy(net)
    plain = on_digits()
    net, loss, optimizer = treat("loss_scale", net, plain, sgd(net))
    loss(net).backward()
    optimizer.step()
    by_hand = sgd(other)
    plain(other).backward()
    by_hand.step()
    for p, q in zip(net.parameters(), other.parameters(), strict=True):
        assert torch.allclose(p, q, rtol=1e-6)  # 1024 is a power of two


def test_clipping_caps_a_step_also_of_a_copy():
    net, loss, *_ = PATIENTS["twice_he"]()
    net, loss, optimizer = treat("clip", net, loss, sgd(net, lr=0.5, momentum=0))
    net, optimizer = copy.deepcopy((net, optimizer))
    before = [p.detach().clone() for p in net.parameters()]
    loss(net).backward()
    optimizer.step()
    moved = [(p - q).norm().item() for p, q in zip(net.parameters(), before, strict=True)]
    assert math.hypot(*moved) == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize(("name", "key"), [("crawling", "lr_up"), ("leaping", "lr_down")])
def test_the_search_finds_a_rate_that_learns(name, key):
    net, loss, optimizer, condition, *_ = PATIENTS[name]()
    weights = copy.deepcopy(net.state_dict())
    treat(key, net, loss, optimizer, condition)
    assert 1e-4 < optimizer.param_groups[0]["lr"] < 1.1
    # It searched on copies.
    assert all(torch.equal(weights[k], v) for k, v in net.state_dict().items())
    start = loss(net).item()
    for _ in range(10):
        optimizer.zero_grad()
        loss(net).backward()
        optimizer.step()
    assert loss(net).item() < 0.7 * start


def test_adam_is_no_news_to_who_trains_with_it():
    net = mlp(1, nn.ReLU, he)
    adam = torch.optim.AdamW(net.parameters())
    assert "already" in refused("adam", net, on_digits(), adam)[0]


@pytest.mark.parametrize(
    ("name", "key"), [("root_of_zero", "safe_roots"), ("broken_input", "nan_inputs")]
)
def test_gradients_are_numbers_again(name, key):
    net, loss, *_ = PATIENTS[name]()
    loss(net).backward()
    assert any(p.grad.isnan().any() for p in net.parameters())
    net.zero_grad()
    net, loss, _ = treat(key, net, loss, condition="nan")
    loss(net).backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize(
    ("operation", "at"),
    [
        (lambda h: torch.sqrt(h.square()), 0.0),
        (lambda h: h.square() ** 0.25, 0.0),
        (lambda h: h.expand(3).std(), 1.0),
        (lambda h: torch.acos(h), 1.0),
        (lambda h: (h + 1).log() * torch.log(h.square()), 0.0),
    ],
)
def test_singular_derivatives_of_all_kinds_are_kept_away_from(operation, at):
    net = nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(at)
    loss = lambda m: operation(m.weight.view(1)).sum() + 0 * m(torch.ones(1)).sum()  # noqa: E731
    net, loss, _ = treat("safe_roots", net, loss, condition="nan")
    (gradient,) = torch.autograd.grad(loss(net), net.weight)
    assert gradient.isfinite().all()


def test_gradients_pass_straight_through_rounding():
    net, loss, *_ = PATIENTS["rounded"]()
    loss(net).backward()
    assert not net[0].weight.grad.any()
    value = loss(net).item()
    net, loss, _ = treat("straight_through", net, loss, condition="zero_gradient")
    loss(net).backward()
    assert net[0].weight.grad.any() and loss(net).item() == value


def test_remedies_can_be_pasted_one_after_another():
    net, loss, optimizer, *_ = PATIENTS["autocast_net"]()
    for key in ("loss_scale", "clip", "safe_roots", "loss_scale", "clip"):
        net, loss, optimizer = treat(key, net, loss, optimizer)
    loss(net).backward()
    optimizer.step()
    assert math.isfinite(loss(net).item())
