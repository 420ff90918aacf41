"""Healthy vision: convolutions and embeddings with zeros, freezes and stops that belong there."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case
from tests.doctor.second_ward.proofs import silent, zero
from tests.doctor.second_ward.training import learns


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)  # its bias is cancelled by bn1
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        nn.init.zeros_(self.bn2.weight)

    def forward(self, x):
        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))), inplace=True)


def resnet(depth=8, width=12, classes=4):
    stem = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
    body = nn.Sequential(*[Block(width) for _ in range(depth)])
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))
    return nn.Sequential(stem, body, head)


@case(
    None,
    about="ResNet with zero-initialised last gammas, and biases before batch norm",
    facts=[learns(), zero("1.0.conv1.weight", "1.7.conv2.weight")],
)
def resnet_zero_gamma():
    images, labels = torch.randn(24, 3, 10, 10), torch.randint(0, 4, (24,))
    return resnet(), lambda m: F.cross_entropy(m(images), labels), None


@case(
    None,
    about="transfer: backbone frozen and in eval mode, a new head is trained",
    facts=[learns(drop=0.1)],
)
def frozen_backbone_new_head():
    model = resnet()
    model(torch.randn(64, 3, 10, 10) + 0.5)  # fills the running statistics
    for block in model[1]:
        nn.init.ones_(block.bn2.weight)
    model[0].requires_grad_(False).eval()
    model[1].requires_grad_(False).eval()
    labels = torch.randint(0, 4, (24,))
    images = torch.randn(24, 3, 10, 10) + torch.randn(4, 3, 1, 1)[labels]
    head = torch.optim.SGD(model[2].parameters(), lr=0.5, momentum=0.9)
    return model, lambda m: F.cross_entropy(m(images), labels), head


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        widths = [1, 8, 16, 32]
        self.down = nn.ModuleList(self.pair(a, b) for a, b in zip(widths, widths[1:], strict=False))
        self.up = nn.ModuleList([nn.ConvTranspose2d(32, 16, 2, 2), nn.ConvTranspose2d(16, 8, 2, 2)])
        self.merge = nn.ModuleList([self.pair(32, 16), self.pair(16, 8)])
        self.last = nn.Conv2d(8, 1, 1)

    @staticmethod
    def pair(a, b):
        return nn.Sequential(
            nn.Conv2d(a, b, 3, padding=1), nn.InstanceNorm2d(b, affine=True), nn.LeakyReLU(0.01),
            nn.Conv2d(b, b, 3, padding=1), nn.InstanceNorm2d(b, affine=True), nn.LeakyReLU(0.01),
        )  # fmt: skip

    def forward(self, x):
        kept = []
        for i, down in enumerate(self.down):
            x = down(F.max_pool2d(x, 2) if i else x)
            kept.append(x)
        for up, merge, skip in zip(self.up, self.merge, kept[-2::-1], strict=True):
            x = merge(torch.cat([skip, up(x)], 1))
        return self.last(x)


@case(
    None,
    about="U-Net with dice loss: one pixel in twenty is foreground",
    facts=[learns()],
)
def unet_dice():
    images = torch.randn(4, 1, 24, 24)
    mask = torch.zeros(4, 1, 24, 24)
    mask[:, :, 8:14, 8:13] = 1
    images += 2 * mask

    def dice(m):
        p = m(images).sigmoid()
        return 1 - (2 * (p * mask).sum() + 1) / (p.sum() + mask.sum() + 1)

    return UNet(), dice, None


class Mobile(nn.Module):
    """Inverted residual with squeeze-and-excitation, hard-swish, hard-sigmoid and ReLU6."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.Hardswish())
        self.expand = nn.Sequential(nn.Conv2d(16, 48, 1), nn.BatchNorm2d(48), nn.ReLU6())
        self.depth = nn.Sequential(nn.Conv2d(48, 48, 3, 1, 1, groups=48), nn.BatchNorm2d(48))
        self.squeeze, self.excite = nn.Conv2d(48, 12, 1), nn.Conv2d(12, 48, 1)
        self.project = nn.Sequential(nn.Conv2d(48, 16, 1), nn.BatchNorm2d(16))
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        x = self.stem(x)
        y = F.relu6(self.depth(self.expand(x)))
        gate = F.hardsigmoid(self.excite(F.relu(self.squeeze(y.mean((2, 3), keepdim=True)))))
        return self.fc((x + self.project(y * gate)).mean((2, 3)))


