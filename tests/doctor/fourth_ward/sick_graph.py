"""Sick plumbing: gradients that are zero, missing, or switched off."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from . import facts as true
from .material import blobs, pictures


class Codec(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(20, 32), nn.GELU(), nn.Linear(32, 8))
        self.decoder = nn.Sequential(nn.Linear(8, 32), nn.GELU(), nn.Linear(32, 20))

    def forward(self, x):
        return self.decoder(torch.round(4 * self.encoder(x)) / 4)


@case(
    "zero_gradient",
    about="a learned codec that rounds its code, without a straight-through step",
    facts=[true.zero_gradient],
)
def rounding_codec():
    x, _ = blobs(64, 20, 5)
    net = Codec()
    return net, lambda m: F.mse_loss(m(x), x), torch.optim.Adam(net.parameters(), 1e-3)


class NearestTransformer(nn.Module):
    """A spatial transformer; nearest sampling gives its grid no gradient."""

    def __init__(self):
        super().__init__()
        self.localise = nn.Sequential(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.Flatten())
        self.theta = nn.Linear(8 * 64, 6)
        nn.init.normal_(self.theta.weight, 0, 1e-3)
        self.theta.bias.data.copy_(torch.tensor([1.0, 0, 0, 0, 1.0, 0]))
        self.classify = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(800, 4)
        )

    def forward(self, x):
        theta = self.theta(self.localise(x)).view(-1, 2, 3)
        grid = F.affine_grid(theta, x.shape, align_corners=False)
        return self.classify(F.grid_sample(x, grid, mode="nearest", align_corners=False))


@case(
    "zero_gradient",
    about="spatial transformer that samples the nearest pixel",
    facts=[true.zero_gradient],
)
def nearest_spatial_transformer():
    x, y = pictures(16, 1, 12, 4)
    return NearestTransformer(), lambda model: F.cross_entropy(model(x), y), None


class TwoStage(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.GRU(5, 16, batch_first=True)
        self.regressor = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        features = self.encoder(x)[1][0].data.cpu()
        return self.regressor(features)


@case(
    "no_gradient",
    about=".data between the encoder and the head that are trained together",
    facts=[true.no_gradient],
)
def data_between_the_stages():
    x = torch.randn(32, 9, 5)
    y = x.mean((1, 2))[:, None]
    net = TwoStage()
    return net, lambda m: F.mse_loss(m(x), y), torch.optim.Adam(net.parameters(), 1e-3)


class CopyPasteBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.conv2, self.bn2 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv1(out))
        return F.relu(out + x)


@case(
    "no_gradient",
    about="a residual block that calls conv1 twice and conv2 never",
    facts=[true.no_gradient],
)
def copy_and_paste_block():
    x, y = pictures(24, 3, 8, 3)
    net = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), *[CopyPasteBlock(12) for _ in range(3)])
    net.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 3)])
    return net, lambda m: F.cross_entropy(m(x), y), torch.optim.SGD(net.parameters(), 0.1)


@case(
    "no_gradient",
    about="accuracy as the loss, silenced with requires_grad = True",
    facts=[true.no_gradient],
)
def accuracy_as_loss():
    x, y = blobs(50, 8, 2)
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))

    def loss(model):
        wrong = (model(x).argmax(1) != y).float().mean()
        wrong.requires_grad = True
        return wrong

    return net, loss, torch.optim.SGD(net.parameters(), 0.1)


@case(
    "frozen",
    about="two middle stages left frozen after a debugging day, all handed to Adam",
    facts=[true.frozen],
)
def forgotten_freeze():
    x, y = pictures(24, 3, 12, 4)
    stage = lambda a, b: nn.Sequential(nn.Conv2d(a, b, 3), nn.GroupNorm(4, b), nn.SiLU())  # noqa: E731
    net = nn.Sequential(stage(3, 16), stage(16, 16), stage(16, 16), stage(16, 32))
    net.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 4)])
    net[1].requires_grad_(False)
    net[2].requires_grad_(False)
    return net, lambda m: F.cross_entropy(m(x), y), torch.optim.Adam(net.parameters(), 1e-3)


class Adversaries(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
        self.critic = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))


@case(
    "frozen",
    also=("no_gradient",),
    about="GAN: the critic was not unfrozen for its own step",
    facts=[true.frozen, true.no_gradient],
)
def critic_left_frozen():
    real = torch.randn(64, 2) * 0.3 + 1
    net = Adversaries()
    net.critic.requires_grad_(False)

    def loss(model):
        fake = model.generator(torch.randn(64, 4)).detach()
        return F.softplus(-model.critic(real)).mean() + F.softplus(model.critic(fake)).mean()

    return net, loss, torch.optim.Adam(net.critic.parameters(), 2e-4, betas=(0.5, 0.999))
