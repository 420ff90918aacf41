"""Convolutional networks, plain and with the connections that were made for depth."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .material import Residual, classify, convnet, gain, he, initialise, pictures
from .proofs import activations, dead, signal, spread, stuck, trains

xavier = nn.init.xavier_normal_


@case(
    "vanishing",
    also=("rank_collapse", "dead_relu"),
    cause="initialisation too small",
    about="PyTorch's own weights in a plain convnet: a factor of about 0.4 in each layer.",
    facts=[
        signal("conv1", "conv16", (0, 1e-5)),
        spread("act16", (0, 1e-3)),
        dead("act15", (0.5, 1)),
        stuck(),
    ],
)
def sixteen_default_convolutions():
    return convnet(16), classify(*pictures()), None


@case(
    "vanishing",
    also=("rank_collapse",),
    cause="slope of the activation",
    about="LeNet's activation in a network of eight convolutions.",
    facts=[signal("conv1", "conv8", (0, 1e-3)), spread("act8", (0, 1e-3)), stuck()],
)
def sigmoid_convnet():
    return convnet(8, nn.Sigmoid, xavier), classify(*pictures()), None


@case(
    "forward_vanishing",
    also=("vanishing",),
    cause="initialisation too small",
    about="Filters drawn from N(0, 0.01), as old recipes for wide first layers had them.",
    facts=[activations("conv1", "conv8", (0, 1e-5)), signal("conv1", "conv8", (0, 1e-5)), stuck()],
)
def filters_of_one_hundredth():
    return convnet(8, nn.ReLU, lambda w: nn.init.normal_(w, std=0.01)), classify(*pictures()), None


@case(
    "exploding",
    also=("forward_exploding",),
    cause="initialisation too large",
    about="He's formula with channels as fan-in, not channels times kernel: three times too large",
    facts=[activations("conv1", "conv12", (1e4, 1e9)), signal("conv1", "conv12", (3e3, 1e9))],
)
def fan_in_without_the_kernel():
    return (
        convnet(12, nn.ReLU, lambda w: nn.init.normal_(w, std=(2 / w.shape[1]) ** 0.5)),
        classify(*pictures()),
        None,
    )


@case(
    "exploding",
    cause="normalisation without skip",
    about="A VGG of 80 layers: batch norm after each convolution, and no skip.",
    facts=[signal("conv1", "head", (3e3, 1e7)), activations("norm2", "norm80", (0.9, 1.1))],
)
def plain_batch_norm_convnet():
    return convnet(80, nn.ReLU, he, norm=nn.BatchNorm2d), classify(*pictures(16)), None


class ResNet(nn.Module):
    """Blocks of two convolutions, with or without norms."""

    def __init__(self, depth, norm, channels=8):
        super().__init__()

        def conv():
            return nn.Conv2d(channels, channels, 3, padding=1)

        self.stem = nn.Conv2d(1, channels, 3, padding=1)
        self.blocks = nn.Sequential(
            *(
                Residual(norm(channels), nn.ReLU(), conv(), norm(channels), nn.ReLU(), conv())
                for _ in range(depth)
            )
        )
        self.head = nn.Linear(channels, 10)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


@case(
    "forward_exploding",
    also=("exploding",),
    cause="residual without normalisation",
    about="A residual network whose batch norms were taken out.",
    facts=[activations("stem", "blocks.27", (1e4, 1e12)), signal("stem", "blocks.27", (1e4, 1e12))],
)
def resnet_without_norms():
    net = ResNet(28, lambda channels: nn.Identity())
    return initialise(net, gain(2.0)), classify(*pictures(32)), None


@case(
    None,
    about="Twelve pre-activation blocks with batch norm.",
    facts=[trains(steps=25), signal("stem", "blocks.11", (0.1, 1e2))],
)
def resnet():
    return initialise(ResNet(12, nn.BatchNorm2d), he), classify(*pictures()), None


@case(
    None,
    about="The same with group norm, which needs no batch.",
    facts=[trains(), signal("stem", "blocks.11", (0.1, 1e2))],
)
def resnet_with_group_norm():
    return initialise(ResNet(12, lambda c: nn.GroupNorm(2, c)), he), classify(*pictures()), None


@case(
    None,
    about="Four convolutions with batch norm, whose biases have a zero gradient.",
    facts=[trains()],
)
def small_vgg():
    return convnet(4, nn.ReLU, he, norm=nn.BatchNorm2d), classify(*pictures()), None


@case(
    None,
    about="Six convolutions with leaky ReLU and instance norm.",
    facts=[trains(), dead("act3", (0, 0.3))],
)
def leaky_convnet():
    net = convnet(6, lambda: nn.LeakyReLU(0.1), he, norm=nn.InstanceNorm2d)
    return net, classify(*pictures()), None


class DenseNet(nn.Module):
    """Each layer reads all earlier ones."""

    def __init__(self, depth=8, growth=8):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(1 + i * growth),
                nn.ReLU(),
                nn.Conv2d(1 + i * growth, growth, 3, padding=1),
            )
            for i in range(depth)
        )
        self.head = nn.Linear(1 + depth * growth, 10)

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return self.head(F.relu(x).mean((2, 3)))


@case(None, about="Early features reach the read-out directly.", facts=[trains()])
def densenet():
    return initialise(DenseNet(), he), classify(*pictures()), None


class UNet(nn.Module):
    """Down, up, and a skip at each level."""

    def __init__(self, c=8):
        super().__init__()

        def conv(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())

        self.down1, self.down2, self.bottom = conv(1, c), conv(c, 2 * c), conv(2 * c, 4 * c)
        self.up2 = nn.ConvTranspose2d(4 * c, 2 * c, 2, stride=2)
        self.merge2 = conv(4 * c, 2 * c)
        self.up1 = nn.ConvTranspose2d(2 * c, c, 2, stride=2)
        self.merge1 = conv(2 * c, c)
        self.head = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        bottom = self.bottom(F.max_pool2d(b, 2))
        b = self.merge2(torch.cat([b, self.up2(bottom)], 1))
        return self.head(self.merge1(torch.cat([a, self.up1(b)], 1)))


@case(
    None,
    about="Which pixels are brighter than their neighbours? The bottom matters little, and may.",
    facts=[trains()],
)
def unet_segments():
    x, _ = pictures(32)
    bright = (x > F.avg_pool2d(x, 3, 1, 1)).float()
    return UNet(), lambda model: F.binary_cross_entropy_with_logits(model(x), bright), None


class Separable(nn.Sequential):
    """Depthwise convolution, squeeze-and-excitation, pointwise convolution."""

    def __init__(self, c):
        super().__init__()
        self.depth = nn.Conv2d(c, c, 3, padding=1, groups=c)
        self.norm = nn.BatchNorm2d(c)
        self.squeeze, self.excite = nn.Linear(c, c // 4), nn.Linear(c // 4, c)
        self.point = nn.Conv2d(c, c, 1)

    def forward(self, x):
        h = F.hardswish(self.norm(self.depth(x)))
        scale = F.hardsigmoid(self.excite(F.relu(self.squeeze(h.mean((2, 3))))))
        return x + self.point(h * scale[..., None, None])


@case(None, about="Depthwise convolutions with gates of hard sigmoids.", facts=[trains()])
def mobile_blocks():
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        *(Separable(16) for _ in range(4)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 10),
    )
    return net, classify(*pictures()), None


@case(
    None,
    about="Fine-tuning in eval mode: batch norms use their stored statistics and take no gradient",
    facts=[trains()],
)
def frozen_batch_norm():
    net = convnet(3, nn.ReLU, he, norm=nn.BatchNorm2d).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.requires_grad_(False)
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 1e-2)
    return net, classify(*pictures()), optimizer
