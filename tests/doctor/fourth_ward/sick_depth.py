"""Sick along depth: the error signal or the activations shrink or grow."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from . import facts as true
from .material import blobs, pictures


def cross_entropy(x, y):
    return lambda model: F.cross_entropy(model(x), y)


@case(
    "vanishing",
    also=("rank_collapse",),
    about="ten sigmoid layers, the textbook's net",
    facts=[true.vanishing, true.rank_collapse],
)
def sigmoid_tower():
    x, y = blobs(96, 20, 4)
    layers, width = [], 20
    for _ in range(10):
        layers += [nn.Linear(width, 40), nn.Sigmoid()]
        width = 40
    return nn.Sequential(*layers, nn.Linear(40, 4)), cross_entropy(x, y), None


@case(
    "vanishing",
    also=("forward_vanishing",),
    about="weights from normal(0, 0.01), zero biases",
    facts=[true.vanishing, true.forward_vanishing],
)
def small_normal_init():
    x, y = blobs(64, 30, 3)
    net = nn.Sequential(nn.Linear(30, 64), nn.ReLU())
    for _ in range(6):
        net.extend([nn.Linear(64, 64), nn.ReLU()])
    net.append(nn.Linear(64, 3))
    for module in net:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
            nn.init.zeros_(module.bias)
    return net, cross_entropy(x, y), torch.optim.Adam(net.parameters(), 1e-3)


class PlainConvNet(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(16, 16, 3, padding=1) for _ in range(depth))
        self.head = nn.Linear(16, 5)

    def forward(self, image):
        h = torch.tanh(self.stem(image))
        for conv in self.body:
            h = torch.tanh(conv(h))
        return self.head(h.mean((2, 3)))


@case(
    "vanishing",
    also=("rank_collapse",),
    about="24 plain tanh convolutions, default init, no skip",
    facts=[true.vanishing, true.rank_collapse],
)
def plain_conv_tower():
    x, y = pictures(32, 3, 8, 5)
    net = PlainConvNet(24)
    return net, cross_entropy(x, y), torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)


@case(
    "vanishing",
    also=("rank_collapse",),
    about="physics-informed net with eight sigmoid layers",
    facts=[true.vanishing, true.rank_collapse],
)
def sigmoid_pinn():
    sizes = [1, *[24] * 8]
    parts = [
        p for a, b in zip(sizes, sizes[1:], strict=False) for p in (nn.Linear(a, b), nn.Sigmoid())
    ]
    net = nn.Sequential(*parts, nn.Linear(24, 1))
    t = torch.linspace(0, 3, 64)[:, None]

    def residual(model):
        s = t.clone().requires_grad_()
        u = model(s)
        (du,) = torch.autograd.grad(u.sum(), s, create_graph=True)
        start = (model(torch.zeros(1, 1)) - 1).pow(2).mean()
        return (du + 2 * u).pow(2).mean() + start

    return net, residual, torch.optim.Adam(net.parameters(), 1e-3)


class SkiplessUNet(nn.Module):
    """Down and up again; the concatenations were forgotten."""

    def __init__(self, c=12):
        super().__init__()
        block = lambda: nn.ModuleList(nn.Conv2d(c, c, 3, padding=1) for _ in range(3))  # noqa: E731
        self.inc = nn.Conv2d(1, c, 3, padding=1)
        self.down1, self.down2, self.mid, self.up1, self.up2 = (block() for _ in range(5))
        self.out = nn.Conv2d(c, 1, 1)

    @staticmethod
    def run(convs, h):
        for conv in convs:
            h = F.gelu(conv(h))
        return h

    def forward(self, batch):
        h = F.gelu(self.inc(batch["image"]))
        h = F.avg_pool2d(self.run(self.down1, h), 2)
        h = F.avg_pool2d(self.run(self.down2, h), 2)
        h = F.interpolate(self.run(self.mid, h), scale_factor=2)
        h = F.interpolate(self.run(self.up1, h), scale_factor=2)
        return {"mask": self.out(self.run(self.up2, h))}


@case(
    "vanishing",
    also=("rank_collapse",),
    about="U-Net whose skips were forgotten, dict in and out",
    facts=[true.vanishing, true.rank_collapse],
)
def skipless_unet():
    image = torch.randn(8, 1, 16, 16)
    mask = (F.avg_pool2d(image, 3, 1, 1) > 0).float()
    net = SkiplessUNet()

    def loss(model):
        return F.binary_cross_entropy_with_logits(model({"image": image})["mask"], mask)

    return net, loss, None


class HandMadeMLP(nn.Module):
    def __init__(self, widths):
        super().__init__()
        pairs = zip(widths, widths[1:], strict=False)
        self.weights = nn.ParameterList(nn.Parameter(torch.randn(b, a)) for a, b in pairs)

    def forward(self, x):
        for w in self.weights[:-1]:
            x = torch.einsum("oi,bi->bo", w, x).clamp(min=0)
        return torch.einsum("oi,bi->bo", self.weights[-1], x)


@case(
    "exploding",
    also=("forward_exploding",),
    about="weights are torch.randn, unscaled, by einsum",
    facts=[true.exploding, true.forward_exploding],
)
def unscaled_randn():
    x, y = blobs(64, 24, 4)
    return HandMadeMLP([24, *[64] * 7, 4]), cross_entropy(x, y), None


@case(
    "exploding", about="sixty batch-normalised ReLU layers without a skip", facts=[true.exploding]
)
def batch_norm_tower():
    x, y = blobs(64, 32, 4)
    net = nn.Sequential(nn.Linear(32, 48))
    for _ in range(60):
        net.extend([nn.BatchNorm1d(48), nn.ReLU(), nn.Linear(48, 48, bias=False)])
    net.extend([nn.BatchNorm1d(48), nn.ReLU(), nn.Linear(48, 4)])
    return net, cross_entropy(x, y), None


@case(
    "exploding",
    also=("forward_exploding",),
    about="VGG with normal(0, 0.2) for normal(0, 0.02)",
    facts=[true.exploding, true.forward_exploding],
)
def vgg_with_a_typo():
    x, y = pictures(16, 3, 16, 4)
    parts, c = [], 3
    for width in [16, 16, "M", 32, 32, "M", 64, 64, 64, "M", 64, 64, 64, 64, 64, 64]:
        if width == "M":
            parts.append(nn.MaxPool2d(2))
            continue
        parts += [nn.Conv2d(c, width, 3, padding=1), nn.ReLU(inplace=True)]
        c = width
    net = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 4))
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, 0.2)
    return net, cross_entropy(x, y), None


@case(
    "forward_vanishing",
    about="lengths in metres: inputs of 1e-7 into a net without biases",
    facts=[true.forward_vanishing],
)
def nanometres():
    wavelength = (400 + 300 * torch.rand(80, 5)) * 1e-9
    y = (wavelength.mean(1, keepdim=True) - 550e-9) / 50e-9
    net = nn.Sequential(nn.Linear(5, 32, bias=False), nn.SiLU(), nn.Linear(32, 32, bias=False))
    net.extend([nn.SiLU(), nn.Linear(32, 1, bias=False)])
    return net, lambda model: F.mse_loss(model(wavelength), y), None


class Separable(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.depthwise = nn.Conv2d(c, c, 3, padding=1, groups=c)
        self.pointwise = nn.Conv2d(c, c, 1)

    def forward(self, x):
        return F.silu(self.pointwise(self.depthwise(x)))


@case(
    "forward_vanishing",
    also=("vanishing",),
    about="BERT's 0.02 init in a depthwise convnet",
    facts=[true.forward_vanishing, true.vanishing],
)
def bert_init_in_a_convnet():
    x, y = pictures(24, 3, 8, 4)
    body = [Separable(24) for _ in range(5)]
    net = nn.Sequential(nn.Conv2d(3, 24, 1), *body, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net.append(nn.Linear(24, 4))
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
    return net, cross_entropy(x, y), torch.optim.AdamW(net.parameters(), 3e-4)


class AddBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, width), nn.Linear(width, width)
        for fc in (self.fc1, self.fc2):
            nn.init.kaiming_normal_(fc.weight)

    def forward(self, x):
        return x + self.fc2(F.relu(self.fc1(x)))


@case(
    "forward_exploding",
    also=("exploding",),
    about="residual blocks, He init, no normalisation",
    facts=[true.forward_exploding, true.exploding],
)
def residual_without_norm():
    x, y = blobs(48, 32, 4)
    net = nn.Sequential(nn.Linear(32, 64), *[AddBlock(64) for _ in range(18)], nn.Linear(64, 4))
    return net, cross_entropy(x, y), torch.optim.Adam(net.parameters(), 1e-4)


class SumLayer(nn.Module):
    """Isomorphism-network layer: a sum over the neighbours, then an MLP."""

    def __init__(self, width):
        super().__init__()
        self.eps = nn.Parameter(torch.zeros(()))
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.LeakyReLU(), nn.Linear(width, width))

    def forward(self, h, edges):
        source, target = edges
        message = torch.zeros_like(h).index_add(0, target, h[source])
        return F.leaky_relu(self.mlp((1 + self.eps) * h + message))


class SumGraphNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(7, 32)
        self.layers = nn.ModuleList(SumLayer(32) for _ in range(6))
        self.read = nn.Linear(32, 2)

    def forward(self, nodes, edges):
        h = self.embed(nodes)
        for layer in self.layers:
            h = layer(h, edges)
        return self.read(h)


@case(
    "forward_exploding",
    also=("exploding",),
    about="graph net that sums over 60 neighbours",
    facts=[true.forward_exploding, true.exploding],
)
def summing_graph_net():
    nodes = torch.rand(120, 7)
    edges = torch.randint(0, 120, (2, 120 * 60))
    label = torch.arange(120) % 2
    return SumGraphNet(), lambda model: F.cross_entropy(model(nodes, edges), label), None
