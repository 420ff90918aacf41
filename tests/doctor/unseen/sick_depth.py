"""Sick along the depth: signals and activations that vanish, explode or become one vector."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.unseen.proofs import (
    collapsed,
    forward_falls,
    forward_grows,
    forward_is_tiny,
    signal_falls,
    signal_grows,
)
from tests.doctor.unseen.registry import case


@case(
    "vanishing",
    signal_falls("linear", "conv2d"),
    collapsed("conv2d", "linear"),
    also=("rank_collapse",),
    about="VGG-16 without normalisation, PyTorch's default init: stays at log 10 for ever",
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
    head = [nn.Linear(width, 64), nn.ReLU(True), nn.Linear(64, 64), nn.ReLU(True), nn.Linear(64, 10)]
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
    signal_falls("conv1d"),
    collapsed("conv1d"),
    also=("rank_collapse",),
    about="a WaveNet whose author forgot the residual and the skip connections",
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
    signal_falls("einsum"),
    forward_falls("einsum"),
    also=("forward_vanishing",),
    about="BERT's std of 0.02, copied into a narrow GELU network without normalisation",
)
def bert_std_in_a_narrow_net():
    x = torch.randn(64, 96)
    y = x[:, :8].sum(1)
    return ByHand(), lambda m: (m(x) - y).square().mean(), None


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = [40, 64, 64, 64, 64, 64, 64, 64, 16]
        self.layers = nn.ModuleList(
            nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)
        )

    def embed(self, x):
        for layer in self.layers:
            x = torch.sigmoid(layer(x))
        return x

    def forward(self, left, right):
        return (self.embed(left) - self.embed(right)).square().sum(1)


@case(
    "vanishing",
    signal_falls("linear", first=0, last=7),
    collapsed("linear", last=7),
    also=("rank_collapse",),
    about="twin towers of sigmoids under a contrastive loss: all pairs look alike",
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
    signal_falls("tanh"),
    forward_falls("tanh", last=-1),
    also=("forward_vanishing",),
    about="a hypernetwork whose last layer is initialised as if it made outputs, not weights",
)
def hypernetwork_small_weights():
    x = torch.randn(48, 20)
    y = x[:, :1] * x[:, 1:2]
    return HyperMLP(), lambda m: F.mse_loss(m(x), y), None


@case(
    "vanishing",
    signal_falls("linear", first=0, last=11),
    also=(),
    about="a physics-informed net of eleven sigmoid layers; the loss needs u_xx",
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


class PlainBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        for conv in (self.conv1, self.conv2):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")

    def forward(self, x):
        return x + self.conv2(F.relu(self.conv1(x)))


@case(
    "exploding",
    signal_grows("conv2d"),
    forward_grows("conv2d"),
    also=("forward_exploding",),
    about="a ResNet from which the batch norms were deleted 'for small batches'",
)
def resnet_without_norm():
    blocks = [PlainBlock(12) for _ in range(16)]
    stem, head = nn.Conv2d(3, 12, 3, padding=1), nn.Linear(12, 5)
    model = nn.Sequential(stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    images, labels = torch.randn(8, 3, 12, 12), torch.randint(0, 5, (8,))
    return model, lambda m: F.cross_entropy(m(images), labels), None


@case(
    "exploding",
    signal_grows("conv2d"),
    forward_grows("conv2d"),
    also=("forward_exploding",),
    about="a WGAN critic: init.normal_(w) was meant to be init.normal_(w, 0, 0.02)",
)
def critic_with_unit_normal_weights():
    critic = nn.Sequential()
    for i, (a, b) in enumerate([(3, 16), (16, 32), (32, 64)]):
        critic.add_module(f"conv{i}", nn.Conv2d(a, b, 4, 2, 1, bias=False))
        critic.add_module(f"act{i}", nn.LeakyReLU(0.2, inplace=True))
    critic.add_module("score", nn.Conv2d(64, 1, 4, bias=False))
    critic.apply(lambda m: nn.init.normal_(m.weight) if isinstance(m, nn.Conv2d) else None)
    real, noise = torch.rand(8, 3, 32, 32) * 2 - 1, torch.randn(8, 3, 32, 32)
    return critic, lambda m: m(noise).mean() - m(real).mean(), None


@case(
    "exploding",
    signal_grows("linear"),
    about="seventy layers of linear, batch norm, ReLU: normalised forward, but not backward",
)
def batchnorm_tower():
    layers = []
    for _ in range(70):
        layers += [nn.Linear(48, 48, bias=False), nn.BatchNorm1d(48), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(48, 4))
    x, y = torch.randn(128, 48), torch.randint(0, 4, (128,))
    return model, lambda m: F.cross_entropy(m(x), y), None


class Coupling(nn.Module):
    def __init__(self, dim, flip):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(dim // 2, 64), nn.ReLU(), nn.Linear(64, dim))
        nn.init.normal_(self.net[2].weight, std=0.22)

    def forward(self, x):
        a, b = x.chunk(2, dim=1)
        if self.flip:
            a, b = b, a
        log_scale, shift = self.net(a).chunk(2, dim=1)  # not squashed
        b = b * log_scale.exp() + shift
        return torch.cat((b, a) if self.flip else (a, b), dim=1), log_scale.sum(1)


class Flow(nn.Module):
    def __init__(self, dim=8, depth=6):
        super().__init__()
        self.steps = nn.ModuleList(Coupling(dim, i % 2 == 1) for i in range(depth))

    def forward(self, x):
        volume = x.new_zeros(len(x))
        for step in self.steps:
            x, part = step(x)
            volume = volume + part
        return x, volume


def likelihood(x):
    def loss(m):
        z, volume = m(x)
        return (0.5 * z.square().sum(1) - volume).mean()

    return loss


@case(
    "exploding",
    signal_grows("cat"),
    forward_grows("cat", last=-1),
    also=("forward_exploding",),
    about="RealNVP with exp(log_scale) left free and a wide last layer",
)
def flow_with_free_scales():
    return Flow(), likelihood(torch.randn(64, 8)), None


@case(
    "forward_vanishing",
    forward_is_tiny("linear", below=1e-6),
    about="currents in ampere: features of 10⁻⁹, biases that start at zero",
)
def features_in_ampere():
    class Regressor(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(12, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU())
            self.head = nn.Linear(64, 1)
            for m in self.modules():
                if isinstance(m, nn.Linear):
                    nn.init.xavier_uniform_(m.weight)
                    nn.init.zeros_(m.bias)

        def forward(self, batch):
            return self.head(self.body(batch["current"])).squeeze(-1)

    batch = {"current": torch.randn(64, 12) * 3e-9}
    batch["torque"] = batch["current"][:, 0] * 1e9
    return Regressor(), lambda m: F.smooth_l1_loss(m(batch), batch["torque"]), None


@case(
    "forward_vanishing",
    forward_falls("conv_transpose2d", "conv2d"),
    signal_falls("conv_transpose2d", "conv2d"),
    also=("vanishing",),
    about="AlexNet's N(0, 0.01) in a convolutional autoencoder with tanh",
)
def autoencoder_std_001():
    def conv(a, b, kind=nn.Conv2d):
        layer = kind(a, b, 3, padding=1)
        nn.init.normal_(layer.weight, 0, 0.01)
        nn.init.zeros_(layer.bias)
        return layer

    model = nn.Sequential()
    for i in range(4):
        model.append(conv(1 if i == 0 else 16, 16)).append(nn.Tanh())
    for i in range(4):
        model.append(conv(16, 1 if i == 3 else 16, nn.ConvTranspose2d))
        model.append(nn.Tanh() if i < 3 else nn.Identity())
    images = torch.randn(8, 1, 16, 16)
    return model, lambda m: F.mse_loss(m(images), images), None
