"""Sick models for the tests of remedies: each with what is wrong with it, told by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.material import he, mlp, on_digits, sgd
from vgplib.doctor.conditions import CONDITIONS
from vgplib.doctor.copies import snapshot
from vgplib.doctor.diagnosis import Diagnosis
from vgplib.doctor.remedies.prescribing import remedies
from vgplib.networks import digits

# name -> () -> (model, loss, optimizer, condition, cause, where)
PATIENTS: dict[str, Callable[[], tuple]] = {}


def patient(make):
    """Register a patient; its weights are the same each time, whatever ran before."""

    def seeded():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return make()

    PATIENTS[make.__name__] = seeded
    return seeded


@patient
def sigmoid_net():
    net = mlp(8, nn.Sigmoid, nn.init.xavier_normal_)
    return net, on_digits(), sgd(net), "vanishing", "slope of the activation", ()


@patient
def twice_he():
    net = mlp(12, nn.ReLU, lambda w: he(w, 2))
    return net, on_digits(), sgd(net, 0.01, 0), "exploding", "initialisation too large", ()


class Functional(nn.Module):
    """Activations that are called, not held."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(8))
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        for layer in self.layers:
            x = torch.sigmoid(layer(x))
        return self.out(x)


@patient
def functional_sigmoid():
    net = Functional()
    return net, on_digits(), sgd(net), "vanishing", "saturating activation", ()


