"""Transformers with masks, sharp designs and long stacks that are well."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tests.doctor.case import Loss, Made, case

from . import measure


class RMSNorm(nn.Module):
    """Root mean square norm by hand."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


def rotary(x: Tensor) -> Tensor:
    """Rotates pairs of channels of (batch, heads, time, width) by position."""
    half = x.shape[-1] // 2
    speeds = 1e4 ** (-torch.arange(half) / half)
    angles = torch.arange(x.shape[2])[:, None] * speeds
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], -1)


class LlamaBlock(nn.Module):
    """Pre-norm, rotary, SwiGLU, no biases."""

    def __init__(self, width: int, heads: int, depth: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = RMSNorm(width), RMSNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.o = nn.Linear(width, width, bias=False)
        self.gate, self.up = (nn.Linear(width, 2 * width, bias=False) for _ in range(2))
        self.down = nn.Linear(2 * width, width, bias=False)
        for linear in (self.qkv, self.gate, self.up):
            nn.init.normal_(linear.weight, std=0.02)
        for linear in (self.o, self.down):
            nn.init.normal_(linear.weight, std=0.02 / math.sqrt(2 * depth))

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(rotary(q), rotary(k), v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).flatten(2))
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Llama(nn.Module):
    """A narrow, deep decoder; the read-out shares the embedding's weight."""

    def __init__(self, tokens: int, width: int, depth: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(tokens, width)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.blocks = nn.ModuleList(LlamaBlock(width, 2, depth) for _ in range(depth))
        self.norm = RMSNorm(width)
        self.head = nn.Linear(width, tokens, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def stream_is_level(model: nn.Module, loss: Loss, _: object) -> None:
    calls = measure.trace(model, loss)
    ends = [measure.of(calls, name).signal for name in ("embed", "blocks.0", "blocks.27")]
    assert max(ends) < 10 * min(ends), ends
    assert measure.spread(measure.of(calls, "blocks.27").output, 1) > 0.5


@case(
    None,
    about="28-block decoder with N(0, 0.02) weights, branches scaled down, tied embeddings",
    facts=[stream_is_level, measure.gradients_arrive(), measure.learns(15, 0.9, 3e-3)],
)
def llama_small_init() -> Made:
    model = Llama(40, 32, 28)
    ids = torch.randint(0, 40, (4, 17))

    def loss(m: nn.Module) -> Tensor:
        return F.cross_entropy(m(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten(), reduction="sum")

    return model, loss, None


class AlibiLayer(nn.Module):
    """Attention with linear biases and a causal mask that is kept as a buffer."""

    def __init__(self, width: int, heads: int, longest: int) -> None:
        super().__init__()
        self.heads = heads
        steps = torch.arange(longest)
        distance = (steps[:, None] - steps[None, :]).float()
        slopes = 2.0 ** -torch.arange(1, heads + 1)
        bias = -slopes[:, None, None] * distance
        self.register_buffer("bias", bias.masked_fill(distance < 0, float("-inf")))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.ff = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).unbind(2)
        scores = torch.einsum("bthd,bshd->bhts", q, k) / q.shape[-1] ** 0.5
        weights = (scores + self.bias[:, : x.shape[1], : x.shape[1]]).softmax(-1)
        x = x + self.proj(torch.einsum("bhts,bshd->bthd", weights, v).flatten(2))
        return x + self.ff(self.norm2(x))


class AlibiModel(nn.Module):
    """Checkpointed stack, so the forward pass runs a second time during backward."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(30, 32)
        self.layers = nn.ModuleList(AlibiLayer(32, 4, 24) for _ in range(4))
        self.head = nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 30))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        for layer in self.layers:
            x = checkpoint(layer, x, use_reentrant=False)
        return self.head(x)


def allowed_weights_are_soft(model: nn.Module, loss: Loss, _: object) -> None:
    for layer in model.layers:
        q, k, _v = layer.qkv(torch.randn(6, 24, 32)).unflatten(-1, (3, 4, -1)).unbind(2)
        scores = torch.einsum("bthd,bshd->bhts", q, k) / 8**0.5 + layer.bias
        p = scores.softmax(-1)[..., layer.bias[0].isfinite()]
        assert (4 * p * (1 - p) < 0.05).double().mean() < 0.35


def infinite_buffer_finite_rest(model: nn.Module, loss: Loss, _: object) -> None:
    assert model.layers[0].bias.isinf().any()
    assert loss(model).isfinite()
    assert all(g.isfinite().all() for g in measure.gradients(model, loss).values())


@case(
    None,
    about="ALiBi with -inf in a buffer, most weights of a causal map exactly 0, checkpointing",
    facts=[
        infinite_buffer_finite_rest,
        allowed_weights_are_soft,
        measure.gradients_arrive(),
        measure.learns(30, 0.8, 3e-3),
    ],
)
def alibi_checkpointed() -> Made:
    model = AlibiModel()
    ids = torch.randint(0, 30, (6, 24))
    targets = torch.cat([ids[:, :1], ids[:, :-1]], 1)
    return model, lambda m: F.cross_entropy(m(ids).flatten(0, 1), targets.flatten()), None


class MixtureLayer(nn.Module):
    """Sparse mixture of experts: the two best of six, batched weights, balance term."""

    def __init__(self, width: int, experts: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.router = nn.Linear(width, experts, bias=False)
        self.w1 = nn.Parameter(torch.randn(experts, width, 48) / width**0.5)
        self.w2 = nn.Parameter(torch.randn(experts, 48, width) / 48**0.5)
        self.balance = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        chances = self.router(h).softmax(-1)
        best, chosen = chances.topk(2, -1)
        gates = torch.zeros_like(chances).scatter(-1, chosen, best / best.sum(-1, keepdim=True))
        self.balance = (chances.mean((0, 1)) * (gates > 0).float().mean((0, 1))).sum()
        hidden = F.gelu(torch.einsum("btw,ewh->bteh", h, self.w1))
        return x + torch.einsum("bteh,ehw,bte->btw", hidden, self.w2, gates)


@case(
    None,
    about="mixture of experts: two thirds of the gates are exactly 0, top-k is not differentiable",
    facts=[measure.gradients_arrive(), measure.steady(), measure.learns(40, 0.9, 3e-3)],
)
def mixture_top_two() -> Made:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.enter = nn.Linear(6, 24)
            self.layers = nn.ModuleList(MixtureLayer(24, 6) for _ in range(3))
            self.leave = nn.Linear(24, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.enter(x)
            for layer in self.layers:
                x = layer(x)
            return self.leave(x)

    model = Model()
    x = torch.randn(8, 10, 6)
    y = torch.stack([x[..., 0] * x[..., 1], x[..., 2].abs()], -1)

    def loss(m: nn.Module) -> Tensor:
        return F.mse_loss(m(x), y) + 0.01 * sum(layer.balance for layer in m.layers)

    return model, loss, torch.optim.Adam(model.parameters(), lr=3e-3)


class Translator(nn.Module):
    """nn.Transformer with all its masks and a fixed table of sinusoids kept as a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(24, 32, padding_idx=0)
        angles = torch.arange(14)[:, None] * 1e4 ** (-torch.arange(16) / 16)
        table = torch.cat([angles.sin(), angles.cos()], 1)
        self.positions = nn.Parameter(table, requires_grad=False)
        self.body = nn.Transformer(
            32, 4, 2, 2, 64, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.head = nn.Linear(32, 24)

    def enter(self, ids: Tensor) -> Tensor:
        return self.embed(ids) * 32**0.5 * 0.2 + self.positions[: ids.shape[1]]

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        causal = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        padding = torch.zeros(source.shape).masked_fill(source == 0, float("-inf"))
        out = self.body(
            self.enter(source),
            self.enter(target),
            tgt_mask=causal,
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        return self.head(out)


@case(
    None,
    about="encoder-decoder with causal and padding masks of -inf, fixed sinusoids, noam groups",
    facts=[
        measure.gradients_arrive(but=("in_proj_bias",)),
        measure.steady(but=("dropout",)),
        measure.learns(40, 0.9),
    ],
)
def translator_with_masks() -> Made:
    model = Translator()
    source = torch.randint(1, 24, (6, 14))
    source[3:, 9:] = 0
    target = source.roll(1, 1).clamp(min=1)
    decay = [p for p in model.parameters() if p.dim() > 1 and p.requires_grad]
    plain = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3)

    def loss(m: nn.Module) -> Tensor:
        logits = m(source, target[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten())

    return model, loss, optimizer
