"""Error signals that fade or grow through the depth of a network."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .facts import forward, signal


@case(
    "vanishing",
    about="nine sigmoid layers by hand in float64, one sample a time",
    facts=[signal(high=1e-3)],
)
def thermostat_controller():
    torch.manual_seed(5)

    class Controller(nn.Module):
        def __init__(self, sizes=(6, *[12] * 9, 1)):
            super().__init__()
            self.kernels = nn.ParameterList(
                torch.randn(o, i) / i**0.5 for i, o in zip(sizes, sizes[1:], strict=False)
            )
            self.offsets = nn.ParameterList(torch.zeros(o) for o in sizes[1:])

        def forward(self, h):
            for w, b in zip(self.kernels[:-1], self.offsets[:-1], strict=True):
                h = torch.sigmoid(F.linear(h, w, b))
            return F.linear(h, self.kernels[-1], self.offsets[-1])

    net = Controller().double()
    x, y = torch.randn(1, 6).double(), torch.tensor([[1.7]]).double()
    return net, lambda m: F.smooth_l1_loss(m(x), y), None


@case(
    "vanishing",
    also=("rank_collapse", "dead_relu"),
    about="a VGG-16-like stack on 16x16 images with PyTorch's default initialisation, no norm",
    facts=[signal(high=1e-3)],
)
def vgg_from_scratch():
    torch.manual_seed(11)
    plan = [16, 16, "M", 32, 32, "M", 48, 48, 48, 48, "M", 64, 64, 64, 64]
    layers, c = [], 3
    for v in plan:
        if v == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(c, v, 3, padding=1), nn.ReLU(inplace=True)]
            c = v
    net = nn.Sequential(
        nn.Sequential(*layers),
        nn.Flatten(),
        nn.Sequential(nn.Linear(256, 64), nn.ReLU(True), nn.Dropout(0.3), nn.Linear(64, 10)),
    )
    images, labels = torch.randn(24, 3, 16, 16), torch.randint(0, 10, (24,))
    return net, lambda m: F.cross_entropy(m(images), labels), None


@case(
    "vanishing",
    about="a value network for returns: ten narrow ReLU layers, default initialisation; borderline",
    facts=[signal(low=10**-4.5, high=1e-3)],
    also=("dead_relu",),
)
def deep_state_value():
    torch.manual_seed(2)

    class ValueNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.inp = nn.Linear(8, 96)
            self.body = nn.ModuleList([nn.Linear(96, 96) for _ in range(8)])
            self.v = nn.Linear(96, 1)

        def forward(self, obs):
            h = self.inp(obs).relu()
            for fc in self.body:
                h = fc(h).relu()
            return self.v(h).squeeze(-1)

    s, g = torch.randn(512, 8), torch.randn(512)
    return ValueNet(), lambda m: (m(s) - g).pow(2).mean(), None


@case(
    "vanishing",
    also=("rank_collapse",),
    about="physics-informed: residual of u'' = -u with a stack of ten sigmoid layers",
    facts=[signal(high=1e-3, first="0", last="20")],
)
def pinn_sigmoid_oscillator():
    torch.manual_seed(3)
    dims = [1] + [20] * 10 + [1]
    layers = []
    for i, o in zip(dims, dims[1:], strict=False):
        layers += [nn.Linear(i, o), nn.Sigmoid()]
    net = nn.Sequential(*layers[:-1])
    for m in net:
        if isinstance(m, nn.Linear):
            nn.init.xavier_normal_(m.weight)
            nn.init.zeros_(m.bias)

    def residual(m):
        t = torch.linspace(0, 3, 40).view(-1, 1).requires_grad_()
        u = m(t)
        du = torch.autograd.grad(u.sum(), t, create_graph=True)[0]
        ddu = torch.autograd.grad(du.sum(), t, create_graph=True)[0]
        return (ddu + u).square().mean() + (m(torch.zeros(1, 1)) - 1).square().sum()

    return net, residual, None


@case(
    "exploding",
    about="a plain fully connected net with BatchNorm and ReLU and no skip, 56 layers",
    facts=[signal(low=1e3), forward(0.1, 10)],
)
def tabular_batchnorm_tower():
    torch.manual_seed(8)

    def unit(i, o):
        return nn.Sequential(nn.Linear(i, o, bias=False), nn.BatchNorm1d(o), nn.ReLU())

    net = nn.Sequential(unit(20, 64), *[unit(64, 64) for _ in range(55)], nn.Linear(64, 4))
    x, y = torch.randn(128, 20), torch.randint(0, 4, (128,))
    return net, lambda m: F.cross_entropy(m(x), y, reduction="sum"), None


@case(
    "exploding",
    about="the chaotic phase of tanh: 48 layers with weights of std 2.2/sqrt(n), float64",
    facts=[signal(low=1e3), forward(0.3, 3)],
)
def chaotic_tanh_map():
    torch.manual_seed(1)

    class Net(nn.Module):
        def __init__(self, n=100, depth=48):
            super().__init__()
            self.embed = nn.Parameter(torch.randn(n, 10) * 2.2 / 10**0.5)
            self.W = nn.Parameter(torch.randn(depth, n, n) * 2.2 / n**0.5)
            self.readout = nn.Parameter(torch.randn(n) / n**0.5)

        def forward(self, x):
            h = torch.einsum("ij,bj->bi", self.embed, x).tanh()
            for w in self.W:
                h = torch.einsum("ij,bj->bi", w, h).tanh()
            return torch.einsum("i,bi->b", self.readout, h)

    x, y = torch.randn(32, 10).double(), torch.randn(32).double()
    return Net().double(), lambda m: F.mse_loss(m(x), y), None


@case(
    "exploding",
    also=("forward_exploding",),
    about="a deep linear net initialised for ReLU: sqrt(2) a layer, 10^3.3 in all",
    facts=[signal(low=1e3, high=10**3.9)],
)
def deep_linear_relu_gain():
    torch.manual_seed(4)
    net = nn.Sequential(*[nn.Linear(128, 128, bias=False) for _ in range(23)], nn.Linear(128, 5))
    for m in net:
        nn.init.orthogonal_(m.weight, gain=nn.init.calculate_gain("relu"))
    x, y = torch.randn(64, 128), torch.randn(64, 5)
    return net, lambda m: F.l1_loss(m(x), y), None
