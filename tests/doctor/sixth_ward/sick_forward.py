"""Sick on the way forward: the activations fall or grow from layer to layer."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .measure import falls, forward, rises, size
from .parts import blobs, mlp, supervised
from .training import stuck


@case(
    "forward_vanishing",
    also=("vanishing",),
    cause="initialisation too small",
    about="model.apply(init_weights) with normal_(0, 0.01), as in old recipes; six tanh layers.",
    facts=[forward("0", "10", high=1e-3), falls("0", "12"), stuck()],
)
def normal_001():
    model = mlp(32, *[64] * 6, 5, act=nn.Tanh)

    def init_weights(m):
        if isinstance(m, nn.Linear):
            nn.init.normal_(m.weight, 0.0, 0.01)
            nn.init.zeros_(m.bias)

    model.apply(init_weights)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    return model, supervised(*blobs(128, 32, 5)), optimizer


@case(
    "forward_vanishing",
    cause="input scale",
    about="Raw gravitational-wave strain, about 1e-21, goes into a 1-D convnet unscaled.",
    facts=[size("conv1", "conv2", "conv3", high=1e-15), stuck()],
)
def raw_strain():
    class Detector(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv1d(1, 16, 9, stride=2)
            self.conv2 = nn.Conv1d(16, 24, 9, stride=2)
            self.conv3 = nn.Conv1d(24, 32, 5, stride=2)
            self.fc = nn.Linear(32, 2)
            for m in self.modules():
                if isinstance(m, nn.Conv1d | nn.Linear):
                    nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                    nn.init.zeros_(m.bias)

        def forward(self, x):
            x = F.relu(self.conv1(x))
            x = F.relu(self.conv2(x))
            x = F.elu(self.conv3(x))
            return self.fc(x.amax(-1))

    y = torch.arange(64) % 2
    t = torch.linspace(0, 1, 128)
    chirp = torch.sin(60 * t**2) * y[:, None]
    x = (1e-21 * (chirp + 0.7 * torch.randn(64, 128))).unsqueeze(1)
    model = Detector()
    return model, supervised(x, y), torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


@case(
    "forward_exploding",
    also=("exploding",),
    cause="residual without normalisation",
    about="EDSR-like super-resolution: 32 residual blocks without norm, residual scale forgotten.",
    facts=[forward("head", "body.31", low=1e3), rises("head", "body.31")],
)
def edsr_without_scale():
    class Block(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.a, self.b = nn.Conv2d(n, n, 3, padding=1), nn.Conv2d(n, n, 3, padding=1)
            for conv in (self.a, self.b):
                nn.init.kaiming_normal_(conv.weight)

        def forward(self, x):
            return x + self.b(F.relu(self.a(x)))

    class EDSR(nn.Module):
        def __init__(self, n=12):
            super().__init__()
            self.head = nn.Conv2d(1, n, 3, padding=1)
            self.body = nn.Sequential(*[Block(n) for _ in range(32)])
            self.tail = nn.Sequential(nn.Conv2d(n, 4, 3, padding=1), nn.PixelShuffle(2))

        def forward(self, x):
            return self.tail(self.body(self.head(x)))

    high = F.interpolate(torch.rand(4, 1, 5, 5), size=20, mode="bicubic")
    return EDSR(), supervised(F.avg_pool2d(high, 2), high, F.l1_loss), None


@case(
    "forward_exploding",
    also=("exploding",),
    cause="initialisation too large",
    about="A video classifier: `for p in model.parameters(): nn.init.normal_(p)` over Conv3d.",
    facts=[forward("stem", "convs.4", low=1e3), rises("stem", "fc")],
)
def normal_everywhere_3d():
    class Video(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv3d(1, 8, 3, padding=1)
            self.convs = nn.ModuleList(nn.Conv3d(8, 8, 3, padding=1) for _ in range(5))
            self.fc = nn.Linear(8, 3)
            for p in self.parameters():
                nn.init.normal_(p)

        def forward(self, clip):
            x = F.leaky_relu(self.stem(clip), 0.1)
            for i, conv in enumerate(self.convs):
                x = F.leaky_relu(conv(x), 0.1)
                if i % 2:
                    x = F.avg_pool3d(x, (1, 2, 2))
            return self.fc(x.mean((2, 3, 4)))

    return Video(), supervised(torch.randn(6, 1, 6, 12, 12), torch.arange(6) % 3), None
