"""Designs of well-known architectures whose numbers look ill and are meant to be so.

Each is a small likeness of what a doctor of any model meets in the libraries that people use.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import vgplib as vgp

LABELS = torch.arange(32) % 4


def classify(x, read=lambda out: out):
    return lambda model: F.cross_entropy(read(model(x)), LABELS)


def blobs(*shape):
    """Noise around one centre a class, of shape ``(32, *shape)``."""
    return torch.randn(32, *shape) + torch.randn(4, *shape)[LABELS]


class Branch(nn.Module):
    """Something added to what goes in."""

    def __init__(self, *body):
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, h):
        return h + 0.1 * self.body(h)


def blocks(count, width):
    return [
        Branch(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        for _ in range(count)
    ]


def nearly_zero_read_out():
    """BEiT starts its head at a thousandth: all of the fall is there, and is over in a step."""
    model = nn.Sequential(nn.Linear(8, 64), *blocks(6, 64), nn.LayerNorm(64), nn.Linear(64, 4))
    nn.init.trunc_normal_(model[-1].weight, std=2e-5)
    return model, classify(blobs(8)), None


def zero_read_out_under_adamw():
    """In the first step, everything but the head moves by its weight decay alone."""
    model = nn.Sequential(*(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU()))
    model.append(nn.Linear(32, 4))
    nn.init.zeros_(model[-1].weight)
    return model, classify(blobs(8)), torch.optim.AdamW(model.parameters(), 1e-4)


class Scaled(nn.Module):
    """Attention whose output is scaled down to almost nothing at first, as in CaiT."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.gamma = nn.Parameter(torch.full((width,), 1e-6))

    def forward(self, h):
        n = self.norm(h)
        return h + self.gamma * self.attention(n, n, n, need_weights=False)[0]


class ClassToken(nn.Module):
    """A token of its own is read out; patches reach it through the branches alone."""

    def __init__(self):
        super().__init__()
        self.stem, self.token = nn.Linear(8, 32), nn.Parameter(0.02 * torch.randn(1, 1, 32))
        self.blocks = nn.Sequential(*(Scaled(32) for _ in range(6)))
        self.norm, self.head = nn.LayerNorm(32), nn.Linear(32, 4)

    def forward(self, x):
        h = torch.cat([self.token.expand(len(x), 1, 32), self.stem(x)], 1)
        return self.head(self.norm(self.blocks(h)[:, 0]))


def class_token_behind_layer_scale():
    """Signal and samples part ways only after a step."""
    model = ClassToken()
    return model, classify(blobs(10, 8)), torch.optim.AdamW(model.parameters(), 1e-3)


class SqueezeExcite(nn.Module):
    """A convolution whose channels are weighed by what a small net makes of their means."""

    def __init__(self, zero):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.squeeze, self.excite = nn.Linear(16, 8), nn.Linear(8, 16)
        if zero:
            nn.init.zeros_(self.norm.weight)
            nn.init.zeros_(self.squeeze.bias)

    def forward(self, x):
        h = self.norm(self.conv(x))
        gate = self.excite(self.squeeze(h.mean((2, 3))).relu()).sigmoid()
        return (x + h * gate[..., None, None]).relu()


def squeeze_excite_behind_a_zero_gain():
    """ReLU of exactly 0 is 0: nothing goes in yet."""
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), *(SqueezeExcite(True) for _ in range(4)))
    model.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)])
    x = torch.randn(32, 3, 16, 16) + torch.randn(4, 3, 1, 1)[LABELS]
    return model, classify(x), torch.optim.SGD(model.parameters(), 0.1)


def head_shared_by_levels():
    """RetinaNet's head runs on every level of a pyramid: again and again, but not along time."""
    head = nn.Sequential(*(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU()))
    head.append(nn.Linear(16, 1))
    nn.init.constant_(head[-1].bias, -6.0)  # most places show nothing
    levels = [torch.randn(64, 16) for _ in range(5)]
    found = [(torch.rand(64, 1) < share).float() for share in (0.3, 0.3, 0, 0, 0)]

    def focal(model):
        told = 0.0
        for x, y in zip(levels, found, strict=True):
            z = model(x)
            each = F.binary_cross_entropy_with_logits(z, y, reduction="none")
            told = told + ((y - z.sigmoid()).abs() ** 2 * each).sum()
        return told / 40

    return head, focal, None


class OneKey(nn.Module):
    """Attention with a table of biases, over a single place."""

    def __init__(self):
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(32), nn.Linear(32, 96), nn.Linear(32, 32)
        self.biases = nn.Parameter(torch.zeros(4, 1))

    def forward(self, h):
        q, k, v = self.qkv(self.norm(h)).unflatten(-1, (3, 4, 8)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.mT / 8**0.5 + self.biases[:, :, None]).softmax(-1)
        return h + self.out((weights @ v).transpose(1, 2).flatten(2))


