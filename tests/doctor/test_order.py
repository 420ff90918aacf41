"""The order of decisions: no number, then not there, then zero, then ratios."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import vgplib as vgp

X = torch.randn(64, 16, generator=torch.Generator().manual_seed(0))
Y = torch.randint(4, (64,), generator=torch.Generator().manual_seed(1))


def deep(activation=nn.Sigmoid, depth=10):
    torch.manual_seed(0)
    layers = [m for _ in range(depth) for m in (nn.Linear(16, 16), activation())]
    return nn.Sequential(*layers, nn.Linear(16, 4))


def entropy(model):
    return F.cross_entropy(model(X), Y)


def test_what_is_no_number_is_told_alone_and_without_a_ratio():
    model = deep()
    model[4].weight.data[0, 0] = float("nan")
    (finding,) = vgp.examine(model, entropy).findings
    assert (finding.condition, finding.where) == ("nan", ("4.weight",))
    assert not any("first over last" in name for name in finding.evidence)


def test_the_first_bad_place_is_named_not_those_that_follow():
    model = deep(nn.ReLU)
    x = X.clone()
    x[3, 2] = float("inf")
    (finding,) = vgp.examine(model, lambda m: F.cross_entropy(m(x), Y)).findings
    assert (finding.where, finding.cause) == (("0",), "NaN in the data")


def test_none_is_not_zero():
    class Cut(nn.Module):
        def __init__(self):
            super().__init__()
            self.before, self.after = deep(nn.Tanh, 2), nn.Linear(4, 4)

        def forward(self, x):
            return self.after(self.before(x).detach())

    conditions = vgp.examine(Cut(), entropy).conditions
    assert "no_gradient" in conditions
    assert not conditions & {"zero_gradient", "vanishing"}


def test_zero_is_not_small():
    class Rounded(nn.Module):
        def __init__(self):
            super().__init__()
            self.before, self.after = deep(nn.Tanh, 2), nn.Linear(4, 4)

        def forward(self, x):
            return self.after(torch.round(self.before(x)))

    conditions = vgp.examine(Rounded(), entropy).conditions
    assert "zero_gradient" in conditions
    assert not conditions & {"no_gradient", "vanishing"}


def test_the_verdict_comes_from_the_signal_where_weight_gradients_look_healthy():
    """A bias-free ReLU network, Xavier: sum(W * dL/dW) is the same in every layer."""
    torch.manual_seed(0)
    layers = [nn.Linear(64, 64, bias=False) for _ in range(40)]
    for layer in layers:
        nn.init.xavier_normal_(layer.weight)
    model = nn.Sequential(*(m for layer in layers for m in (layer, nn.ReLU())), nn.Linear(64, 4))
    x = torch.randn(64, 64)
    diagnosis = vgp.examine(model, lambda m: F.cross_entropy(m(x), Y))
    weights = diagnosis.measured.weight_grad.values
    assert 0.05 < weights[0] / weights[38] < 20  # by these it is well
    assert "vanishing" in diagnosis.conditions


def test_clipping_and_the_optimizer_hide_nothing():
    model = deep()

    def with_adam():
        return torch.optim.Adam(model.parameters(), lr=1e-3)

    assert "vanishing" in vgp.examine(model, entropy, optimizer=with_adam()).conditions


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_sum_is_judged_as_a_mean(reduction):
    def loss(model):
        return F.cross_entropy(model(X), Y, reduction=reduction)

    assert vgp.examine(deep(nn.Tanh, 3), loss).healthy
    assert "vanishing" in vgp.examine(deep(), loss).conditions


@pytest.mark.parametrize("batch", [1, 8, 64])
def test_the_verdict_does_not_know_the_batch_size(batch):
    """Weight gradients are sums over a batch whose samples grow alike, or less so, with depth."""
    torch.manual_seed(0)
    depth, width = 30, 256
    layers = [nn.Linear(width, width) for _ in range(depth)]
    for layer in layers:
        nn.init.normal_(layer.weight, 0, (3 / width) ** 0.5)
        nn.init.normal_(layer.bias, 0, 0.1**0.5)
    model = nn.Sequential(*(m for layer in layers for m in (layer, nn.Tanh())), nn.Linear(width, 4))
    x, y = torch.randn(64, width)[:batch], Y[:batch]
    diagnosis = vgp.examine(model, lambda m: F.cross_entropy(m(x), y))
    assert not diagnosis.conditions & {"vanishing", "exploding"}
    # Mean-field theory has 1.087 a layer; one network of this width is within 3 % of it.
    assert diagnosis.measured.attrs["factor"] == pytest.approx(1.087, abs=0.03)


def test_what_pytorch_itself_refuses_is_refused_with_its_reason():
    model = nn.Sequential(nn.Linear(16, 8), nn.BatchNorm1d(8, eps=0.0), nn.Linear(8, 4))
    with pytest.raises(ValueError, match="eps"):
        vgp.examine(model, entropy)


def test_units_that_are_off_since_samples_grew_alike_are_not_called_dead():
    """Thirty layers of ReLU with He's weights: two in five give 0 for the whole batch."""
    torch.manual_seed(0)
    layers = [nn.Linear(128, 128) for _ in range(30)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    model = nn.Sequential(*(m for layer in layers for m in (layer, nn.ReLU())), nn.Linear(128, 4))
    x = torch.randn(64, 128)
    diagnosis = vgp.examine(model, lambda m: F.cross_entropy(m(x), Y))
    dead = diagnosis.measured.dead.values[:30]
    assert dead[0] < 0.05 < 0.2 < dead[-1]  # it grows with depth, as samples become one direction
    assert "dead_relu" not in diagnosis.conditions
