"""The rules of honest measuring: what changes no verdict, what is reported first, what is left."""

import math
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import vgplib as vgp
from vgplib.networks import FeedForward, Recurrent, gaussian

RATIOS = ("factor", "r2", "ratio")


def projected(x, scale=1.0):
    def loss(model):
        out = model(x)
        return scale * (out @ gaussian(1, out.shape[-1], 7, x.dtype)[0]).mean()

    return loss


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_a_loss_a_million_times_as_large_changes_no_ratio(activation):
    net = FeedForward(16, 32, 12, activation, "xavier", seed=1)
    x = gaussian(8, 16, 0)
    one, large = vgp.measure(net, projected(x)), vgp.measure(net, projected(x, 1e6))
    for key in RATIOS:
        assert large.attrs[key] == pytest.approx(one.attrs[key], rel=1e-9)
    net = Recurrent(4, 8, "lstm")
    x = gaussian(60, 4, 0).reshape(15, 4, 4)
    one, large = (vgp.measure(net, lambda m, s=s: s * m(x)[-1].sum()) for s in (1, 1e6))
    assert large.attrs["factor_per_step"] == pytest.approx(one.attrs["factor_per_step"], rel=1e-9)


def test_clipping_changes_no_ratio():
    """It multiplies all gradients by one number; the signal on the way it does not touch."""
    net, x = FeedForward(16, 32, 12, "sigmoid", seed=1), gaussian(8, 16, 0)
    seen, ratios = vgp.record(net), []
    for clip in (math.inf, 1e-3):
        net.zero_grad()
        with seen:
            projected(x)(net).backward()
            nn.utils.clip_grad_norm_(net.parameters(), clip)
        ratios.append(
            (seen.signal[0] / seen.signal[-1], seen.weight_grad[0] / seen.weight_grad[-1])
        )
    assert seen.weight_grad[-1] < 1.01e-3
    assert ratios[1] == pytest.approx(ratios[0], rel=1e-9)


def test_verdicts_come_from_the_signal_not_from_weight_gradients():
    """Without biases, ReLU's weight gradients are level at any scale; the signal is not."""
    net = FeedForward(64, 64, 20, "relu", "xavier", bias=False)
    data = vgp.measure(net, projected(gaussian(8, 64, 0)))
    assert 0.05 < data.weight_grad[0] / data.weight_grad[-1] < 20
    assert data.attrs["factor"] == pytest.approx(math.sqrt(1 / 2), rel=0.1)


def test_layers_of_another_kind_do_not_count_as_depth():
    def net(normalised):
        torch.manual_seed(0)
        parts = []
        for _ in range(8):
            linear = nn.Linear(16, 16, bias=False, dtype=torch.float64)
            nn.init.orthogonal_(linear.weight, 0.5)
            parts += [linear, nn.Identity() if not normalised else nn.LayerNorm(16), nn.Identity()]
        return nn.Sequential(*parts).double()

    data = vgp.measure(net(False), projected(gaussian(4, 16, 0)))
    assert data.attrs["factor"] == pytest.approx(0.5, rel=1e-9)
    data = vgp.measure(net(True), projected(gaussian(4, 16, 0)))
    rows = data.signal.values[data.kind.values == "linear"][:-1]
    expected = (rows[0] / rows[-1]) ** (1 / (len(rows) - 1))
    assert data.attrs["factor"] == pytest.approx(expected, rel=0.1)


def test_none_and_zero_and_tiny_and_not_finite_are_different_things():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.used, self.dead, self.frozen = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2)
            self.unused, self.cut = nn.Linear(2, 2), nn.Linear(2, 2)
            self.frozen.requires_grad_(False)

        def forward(self, x):
            y = 1e-30 * self.used(x) + 0 * self.dead(x) + self.frozen(x)
            return y + self.cut(x).detach()

    data = vgp.measure(Mixed().double(), projected(gaussian(3, 2, 0)))
    state = dict(zip(data.parameter.values, data.grad_state.values, strict=True))
    assert state["used.weight"] == "ok" and state["dead.weight"] == "zero"
    assert state["frozen.weight"] == "none (frozen)"
    assert state["unused.weight"] == state["cut.bias"] == "none (unused or detached)"
    signal = dict(zip(data.name.values, data.signal.values, strict=True))
    assert 0 < signal["used"] < 1e-28 and signal["dead"] == 0 and math.isnan(signal["cut"])
    assert signal["frozen"] > 0.1  # it has an output, so it has a signal