def attention_over_one_key():
    """LeViT's last map is one place large: its softmax is 1, and there is nothing to choose."""
    model = nn.Sequential(nn.Linear(8, 32), OneKey(), OneKey(), nn.Flatten(), nn.Linear(32, 4))
    return model, classify(blobs(1, 8)), torch.optim.AdamW(model.parameters(), 1e-3)


class Separable(nn.Module):
    """MobileViT v2: one projection gives the scores of a softmax and what a ReLU passes on."""

    def __init__(self):
        super().__init__()
        self.norm, self.split, self.out = nn.LayerNorm(32), nn.Linear(32, 65), nn.Linear(32, 32)

    def forward(self, h):
        q, k, v = self.split(self.norm(h)).split([1, 32, 32], -1)
        return h + self.out((k * q.softmax(1)).sum(1, keepdim=True) * (v - 0.2).relu())


def softmax_and_relu_of_one_projection():
    """The ReLU's zero half is no saturation of the softmax."""
    model = nn.Sequential(nn.Linear(8, 32), Separable(), Separable(), nn.Linear(32, 4))
    return model, classify(blobs(10, 8), lambda out: out.mean(1)), None


class Queries(nn.Module):
    """DETR's decoder: object queries begin as zeros, beside learned positions."""

    def __init__(self):
        super().__init__()
        self.where, self.stem = nn.Embedding(6, 16), nn.Linear(4, 16)
        self.q, self.k, self.v = (nn.Linear(16, 16) for _ in range(3))
        self.cross, self.head = nn.MultiheadAttention(16, 2, batch_first=True), nn.Linear(16, 2)

    def forward(self, x):
        memory, where = self.stem(x), self.where.weight.expand(len(x), 6, 16)
        h = torch.zeros_like(where)
        told = F.scaled_dot_product_attention(self.q(h + where), self.k(h + where), self.v(h))
        h = F.layer_norm(h + told, (16,))
        return self.head(h + self.cross(h + where, memory, memory)[0])


def queries_that_begin_as_zeros():
    """The first values are made of zeros, so their weights have nothing to learn from."""
    x = torch.randn(32, 10, 4)
    return Queries(), lambda model: F.mse_loss(model(x), x[:, :6, :2]), None


class Gains(nn.Module):
    """Two zero gains in series, as in Karras' U-Net: the second hides the first."""

    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Linear(8, 16), nn.Linear(16, 8)
        self.times = nn.ModuleList(nn.Linear(4, 16) for _ in range(12))
        self.gains = nn.ParameterList(torch.tensor(0.0) for _ in range(12))
        self.out = nn.Parameter(torch.tensor(0.0))

    def forward(self, x, t):
        h = self.stem(x)
        for time, gain in zip(self.times, self.gains, strict=True):
            h = F.layer_norm(h + F.silu(h * (1 + time(t) * gain)), (16,))
        return self.head(h) * self.out


def zero_gains_in_series():
    """No step may put a gain back to exactly 0, or what stands behind it seems dead."""
    model, x, t = Gains(), torch.randn(64, 8), torch.randn(64, 4)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    return model, lambda m: F.mse_loss(m(x, t), x + torch.randn(64, 8)), optimizer


class Positions(nn.Module):
    """A fixed table of positions that is a parameter."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(10, 16), requires_grad=False)

    def forward(self, h):
        return h + self.table


def fixed_positions_as_a_parameter():
    """PatchTST's positions are added, and no layer multiplies by them."""
    layers = [nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True) for _ in range(2)]
    model = nn.Sequential(nn.Linear(4, 16), Positions(), *layers, nn.Linear(16, 2))
    x = torch.randn(32, 10, 4)
    return model, lambda m: F.mse_loss(m(x), x[..., :2]), None


class Listener(nn.Module):
    """wav2vec 2.0 asks for a gradient at its input when it trains."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv1d(1, 8, 5), nn.Linear(8, 4)

    def forward(self, x):
        h = x[:, None]
        if self.training:
            h.requires_grad = True
        return self.head(self.conv(h).relu().mean(-1))


def input_that_wants_a_gradient():
    """It cannot be set on what another has made a part of a graph."""
    return Listener(), classify(blobs(100)), None


DESIGNS = (
    nearly_zero_read_out,
    zero_read_out_under_adamw,
    class_token_behind_layer_scale,
    squeeze_excite_behind_a_zero_gain,
    head_shared_by_levels,
    attention_over_one_key,
    softmax_and_relu_of_one_projection,
    queries_that_begin_as_zeros,
    zero_gains_in_series,
    fixed_positions_as_a_parameter,
    input_that_wants_a_gradient,
)


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.__name__)
def test_a_design_that_looks_ill_is_healthy(design):
    model, loss, optimizer = design()
    assert vgp.examine(model, loss, optimizer=optimizer).conditions == frozenset()
