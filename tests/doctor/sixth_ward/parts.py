"""Data and blocks that several cases share."""

import torch
import torch.nn.functional as F
from torch import nn


def blobs(n=128, d=16, classes=4, spread=1.0):
    """Points around one centre per class."""
    y = torch.arange(n) % classes
    return torch.randn(classes, d)[y] * 2 + spread * torch.randn(n, d), y


def images(n=32, channels=3, size=16, classes=4):
    """A smooth pattern per class, and noise."""
    y = torch.arange(n) % classes
    pattern = F.interpolate(torch.randn(classes, channels, 4, 4), size=size, mode="bilinear")
    return pattern[y] + 0.5 * torch.randn(n, channels, size, size), y


def text(n=16, length=24, vocab=40):
    """Sequences that count up from a random start, with some noise."""
    x = (torch.randint(vocab, (n, 1)) + torch.arange(length)) % vocab
    return torch.where(torch.rand(n, length) < 0.1, torch.randint(vocab, (n, length)), x)


def series(n=32, length=24):
    """Noisy sines of random phase and frequency, (n, length, 1)."""
    t = torch.arange(length) * (0.2 + 0.4 * torch.rand(n, 1)) + 6 * torch.rand(n, 1)
    return (t.sin() + 0.05 * torch.randn(n, length)).unsqueeze(-1)


def mlp(*sizes, act=nn.ReLU, bias=True):
    """Linear layers with ``act`` between them."""
    layers = []
    for a, b in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(a, b, bias=bias), act()]
    return nn.Sequential(*layers[:-1])


def supervised(x, y, criterion=F.cross_entropy):
    """The loss of one fixed batch."""
    return lambda model: criterion(model(x), y)


def next_token(x):
    """The loss of a language model on a fixed batch of tokens."""
    return lambda model: F.cross_entropy(model(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten())
