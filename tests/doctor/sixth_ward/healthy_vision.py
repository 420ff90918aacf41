"""Healthy: image models as they are built today."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .parts import images, mlp, supervised
from .sound import sound
from .training import learns


@case(
    None,
    about="ResNet: last BatchNorm gammas start at 0, biases off, label smoothing, SGD + momentum.",
    facts=[sound("stem", "stages.0", "stages.5"), learns()],
)
def resnet_zero_gamma():
    class Block(nn.Module):
        def __init__(self, a, b, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(a, b, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(b, b, 3, 1, 1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm2d(b), nn.BatchNorm2d(b)
            nn.init.zeros_(self.bn2.weight)
            self.down = nn.Sequential()
            if a != b:
                self.down = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))

        def forward(self, x):
            out = F.relu(self.bn1(self.conv1(x)), inplace=True)
            return F.relu(self.bn2(self.conv2(out)) + self.down(x), inplace=True)

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(
                nn.Conv2d(3, 12, 3, 1, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU(inplace=True)
            )
            plan = [(12, 12, 1)] * 2 + [(12, 24, 2), (24, 24, 1), (24, 32, 2), (32, 32, 1)]
            self.stages = nn.Sequential(*[Block(*p) for p in plan])
            self.fc = nn.Linear(32, 4)

        def forward(self, x):
            return self.fc(F.adaptive_avg_pool2d(self.stages(self.stem(x)), 1).flatten(1))

    model = ResNet()
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    return model, supervised(*images(), criterion), optimizer


@case(
    None,
    about="U-Net with GroupNorm and skips; Dice plus cross-entropy on masks that are mostly empty.",
    facts=[sound("down.0", "up.1", spare=("sigmoid",)), learns()],
)
def unet_dice():
    def block(a, b):
        return nn.Sequential(
            nn.Conv2d(a, b, 3, padding=1), nn.GroupNorm(4, b), nn.SiLU(), nn.Conv2d(b, b, 3, 1, 1)
        )

    class UNet(nn.Module):
        def __init__(self, n=8):
            super().__init__()
            self.down = nn.ModuleList([block(1, n), block(n, n)])
            self.mid = block(n, 2 * n)
            self.up = nn.ModuleList([block(3 * n, n), block(2 * n, n)])
            self.out = nn.Conv2d(n, 1, 1)

        def forward(self, x):
            skips = []
            for d in self.down:
                x = d(x)
                skips.append(x)
                x = F.max_pool2d(x, 2)
            x = self.mid(x)
            for u in self.up:
                x = u(torch.cat([F.interpolate(x, scale_factor=2), skips.pop()], 1))
            return self.out(x)

    x, _ = images(8, 1)
    y = (x > 1.5).float()

    def loss(model):
        logits = model(x)
        p = logits.sigmoid()
        dice = 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)
        return dice + F.binary_cross_entropy_with_logits(logits, y)

    model = UNet()
    return model, loss, torch.optim.Adam(model.parameters(), lr=3e-3)


@case(
    None,
    about="Vision transformer: class token at 0, pre-norm, zero head, AdamW with decay groups.",
    facts=[sound("patch", "blocks.0", "blocks.3"), learns()],
)
def vit():
    class Block(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
            self.attention = nn.MultiheadAttention(d, 4, dropout=0.1, batch_first=True)
            self.mlp = mlp(d, 3 * d, d, act=nn.GELU)

        def forward(self, x):
            h = self.n1(x)
            x = x + self.attention(h, h, h, need_weights=False)[0]
            return x + self.mlp(self.n2(x))

    class ViT(nn.Module):
        def __init__(self, d=32):
            super().__init__()
            self.patch = nn.Conv2d(3, d, 4, 4)
            self.cls = nn.Parameter(torch.zeros(1, 1, d))
            self.pos = nn.Parameter(0.02 * torch.randn(1, 17, d))
            self.blocks = nn.Sequential(*[Block(d) for _ in range(4)])
            self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, 4)
            nn.init.trunc_normal_(self.head.weight, std=0.02)
            nn.init.zeros_(self.head.bias)

        def forward(self, x):
            x = self.patch(x).flatten(2).mT
            x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1) + self.pos
            return self.head(self.norm(self.blocks(x))[:, 0])

    model = ViT()
    decayed = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}]
    return model, supervised(*images()), torch.optim.AdamW(groups, lr=1e-3)


@case(
    None,
    about="ConvNeXt: depthwise 7x7, LayerScale 1e-6 on all branches, bfloat16 autocast on the CPU.",
    facts=[sound("stem", "blocks.0", "blocks.3"), learns(steps=12)],
)
def convnext_autocast():
    class Block(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.dw = nn.Conv2d(d, d, 7, padding=3, groups=d)
            self.norm = nn.LayerNorm(d)
            self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
            self.gamma = nn.Parameter(1e-6 * torch.ones(d))

        def forward(self, x):
            h = self.norm(self.dw(x).permute(0, 2, 3, 1))
            h = self.gamma * self.down(F.gelu(self.up(h)))
            return x + h.permute(0, 3, 1, 2)

    class ConvNeXt(nn.Module):
        def __init__(self, d=16):
            super().__init__()
            self.stem = nn.Conv2d(3, d, 2, 2)
            self.blocks = nn.Sequential(*[Block(d) for _ in range(4)])
            self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, 4)

        def forward(self, x):
            return self.head(self.norm(self.blocks(self.stem(x)).mean((2, 3))))

    x, y = images(16)

    def loss(model):
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(x)
        return F.cross_entropy(logits.float(), y)

    model = ConvNeXt()
    return model, loss, torch.optim.AdamW(model.parameters(), lr=4e-3)


@case(
    None,
    about="One-stage detector: prior bias -4.6 on the class head, focal loss, few positive cells.",
    facts=[sound("trunk.0", "trunk.3", spare=("sigmoid",)), learns()],
)
def focal_detector():
    class Detector(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk = nn.Sequential(
                nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 24, 3, 2, 1)
            )
            self.cls, self.box = nn.Conv2d(24, 3, 3, padding=1), nn.Conv2d(24, 4, 3, padding=1)
            nn.init.normal_(self.cls.weight, std=0.01)
            nn.init.constant_(self.cls.bias, -4.6)

        def forward(self, x):
            x = F.leaky_relu(self.trunk(x), 0.1)
            return {"logits": self.cls(x), "boxes": self.box(x)}

    x, kinds = images(16, 3, 24, classes=3)
    y = torch.zeros(16, 3, 6, 6)
    y[torch.arange(16), kinds, torch.arange(16) % 6, torch.arange(16) // 3] = 1
    boxes = torch.randn(16, 4, 6, 6)

    def loss(model):
        out = model(x)
        p = out["logits"].sigmoid()
        bce = F.binary_cross_entropy_with_logits(out["logits"], y, reduction="none")
        weight = torch.where(y > 0, 0.25 * (1 - p) ** 2, 0.75 * p**2)
        where = y.amax(1, keepdim=True)
        box = F.smooth_l1_loss(out["boxes"], boxes, reduction="none") * where
        return ((weight * bce).sum() + 0.5 * box.sum()) / y.sum()

    model = Detector()
    return model, loss, torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


@case(
    None,
    about="Stochastic depth: whole blocks are skipped at random, so a call leaves gradients None.",
    facts=[sound("inp", "blocks"), learns(steps=30)],
)
def stochastic_depth():
    class Blocks(nn.Module):
        def __init__(self, n, depth):
            super().__init__()
            self.layers = nn.ModuleList(
                nn.Sequential(nn.BatchNorm2d(n), nn.SiLU(), nn.Conv2d(n, n, 3, padding=1))
                for _ in range(depth)
            )

        def forward(self, x):
            for i, layer in enumerate(self.layers):
                if not self.training or torch.rand(()) > 0.3 * i / len(self.layers):
                    x = x + layer(x)
            return x

    class Net(nn.Module):
        def __init__(self, n=16):
            super().__init__()
            self.inp, self.blocks = nn.Conv2d(3, n, 3, 2, 1), Blocks(n, 8)
            self.fc = nn.Linear(n, 4)

        def forward(self, x):
            return self.fc(self.blocks(self.inp(x)).mean((2, 3)))

    model = Net()
    return model, supervised(*images()), torch.optim.RMSprop(model.parameters(), lr=1e-3)
