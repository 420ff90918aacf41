"""The data of the course: Gaussian inputs, and scikit-learn's bundled digits."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

TRAIN = 1400


def gaussian(batch: int, features: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Independent N(0, 1) inputs of shape ``(batch, features)``; the global state is untouched."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, features, dtype=torch.float64, generator=generator).to(dtype)


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The handwritten digits of 8 x 8 pixels that come with scikit-learn; always the same split.

    Pixels are standardised one by one, with the mean and standard deviation of the training
    images; pixels that never change there are 0.

    Returns:
        ``(x_train, y_train, x_test, y_test)``: float32 images of shape ``(1400, 64)`` and
        ``(397, 64)``, int64 labels 0 to 9. The tensors are the caller's to change.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    return tuple(part.clone() for part in _digits())  # type: ignore[return-value]


@lru_cache(maxsize=1)
def _digits() -> tuple[Tensor, ...]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x, y = torch.from_numpy(images), torch.from_numpy(labels).long()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    train, test = order[:TRAIN], order[TRAIN:]
    mean, std = x[train].mean(0), x[train].std(0)
    x = torch.where(std > 0, (x - mean) / std, 0.0).float()
    return x[train], y[train], x[test], y[test]
