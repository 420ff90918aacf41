"""Sick plumbing: gradients that are exactly zero, that never arrive, or that nobody asked for."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case
from tests.doctor.second_ward.proofs import locked, missing, saturated, zero


@case(
    "zero_gradient",
    about="softmax over a single output is the constant 1",
    facts=[zero("fc1.weight", "fc2.weight", "fc2.bias")],
)
def softmax_of_one_output():
    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(9, 32), nn.Linear(32, 1)
            self.softmax = nn.Softmax(dim=1)

        def forward(self, x):
            return self.softmax(self.fc2(torch.relu(self.fc1(x))))

    x = torch.randn(50, 9)
    y = (x[:, :1] > 0).float()
    model = Classifier()
    return model, lambda m: nn.BCELoss()(m(x), y), torch.optim.Adam(model.parameters(), lr=1e-3)


@case(
    "zero_gradient",
    about="star ratings must be whole numbers, so the author rounded inside the loss",
    facts=[zero("0.weight", "2.weight")],
)
def rounded_predictions():
    model = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 1))
    x, stars = torch.randn(64, 16), torch.randint(1, 6, (64, 1)).float()
    return model, lambda m: F.l1_loss(torch.round(m(x)), stars), None


@case(
    "zero_gradient",
    about="a network with torch.sign as activation and no straight-through estimator",
    facts=[zero("layers.0.weight", "layers.2.weight")],
)
def sign_without_straight_through():
    class Perceptrons(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(20, 64), nn.LayerNorm(64), nn.Linear(64, 64)])
            self.readout = nn.Linear(64, 2)

        def forward(self, x):
            fc1, norm, fc2 = self.layers
            return self.readout(torch.sign(fc2(norm(torch.sign(fc1(x))))))

    x = torch.randn(64, 20)
    y = (x[:, 0] * x[:, 1] > 0).long()
    return Perceptrons(), lambda m: F.cross_entropy(m(x), y), None


@case(
    "zero_gradient",
    also=("saturation",),
    about="an actor whose actions are clipped to [-1, 1] and lie at 2 or more everywhere",
    facts=[zero("mean.weight", "hidden.weight"), saturated("clamp")],
)
def clamped_actor():
    class Actor(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.mean = nn.Linear(6, 64), nn.Linear(64, 2)
            nn.init.constant_(self.mean.bias, 4.0)

        def forward(self, state):
            return self.mean(F.silu(self.hidden(state))).clamp(-1.0, 1.0)

    states = torch.randn(100, 6)
    critic = torch.nn.Bilinear(6, 2, 1).requires_grad_(False)
    return Actor(), lambda m: -critic(states, m(states)).mean(), None


class Captioner(nn.Module):
    """An encoder and an attending decoder."""

    def __init__(self, width=32):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=4), nn.ReLU(), nn.Flatten(2), nn.LayerNorm(16)
        )
        self.words = nn.Embedding(40, width)
        self.rnn = nn.LSTM(width, width, batch_first=True)
        self.attend = nn.MultiheadAttention(width, 2, batch_first=True)
        self.out = nn.Linear(2 * width, 40)

    def forward(self, image, caption):
        memory = self.encoder(image).transpose(1, 2)
        h, _ = self.rnn(self.words(caption))
        context, _ = self.attend(h, memory.data, memory.data)
        return self.out(torch.cat([h, context], -1))


@case(
    "no_gradient",
    about="a captioner hands its decoder memory.data, so the encoder never learns",
    facts=[missing("encoder.0.weight", "encoder.0.bias", "encoder.3.weight")],
)
def encoder_behind_dot_data():
    model = Captioner()
    images, text = torch.randn(4, 3, 16, 16), torch.randint(0, 40, (4, 12))
    return (
        model,
        lambda m: F.cross_entropy(m(images, text[:, :-1]).flatten(0, 1), text[:, 1:].flatten()),
        torch.optim.AdamW(model.parameters(), lr=3e-4),
    )


class Residual(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv = nn.Conv2d(a, b, 3, padding=1)
        self.norm = nn.GroupNorm(4, b)
        self.shortcut = nn.Conv2d(a, b, 1)

    def forward(self, x):
        y = F.relu(self.norm(self.conv(x)))
        skip = F.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))  # "temporary"
        return y + skip


@case(
    "no_gradient",
    about="projection shortcuts are made, counted, saved, and never called",
    facts=[missing("1.shortcut.weight", "2.shortcut.bias")],
)
def unused_shortcuts():
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), Residual(8, 16), Residual(16, 32), nn.Flatten(1)
    )
    model.append(nn.Linear(32 * 64, 10))
    images, labels = torch.randn(16, 1, 8, 8), torch.randint(0, 10, (16,))
    return model, lambda m: F.cross_entropy(m(images), labels), torch.optim.Adam(model.parameters())


@case(
    "no_gradient",
    about="top-1 routing by argmax; the router's probability does not multiply the expert's output",
    facts=[missing("router.weight")],
)
def router_outside_the_graph():
    class Experts(nn.Module):
        def __init__(self, width=16, experts=4):
            super().__init__()
            self.router = nn.Linear(width, experts, bias=False)
            self.w1 = nn.Parameter(torch.randn(experts, width, 32) / 4)
            self.w2 = nn.Parameter(torch.randn(experts, 32, width) / 6)
            self.head = nn.Linear(width, 5)

        def forward(self, x):
            choice = F.one_hot(self.router(x).softmax(-1).argmax(-1), 4).to(x.dtype)
            hidden = torch.einsum("bi,eio->beo", x, self.w1).relu()
            y = torch.einsum("beh,eho,be->bo", hidden, self.w2, choice)
            return self.head(x + y)

    x, y, model = torch.randn(64, 16), torch.randint(0, 5, (64,)), Experts()
    return model, lambda m: F.cross_entropy(m(x), y), torch.optim.Adam(model.parameters())


@case(
    "no_gradient",
    about="torch.no_grad() stayed on the feature method after the evaluation script was merged",
    facts=[missing("embed.weight", "tower.0.weight")],
)
def no_grad_left_over():
    class Recommender(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.EmbeddingBag(100, 16)
            self.tower = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16))
            self.items = nn.Embedding(50, 16)

        @torch.no_grad()
        def features(self, history):
            return self.tower(self.embed(history))

        def forward(self, history):
            return self.features(history) @ self.items.weight.t()

    history, bought = torch.randint(0, 100, (32, 5)), torch.randint(0, 50, (32,))
    return Recommender(), lambda m: F.cross_entropy(m(history), bought), None


@case(
    "no_gradient",
    about="the loss goes through NumPy and is wrapped again with requires_grad=True",
    facts=[missing("0.weight", "2.weight")],
)
def loss_through_numpy():
    model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))
    x, y = torch.randn(32, 10), torch.randn(32, 1)

    def rmse(m):
        error = m(x).detach().numpy() - y.numpy()
        return torch.tensor(float((error**2).mean() ** 0.5), requires_grad=True)

    return model, rmse, torch.optim.SGD(model.parameters(), lr=0.01)


@case(
    "frozen",
    about="everything was frozen for a first phase, and nobody thawed it",
    facts=[locked("0.weight", "3.weight", "6.weight")],
)
def all_frozen():
    model = nn.Sequential(
        nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(),
        nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2),
    )  # fmt: skip
    for p in model.parameters():
        p.requires_grad = False
    x, y = torch.randn(64, 10), torch.randint(0, 2, (64,))
    return model, lambda m: F.cross_entropy(m(x), y), None


@case(
    "frozen",
    about="two encoder layers in the middle are still frozen from an ablation",
    facts=[locked("blocks.2.linear1.weight", "blocks.3.self_attn.in_proj_weight")],
)
def frozen_middle_layers():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(30, 32)
            self.blocks = nn.ModuleList(
                nn.TransformerEncoderLayer(32, 4, 64, 0.0, batch_first=True, norm_first=True)
                for _ in range(6)
            )
            self.head = nn.Linear(32, 30)

        def forward(self, tokens):
            x = self.embed(tokens)
            for block in self.blocks:
                x = block(x)
            return self.head(x)

    model, tokens = Encoder(), torch.randint(0, 30, (8, 16))
    model.blocks[2:4].requires_grad_(False)
    return model, lambda m: F.cross_entropy(m(tokens).mT, tokens.roll(1, 1)), None


@case(
    "frozen",
    about="fine-tuning: layer4 was handed to the optimizer but is not trainable",
    facts=[locked("layer4.conv.weight", "layer4.conv.bias", "layer4.norm.weight")],
)
def optimizer_holds_frozen_layer4():
    class Backbone(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer3, self.layer4 = Residual(3, 8), Residual(8, 16)
            self.layer3.shortcut = self.layer4.shortcut = nn.Identity()
            self.fc = nn.Linear(16, 4)

        def forward(self, x):
            return self.fc(self.layer4(self.layer3(x)).mean((2, 3)))

    model = Backbone()
    for name, p in model.named_parameters():
        p.requires_grad = name.startswith(("fc", "layer_4"))
    groups = [{"params": model.layer4.parameters(), "lr": 1e-4}, {"params": model.fc.parameters()}]
    images, labels = torch.randn(16, 3, 12, 12), torch.randint(0, 4, (16,))
    return model, lambda m: F.cross_entropy(m(images), labels), torch.optim.Adam(groups, lr=1e-3)