def test_a_gradient_that_is_not_finite_is_a_state_and_is_named():
    net = nn.Linear(2, 2)
    data = vgp.measure(net, lambda m: m(torch.zeros(1, 2)).sum() + m.weight.mul(0).sqrt().sum())
    state = dict(zip(data.parameter.values, data.grad_state.values, strict=True))
    assert state == {"weight": "nonfinite", "bias": "ok"}
    assert data.attrs["first_non_finite"] == "gradient of weight"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_signals_far_below_the_square_root_of_the_format_are_not_0(dtype):
    factor = 1e-4 if dtype == torch.float32 else 1e-30
    parts = [nn.Linear(4, 4, bias=False, dtype=dtype) for _ in range(10)]
    for part in parts:
        nn.init.eye_(part.weight)
        part.weight.data.mul_(factor)
    data = vgp.measure(nn.Sequential(*parts), lambda m: m(torch.ones(1, 4, dtype=dtype)).sum())
    assert data.signal[0].item() == pytest.approx(2 * factor**9, rel=1e-5)


def everything(model):
    """All that must be left alone, as bits."""
    found = [*model.parameters(), *model.buffers()]
    return (
        [(id(t), t.detach().clone(), t._version, id(t.grad)) for t in found],
        [(m.training, dict(m._forward_hooks), dict(m._forward_pre_hooks)) for m in model.modules()],
        [sorted(vars(t)) for t in found],
        torch.get_rng_state(),
        np.random.get_state()[1].tolist(),
        random.getstate(),
    )


def models():
    yield FeedForward(4, 5, 3, "relu"), lambda m: m(gaussian(3, 4, 0)).sum()
    batch = nn.Sequential(
        *(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(inplace=True), nn.Dropout(0.5)),
        *(nn.Linear(5, 5), nn.Dropout(0.5, inplace=True), nn.Linear(5, 1)),
    )
    yield batch, lambda m: m(torch.randn(6, 4)).mean() * random.random() * np.random.rand()
    yield (
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        lambda m: m(torch.randn(2, 3, 8)).sum(),
    )
    yield nn.Embedding(5, 3, max_norm=0.1), lambda m: m(torch.tensor([1, 2])).sum()
    spectral = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4))
    yield spectral, lambda m: m(torch.randn(3, 4)).sum()
    yield nn.LSTM(3, 4, 2, dropout=0.5), lambda m: m(torch.randn(5, 2, 3))[0].sum()
    yield nn.Linear(3, 1), lambda m: m.eval()(torch.randn(2, 3)).sum()  # changes the mode
    frozen = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    frozen[0].requires_grad_(False)
    yield frozen, lambda m: m(torch.randn(2, 3)).sum()


@pytest.mark.parametrize("which", range(8))
@pytest.mark.parametrize("fails", [False, True])
def test_everything_is_left_as_it_was_to_the_bit(which, fails):
    model, loss = list(models())[which]
    model.train()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter) if parameter.requires_grad else None
    before = everything(model)

    def failing(m):
        loss(m)
        raise ZeroDivisionError("on purpose")

    if fails:
        with pytest.raises(ZeroDivisionError):
            vgp.measure(model, failing)
    else:
        vgp.measure(model, loss)
    after = everything(model)
    for (i, a, _, g), (j, b, _, h) in zip(before[0], after[0], strict=True):
        assert i == j and g == h and torch.equal(a, b)
    assert before[1:3] == after[1:3] and torch.equal(before[3], after[3])
    assert before[4:] == after[4:]
    assert all((p.grad == 1).all() for p in model.parameters() if p.requires_grad)


