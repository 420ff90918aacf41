"""Encoders and decoders of one's own, and those of ``torch.nn``."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .attention import Attention, Language, Post, Pre, feedforward, next_word, step_size
from .material import Residual, gain, initialise, text
from .proofs import activations, gradients, seen, signal, spread, stuck, trains


@case(
    "rank_collapse",
    also=("vanishing",),
    cause="attention without skip",
    about="Eight layers of attention without skips: all tokens become one.",
    facts=[spread("blocks.7", (0, 1e-5)), signal("embed", "head", (0, 5e-4)), stuck(above=0.6)],
)
def attention_alone():
    return Language([Attention(32) for _ in range(8)]), step_size(text()), None


@case(
    "rank_collapse",
    cause="attention without skip",
    about="A layer norm in front of each attention keeps its size, not the tokens' difference.",
    facts=[spread("blocks.5", (0, 1e-4))],
)
def attention_with_norm_but_no_skip():
    layers = [nn.Sequential(nn.LayerNorm(32), Attention(32)) for _ in range(6)]
    for layer in layers:
        nn.init.normal_(layer[1].qkv.weight, std=0.1)
    return Language(layers), step_size(text()), None


@case(
    "rank_collapse",
    cause="post-norm depth",
    about="In 24 post-norm blocks with larger weights, branches outweigh skips: tokens grow alike",
    facts=[spread("blocks.23", (0, 1e-5))],
)
def deep_post_norm():
    net = Language([Post(32) for _ in range(24)])
    return initialise(net, gain(1.4)), step_size(text()), None


@case(
    "vanishing",
    also=("rank_collapse",),
    cause="attention without skip",
    about="Attention and feed-forward layers in turn, somebody forgot the ``x +``.",
    facts=[
        signal("blocks.0", "blocks.5", (0, 1e-4)),
        spread("blocks.5", (0, 1e-4)),
        stuck(above=0.6),
    ],
)
def encoder_without_skips():
    layers = [nn.Sequential(Attention(32), feedforward(32)) for _ in range(6)]
    return Language(layers), step_size(text()), None


def hard(name, share=0.5):
    """Fact that in so many rows of the attention one place takes 99 % or more."""

    def prove(model, loss, optimizer):
        attention = model.get_submodule(name)
        qkv = seen(model, loss, f"{name}.qkv")[f"{name}.qkv"][-1]
        q, k, _ = qkv.unflatten(-1, (3, attention.heads, -1)).permute(2, 0, 3, 1, 4)
        rows = attention.weights(q, k)
        assert (rows.amax(-1) > 0.99).double().mean() >= share

    return prove


@case(
    "saturation",
    cause="attention logit scale",
    about="Logits are multiplied by the root of the width, not divided, and weights are large.",
    facts=[hard("blocks.0.0.body.1"), hard("blocks.1.0.body.1")],
)
def logits_without_division():
    layers = [Pre(32, scale=32**0.5) for _ in range(2)]
    for layer in layers:
        nn.init.normal_(layer[0].body[1].qkv.weight, std=0.5)
    return Language(layers), step_size(text()), None


@case(
    "saturation",
    cause="attention logit scale",
    about="The right scale, but weights of queries and keys ten times too large in a decoder.",
    facts=[hard("blocks.0.0.body.1", 0.7)],
)
def queries_far_too_large():
    layers = [Pre(32, causal=True) for _ in range(2)]
    for layer in layers:
        with torch.no_grad():
            layer[0].body[1].qkv.weight[:64] *= 20
    return Language(layers), next_word(text()), None


class Shrunk(Residual):
    """A residual block whose skip is scaled down by mistake."""

    def forward(self, x):
        return 0.3 * x + self.scale * self.body(x)


@case(
    "vanishing",
    also=("forward_vanishing",),
    cause="scale in the forward pass",
    about="The skip itself is multiplied by 0.3 in each of ten blocks.",
    facts=[
        signal("blocks.0", "blocks.9", (0, 1e-3)),
        activations("blocks.0", "blocks.9", (0, 1e-3)),
    ],
)
def skip_of_a_third():
    net = Language([Shrunk(Attention(32), scale=0.1) for _ in range(10)])
    return initialise(net, gain(1.0)), step_size(text()), None


@case(
    "forward_exploding",
    also=("exploding",),
    cause="residual without normalisation",
    about="Residual feed-forward blocks with He weights and no layer norm: it doubles and doubles",
    facts=[
        activations("blocks.0", "blocks.11", (1e3, 1e9)),
        signal("blocks.0", "blocks.11", (1e3, 1e9)),
    ],
)
def encoder_without_norms():
    layers = [Residual(feedforward(32)) for _ in range(12)]
    for layer in layers:
        for linear in (layer.body[0][0], layer.body[0][2]):
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            linear.weight.data *= 1.3
    return Language(layers), step_size(text()), None


@case(
    None,
    about="Six pre-norm blocks with a causal mask.",
    facts=[trains(), signal("embed", "blocks", (0.01, 1e2))],
)
def pre_norm_decoder():
    return Language([Pre(32, causal=True) for _ in range(6)]), next_word(text()), None


@case(
    None,
    about="Two post-norm blocks.",
    facts=[trains(lr=3e-3), signal("blocks.0", "blocks.1", (0.1, 10))],
)
def post_norm_encoder():
    return Language([Post(32) for _ in range(2)]), step_size(text()), None


@case(
    None,
    about="``nn.TransformerEncoder`` as it comes, with dropout and a mask for padded places.",
    facts=[trains(lr=3e-3)],
)
def torch_encoder_with_padding():
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    net = nn.ModuleDict(
        {
            "embed": nn.Embedding(20, 32),
            "encoder": nn.TransformerEncoder(layer, 3, enable_nested_tensor=False),
            "head": nn.Linear(32, 20),
        }
    )
    tokens = text()
    padded = torch.arange(16) >= torch.randint(4, 17, (16, 1))

    def loss(model):
        states = model["encoder"](model["embed"](tokens), src_key_padding_mask=padded)
        return F.cross_entropy(model["head"](states)[~padded], tokens[~padded])

    return net, loss, None


@case(None, about="``nn.Transformer`` learns to copy.", facts=[trains(lr=3e-3)])
def torch_encoder_decoder():
    net = nn.ModuleDict(
        {
            "embed": nn.Embedding(21, 32),
            "core": nn.Transformer(32, 4, 2, 2, 64, dropout=0.0, batch_first=True),
            "head": nn.Linear(32, 20),
        }
    )
    tokens = text()
    shifted = torch.cat([torch.full((16, 1), 20), tokens[:, :-1]], 1)
    mask = nn.Transformer.generate_square_subsequent_mask(16)

    def loss(model):
        embed = model["embed"]
        states = model["core"](embed(tokens), embed(shifted), tgt_mask=mask)
        return F.cross_entropy(model["head"](states).transpose(1, 2), tokens)

    return net, loss, None


def only_the_key_bias_is_zero(model, loss, optimizer):
    bias = gradients(model, loss)["attention.in_proj_bias"]
    query, key, value = (
        bias.abs().amax(1) if bias.dim() > 1 else bias.unflatten(0, (3, -1)).abs().amax(1)
    )
    assert key < 1e-6 * value and query > 1e-4 * value


@case(
    None,
    about="The bias of the keys shifts all logits of a row alike, so its gradient is 0.",
    facts=[trains(), only_the_key_bias_is_zero],
)
def key_bias():
    net = nn.ModuleDict(
        {
            "embed": nn.Embedding(20, 32),
            "attention": nn.MultiheadAttention(32, 4, batch_first=True),
            "head": nn.Linear(32, 20),
        }
    )
    nn.init.normal_(net["attention"].in_proj_bias, std=0.5)
    tokens = text()
    mask = torch.ones(15, 15, dtype=torch.bool).triu(1)

    def loss(model):
        x = model["embed"](tokens[:, :-1])
        x = x + model["attention"](x, x, x, attn_mask=mask, need_weights=False)[0]
        return F.cross_entropy(model["head"](x).transpose(1, 2), tokens[:, 1:])

    return net, loss, None


class Mixture(nn.Module):
    """Four experts; a token goes to the two that its router likes best."""

    def __init__(self, width):
        super().__init__()
        self.router = nn.Linear(width, 4)
        self.experts = nn.ModuleList(feedforward(width) for _ in range(4))

    def forward(self, x):
        score, chosen = self.router(x).softmax(-1).topk(2)
        out = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            where = (chosen == i).any(-1)
            part = score[where].masked_fill(chosen[where] != i, 0).sum(-1, keepdim=True)
            out[where] += part * expert(x[where])
        return x + out


@case(None, about="Each expert sees some of the tokens only.", facts=[trains()])
def mixture_of_experts():
    blocks = [Pre(32, causal=True), Mixture(32), nn.LayerNorm(32)]
    return Language(blocks), next_word(text()), None


@case(
    None,
    about="Over 60 places every attention weight is small: spread out, not saturated.",
    facts=[trains()],
)
def long_sentences():
    return Language([Pre(32), Pre(32)]), next_word(text(length=60)), None


class Sinusoids(nn.Module):
    """Embeddings with a fixed table of places, kept as a frozen parameter."""

    def __init__(self):
        super().__init__()
        place = torch.arange(64.0)[:, None] / 100 ** (torch.arange(16.0) / 16)
        table = torch.cat([place.sin(), place.cos()], 1)
        self.place = nn.Parameter(table, requires_grad=False)
        self.embed, self.block, self.head = (
            nn.Embedding(20, 32),
            Pre(32, causal=True),
            nn.Linear(32, 20),
        )

    def forward(self, tokens):
        return self.head(self.block(self.embed(tokens) + self.place[: tokens.shape[1]]))


@case(None, about="A sinusoidal table of positions, which is not to be learnt.", facts=[trains()])
def fixed_places():
    return Sinusoids(), next_word(text()), None


@case(
    None,
    about="Only the last token is read: others have a signal through attention alone.",
    facts=[trains(to=0.7)],
)
def causal_mask_and_class_token():
    tokens = text()
    y = ((tokens[:, 1] - tokens[:, 0]) % 20 - 1).long()
    net = Language([Pre(32, causal=True) for _ in range(2)])
    return net, lambda model: F.cross_entropy(model(tokens)[:, -1, :2], y), None
