"""Sick along the depth: signals that vanish on their way back."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case
from tests.doctor.second_ward.proofs import collapsed, forward_falls, signal_falls


@case(
    "vanishing",
    also=("rank_collapse",),
    about="VGG-16 without normalisation, PyTorch's default init: stays at log 10 for ever",
    facts=[signal_falls("linear", "conv2d"), collapsed("conv2d", "linear")],
)
def vgg16_default_init():
    plan = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 256, 256, 256, "M", 256, 256, 256, "M"]
    layers, width = [], 3
    for step in plan:
        if step == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(width, step // 4, 3, padding=1), nn.ReLU(inplace=True)]
            width = step // 4
    head = [
        nn.Linear(width, 64),
        nn.ReLU(True),
        nn.Linear(64, 64),
        nn.ReLU(True),
        nn.Linear(64, 10),
    ]
    model = nn.Sequential(nn.Sequential(*layers), nn.Flatten(), nn.Sequential(*head))
    images, labels = torch.randn(16, 3, 32, 32), torch.randint(0, 10, (16,))
    return model, lambda m: F.cross_entropy(m(images), labels), None


class Gated(nn.Module):
    """Dilated causal convolutions with WaveNet's gate, and nothing added back."""

    def __init__(self, width=24, depth=20):
        super().__init__()
        self.inp = nn.Conv1d(1, width, 1)
        self.filters = nn.ModuleList(nn.Conv1d(width, width, 2) for _ in range(depth))
        self.gates = nn.ModuleList(nn.Conv1d(width, width, 2) for _ in range(depth))
        for i in range(depth):
            self.filters[i].dilation = self.gates[i].dilation = (2 ** (i % 5),)
        self.out = nn.Conv1d(width, 32, 1)

    def forward(self, wave):
        h = self.inp(wave)
        for f, g in zip(self.filters, self.gates, strict=True):
            padded = F.pad(h, (f.dilation[0], 0))
            h = torch.tanh(f(padded)) * torch.sigmoid(g(padded))
        return self.out(h)


@case(
    "vanishing",
    also=("rank_collapse",),
    about="a WaveNet whose author forgot the residual and the skip connections",
    facts=[signal_falls("conv1d"), collapsed("conv1d", per_sample=True)],
)
def wavenet_without_skips():
    model = Gated()
    wave = torch.sin(torch.linspace(0, 60, 257)).repeat(4, 1, 1) + 0.1 * torch.randn(4, 1, 257)
    codes = ((wave + 1.5) / 3 * 31).clamp(0, 31).long().squeeze(1)
    return model, lambda m: F.cross_entropy(m(wave[..., :-1]), codes[:, 1:]), None


class ByHand(nn.Module):
    """A perceptron of bare tensors."""

    def __init__(self, depth=16, width=96):
        super().__init__()
        self.W = nn.ParameterList(torch.randn(width, width) * 0.02 for _ in range(depth))
        self.b = nn.ParameterList(torch.zeros(width) for _ in range(depth))
        self.readout = nn.Parameter(torch.randn(width) * 0.02)

    def forward(self, x):
        for W, b in zip(self.W, self.b, strict=True):
            x = F.gelu(torch.einsum("bi,oi->bo", x, W) + b)
        return torch.einsum("bi,i->b", x, self.readout)


@case(
    "vanishing",
    also=("forward_vanishing",),
    about="BERT's std of 0.02, copied into a narrow GELU network without normalisation",
    facts=[signal_falls("einsum"), forward_falls("einsum")],
)
def bert_std_in_a_narrow_net():
    x = torch.randn(64, 96)
    y = x[:, :8].sum(1)
    return ByHand(), lambda m: (m(x) - y).square().mean(), None


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = [40, 64, 64, 64, 64, 64, 64, 64, 16]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False))

    def embed(self, x):
        for layer in self.layers:
            x = torch.sigmoid(layer(x))
        return x

    def forward(self, left, right):
        return (self.embed(left) - self.embed(right)).square().sum(1)


@case(
    "vanishing",
    also=("rank_collapse",),
    about="twin towers of sigmoids under a contrastive loss: all pairs look alike",
    facts=[signal_falls("linear", first=0, last=7), collapsed("linear", last=7)],
)
def siamese_sigmoid_towers():
    model = Siamese()
    left, right, same = torch.randn(32, 40), torch.randn(32, 40), torch.rand(32) < 0.5
    right = torch.where(same[:, None], left + 0.1 * right, right)

    def contrastive(m):
        d2 = m(left, right)
        return torch.where(same, d2, F.relu(1.0 - (d2 + 1e-6).sqrt()).square()).mean()

    return model, contrastive, None


class HyperMLP(nn.Module):
    """A small network writes the weights of a deep one."""

    def __init__(self, depth=14, width=20):
        super().__init__()
        self.depth, self.width = depth, width
        self.codes = nn.Parameter(torch.randn(depth, 8))
        self.writer = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, width * width))
        nn.init.normal_(self.writer[2].weight, std=0.02)
        self.readout = nn.Linear(width, 1)

    def forward(self, x):
        weights = self.writer(self.codes).view(self.depth, self.width, self.width)
        for w in weights:
            x = torch.tanh(x @ w.t())
        return self.readout(x)


@case(
    "vanishing",
    also=("forward_vanishing",),
    about="a hypernetwork whose last layer is initialised as if it made outputs, not weights",
    facts=[signal_falls("tanh"), forward_falls("tanh", last=-1)],
)
def hypernetwork_small_weights():
    x = torch.randn(48, 20)
    y = x[:, :1] * x[:, 1:2]
    return HyperMLP(), lambda m: F.mse_loss(m(x), y), None


@case(
    "vanishing",
    also=("rank_collapse",),
    about="a physics-informed net of eleven sigmoid layers; the loss needs u_xx",
    facts=[signal_falls("linear"), collapsed("linear")],
)
def pinn_of_sigmoids():
    layers = [nn.Linear(1, 32), nn.Sigmoid()]
    for _ in range(10):
        layers += [nn.Linear(32, 32), nn.Sigmoid()]
    model = nn.Sequential(*layers, nn.Linear(32, 1)).double()
    x = torch.linspace(0, math.pi, 64, dtype=torch.float64)[:, None].requires_grad_()

    def residual(m):
        u = m(x)
        (du,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        (ddu,) = torch.autograd.grad(du.sum(), x, create_graph=True)
        return (ddu + torch.sin(x)).square().mean() + u[0].square().sum() + u[-1].square().sum()

    return model, residual, None
