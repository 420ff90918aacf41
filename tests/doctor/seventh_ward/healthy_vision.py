"""Healthy models that see: residual, depthwise, volumetric, detecting, transferred."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.doctor.case import case
from tests.doctor.seventh_ward.healthy_data import pictures
from tests.doctor.seventh_ward.sound import learns, open_units, steady, train, wired


class BasicBlock(nn.Module):
    """Two convolutions beside a skip; the second normalisation starts with scale 0."""

    def __init__(self, start: int, end: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(start, end, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(end)
        self.conv2 = nn.Conv2d(end, end, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(end)
        nn.init.zeros_(self.bn2.weight)
        self.skip = nn.Sequential()
        if stride > 1 or start != end:
            conv = nn.Conv2d(start, end, 1, stride, bias=False)
            self.skip = nn.Sequential(conv, nn.BatchNorm2d(end))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(inner + self.skip(x))


@case(
    None,
    about="a ResNet with zero-initialised residual scales: its branches get no gradient at first",
    facts=[
        wired(dark=("*.conv1.weight", "*.conv2.weight", "*.bn1.*")),
        steady("0", "7"),
        open_units(),
        learns(steps=20),
    ],
)
def zero_init_residual_net():
    shapes = [(16, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1)]
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True),
        *(BasicBlock(*shape) for shape in shapes),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 4),
    )  # fmt: skip
    x, y = pictures(32, 3, 16, 16)
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.SGD(model.parameters(), 0.05, 0.9, weight_decay=5e-4, nesterov=True)
    return model, lambda m: loss(m(x), y), optimizer


class SqueezeExcite(nn.Module):
    """Scales channels by a gate that looks at their means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, 8, 1), nn.Conv2d(8, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.up(F.silu(self.down(x.mean((2, 3), keepdim=True))))
        return x * F.hardsigmoid(gate)


class InvertedResidual(nn.Module):
    """Expand, depthwise, squeeze and excite, project."""

    def __init__(self, width: int, activation: nn.Module) -> None:
        super().__init__()
        inner = 4 * width
        self.body = nn.Sequential(
            nn.Conv2d(width, inner, 1, bias=False), nn.BatchNorm2d(inner), activation,
            nn.Conv2d(inner, inner, 3, padding=1, groups=inner, bias=False),
            nn.BatchNorm2d(inner), activation, SqueezeExcite(inner),
            nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


@case(
    None,
    about="a MobileNet in mid-training: ReLU6 gives 0 for half of the entries, as ReLU does",
    facts=[wired(), steady("stem.0", "blocks.3"), open_units(), learns(steps=15, draws=2)],
)
def mobile_net_with_relu6():
    model = nn.Sequential()
    model.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16))
    kinds = (nn.ReLU6(), nn.ReLU6(), nn.Hardswish(), nn.Hardswish())
    model.blocks = nn.Sequential(*(InvertedResidual(16, kind) for kind in kinds))
    model.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model.head = nn.Sequential(
        nn.Linear(16, 32), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(32, 10)
    )
    x, y = pictures(24, 3, 16, 16, classes=10)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=3e-4, momentum=0.9, eps=1e-3)

    def loss(m: nn.Module) -> Tensor:
        return F.cross_entropy(m(x + torch.randn_like(x)), y)

    train(model, loss, optimizer, 5)
    return model, loss, optimizer


def convolve(start: int, end: int) -> nn.Sequential:
    """The unit of the volumetric U-Net: its bias falls to the instance norm."""
    return nn.Sequential(
        nn.Conv3d(start, end, 3, padding=1), nn.InstanceNorm3d(end, affine=True), nn.LeakyReLU(0.01)
    )