@case(
    None,
    about="MobileNetV3's flat-sided activations, all of them in their slopes",
    facts=[learns()],
)
def mobilenet_block():
    images, labels = torch.randn(32, 3, 16, 16), torch.randint(0, 5, (32,))
    return Mobile(), lambda m: F.cross_entropy(m(images), labels), None


def border_is_blind(model, loss, optimizer):
    loss(model).backward()
    columns = model[1].weight.grad.abs().sum(0)
    return bool((columns == 0).float().mean() > 0.5)


@case(
    None,
    about="digits with black margins: most columns of the first weight never get a gradient",
    facts=[learns(), border_is_blind],
)
def digits_with_black_margins():
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)
    )
    images, labels = torch.zeros(64, 1, 28, 28), torch.randint(0, 10, (64,))
    images[:, :, 6:22, 8:20] = torch.rand(64, 1, 16, 12)
    return model, lambda m: F.cross_entropy(m(images), labels), None


class VQVAE(nn.Module):
    def __init__(self, codes=64, width=8):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, width, 3, padding=1)
        )
        self.codebook = nn.Parameter(torch.randn(codes, width))
        self.decoder = nn.Sequential(
            nn.Conv2d(width, 16, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1)
        )

    def forward(self, x):
        z = self.encoder(x).movedim(1, -1)
        nearest = torch.cdist(z.flatten(0, -2), self.codebook).argmin(-1)
        q = self.codebook[nearest].view_as(z)
        commitment = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
        straight = z + (q - z).detach()
        return self.decoder(straight.movedim(-1, 1)), commitment


@case(
    None,
    about="VQ-VAE: argmin, detach, straight-through, and codes nobody picked",
    facts=[learns()],
)
def vqvae():
    x = torch.rand(8, 1, 16, 16).round()

    def loss(m):
        reconstruction, commitment = m(x)
        return F.mse_loss(reconstruction, x) + commitment

    return VQVAE(), loss, None


class SimSiam(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(32, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32)
        )
        self.predictor = nn.Sequential(
            nn.Linear(32, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 32)
        )

    def forward(self, a, b):
        za, zb = self.encoder(a), self.encoder(b)
        return [
            -F.cosine_similarity(self.predictor(z), other.detach()).mean()
            for z, other in ((za, zb), (zb, za))
        ]


@case(
    None,
    about="SimSiam: half of the graph is detached, and that is the method",
    facts=[learns()],
)
def simsiam_stop_gradient():
    x = torch.randn(128, 32)

    def loss(m):
        a, b = (x + 0.2 * torch.randn_like(x) for _ in range(2))
        return 1 + 0.5 * sum(m(a, b))

    return SimSiam(), loss, None


class MeanTeacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.student = nn.Sequential(nn.Linear(10, 32), nn.ELU(), nn.Linear(32, 3))
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)


@case(
    None,
    about="a mean teacher: half of the parameters are frozen, moved by averaging",
    facts=[learns()],
)
def mean_teacher():
    model = MeanTeacher()
    x, y = torch.randn(64, 10), torch.randint(0, 3, (64,))

    def loss(m):
        logits = m.student(x + 0.05 * torch.randn_like(x))
        with torch.no_grad():
            target = m.teacher(x).softmax(-1)
        return F.cross_entropy(logits, y) + F.mse_loss(logits.softmax(-1), target)

    return model, loss, torch.optim.Adam(model.student.parameters(), lr=1e-2)


@case(
    None,
    about="overfitting a single example: with one sample, half of all ReLUs are 0 by chance",
    facts=[learns(), silent("relu", share=0.4)],
)
def one_example():
    model = nn.Sequential(nn.Linear(30, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU())
    model.append(nn.Linear(256, 10))
    x, y = torch.randn(1, 30), torch.tensor([7])
    return model, lambda m: F.cross_entropy(m(x), y), torch.optim.SGD(model.parameters(), lr=0.05)
