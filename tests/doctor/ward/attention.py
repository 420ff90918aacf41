"""Blocks of encoders and decoders, and what they are asked, for several families."""

import torch
import torch.nn.functional as F
from torch import nn

from .material import Residual


class Attention(nn.Module):
    """Self-attention with heads; ``scale`` multiplies the logits, 1 / sqrt(head width) is right."""

    def __init__(self, width, heads=4, scale=None, causal=False):
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads, self.causal = heads, causal
        self.scale = scale or (width // heads) ** -0.5

    def weights(self, q, k):
        logits = self.scale * q @ k.transpose(-1, -2)
        if self.causal:
            later = torch.ones(logits.shape[-2:], dtype=torch.bool).triu(1)
            logits = logits.masked_fill(later, float("-inf"))
        return logits.softmax(-1)

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.out((self.weights(q, k) @ v).transpose(1, 2).flatten(2))


def feedforward(width):
    return nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))


class Pre(nn.Sequential):
    """The usual block: each branch normalises what it reads."""

    def __init__(self, width, **options):
        super().__init__(
            Residual(nn.LayerNorm(width), Attention(width, **options)),
            Residual(nn.LayerNorm(width), feedforward(width)),
        )


class Post(nn.Sequential):
    """The original block: the sum is normalised."""

    def __init__(self, width, **options):
        super().__init__(
            Residual(Attention(width, **options)),
            nn.LayerNorm(width),
            Residual(feedforward(width)),
            nn.LayerNorm(width),
        )


class Language(nn.Module):
    """Embeddings, blocks, and a prediction at each place."""

    def __init__(self, blocks, width=32, words=20, places=64):
        super().__init__()
        self.embed, self.place = nn.Embedding(words, width), nn.Embedding(places, width)
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width, words)

    def forward(self, tokens):
        x = self.embed(tokens) + self.place(torch.arange(tokens.shape[1]))
        return self.head(self.blocks(x))


def next_word(tokens):
    def loss(model):
        return F.cross_entropy(model(tokens[:, :-1]).transpose(1, 2), tokens[:, 1:])

    return loss


def step_size(tokens):
    """How fast does the sentence count? One answer a sentence, from the mean over its places."""
    y = ((tokens[:, 1] - tokens[:, 0]) % 20 - 1).long()
    return lambda model: F.cross_entropy(model(tokens).mean(1)[:, :2], y)
