"""The error signal or the activations fall, grow or become one through the layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.doctor.case import case
from tests.doctor.seventh_ward.measure import activations, collapsed, dead, signal, tiny
from tests.doctor.seventh_ward.sick_parts import (
    Attention,
    Skip,
    adam,
    classify,
    mlp,
    pictures,
    regress,
    sentences,
    table,
)


@case(
    "vanishing",
    also=("rank_collapse",),
    cause=("slope of the activation", "saturating activation", "initialisation too small"),
    about="twelve sigmoid layers as PyTorch makes them",
    facts=[signal("0", "22", below=1e-3), collapsed("0", "23")],
)
def sigmoid_mlp_of_twelve():
    x, y = table(128, 20, 5)
    model = mlp([20, *[48] * 12, 5], nn.Sigmoid)
    return model, classify(x, target=y), adam(model)


def poisson(model: nn.Module) -> Tensor:
    """Residual of u'' = -pi^2 sin(pi x) at random points; u = x (1 - x) model(x)."""
    x = torch.rand(64, 1, requires_grad=True)
    u = x * (1 - x) * model(x)
    (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), x, create_graph=True)
    return (bend + torch.pi**2 * torch.sin(torch.pi * x)).pow(2).mean()


@case(
    "vanishing",
    also=("forward_vanishing",),
    cause="initialisation too small",
    about="a physics-informed tanh net; the weights are drawn with a standard deviation of 0.05",
    facts=[signal("0", "16", below=1e-3), activations("0", "16", below=1e-3)],
)
def pinn_with_small_weights():
    model = mlp([1, *[24] * 9, 1], nn.Tanh)
    for layer in model[2::2]:
        nn.init.normal_(layer.weight, std=0.05)
        nn.init.zeros_(layer.bias)
    return model, poisson, adam(model)


@case(
    "vanishing",
    also=("rank_collapse", "dead_relu"),
    cause=("initialisation too small", "missing residual"),
    about="a plain VGG of sixteen convolutions, without batch norm, as PyTorch makes it",
    facts=[signal("0", "33", below=1e-3), collapsed("0", "34"), dead("14", dim=1)],
)
def plain_vgg_of_sixteen():
    x, y = pictures(16, 3, 16, 4)
    layers: list[nn.Module] = []
    for i in range(16):
        layers += [nn.Conv2d(16 if i else 3, 16, 3, padding=1), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(2)] if i in (3, 7, 11) else []
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 4))
    return model, classify(x, target=y), torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)


@case(
    "vanishing",
    cause=("post-norm depth", "slope of the activation"),
    about="a post-norm encoder of 24 layers whose feed-forward nets are sigmoid ones",
    facts=[signal("1.layers.0", "1.layers.23", below=1e-3)],
)
def post_norm_encoder_of_twenty_four():
    ids = sentences(16, 12, 50)
    layer = nn.TransformerEncoderLayer(32, 4, 128, activation=torch.sigmoid, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 24, enable_nested_tensor=False)
    for p in encoder.parameters():
        if p.dim() > 1:
            nn.init.xavier_uniform_(p, gain=2)
    model = nn.Sequential(nn.Embedding(50, 32), encoder, nn.Linear(32, 50))

    def loss(m):
        return F.cross_entropy(m(ids).flatten(0, 1), ids.roll(1, 1).flatten())

    return model, loss, torch.optim.AdamW(model.parameters(), 1e-3)


class ByHand(nn.Module):
    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.w = nn.ParameterList(torch.randn(width, width) for _ in range(depth))
        self.out = nn.Parameter(torch.randn(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        for w in self.w:
            x = torch.einsum("bi,ij->bj", x, w).relu()
        return x @ self.out


@case(
    "exploding",
    also=("forward_exploding",),
    cause="initialisation too large",
    about="weights straight from torch.randn, seven ReLU layers of 64",
    facts=[
        signal(torch.einsum, torch.einsum, above=1e3),
        activations(torch.einsum, torch.einsum, above=1e3),
    ],
)
def weights_from_randn():
    x = torch.randn(64, 64)
    model = ByHand(64, 7)
    return model, regress(x, target=x[:, :1].sin()), None


@case(
    "exploding",
    cause="normalisation without skip",
    about="batch norm after each of fifty layers, and no skip",
    facts=[signal("0", "147", above=1e3)],
)
def fifty_batch_norms_without_a_skip():
    x, y = table(128, 32, 10)
    layers: list[nn.Module] = []
    for _ in range(50):
        layers += [nn.Linear(32, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(32, 10)), classify(x, target=y), None


@case(
    "exploding",
    also=("forward_exploding",),
    cause="residual without normalisation",
    about="a residual net of 24 blocks, He initialised, from which batch norm was taken out",
    facts=[signal("0", "24.2", above=1e3), activations("0", "24.2", above=1e3)],
)
def resnet_without_batch_norm():
    x, y = pictures(8, 1, 8, 4)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        *(
            Skip(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1))
            for _ in range(24)
        ),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)),
    )
    for p in model.parameters():
        if p.dim() == 4:
            nn.init.kaiming_normal_(p)
    return model, classify(x, target=y), None


@case(
    "forward_vanishing",
    also=("vanishing",),
    cause="initialisation too small",
    about="tanh layers with weights of standard deviation 0.01",
    facts=[activations("0", "14", below=1e-3), signal("0", "14", below=1e-3)],
)
def tanh_mlp_with_weights_of_a_hundredth():
    x, y = table(100, 30, 3)
    model = mlp([30, *[64] * 8, 3], nn.Tanh)
    for layer in model[::2]:
        nn.init.normal_(layer.weight, std=0.01)
        nn.init.zeros_(layer.bias)
    return model, classify(x, target=y), torch.optim.SGD(model.parameters(), 0.1)


@case(
    "forward_vanishing",
    cause="input scale",
    about="an EEG net without normalisation is fed volts (1e-6) instead of microvolts",
    facts=[tiny("0", "1", "4", under=1e-5)],
)
def eeg_in_volts():
    y = torch.arange(32) % 2
    wave = torch.sin(2 * torch.pi * (8 + 6 * y)[:, None] * torch.linspace(0, 1, 64))
    x = 1e-6 * (wave[:, None, None] + torch.randn(32, 1, 6, 64))
    model = nn.Sequential(
        nn.Conv2d(1, 8, (1, 15), padding=(0, 7), bias=False),
        nn.Conv2d(8, 16, (6, 1), groups=8, bias=False),
        *(nn.ELU(), nn.AvgPool2d((1, 4))),
        nn.Conv2d(16, 16, (1, 7), padding=(0, 3), bias=False),
        *(nn.ELU(), nn.Flatten(), nn.Linear(256, 2)),
    )
    return model, classify(x, target=y), adam(model)


class Hyper(nn.Module):
    """A net whose weights another net writes."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.task = nn.Embedding(4, 32)
        self.write = nn.ModuleList(nn.Linear(32, width * width) for _ in range(depth))
        self.read = nn.Linear(width, 1)

    def forward(self, x: Tensor, task: Tensor) -> Tensor:
        z, width = self.task(task), x.shape[-1]
        for write in self.write:
            x = F.gelu(torch.bmm(x, write(z).view(-1, width, width)))
        return self.read(x).squeeze(-1)


@case(
    "forward_exploding",
    also=("exploding",),
    cause="initialisation too large",
    about="a hypernetwork as PyTorch makes it writes weights without regard to their fan-in",
    facts=[activations(torch.bmm, torch.bmm, above=1e3), signal(torch.bmm, torch.bmm, above=1e3)],
)
def hypernetwork_with_default_weights():
    x, task = torch.randn(16, 10, 32), torch.arange(16) % 4
    model = Hyper(32, 12)
    return model, regress(x, task, target=torch.sin(x[..., 0] + task[:, None])), None


@case(
    "rank_collapse",
    cause="attention without skip",
    about="in a pre-norm encoder of six attention layers, `x = x + ...` was written as `x = ...`",
    facts=[collapsed("0", "12", dim=1)],
)
def attention_that_forgot_its_skip():
    x = torch.randn(16, 20, 12)
    layers: list[nn.Module] = []
    for _ in range(6):
        layers += [nn.RMSNorm(32), Attention(32, 4)]
    model = nn.Sequential(nn.Linear(12, 32), *layers, nn.Linear(32, 12))
    return model, regress(x, target=x.roll(1, 1)), adam(model, 3e-4)
