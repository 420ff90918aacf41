"""Sick along the depth: signals and activations that explode, and activations that vanish."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case
from tests.doctor.second_ward.proofs import (
    forward_falls,
    forward_grows,
    forward_is_tiny,
    signal_falls,
    signal_grows,
)


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
    also=("forward_exploding",),
    about="a ResNet from which the batch norms were deleted 'for small batches'",
    facts=[signal_grows("conv2d", "linear"), forward_grows("conv2d", "linear")],
)
def resnet_without_norm():
    blocks = [PlainBlock(12) for _ in range(24)]
    stem, head = nn.Conv2d(3, 12, 3, padding=1), nn.Linear(12, 5)
    model = nn.Sequential(stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    images, labels = torch.randn(8, 3, 12, 12), torch.randint(0, 5, (8,))
    return model, lambda m: F.cross_entropy(m(images), labels), None


@case(
    "exploding",
    also=("forward_exploding",),
    about="a WGAN critic: init.normal_(w) was meant to be init.normal_(w, 0, 0.02)",
    facts=[signal_grows("conv2d"), forward_grows("conv2d", last=3)],
)
def critic_with_unit_normal_weights():
    critic = nn.Sequential()
    for i, (a, b) in enumerate([(3, 16), (16, 32), (32, 64), (64, 64)]):
        critic.add_module(f"conv{i}", nn.Conv2d(a, b, 4, 2, 1, bias=False))
        critic.add_module(f"act{i}", nn.LeakyReLU(0.2, inplace=True))
    critic.add_module("score", nn.Conv2d(64, 1, 4, bias=False))
    critic.apply(lambda m: nn.init.normal_(m.weight) if isinstance(m, nn.Conv2d) else None)
    real, noise = torch.rand(8, 3, 64, 64) * 2 - 1, torch.randn(8, 3, 64, 64)
    return critic, lambda m: m(noise).mean() - m(real).mean(), None


@case(
    "exploding",
    about="seventy layers of linear, batch norm, ReLU: normalised forward, but not backward",
    facts=[signal_grows("linear")],
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
        nn.init.normal_(self.net[2].weight, std=0.14)

    def forward(self, x):
        a, b = x.chunk(2, dim=1)
        if self.flip:
            a, b = b, a
        log_scale, shift = self.net(a).chunk(2, dim=1)  # not squashed
        b = b * log_scale.exp() + shift
        return torch.cat((b, a) if self.flip else (a, b), dim=1), log_scale.sum(1)


class Flow(nn.Module):
    def __init__(self, dim=8, depth=4):
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
    also=("forward_exploding",),
    about="RealNVP with exp(log_scale) left free and a wide last layer",
    facts=[signal_grows("cat"), forward_grows("cat", last=-1)],
)
def flow_with_free_scales():
    return Flow(), likelihood(torch.randn(64, 8)), None


@case(
    "forward_vanishing",
    about="currents in ampere: features of 10⁻⁹, biases that start at zero",
    facts=[forward_is_tiny("linear", below=1e-6)],
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
    also=("vanishing",),
    about="AlexNet's N(0, 0.01) in a convolutional autoencoder with tanh",
    facts=[forward_falls("conv_transpose2d", "conv2d"), signal_falls("conv_transpose2d", "conv2d")],
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