def test_measuring_changes_nothing_that_is_computed():
    torch.manual_seed(0)
    net = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
    x = torch.randn(2, 5, 8)
    plain = net(x).pow(2).sum()
    gradients = torch.autograd.grad(plain, list(net.parameters()))
    data = vgp.measure(net, lambda m: m(x).pow(2).sum())
    assert data.attrs["loss"] == plain.item()
    for value, gradient in zip(data.parameter_grad.values, gradients, strict=True):
        assert value == pytest.approx(gradient.norm().item(), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_the_update_is_the_one_that_the_optimizer_makes(make):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    extra = {"momentum": 0.9} if make is torch.optim.SGD else {}
    optimizer = make(net.parameters(), lr=0.01, weight_decay=0.1, **extra)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)  # replaces optimizer.step
    x, y = gaussian(9, 4, 0), gaussian(9, 1, 1)

    def step():
        optimizer.zero_grad()
        F.mse_loss(net(x), y).backward()
        optimizer.step()

    step()
    schedule.step()
    weights = [p.detach().clone() for p in net.parameters()]
    state = repr(optimizer.state_dict())
    data = vgp.measure(net, lambda m: F.mse_loss(m(x), y), optimizer=optimizer)
    assert all(torch.equal(a, b) for a, b in zip(weights, net.parameters(), strict=True))
    assert repr(optimizer.state_dict()) == state
    step()
    for row, index in ((0, 0), (1, 2)):
        moved = (list(net.parameters())[index] - weights[index]).norm() / weights[index].norm()
        assert data.update_ratio[row].item() == pytest.approx(moved.item(), rel=1e-9)


def test_an_update_is_known_of_every_parameter_and_only_with_an_optimizer():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    optimizer = torch.optim.SGD(net[0].parameters(), lr=0.1)
    data = vgp.measure(net, lambda m: m(torch.ones(1, 2)).sum(), optimizer=optimizer)
    assert data.update_ratio[0] > 0 and data.update_ratio[1] == 0  # not in the optimizer
    assert vgp.measure(net, lambda m: m(torch.ones(1, 2)).sum()).update_ratio.isnull().all()


def tokens(m):
    return m(torch.tensor([[1, 2]])).sum()


def _raising(m):
    m.hidden[0](gaussian(1, 3, 0))
    raise KeyError("lost")


@pytest.mark.parametrize(
    ("model", "loss", "error", "message"),
    [
        (nn.Linear(2, 1), lambda m, x: m(x), TypeError, "loss must take the model as its one arg"),
        (nn.Linear(2, 1), lambda: 1, TypeError, "loss must take the model as its one argument"),
        (nn.Linear(2, 1), "mse", TypeError, "loss must be a function of the model, not str"),
        ("net", tokens, TypeError, r"model must be a torch\.nn\.Module, not str"),
        (
            nn.Sequential(),
            lambda m: torch.ones(1, requires_grad=True).sum(),
            ValueError,
            "no layer",
        ),
        (nn.Linear(2, 1), tokens, ValueError, r"cannot take its input: int64 of shape \(1, 2\)"),
        (
            nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 1)),
            lambda m: m(torch.ones(2, 3)).sum(),
            ValueError,
            r"layer '1' \(linear\) cannot take its input: float32 of shape \(2, 4\)",
        ),
        (
            nn.Linear(2, 1, device="meta"),
            lambda m: m(torch.ones(2, 2)).sum(),
            ValueError,
            r"parameter 'weight' is on the meta device",
        ),
        (nn.LazyLinear(3), lambda m: m(torch.ones(2, 2)).sum(), ValueError, "'weight' is not made"),
        (FeedForward(3, 4, 2, "tanh"), _raising, KeyError, r"after layer 'hidden\.0' had run"),
        (FeedForward(3, 4, 2, "tanh"), lambda m: m(), TypeError, "before any layer had run"),
    ],
)
def test_what_cannot_be_measured_says_what_and_where(model, loss, error, message):
    hooks = [dict(m._forward_hooks) for m in model.modules()] if isinstance(model, nn.Module) else 0
    with pytest.raises(error, match=message):
        vgp.measure(model, loss)
    if hooks:
        assert hooks == [dict(m._forward_hooks) for m in model.modules()]
        assert not torch.overrides._get_current_function_mode_stack()


@pytest.mark.parametrize(
    ("optimizer", "error", "message"),
    [
        ("sgd", TypeError, "optimizer must be a torch.optim.Optimizer over .*, not str"),
        (torch.optim.LBFGS, ValueError, "LBFGS runs the loss several times"),
    ],
)
def test_an_optimizer_that_cannot_be_asked(optimizer, error, message):
    net = nn.Linear(2, 1)
    if not isinstance(optimizer, str):
        optimizer = optimizer(net.parameters())
    with pytest.raises(error, match=message):
        vgp.measure(net, lambda m: m(torch.ones(1, 2)).sum(), optimizer=optimizer)
