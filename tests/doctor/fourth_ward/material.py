"""The data that cases share."""

import torch


def blobs(count, features, classes, spread=0.7):
    """Samples around one centre a class: x (count, features), y (count,)."""
    y = torch.arange(count) % classes
    return torch.randn(classes, features)[y] + spread * torch.randn(count, features), y


def pictures(count, channels, size, classes):
    """Noisy copies of one picture a class: x (count, channels, size, size), y (count,)."""
    x, y = blobs(count, channels * size * size, classes)
    return x.view(count, channels, size, size), y
