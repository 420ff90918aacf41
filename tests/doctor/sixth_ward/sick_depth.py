"""Sick along depth: the error signal falls or grows from layer to layer."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from tests.doctor.case import case

from .measure import collapsed, dead, falls, forward, rises, size
from .parts import blobs, images, mlp, supervised, text
from .training import stuck


@case(
    "vanishing",
    also=("rank_collapse",),
    cause=("slope of the activation", "saturating activation"),
    about="Churn prediction on a table: eight sigmoid layers, defaults, binary cross-entropy.",
    facts=[falls("net.0", "net.16"), collapsed("net.15"), stuck()],
)
def sigmoid_table():
    class Churn(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(20, *[48] * 8, 1, act=nn.Sigmoid)

        def forward(self, x):
            return self.net(x).squeeze(1)

    x, y = blobs(256, 20, 2)
    model = Churn()
    criterion = nn.BCEWithLogitsLoss()
    return model, supervised(x, y.float(), criterion), torch.optim.SGD(model.parameters(), lr=0.1)


@case(
    "vanishing",
    also=("rank_collapse", "dead_relu"),
    cause=("initialisation too small", "missing residual"),
    about="A VGG grown to 26 convolutions without batch norm, PyTorch's default initialisation.",
    facts=[falls("features.0", "classifier"), collapsed("pool"), dead("relu"), stuck()],
)
def vgg_without_norm():
    class VGG(nn.Module):
        def __init__(self):
            super().__init__()
            layers, width = [], 3
            for item in [16] * 9 + ["M"] + [24] * 9 + ["M"] + [32] * 8:
                if item == "M":
                    layers.append(nn.MaxPool2d(2))
                    continue
                layers += [nn.Conv2d(width, item, 3, padding=1), nn.ReLU(inplace=True)]
                width = item
            self.features = nn.Sequential(*layers)
            self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
            self.classifier = nn.Linear(32, 4)

        def forward(self, x):
            return self.classifier(self.pool(self.features(x)))

    model = VGG()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    return model, supervised(*images(16)), optimizer


@case(
    "vanishing",
    also=("rank_collapse",),
    cause=("missing residual", "initialisation too small"),
    about="WaveNet's gated dilated convolutions, rewritten without residual and skip outputs.",
    facts=[falls("filters.0", "head"), falls("filters.0", "filters.11"), collapsed("filters.11")],
)
def wavenet_without_skips():
    class WaveNet(nn.Module):
        def __init__(self, n=24, dilations=(1, 2, 4, 8) * 3):
            super().__init__()
            self.embed = nn.Embedding(40, n)
            self.filters, self.gates = nn.ModuleList(), nn.ModuleList()
            for d in dilations:
                self.filters.append(weight_norm(nn.Conv1d(n, n, 2, dilation=d)))
                self.gates.append(weight_norm(nn.Conv1d(n, n, 2, dilation=d)))
            self.head = nn.Conv1d(n, 40, 1)

        def forward(self, ids):
            x = self.embed(ids).transpose(1, 2)
            for f, g in zip(self.filters, self.gates, strict=True):
                x_pad = F.pad(x, (f.dilation[0], 0))
                x = torch.tanh(f(x_pad)) * torch.sigmoid(g(x_pad))
            return self.head(x)

    ids = text(8, 32)
    model = WaveNet()
    loss = lambda m: F.cross_entropy(m(ids)[..., :-1], ids[:, 1:])  # noqa: E731
    return model, loss, torch.optim.AdamW(model.parameters(), lr=1e-5)


@case(
    "vanishing",
    also=("rank_collapse",),
    cause=("initialisation too small", "missing residual"),
    about="A physics-informed net for u'' = -u, made 20 tanh layers deep with default weights.",
    facts=[falls("layers.0", "layers.20"), falls("layers.0", "layers.19"), collapsed("layers.19")],
)
def deep_pinn():
    class Field(nn.Module):
        def __init__(self, depth=20, width=32):
            super().__init__()
            sizes = [1, *[width] * depth, 1]
            self.layers = nn.ModuleList(
                nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)
            )

        def forward(self, t):
            for layer in self.layers[:-1]:
                t = torch.tanh(layer(t))
            return self.layers[-1](t)

    t = torch.linspace(0, 3, 64, dtype=torch.float64).unsqueeze(1)

    def loss(model):
        s = t.clone().requires_grad_()
        u = model(s)
        du = torch.autograd.grad(u.sum(), s, create_graph=True)[0]
        ddu = torch.autograd.grad(du.sum(), s, create_graph=True)[0]
        return (ddu + u).pow(2).mean() + (u[0] - 1).pow(2).sum() + du[0].pow(2).sum()

    return Field().double(), loss, None


@case(
    "exploding",
    cause="normalisation without skip",
    about="An ECG classifier: 66 blocks of Conv1d, BatchNorm and ReLU without one skip.",
    facts=[
        rises("blocks.0.0", "blocks.65.0"),
        rises("blocks.0.0", "fc"),
        size("blocks.65.1", low=0.5, high=2),
    ],
)
def plain_batchnorm_ecg():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            blocks = []
            for i in range(66):
                conv = nn.Conv1d(16 if i else 2, 16, 3, padding=1, bias=False)
                nn.init.kaiming_normal_(conv.weight)
                blocks.append(nn.Sequential(conv, nn.BatchNorm1d(16), nn.ReLU()))
            self.blocks = nn.Sequential(*blocks)
            self.fc = nn.Linear(16, 3)

        def forward(self, x):
            return self.fc(self.blocks(x).mean(-1))

    model = Net()
    x, y = torch.randn(24, 2, 24), torch.arange(24) % 3
    return model, supervised(x, y), torch.optim.SGD(model.parameters(), lr=1e-3)


@case(
    "exploding",
    also=("forward_exploding",),
    cause="initialisation too large",
    about="A value function with weights by hand, torch.randn(n, m) as in numpy lessons.",
    facts=[rises("matmul"), forward("matmul", low=1e3)],
)
def randn_by_hand():
    class Value(nn.Module):
        def __init__(self):
            super().__init__()
            sizes = [8, 96, 96, 96, 96, 96, 96, 1]
            pairs = list(zip(sizes, sizes[1:], strict=False))
            self.w = nn.ParameterList(torch.randn(a, b) for a, b in pairs)
            self.b = nn.ParameterList(torch.zeros(b) for _, b in pairs)

        def forward(self, s):
            for i, (w, b) in enumerate(zip(self.w, self.b, strict=True)):
                s = torch.matmul(s, w) + b
                if i < len(self.w) - 1:
                    s = s.clamp(min=0)
            return s.squeeze(-1)

    states = torch.randn(128, 8)
    returns = states[:, :2].sum(1)
    return Value(), supervised(states, returns, F.smooth_l1_loss), None


@case(
    "exploding",
    cause="singular derivative",
    about="New items are appended to an embedding as rows of zeros; cosine scores, temperature .1.",
    facts=[rises("items", "cosines", by=1e6)],
)
def new_items_at_zero():
    class TwoTower(nn.Module):
        def __init__(self):
            super().__init__()
            self.users = nn.Embedding(60, 16)
            self.items = nn.Embedding(50, 16)
            with torch.no_grad():
                self.items.weight[40:] = 0.0
            self.cosines = nn.Identity()

        def forward(self, users, items):
            u = F.normalize(self.users(users), dim=-1)
            v = F.normalize(self.items(items), dim=-1)
            return self.cosines(u @ v.T) / 0.1

    users = torch.randperm(60)[:32]
    items = torch.cat([torch.randperm(40)[:28], torch.arange(42, 46)])
    return TwoTower(), lambda m: F.cross_entropy(m(users, items), torch.arange(32)), None
