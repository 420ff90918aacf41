"""Healthy convnets and what is trained beside or behind them."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .facts import gradients, signal
from .facts_of_training import learns


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, c, 3, padding=1), nn.BatchNorm2d(c)
        self.conv2, self.bn2 = nn.Conv2d(c, c, 3, padding=1), nn.BatchNorm2d(c)
        nn.init.zeros_(self.bn2.weight)

    def forward(self, x):
        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


@case(
    None,
    about="a ResNet whose last BatchNorm weight per block starts at 0, conv biases before BN",
    facts=[learns(25, 0.95), signal(0.02, 50, first="0", last="5")],
)
def resnet_zero_init_residual():
    torch.manual_seed(121)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        *[Residual(16) for _ in range(5)],
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 10),
    )
    x = torch.randn(32, 3, 8, 8)
    y = (x.mean((1, 2, 3)) * 40).long().clamp(-4, 5) + 4
    return net, lambda m: F.cross_entropy(m(x), y), None


@case(
    None,
    about="a U-Net with instance norm: the bottleneck's signal is weaker than the skips'",
    facts=[learns(25, 0.9)],
)
def small_unet():
    torch.manual_seed(122)

    def double(i, o):
        return nn.Sequential(
            nn.Conv2d(i, o, 3, padding=1), nn.InstanceNorm2d(o), nn.LeakyReLU(0.01),
            nn.Conv2d(o, o, 3, padding=1), nn.InstanceNorm2d(o), nn.LeakyReLU(0.01),
        )  # fmt: skip

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.d1, self.d2, self.mid = double(1, 8), double(8, 16), double(16, 32)
            self.up2, self.u2 = nn.ConvTranspose2d(32, 16, 2, 2), double(32, 16)
            self.up1, self.u1 = nn.ConvTranspose2d(16, 8, 2, 2), double(16, 8)
            self.out = nn.Conv2d(8, 1, 1)

        def forward(self, x):
            a = self.d1(x)
            b = self.d2(F.max_pool2d(a, 2))
            c = self.up2(self.mid(F.max_pool2d(b, 2)))
            d = self.up1(self.u2(torch.cat([b, c], 1)))
            return self.out(self.u1(torch.cat([a, d], 1)))

    x = torch.randn(4, 1, 16, 16)
    mask = (F.avg_pool2d(x, 3, 1, 1) > 0).float()
    return UNet(), lambda m: F.binary_cross_entropy_with_logits(m(x), mask), None


@case(
    None,
    about="depthwise separable blocks with ReLU6, SGD with momentum and weight decay",
    facts=[learns(30, 0.9)],
)
def mobile_blocks():
    torch.manual_seed(123)

    def sep(i, o, s):
        return [
            nn.Conv2d(i, i, 3, s, 1, groups=i, bias=False), nn.BatchNorm2d(i), nn.ReLU6(True),
            nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU6(True),
        ]  # fmt: skip

    layers = [nn.Conv2d(3, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU6(True)]
    for i, o, s in ((16, 24, 2), (24, 24, 1), (24, 32, 2), (32, 32, 1)):
        layers += sep(i, o, s)
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 6))
    x = torch.randn(48, 3, 12, 12)
    y = torch.randint(0, 6, (48,))
    opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    return net, lambda m: F.cross_entropy(m(x), y), opt


@case(
    None,
    about="ConvNeXt-like blocks with LayerScale 1e-6",
    facts=[learns(40, 0.9), signal(0.05, 50, first="stem", last="blocks.7")],
)
def layer_scale_blocks():
    torch.manual_seed(124)

    class Block(nn.Module):
        def __init__(self, d=24):
            super().__init__()
            self.dw = nn.Conv2d(d, d, 5, padding=2, groups=d)
            self.norm = nn.LayerNorm(d)
            self.pw1, self.pw2 = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
            self.gamma = nn.Parameter(1e-6 * torch.ones(d))

        def forward(self, x):
            h = self.norm(self.dw(x).permute(0, 2, 3, 1))
            h = self.gamma * self.pw2(F.gelu(self.pw1(h)))
            return x + h.permute(0, 3, 1, 2)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 24, 2, 2)
            self.blocks = nn.Sequential(*[Block() for _ in range(8)])
            self.head = nn.Linear(24, 5)

        def forward(self, x):
            return self.head(self.blocks(self.stem(x)).mean((2, 3)))

    x = torch.randn(16, 3, 8, 8)
    y = torch.randint(0, 5, (16,))
    net = Net()
    return net, lambda m: F.cross_entropy(m(x), y), torch.optim.AdamW(net.parameters(), lr=4e-3)


@case(
    None,
    about="transfer learning: backbone frozen and in eval mode, the optimizer has the head only",
    facts=[learns(40, 0.9), gradients()],
)
def linear_probe():
    torch.manual_seed(125)

    class Probe(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = nn.Sequential(
                nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(),
                nn.Conv2d(16, 32, 3), nn.BatchNorm2d(32), nn.ReLU(),
            )  # fmt: skip
            self.head = nn.Linear(32, 4)
            self.backbone.requires_grad_(False).eval()

        def train(self, mode=True):
            super().train(mode)
            self.backbone.eval()
            return self

        def forward(self, x):
            with torch.no_grad():
                z = self.backbone(x).mean((2, 3))
            return self.head(z)

    net = Probe()
    x = torch.randn(64, 3, 10, 10) + torch.randn(64, 3, 1, 1)
    y = x.mean((2, 3)).argmax(1)
    return net, lambda m: F.cross_entropy(m(x), y), torch.optim.Adam(net.head.parameters(), lr=0.05)


@case(
    None,
    about="BYOL: a predictor, an averaged teacher without gradient, stop-gradient in the loss",
    facts=[learns(30, 0.9), gradients()],
)
def self_distillation():
    torch.manual_seed(126)

    class Byol(nn.Module):
        def __init__(self):
            super().__init__()
            self.online = nn.Sequential(
                nn.Flatten(), nn.Linear(48, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 16)
            )
            self.target = copy.deepcopy(self.online).requires_grad_(False)
            self.predictor = nn.Linear(16, 16)

        def forward(self, a, b):
            p, t = self.predictor(self.online(a)), self.target(b).detach()
            return 2 - 2 * F.cosine_similarity(p, t, dim=1).mean()

    views = torch.randn(64, 3, 4, 4)

    def loss(m):
        a, b = (views + 0.1 * torch.randn_like(views) for _ in range(2))
        return m(a, b) + m(b, a)

    net = Byol()
    trained = [p for p in net.parameters() if p.requires_grad]
    return net, loss, torch.optim.Adam(trained, lr=2e-3)


@case(
    None,
    about="siamese contrastive loss with the eps inside the root and one identical pair",
    facts=[learns(40, 0.9), gradients(zero=("embed.5.bias",), bad=False)],
)
def siamese_with_eps():
    torch.manual_seed(127)

    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Sequential(
                nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(216, 32), nn.ReLU(),
                nn.Linear(32, 8),
            )  # fmt: skip

        def forward(self, a, b):
            return ((self.embed(a) - self.embed(b)).square().sum(1) + 1e-8).sqrt()

    a = torch.rand(24, 1, 8, 8)
    same = (torch.arange(24) < 12).float()
    b = torch.where(same.view(-1, 1, 1, 1) > 0, a + 0.05 * torch.randn_like(a), a.flip(0))
    b[0] = a[0]

    def loss(m):
        d = m(a, b)
        return (same * d**2 + (1 - same) * F.relu(1 - d) ** 2).mean()

    return Pair(), loss, None


@case(
    None,
    about="deep supervision: hooks collect every stage's map for the loss, and clamp gradients",
    facts=[learns(30, 0.95), gradients()],
)
def hooks_everywhere():
    torch.manual_seed(128)

    class Staged(nn.Module):
        def __init__(self):
            super().__init__()
            self.stages = nn.ModuleList(
                nn.Sequential(nn.Conv2d(i, 12, 3, padding=1), nn.GroupNorm(3, 12), nn.SiLU())
                for i in (3, 12, 12, 12)
            )
            self.to_map = nn.Conv2d(12, 1, 1)
            self.maps = []
            for stage in self.stages:
                stage.register_forward_hook(self.collect)
                stage[0].weight.register_hook(lambda g: g.clamp(-0.1, 0.1))

        def collect(self, _stage, _inputs, output):
            self.maps.append(output)

        def forward(self, x):
            self.maps.clear()
            for stage in self.stages:
                x = stage(x)
            return [self.to_map(z) for z in self.maps]

    x = torch.randn(8, 3, 10, 10)
    y = x.mean(1, keepdim=True)
    return Staged(), lambda m: sum(F.mse_loss(z, y) for z in m(x)) / 4, None
