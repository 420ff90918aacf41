"""Sick units: dead, saturated, copies of each other, or blind to what differs."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .measure import collapsed, copies, dead, flat, forward, zero
from .parts import blobs, images, mlp, supervised, text
from .training import learns, stuck


@case(
    "dead_relu",
    also=("zero_gradient", "rank_collapse", "vanishing"),
    cause="bias",
    about="RetinaNet's prior bias -log((1-p)/p), meant for the class head, put on every conv.",
    facts=[dead("relu", 1.0), zero("tower.0.weight", "tower.4.weight"), collapsed("tower.6")],
)
def prior_bias_everywhere():
    class Head(nn.Module):
        def __init__(self, prior=0.01):
            super().__init__()
            layers = []
            for i in range(4):
                layers += [nn.Conv2d(16 if i else 8, 16, 3, padding=1), nn.ReLU()]
            self.tower = nn.Sequential(*layers)
            self.cls = nn.Conv2d(16, 3, 3, padding=1)
            for m in self.modules():
                if isinstance(m, nn.Conv2d):
                    nn.init.normal_(m.weight, std=0.01)
                    nn.init.constant_(m.bias, -math.log((1 - prior) / prior))

        def forward(self, x):
            return self.cls(self.tower(x))

    x = torch.randn(8, 8, 10, 10)
    y = (F.max_pool2d(x[:, :3], 3, 1, 1) > 2.5).float()

    def focal(logits, y):
        p = torch.where(y > 0, logits.sigmoid(), 1 - logits.sigmoid())
        bce = F.binary_cross_entropy_with_logits(logits, y, reduction="none")
        return ((1 - p) ** 2 * bce).sum() / y.sum()

    model = Head()
    return model, supervised(x, y, focal), torch.optim.Adam(model.parameters(), lr=1e-4)


@case(
    "dead_relu",
    cause=("dead units", "bias", "learning rate too high"),
    about="A table classifier after twenty steps of Adam at 0.1: one layer is three quarters dead.",
    facts=[dead("3", 0.7)],
)
def killed_by_early_steps():
    model = mlp(16, 64, 64, 64, 4)
    x, _ = blobs(256, 16, 4, spread=3.0)
    loss = supervised(x, torch.randint(4, (256,)))
    early = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(20):
        early.zero_grad()
        loss(model).backward()
        early.step()
    return model, loss, torch.optim.Adam(model.parameters(), lr=1e-3)


@case(
    "dead_relu",
    cause=("dead units", "bias"),
    about="A sparse autoencoder on a model's activations; 85 % of its latents died in training.",
    facts=[dead("relu", 0.8), learns()],
)
def sparse_autoencoder():
    class SAE(nn.Module):
        def __init__(self, d=24, latents=160):
            super().__init__()
            self.W_enc = nn.Parameter(F.normalize(torch.randn(d, latents), dim=0))
            self.b_enc = nn.Parameter(torch.zeros(latents))
            self.W_dec = nn.Parameter(self.W_enc.detach().T.clone())
            self.b_dec = nn.Parameter(torch.zeros(d))
            with torch.no_grad():
                self.b_enc[: int(0.85 * latents)] = -9.0

        def forward(self, x):
            z = torch.relu((x - self.b_dec) @ self.W_enc + self.b_enc)
            return z @ self.W_dec + self.b_dec, z

    x = torch.randn(1024, 24)

    def loss(model):
        reconstruction, z = model(x)
        return (reconstruction - x).pow(2).sum(-1).mean() + 3e-2 * z.abs().sum(-1).mean()

    model = SAE()
    return model, loss, torch.optim.Adam(model.parameters(), lr=3e-3)


@case(
    "saturation",
    cause="input scale",
    about="LeNet with tanh on pixels 0..255: the division by 255 was forgotten.",
    facts=[flat("tanh")],
)
def lenet_raw_pixels():
    class LeNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.c1, self.c2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 3)
            self.f1, self.f2 = nn.LazyLinear(48), nn.Linear(48, 4)

        def forward(self, x):
            x = F.avg_pool2d(torch.tanh(self.c1(x)), 2)
            x = F.avg_pool2d(torch.tanh(self.c2(x)), 2)
            return self.f2(torch.tanh(self.f1(x.flatten(1))))

    x, y = images(32, 1, 16)
    pixels = (128 + 60 * x).clamp(0, 255).round()
    model = LeNet()
    model(pixels[:1])
    return model, supervised(pixels, y), torch.optim.SGD(model.parameters(), lr=0.01)


@case(
    "saturation",
    cause="loss choice",
    about="Tags by sigmoid and MSELoss; a wrong warm start has huge logits and stays.",
    facts=[flat("sigmoid", least=0.8), stuck(to=0.9)],
)
def mse_on_wrong_sigmoid():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(12, 48), nn.GELU(), nn.LayerNorm(48))
            self.tags = nn.Linear(48, 6)
            nn.init.normal_(self.tags.weight, std=12.0)

        def forward(self, x):
            return torch.sigmoid(self.tags(self.body(x)))

    x = torch.randn(128, 12)
    model = Tagger()
    with torch.no_grad():
        y = (model(x) < 0.5).float()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.003, momentum=0.9)
    return model, lambda m: nn.MSELoss()(m(x), y), optimizer


@case(
    "saturation",
    cause="attention logit scale",
    about="Own attention over 16 tokens without 1/sqrt(d), queries and keys from torch.randn.",
    facts=[flat("softmax", least=0.9)],
)
def unscaled_attention():
    class Attention(nn.Module):
        def __init__(self, d=48):
            super().__init__()
            self.q, self.k = (nn.Parameter(torch.randn(d, d)) for _ in range(2))
            self.v, self.o = nn.Linear(d, d), nn.Linear(d, d)

        def forward(self, x):
            scores = torch.einsum("btd,bsd->bts", x @ self.q, x @ self.k)
            return self.o(torch.softmax(scores, dim=-1) @ self.v(x))

    class Encoder(nn.Module):
        def __init__(self, d=48):
            super().__init__()
            self.embed, self.pos = nn.Embedding(40, d), nn.Embedding(16, d)
            self.attention = nn.ModuleList(Attention(d) for _ in range(2))
            self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(2))
            self.head = nn.Linear(d, 40)

        def forward(self, ids):
            x = self.embed(ids) + self.pos(torch.arange(ids.shape[1]))
            for norm, attention in zip(self.norms, self.attention, strict=True):
                x = x + attention(norm(x))
            return self.head(x)

    ids = text(8, 16)
    return Encoder(), lambda m: F.cross_entropy(m(ids).mT, ids.flip(1)), None


@case(
    "symmetry",
    cause="initialisation constant",
    about="A small convnet after `nn.init.constant_(p, 0.02)` for reproducible results.",
    facts=[copies("0.weight", "3.weight")],
)
def constant_weights():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 32),
        nn.ReLU(),
        nn.Linear(32, 4),
    )
    for name, p in model.named_parameters():
        if not name.startswith("9"):
            nn.init.constant_(p, 0.02)
    x, y = images(48)
    return model, supervised(x.abs(), y), torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


@case(
    "rank_collapse",
    cause=("missing residual", "normalisation without skip"),
    about="Oversmoothing: a 20-layer graph convolution, D^-1 (A+I) X W with LayerNorm, no skip.",
    facts=[collapsed("layers.19"), forward("layers.0", "layers.19", low=0.05, high=20)],
)
def oversmoothed_graph():
    class GCN(nn.Module):
        def __init__(self, adjacency, n=24):
            super().__init__()
            self.register_buffer("mean", adjacency / adjacency.sum(1, keepdim=True))
            self.layers = nn.ModuleList(nn.Linear(n, n) for _ in range(20))
            self.norms = nn.ModuleList(nn.LayerNorm(n) for _ in range(20))
            self.out = nn.Linear(n, 3)

        def forward(self, x):
            for layer, norm in zip(self.layers, self.norms, strict=True):
                x = F.elu(norm(layer(self.mean @ x)))
            return self.out(x)

    y = torch.arange(60) % 3
    p = torch.where(y[:, None] == y, 0.35, 0.15)
    edges = torch.triu(torch.rand(60, 60) < p, 1).float()
    x = torch.randn(3, 24)[y] + torch.randn(60, 24)
    model = GCN(edges + edges.T + torch.eye(60))
    return model, supervised(x, y), torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=5e-4)


@case(
    "rank_collapse",
    cause="attention without skip",
    about="An encoder of ten blocks in which `x +` got lost before both attention and MLP.",
    facts=[collapsed("blocks.9", over=1)],
)
def encoder_without_skips():
    class Block(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
            self.attention = nn.MultiheadAttention(d, 4, batch_first=True)
            self.mlp = mlp(d, 2 * d, d, act=nn.GELU)

        def forward(self, x):
            h = self.n1(x)
            x = self.attention(h, h, h, need_weights=False)[0]
            return self.mlp(self.n2(x))

    class Encoder(nn.Module):
        def __init__(self, d=32):
            super().__init__()
            self.embed = nn.Embedding(40, d)
            self.pos = nn.Parameter(torch.randn(20, d))
            self.blocks = nn.Sequential(*[Block(d) for _ in range(10)])
            self.head = nn.Linear(d, 40)

        def forward(self, ids):
            return self.head(self.blocks(self.embed(ids) + self.pos))

    ids = text(8, 20)
    model = Encoder()
    return model, lambda m: F.cross_entropy(m(ids).mT, ids), torch.optim.Adam(model.parameters())
