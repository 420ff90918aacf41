"""Sick numbers and rates: NaN, half precision, learning rates."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .measure import collapsed, gradients, in_range, not_finite, overflows, underflows, zero
from .parts import blobs, images, mlp, next_token, series, supervised, text
from .training import crawls, diverges, learns, stuck


def missing_values(model, loss, optimizer):
    """The data has NaN: with every parameter 0 but finite, the loss is still NaN."""
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    assert not loss(model).isfinite()


def forward_is_finite(model, loss, optimizer):
    assert loss(model).isfinite()
    assert any(not g.isfinite().all() for g in gradients(model, loss).values())


@case(
    "nan",
    cause="NaN in the data",
    about="A table read by pandas with missing ages; dict inputs, embeddings beside numbers.",
    facts=[not_finite("loss"), missing_values],
)
def missing_ages():
    class Tabular(nn.Module):
        def __init__(self):
            super().__init__()
            self.embeds = nn.ModuleDict({"city": nn.Embedding(9, 4), "job": nn.Embedding(6, 3)})
            self.net = nn.Sequential(
                nn.Linear(12, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1)
            )

        def forward(self, batch):
            parts = [embed(batch[name]) for name, embed in self.embeds.items()]
            return self.net(torch.cat([*parts, batch["numbers"]], 1)).squeeze(1)

    numbers = torch.randn(96, 5).numpy()
    numbers[[3, 40, 77], 2] = np.nan
    batch = {
        "city": torch.randint(9, (96,)),
        "job": torch.randint(6, (96,)),
        "numbers": torch.as_tensor(numbers),
    }
    y = (torch.rand(96) < 0.3).float()
    model = Tabular()
    loss = lambda m: F.binary_cross_entropy_with_logits(m(batch), y)  # noqa: E731
    return model, loss, torch.optim.AdamW(model.parameters(), lr=1e-3)


@case(
    "nan",
    cause="singular derivative",
    about="Batch-hard triplets with hand-made distances: the square root of a 0 on the diagonal.",
    facts=[not_finite("gradients"), forward_is_finite],
)
def distance_to_oneself():
    class Embedder(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU())
            self.fc = nn.Linear(8 * 49, 12)

        def forward(self, x):
            return F.normalize(self.fc(self.conv(x).flatten(1)), dim=1)

    x, y = images(24)
    same = y[:, None] == y

    def loss(model):
        e = model(x)
        difference = e[:, None] - e[None]
        d = difference.pow(2).sum(-1).sqrt()
        hardest = (d * same).amax(1)
        nearest = d.masked_fill(same, float("inf")).amin(1)
        return F.relu(hardest - nearest + 0.3).mean()

    model = Embedder()
    return model, loss, torch.optim.Adam(model.parameters(), lr=1e-3)


@case(
    "nan",
    also=("saturation",),
    cause=("singular derivative", "loss choice", "input scale"),
    about="Cross-entropy by hand, -(y log p + (1-y) log(1-p)), on unscaled features: 0 * log 0.",
    facts=[not_finite("loss")],
)
def log_of_zero():
    x, y = blobs(200, 10, 2)
    x = 300 * x
    target = y.float().unsqueeze(1)
    model = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 1), nn.Sigmoid())

    def loss(model):
        p = model(x)
        return -(target * torch.log(p) + (1 - target) * torch.log(1 - p)).mean()

    return model, loss, torch.optim.Adam(model.parameters(), lr=1e-3)


@case(
    "nan",
    cause="NaN in the weights",
    about="A GRU forecaster resumed from a checkpoint written after its training had blown up.",
    facts=[not_finite("weights")],
)
def bad_checkpoint():
    class Forecaster(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(1, 20, num_layers=2, batch_first=True)
            self.head = nn.Linear(20, 1)

        def forward(self, x):
            return self.head(self.gru(x)[0])

    x = series()
    state = Forecaster().state_dict()
    state["gru.weight_hh_l1"][:3] = float("nan")
    model = Forecaster()
    model.load_state_dict(state)
    return model, lambda m: F.mse_loss(m(x[:, :-1]), x[:, 1:]), torch.optim.Adam(model.parameters())


@case(
    "fp16_underflow",
    cause="half precision",
    about="model.half() without a GradScaler; an auxiliary regression averaged over many outputs.",
    facts=[underflows(0.3), in_range(0.0)],
)
def half_without_scaler():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inp = nn.Linear(16, 64)
            self.blocks = nn.ModuleList(nn.Linear(64, 64) for _ in range(3))
            self.out = nn.Linear(64, 1024)

        def forward(self, x):
            x = F.gelu(self.inp(x))
            for block in self.blocks:
                x = x + F.gelu(block(x))
            return self.out(x)

    x = torch.randn(128, 16).half()
    y = 0.05 * torch.randn(128, 1024)
    loss = lambda m: 3e-3 * F.mse_loss(m(x).float(), y)  # noqa: E731
    return Net().half(), loss, None


@case(
    "fp16_overflow",
    also=("zero_gradient", "vanishing", "rank_collapse"),
    cause="half precision",
    about="An RMSNorm that squares in float16: activations near 400, squares beyond 65504.",
    facts=[overflows("pow"), zero("embed.weight"), collapsed("head", over=1)],
)
def rmsnorm_in_half():
    class RMSNorm(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(d))

        def forward(self, x):
            return x * torch.rsqrt(torch.pow(x, 2).mean(-1, keepdim=True) + 1e-5) * self.weight

    class Encoder(nn.Module):
        def __init__(self, d=32):
            super().__init__()
            self.embed = nn.Embedding(40, d)
            self.embed.weight.data.mul_(400)
            self.norms = nn.ModuleList(RMSNorm(d) for _ in range(2))
            self.mlps = nn.ModuleList(mlp(d, 64, d, act=nn.SiLU) for _ in range(2))
            self.head = nn.Sequential(RMSNorm(d), nn.Linear(d, 40))

        def forward(self, ids):
            x = self.embed(ids)
            for norm, block in zip(self.norms, self.mlps, strict=True):
                x = x + block(norm(x))
            return self.head(x).float()

    return Encoder().half(), next_token(text()), None


@case(
    "lr_too_high",
    cause=("learning rate too high", "input scale"),
    about="SGD with momentum and 0.1 out of habit, on a regression of unscaled sensor readings.",
    facts=[diverges(), learns(40, 0.9, factor=1e-4)],
)
def sensors_at_a_tenth():
    x = torch.randn(128, 6) * torch.tensor([1.0, 20.0, 5.0, 8.0, 2.0, 12.0]) + 5
    y = 0.1 * x.sum(1, keepdim=True) + torch.randn(128, 1)
    model = mlp(6, 32, 32, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    return model, supervised(x, y, F.mse_loss), optimizer


@case(
    "lr_too_high",
    cause="learning rate too high",
    about="AdamW at 0.5 (3e-4 was meant) on a small causal transformer.",
    facts=[diverges(6, 2.0), learns(30, 0.9, factor=1e-2)],
)
def adamw_at_a_half():
    class LM(nn.Module):
        def __init__(self, d=32):
            super().__init__()
            self.embed, self.pos = nn.Embedding(40, d), nn.Embedding(32, d)
            layer = nn.TransformerEncoderLayer(
                d, 4, 64, 0.0, "gelu", batch_first=True, norm_first=True
            )
            self.blocks = nn.TransformerEncoder(
                layer, 2, nn.LayerNorm(d), enable_nested_tensor=False
            )
            self.head = nn.Linear(d, 40)

        def forward(self, ids):
            t = ids.shape[1]
            mask = nn.Transformer.generate_square_subsequent_mask(t)
            return self.head(self.blocks(self.embed(ids) + self.pos(torch.arange(t)), mask=mask))

    model = LM()
    return model, next_token(text()), torch.optim.AdamW(model.parameters(), lr=0.5)


@case(
    "lr_too_low",
    cause="learning rate too low",
    about="SGD with lr=1e-9, where 1e-9 was the eps of another optimizer's argument list.",
    facts=[crawls(), stuck(steps=30), learns(30, 0.9, factor=1e7)],
)
def eps_as_rate():
    model = nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1, bias=False),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Conv2d(12, 12, 3, padding=1, bias=False),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(192, 4),
    )
    return model, supervised(*images(24)), torch.optim.SGD(model.parameters(), lr=1e-9)