class Handmade(nn.Module):
    """Weights that stand behind their inputs, without a module of their own."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.ParameterList(torch.randn(64, 64) / 100 for _ in range(6))
        self.out = nn.Parameter(torch.randn(64, 10) / 8)

    def forward(self, x):
        for weight in self.hidden:
            x = torch.relu(x @ weight)
        return x @ self.out


@patient
def handmade():
    net = Handmade()
    return net, on_digits(), sgd(net), "forward_vanishing", "initialisation too small", ()


class Reader(nn.Module):
    """Reads a sequence and answers at its end."""

    def __init__(self, cell):
        super().__init__()
        self.cell, self.out = cell, nn.Linear(cell.hidden_size, 1)

    def forward(self, x):
        return self.out(self.cell(x)[0][:, -1])


def recall(steps):
    """The first number of a sequence is to be said at its end."""
    x = torch.randn(32, steps, 2, generator=torch.Generator().manual_seed(1))
    return lambda model: F.mse_loss(model(x).squeeze(1), x[:, 0, 0])


@patient
def tanh_rnn():
    net = Reader(nn.RNN(2, 32, batch_first=True))
    net.cell.weight_hh_l0.data *= 0.5
    loss = recall(40)
    return net, loss, None, "temporal_vanishing", "recurrent weight", ("cell",)


@patient
def wild_rnn():
    net = Reader(nn.RNN(2, 32, batch_first=True))
    nn.init.orthogonal_(net.cell.weight_hh_l0, gain=1.5)
    net.cell.weight_ih_l0.data *= 1e-8  # so that tanh stays steep
    for name in ("bias_ih_l0", "bias_hh_l0"):
        nn.init.zeros_(getattr(net.cell, name))
    return net, recall(30), None, "temporal_exploding", "recurrent weight", ("cell",)


@patient
def lstm():
    net = Reader(nn.LSTM(2, 32, batch_first=True))
    return net, recall(60), None, "temporal_vanishing", "forget gate", ("cell",)


@patient
def half_net():
    net = mlp(2, nn.Tanh, nn.init.xavier_normal_).half()
    x, y, _, _ = digits()
    x, y = x[:64].half(), y[:64]

    def loss(model):
        return 1e-5 * F.cross_entropy(model(x).float(), y)

    return net, loss, sgd(net, 1e4, 0), "fp16_underflow", "half precision", ()


@patient
def autocast_net():
    net = mlp(2, nn.Tanh, nn.init.xavier_normal_)
    plain = on_digits()

    def loss(model):
        with torch.autocast("cpu", dtype=torch.float16):
            return 1e-5 * plain(model)

    return net, loss, sgd(net, 1e4, 0), "fp16_underflow", "half precision", ()


@patient
def frozen():
    net = mlp(3, nn.ReLU, he)
    for parameter in net[:4].parameters():
        parameter.requires_grad_(False)
    optimizer = torch.optim.SGD(net[4:].parameters(), lr=0.1)
    return net, on_digits(), optimizer, "frozen", "not trainable", ("0", "2.weight")


@patient
def crawling():
    net = mlp(2, nn.ReLU, he)
    return net, on_digits(), sgd(net, 1e-9), "lr_too_low", "learning rate too low", ()


@patient
def leaping():
    net = mlp(2, nn.ReLU, he)
    return net, on_digits(), sgd(net, 100.0, 0), "lr_too_high", "learning rate too high", ()


@patient
def dead():
    net = mlp(3, nn.ReLU, he)
    net[2].bias.data.fill_(-50)
    return net, on_digits(), None, "dead_relu", "bias", ("2",)


@patient
def constant():
    net = mlp(2, nn.Tanh, lambda w: nn.init.constant_(w, 0.01))
    return net, on_digits(), None, "symmetry", "initialisation constant", ("0.weight", "2.weight")


@patient
def post_norm():
    layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0, batch_first=True)
    net = nn.Sequential(nn.TransformerEncoder(layer, 6), nn.Flatten(), nn.Linear(8 * 16, 2))
    x = torch.randn(16, 8, 16)
    y = torch.randint(2, (16,))
    return (net, lambda m: F.cross_entropy(m(x), y), None, "vanishing", "post-norm depth", ())


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(16, 16, False) for _ in range(3))
        self.out = nn.Linear(16, 2)

    def forward(self, x):
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        return self.out((torch.softmax(q @ k.transpose(1, 2), -1) @ v).mean(1))


@patient
def large_logits():
    net = Attending()
    net.q_proj.weight.data *= 40
    x, y = torch.randn(32, 8, 16), torch.randint(2, (32,))
    loss = lambda m: F.cross_entropy(m(x), y)  # noqa: E731
    return net, loss, None, "saturation", "attention logit scale", ("q_proj", "k_proj")


@patient
def convnet():
    layers: list[nn.Module] = []
    for i in range(8):
        layers += [nn.Conv2d(1 if i == 0 else 8, 8, 3, padding=1), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8 * 64, 10))
    plain = on_digits(32)

    def loss(model):
        return plain(lambda x: model(x.view(-1, 1, 8, 8)))

    return net, loss, None, "vanishing", "initialisation too small", ()


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(64, 64), nn.Linear(64, 64)

    def forward(self, x):
        return x + self.second(torch.relu(self.first(x)))


@patient
def blocks_add_up():
    net = nn.Sequential(*(Block() for _ in range(16)), nn.Linear(64, 10))
    for parameter in net[:-1].parameters():
        he(parameter) if parameter.dim() > 1 else nn.init.zeros_(parameter)
    cause = "residual without normalisation"
    return net, on_digits(), None, "forward_exploding", cause, ()


class Root(nn.Module):
    """Distances from the first sample, whose own is 0."""

    def forward(self, h):
        away = h - h[:1]
        return torch.sqrt(away * away)


@patient
def root_of_zero():
    net = nn.Sequential(nn.Linear(64, 64), Root(), nn.Linear(64, 10))
    return net, on_digits(), sgd(net, 0.01), "nan", "singular derivative", ("1",)


@patient
def broken_weight():
    net = mlp(2, nn.ReLU, he)
    net[2].weight.data[3, 4] = float("nan")
    return net, on_digits(), None, "nan", "NaN in the weights", ("2.weight",)


@patient
def broken_input():
    net = mlp(2, nn.ReLU, he)
    x, y, _, _ = digits()
    x, y = x[:64], y[:64]
    x[5, 6] = float("nan")
    return net, lambda m: F.cross_entropy(m(x), y), None, "nan", "NaN in the data", ()


class Rounded(nn.Module):
    def forward(self, h):
        return torch.round(h)


@patient
def rounded():
    net = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), Rounded(), nn.Linear(64, 10))
    where = ("0.weight", "0.bias")
    return net, on_digits(), None, "zero_gradient", "non-differentiable operation", where


class Detached(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, x):
        return self.head(torch.relu(self.body(x)).detach())


@patient
def detached():
    net = Detached()
    return net, on_digits(), None, "no_gradient", "detached", ("body.weight", "body.bias")


@patient
def wrong_loss():
    net = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 1), nn.Sigmoid())
    net[2].bias.data.fill_(20)
    x, y, _, _ = digits()
    x, y = x[:64], (y[:64] > 4).float()
    loss = lambda m: F.mse_loss(m(x).squeeze(1), y)  # noqa: E731
    return net, loss, None, "saturation", "loss choice", ("2",)


@patient
def raw_input():
    net = mlp(2, nn.Tanh, nn.init.xavier_normal_)
    x, y, _, _ = digits()
    x, y = 100 + 50 * x[:128], y[:128]
    return net, lambda m: F.cross_entropy(m(x), y), None, "saturation", "input scale", ("0", "1")


@patient
def one_vector():
    net = mlp(8, nn.Sigmoid, nn.init.xavier_normal_)
    return net, on_digits(), None, "rank_collapse", "slope of the activation", ()


def diagnosed(name: str, **changes: Any) -> Diagnosis:
    """What the doctor would say about a patient, put together by hand."""
    model, loss, optimizer, condition, cause, where = PATIENTS[name]()
    found = remedies(condition, cause, where, model, loss, optimizer)
    finding = CONDITIONS[condition].finding("serious", where, cause, {})
    finding = replace(finding, remedies=changes.get("remedies", found))
    return Diagnosis((finding,), None, (), snapshot(model, loss, optimizer, 3))
