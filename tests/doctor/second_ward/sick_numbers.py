"""Sick numbers: NaN and infinity, and what half precision cannot hold."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case
from tests.doctor.second_ward.proofs import not_finite, output_overflows, overflows, underflows


@case(
    "nan",
    about="the distance of a picture to itself: the square root has no slope at 0",
    facts=[not_finite],
)
def distance_to_itself():
    class Embedder(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 8, 3, stride=2)
            self.fc = nn.Linear(8 * 49, 16)

        def forward(self, x):
            return self.fc(F.relu(self.conv(x)).flatten(1))

    pictures, identity = torch.randn(12, 1, 16, 16), torch.arange(12) // 3

    def all_pairs(m):
        e = m(pictures)
        distance = ((e[:, None] - e[None]) ** 2).sum(-1).sqrt()
        same = identity[:, None] == identity[None]
        return torch.where(same, distance, F.relu(1 - distance)).mean()

    return Embedder(), all_pairs, None


@case(
    "nan",
    about="a VAE with the cross-entropy written out: log(1 - p) where p has rounded to 1",
    facts=[not_finite],
)
def vae_with_bare_logarithms():
    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.enc, self.dec = nn.Linear(64, 2 * 4), nn.Linear(4, 64)
            nn.init.normal_(self.dec.weight, std=12.0)

        def forward(self, x):
            mu, logvar = self.enc(x).chunk(2, -1)
            z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
            return torch.sigmoid(self.dec(z)), mu, logvar

    y = torch.randint(0, 256, (32, 64)) / 255
    y[:, :8] = 1

    def elbo(m):
        p, mu, logvar = m(y)
        bce = -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).sum(1)
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1)
        return (bce + kl).mean()

    return VAE(), elbo, None


@case(
    "nan",
    about="one sensor was off: a few NaN in a table from which each call draws a batch",
    facts=[not_finite],
)
def missing_values_in_the_table():
    model = nn.Sequential(
        nn.BatchNorm1d(8), nn.Linear(8, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 1)
    )
    table, power = torch.randn(400, 8), torch.randn(400, 1)
    table[::9, 5] = float("nan")

    def loss(m):
        rows = torch.randint(0, 400, (64,))
        return F.mse_loss(m(table[rows]), power[rows])

    return model, loss, torch.optim.Adam(model.parameters(), lr=1e-3)


class MaskedAttention(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(20, width, padding_idx=0)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, 2)

    def forward(self, tokens):
        x = self.embed(tokens)
        q, k, v = self.qkv(x).chunk(3, -1)
        scores = q @ k.mT / q.shape[-1] ** 0.5
        scores = scores.masked_fill((tokens == 0)[:, None], float("-inf"))
        return self.out((scores.softmax(-1) @ v).mean(1))


@case(
    "nan",
    about="an empty comment: all of its tokens are padding, so softmax divides 0 by 0",
    facts=[not_finite],
)
def a_row_of_padding():
    tokens = torch.randint(1, 20, (16, 10))
    tokens[:, 7:] = 0
    tokens[11] = 0
    labels = torch.randint(0, 2, (16,))
    return MaskedAttention(), lambda m: F.cross_entropy(m(tokens), labels), None


@case(
    "nan",
    about="torch.where hides a division by zero from the value, and not from its gradient",
    facts=[not_finite],
)
def where_does_not_hide_it():
    class Intensity(nn.Module):
        """Rate of a point process per exposure, zero where nothing was observed."""

        def __init__(self):
            super().__init__()
            self.count = nn.Sequential(nn.Linear(4, 16), nn.Softplus(), nn.Linear(16, 1))
            self.exposure = nn.Linear(4, 1, bias=False)

        def forward(self, x):
            seen = F.relu(self.exposure(x))
            return torch.where(seen > 0, self.count(x) / seen, torch.zeros_like(seen))

    x, rate = torch.randn(64, 4), torch.rand(64, 1)
    return Intensity(), lambda m: (m(x) - rate).abs().clamp(max=5).mean(), None


@case(
    "nan",
    about="standardising each window by hand: a window that stood still has deviation 0",
    facts=[not_finite],
)
def window_without_deviation():
    class Forecaster(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(1, 16, batch_first=True)
            self.out = nn.Linear(16, 1)

        def forward(self, window):
            centre, width = window.mean(1, keepdim=True), window.std(1, keepdim=True)
            h, _ = self.gru(((window - centre) / width).unsqueeze(-1))
            return self.out(h[:, -1]) * width + centre

    windows = torch.randn(24, 30).cumsum(1)
    windows[5] = 3.0
    return Forecaster(), lambda m: F.mse_loss(m(windows[:, :-1]), windows[:, -1:]), None


@case(
    "fp16_underflow",
    about="model.half() for segmentation, an auxiliary loss of weight 10⁻³, no loss scale",
    facts=[underflows],
)
def half_segmentation_without_scale():
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.ReLU(),
        nn.Conv2d(16, 2, 1),
    ).half()  # fmt: skip
    images = torch.randn(2, 3, 64, 64).half()
    mask = (torch.rand(2, 64, 64) < 0.3).long()
    return model, lambda m: 1e-3 * F.cross_entropy(m(images).float(), mask), None


class HalfTeacher(nn.Module):
    """A student of features, computing under autocast."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 256))

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.float16):
            return self.body(x)


@case(
    "fp16_underflow",
    about="distilling features under autocast to float16 without GradScaler; errors are small",
    facts=[underflows],
)
def distillation_under_autocast():
    model, x = HalfTeacher(), torch.randn(256, 64)
    with torch.no_grad():
        teacher = model(x).float() + 4e-4 * torch.randn(256, 256)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    return model, lambda m: (m(x).float() - teacher).square().mean(), optimizer


@case(
    "fp16_overflow",
    about="float16 attention: the product q·k is formed before it is divided by sqrt(d)",
    facts=[overflows],
)
def half_attention_scores():
    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.k, self.v = (nn.Linear(128, 128, bias=False) for _ in range(3))
            self.out = nn.Linear(128, 3)

        def forward(self, x):
            scores = self.q(x) @ self.k(x).mT
            weights = torch.softmax(scores / 128**0.5, dim=-1)
            return self.out((weights @ self.v(x)).mean(1))

    model = Head()
    with torch.no_grad():
        model.q.weight.mul_(5)
        model.k.weight.copy_(model.q.weight)
    model.half()
    x, y = 10 * torch.randn(4, 12, 128), torch.randint(0, 3, (4,))
    return (
        model,
        lambda m: F.cross_entropy(m(x.to(m.q.weight.dtype)).float(), y),
        None,
    )


@case(
    "fp16_overflow",
    about="an RMS norm in float16 squares activations of 300",
    facts=[output_overflows("pow")],
)
def half_rms_norm():
    class RMSNorm(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(width))

        def forward(self, x):
            return self.weight * x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()

    model = nn.Sequential(nn.Linear(32, 64), RMSNorm(64), nn.SiLU(), nn.Linear(64, 1)).half()
    x, y = 500 * torch.randn(64, 32), torch.randn(64, 1)

    def loss(m):
        prediction = m(x.to(m[0].weight.dtype)).float()
        return F.huber_loss(prediction, y) * 1024

    return model, loss, None
