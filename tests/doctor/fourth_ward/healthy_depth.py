"""Healthy, though deep, or with parts whose gradients are zero by design."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from tests.doctor.case import case

from . import facts as true
from .material import blobs, pictures


def cross_entropy(x, y):
    return lambda model: F.cross_entropy(model(x), y)


@case(None, about="twenty plain ReLU layers with He's init: deep, and right", facts=true.SOUND)
def he_tower():
    x, y = blobs(128, 32, 4)
    widths = [32, *[64] * 20]
    net = nn.Sequential()
    for a, b in zip(widths, widths[1:], strict=False):
        net.extend([nn.Linear(a, b), nn.ReLU()])
        nn.init.kaiming_normal_(net[-2].weight)
        nn.init.zeros_(net[-2].bias)
    net.append(nn.Linear(64, 4))
    return net, cross_entropy(x, y), torch.optim.Adam(net.parameters(), 3e-4)


@case(None, about="25 tanh layers kept orthogonal by a parametrization", facts=true.SOUND)
def orthogonal_tower():
    x, y = blobs(64, 32, 4)
    net = nn.Sequential()
    for _ in range(25):
        net.extend([nn.utils.parametrizations.orthogonal(nn.Linear(32, 32)), nn.Tanh()])
    net.append(nn.Linear(32, 4))
    return net, cross_entropy(x, y), None


class ZeroGammaBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.conv2, self.bn2 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        nn.init.zeros_(self.bn2.weight)

    def forward(self, x):
        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


@case(
    None,
    about="ResNet with zero_init_residual: the branches' weights get exactly 0 at first",
    facts=[true.given, true.keeps_its_size, true.learns],
)
def zero_gamma_resnet():
    x, y = pictures(24, 3, 8, 4)
    net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    net.extend([ZeroGammaBlock(16) for _ in range(6)])
    net.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)])
    return net, cross_entropy(x, y), torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)


def conv_norm(a, b):
    return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.InstanceNorm2d(b), nn.LeakyReLU(0.1))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc1, self.enc2, self.mid = conv_norm(1, 8), conv_norm(8, 16), conv_norm(16, 16)
        self.dec2, self.dec1, self.out = conv_norm(32, 8), conv_norm(16, 8), nn.Conv2d(8, 1, 1)

    def forward(self, x):
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        c = F.interpolate(self.mid(F.max_pool2d(b, 2)), scale_factor=2)
        d = F.interpolate(self.dec2(torch.cat([b, c], 1)), scale_factor=2)
        return self.out(self.dec1(torch.cat([a, d], 1)))


@case(
    None,
    about="U-Net with instance norm: biases before it get no push; Dice loss",
    facts=true.SOUND,
)
def unet_with_instance_norm():
    image = torch.randn(8, 1, 16, 16)
    mask = (F.avg_pool2d(image, 5, 1, 2) > 0).float()

    def dice(model):
        p = model(image).sigmoid()
        overlap = (p * mask).sum((1, 2, 3))
        return (1 - 2 * overlap / (p.sum((1, 2, 3)) + mask.sum((1, 2, 3)))).mean()

    net = UNet()
    return net, dice, torch.optim.Adam(net.parameters(), 1e-3)


class ReZeroNet(nn.Module):
    def __init__(self, width=48, depth=24):
        super().__init__()
        self.stem, self.head = nn.Linear(20, width), nn.Linear(width, 4)
        self.fc = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.alpha = nn.Parameter(torch.zeros(depth))

    def forward(self, x):
        h = self.stem(x)
        for alpha, fc in zip(self.alpha, self.fc, strict=True):
            h = h + alpha * F.relu(fc(h))
        return self.head(h)


@case(
    None,
    about="ReZero, 24 blocks behind a gate of 0",
    facts=[true.given, true.keeps_its_size, true.learns],
)
def rezero():
    x, y = blobs(64, 20, 4)
    net = ReZeroNet()
    return net, cross_entropy(x, y), torch.optim.Adam(net.parameters(), 1e-3)


class EulerFlow(nn.Module):
    """A neural differential equation, one field in twenty small checkpointed steps."""

    def __init__(self, steps=20):
        super().__init__()
        self.lift, self.read, self.steps = nn.Linear(2, 24), nn.Linear(24, 1), steps
        self.field = nn.Sequential(nn.Linear(25, 48), nn.Tanh(), nn.Linear(48, 24))

    def step(self, z, t):
        return z + self.field(torch.cat([z, t.expand(len(z), 1)], 1)) / self.steps

    def forward(self, x):
        z = self.lift(x)
        for i in range(self.steps):
            z = checkpoint(self.step, z, torch.tensor([[i / self.steps]]), use_reentrant=False)
        return self.read(z)


@case(None, about="neural ODE by Euler's rule, with gradient checkpointing", facts=true.SOUND)
def euler_ode():
    x = torch.randn(80, 2)
    y = x.prod(1, keepdim=True)
    return EulerFlow(), lambda model: F.mse_loss(model(x), y), None


class Inverted(nn.Module):
    """Inverted bottleneck: expand, depthwise, squeeze-and-excite, project."""

    def __init__(self, c):
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(c, 3 * c, 1, bias=False), nn.BatchNorm2d(3 * c))
        self.depth = nn.Conv2d(3 * c, 3 * c, 3, padding=1, groups=3 * c, bias=False)
        self.gate = nn.Sequential(
            nn.Conv2d(3 * c, c // 2, 1), nn.SiLU(), nn.Conv2d(c // 2, 3 * c, 1)
        )
        self.project = nn.Sequential(nn.Conv2d(3 * c, c, 1, bias=False), nn.BatchNorm2d(c))

    def forward(self, x):
        h = F.hardswish(self.depth(F.hardswish(self.expand(x))))
        h = h * F.hardsigmoid(self.gate(h.mean((2, 3), keepdim=True)))
        return x + self.project(h)


@case(None, about="MobileNet blocks fine-tuned in eval mode", facts=true.SOUND)
def mobile_net_in_eval_mode():
    x, y = pictures(24, 3, 8, 4)
    net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), *[Inverted(16) for _ in range(4)])
    net.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(16, 4)])
    with torch.no_grad():
        for _ in range(40):
            net(x)
    net.eval()
    return net, cross_entropy(x, y), torch.optim.Adam(net.parameters(), 1e-3)


@case(
    None,
    about="VGG with batch norm, pooling and dropout, under bfloat16 autocast",
    facts=true.SOUND,
)
def vgg_under_autocast():
    x, y = pictures(32, 3, 16, 4)
    parts, c = [], 3
    for width in (16, 16, 32, 32, 48):
        parts += [nn.Conv2d(c, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        parts += [nn.MaxPool2d(2)] if c != width else []
        c = width
    net = nn.Sequential(*parts, nn.Flatten(), nn.LazyLinear(64), nn.ReLU(), nn.Dropout(0.5))
    net.append(nn.Linear(64, 4))
    net(x)

    def loss(model):
        with torch.autocast("cpu", torch.bfloat16):
            return F.cross_entropy(model(x), y)

    return net, loss, torch.optim.Adam(net.parameters(), 1e-3)


class ScaledBlock(nn.Module):
    """Transformer block whose two branches start at a ten-thousandth (LayerScale)."""

    def __init__(self, width):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend = nn.MultiheadAttention(width, 4, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, width))
        self.gamma1, self.gamma2 = (nn.Parameter(torch.full((width,), 1e-4)) for _ in range(2))

    def forward(self, x):
        h = self.norm1(x)
        x = x + self.gamma1 * self.attend(h, h, h, need_weights=False)[0]
        return x + self.gamma2 * self.mlp(self.norm2(x))


class PatchTransformer(nn.Module):
    def __init__(self, width=32, depth=6):
        super().__init__()
        self.patch = nn.Conv2d(3, width, 4, stride=4)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.zeros(1, 5, width))
        self.blocks = nn.Sequential(*[ScaledBlock(width) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 4)
        nn.init.trunc_normal_(self.cls, std=0.02)
        nn.init.trunc_normal_(self.position, std=0.02)

    def forward(self, image):
        patches = self.patch(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(image), 1, -1), patches], 1) + self.position
        return self.head(self.norm(self.blocks(x)).mean(1))


@case(
    None,
    about="vision transformer with LayerScale of 1e-4: the branches hear almost nothing",
    facts=true.SOUND,
)
def layer_scale_transformer():
    x, y = pictures(32, 3, 8, 4)
    net = PatchTransformer()
    return net, cross_entropy(x, y), torch.optim.AdamW(net.parameters(), 1e-3)