class VolumeUNet(nn.Module):
    """Two levels; a dictionary with a map at each level comes out (deep supervision)."""

    def __init__(self) -> None:
        super().__init__()
        self.enc1, self.enc2, self.mid = convolve(1, 8), convolve(8, 16), convolve(16, 16)
        self.dec2, self.dec1 = convolve(32, 16), convolve(24, 8)
        self.head1, self.head2 = nn.Conv3d(8, 2, 1), nn.Conv3d(16, 2, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        a = self.enc1(x)
        b = self.enc2(F.max_pool3d(a, 2))
        c = self.mid(F.max_pool3d(b, 2))
        d = self.dec2(torch.cat([F.interpolate(c, scale_factor=2), b], 1))
        e = self.dec1(torch.cat([F.interpolate(d, scale_factor=2), a], 1))
        return {"full": self.head1(e), "half": self.head2(d)}


def dice(scores: Tensor, truth: Tensor) -> Tensor:
    """1 minus the overlap of the foreground."""
    p = scores.softmax(1)[:, 1]
    return 1 - (2 * (p * truth).sum() + 1) / (p.sum() + truth.sum() + 1)


@case(
    None,
    about="a 3-D U-Net: biases before instance norm have gradient 0 up to rounding",
    facts=[
        wired(idle=("enc?.0.bias", "mid.0.bias", "dec?.0.bias")),
        steady("enc1.0", "dec1.0"),
        learns(steps=20),
    ],
)
def volumetric_unet():
    x = torch.randn(2, 1, 8, 8, 8)
    smooth = F.avg_pool3d(x, 3, 1, 1)[:, 0]
    masks = {"full": (smooth > 0.1).long(), "half": (F.avg_pool3d(smooth, 2) > 0.1).long()}
    model = VolumeUNet()

    def loss(m: nn.Module) -> Tensor:
        maps = m(x)
        parts = [F.cross_entropy(maps[k], masks[k]) + dice(maps[k], masks[k]) for k in masks]
        return parts[0] + 0.5 * parts[1]

    optimizer = torch.optim.SGD(model.parameters(), 0.02, 0.99, nesterov=True)
    return model, loss, optimizer


@case(
    None,
    about="focal loss with a prior of 1 %: every output is near 0 and the loss is small, by design",
    facts=[wired(), steady("0", "9"), open_units(), learns(steps=40)],
)
def detector_of_rare_objects():
    layers: list[nn.Module] = []
    for i in range(4):
        layers += [nn.Conv2d(16 if i else 3, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Conv2d(16, 1, 3, padding=1))
    for conv in model[::3]:
        nn.init.kaiming_normal_(conv.weight)
        nn.init.zeros_(conv.bias)
    nn.init.normal_(model[-1].weight, std=0.01)
    nn.init.constant_(model[-1].bias, -math.log(0.99 / 0.01))
    x = torch.randn(8, 3, 16, 16)
    truth = (torch.rand(8, 1, 16, 16) < 0.01).float()
    x = x + 3 * truth

    def focal(m: nn.Module) -> Tensor:
        scores = m(x)
        each = F.binary_cross_entropy_with_logits(scores, truth, reduction="none")
        weight = torch.where(truth > 0, 0.25, 0.75) * (1 - (-each).exp()) ** 2
        return (weight * each).sum() / truth.sum()

    return model, focal, torch.optim.SGD(model.parameters(), 0.01, 0.9, weight_decay=1e-4)


class Transferred(nn.Module):
    """A frozen VGG in evaluation mode on pixels from 0 to 255, and a new head."""

    def __init__(self) -> None:
        super().__init__()
        widths = [3, 16, 16, 32, 32]
        layers: list[nn.Module] = []
        for a, b in zip(widths, widths[1:], strict=False):
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
        for norm in layers[1::3]:
            norm.momentum = None  # the plain average
        self.backbone = nn.Sequential(*layers, nn.MaxPool2d(4), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(512, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 4))
        self.register_buffer("mean", torch.tensor([124.0, 116.0, 104.0]).view(3, 1, 1))

    def train(self, mode: bool = True):
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        return self.head(self.backbone((pixels - self.mean) / 58.0))


@case(
    None,
    about="a frozen backbone on raw pixels, the optimizer holds the head only",
    facts=[wired(), steady("head.0", "head.1"), open_units(), learns()],
)
def frozen_backbone_on_pixels():
    model = Transferred()
    for layer in model.backbone[::3][:4]:
        nn.init.kaiming_normal_(layer.weight)
    x, y = pictures(48, 3, 16, 16)
    pixels = (128 + 60 * x).clamp(0, 255).round()
    with torch.no_grad():
        nn.Module.train(model)
        for _ in range(3):
            model(pixels)
    model.train().backbone.requires_grad_(False)
    optimizer = torch.optim.AdamW(model.head.parameters(), lr=1e-3)
    return model, lambda m: F.cross_entropy(m(pixels), y), optimizer
