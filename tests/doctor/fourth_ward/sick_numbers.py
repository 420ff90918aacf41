"""Sick numbers: not a number, half precision, learning rates."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from . import facts as true
from .material import blobs, pictures


@case(
    "nan",
    about="contrastive distance by sqrt; one pair of pictures is the same picture",
    facts=[true.nan],
)
def siamese_with_a_twin():
    left, right = torch.randn(2, 32, 16)
    right[5] = left[5]
    same = (torch.arange(32) % 2).float()
    same[5] = 1
    net = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8))

    def loss(model):
        distance = (model(left) - model(right)).pow(2).sum(1).sqrt()
        return (same * distance**2 + (1 - same) * F.relu(1 - distance) ** 2).mean()

    return net, loss, torch.optim.Adam(net.parameters(), 1e-3)


@case(
    "nan",
    about="cross-entropy by hand: one-hot times log(softmax), and the logits are large",
    facts=[true.nan],
)
def cross_entropy_by_hand():
    x, y = blobs(40, 10, 4)
    net = nn.Sequential(nn.Linear(10, 32), nn.ELU(), nn.Linear(32, 4))
    onehot = F.one_hot(y, 4).float()
    return net, lambda m: -(onehot * m(400 * x).softmax(1).log()).sum(1).mean(), None


@case("nan", about="a table with a missing value in one cell", facts=[true.nan])
def missing_cell():
    x, y = blobs(60, 9, 2)
    x[17, 3] = math.nan
    net = nn.Sequential(nn.BatchNorm1d(9), nn.Linear(9, 24), nn.ReLU(), nn.Linear(24, 2))
    return net, lambda m: F.cross_entropy(m(x), y), torch.optim.Adam(net.parameters(), 1e-3)


class MaskedEncoder(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(40, width, padding_idx=0)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, 2)

    def forward(self, tokens):
        pad = tokens == 0
        x = self.embed(tokens)
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        attention = scores.masked_fill(pad[:, None], -math.inf).softmax(-1)
        x = x + self.proj(attention @ v)
        return self.out(x.masked_fill(pad[..., None], 0).sum(1) / (~pad).sum(1, True).clamp(min=1))


@case(
    "nan", about="attention over an empty sentence: a row of -inf through softmax", facts=[true.nan]
)
def empty_sentence():
    tokens = torch.randint(1, 40, (12, 7))
    tokens[:, 5:] = 0
    tokens[4] = 0
    y = torch.arange(12) % 2
    return MaskedEncoder(), lambda model: F.cross_entropy(model(tokens), y), None


@case(
    "fp16_underflow",
    about="half convnet; a per-pixel mean with a small weight, no loss scale",
    facts=[true.fp16_underflow],
)
def half_pixel_loss():
    clean = torch.rand(8, 3, 24, 24)
    noisy = (clean + 0.1 * torch.randn_like(clean)).half()
    net = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.GELU(), nn.Conv2d(12, 3, 3, padding=1))
    # Nothing is left of the output's own gradient, so it does not matter how sums are rounded.
    return net.half(), lambda m: 1e-4 * F.mse_loss(m(noisy).float(), clean), None


class HalfRMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)


class HalfBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = HalfRMSNorm(width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        return x + self.down(F.silu(self.up(self.norm(x))))


@case(
    "fp16_overflow",
    also=("zero_gradient",),
    about="RMS norm squares activations of 400 in half precision",
    facts=[true.fp16_overflow, true.zero_gradient],
)
def half_rms_norm():
    x, y = blobs(32, 16, 4)
    x = (400 * x).half()
    net = nn.Sequential(nn.Linear(16, 32), HalfBlock(32), HalfBlock(32), nn.Linear(32, 4))
    return net.half(), lambda m: F.cross_entropy(m(x).float(), y), None


@case("lr_too_high", about="SGD at 1.0 with momentum on ages in years", facts=[true.lr_too_high])
def ages_at_rate_one():
    x, _ = blobs(64, 12, 4)
    age = 40 + 10 * x[:, :1] + 5 * torch.randn(64, 1)
    net = nn.Sequential(nn.Linear(12, 32), nn.LeakyReLU(), nn.Linear(32, 1))
    return (
        net,
        lambda m: F.mse_loss(m(x), age),
        torch.optim.SGD(net.parameters(), 1.0, momentum=0.9),
    )


@case(
    "lr_too_high",
    about="Adam at 0.5 on a small encoder: somebody dropped the e-4",
    facts=[true.lr_too_high],
)
def adam_at_one_half():
    tokens = torch.randint(0, 50, (24, 8))
    y = tokens[:, 0] % 4
    layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
    net = nn.Sequential(
        nn.Embedding(50, 32), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    )
    net.append(nn.Linear(32, 4))
    return (
        net,
        lambda m: F.cross_entropy(m(tokens).mean(1), y),
        torch.optim.Adam(net.parameters(), 0.5),
    )


@case("lr_too_low", about="SGD at 1e-9 on a sound convnet", facts=[true.lr_too_low])
def rate_from_a_typo():
    x, y = pictures(32, 3, 8, 4)
    net = nn.Sequential(nn.Conv2d(3, 16, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    net.extend([nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 4)])
    return net, lambda m: F.cross_entropy(m(x), y), torch.optim.SGD(net.parameters(), 1e-9)
