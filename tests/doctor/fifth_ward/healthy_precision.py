"""Short floats used well."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.doctor.case import Loss, Made, case

from . import measure


class MixerLayer(nn.Module):
    """MLP-mixer layer."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.across = nn.Sequential(nn.Linear(tokens, 32), nn.GELU(), nn.Linear(32, tokens))
        self.within = nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.across(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.within(self.norm2(x))


def mixer() -> nn.Module:
    """Four layers over 16 patches of 16x16 images."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 4, 4),
        nn.Flatten(2),
        nn.Linear(16, 16),
        _Swap(),
        *(MixerLayer(16, 32) for _ in range(4)),
        nn.LayerNorm(32),
        nn.Flatten(),
        nn.Linear(512, 5),
    )


class _Swap(nn.Module):
    """Channels first to tokens first."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


IMAGES = torch.randn(10, 3, 16, 16, generator=torch.Generator().manual_seed(8))


@case(
    None,
    about="MLP-mixer wholly in bfloat16",
    facts=[measure.gradients_arrive(), measure.steady(), measure.learns(25, 0.7, 1e-3)],
)
def mixer_in_bfloat16() -> Made:
    model = mixer().bfloat16()
    labels = torch.arange(10) % 5
    return model, lambda m: F.cross_entropy(m(IMAGES.bfloat16()).float(), labels), None


@case(
    None,
    about="mixer under CPU autocast; the loss accumulates four micro-batches, each divided by four",
    facts=[measure.gradients_arrive(), measure.steady(), measure.learns(25, 0.7)],
)
def mixer_autocast_accumulating() -> Made:
    model = mixer()
    images, labels = IMAGES[:8], torch.arange(8) % 5

    def loss(m: nn.Module) -> Tensor:
        total = torch.zeros(())
        for part, wanted in zip(images.split(2), labels.split(2), strict=True):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                total = total + F.cross_entropy(m(part), wanted) / 4
        return total

    return model, loss, torch.optim.AdamW(model.parameters(), lr=1e-3)


def scale_saves_all(model: nn.Module, loss: Loss, _: object) -> None:
    half = {n: g.clone() for n, g in measure.gradients(model, loss).items()}
    assert all(g.isfinite().all() for g in half.values())
    full = measure.gradients(model.float(), loss)
    lost = sum(((half[n] == 0) & (g != 0)).sum().item() for n, g in full.items())
    assert lost < 0.01 * sum(g.numel() for g in full.values()), lost
    for name, g in full.items():
        assert (half[name].float() - g).norm() < 0.05 * g.norm(), name


@case(
    None,
    about="float16 weights with a fixed loss scale of 1024: large loss, gradients in range",
    facts=[scale_saves_all, measure.gradients_arrive()],
)
def half_with_loss_scale() -> Made:
    model = nn.Sequential(
        nn.Linear(16, 64), nn.LayerNorm(64), nn.GELU(), nn.Linear(64, 64), nn.LayerNorm(64),
        nn.GELU(), nn.Linear(64, 4),
    ).half()  # fmt: skip
    x, y = torch.randn(64, 16).half(), torch.arange(64) % 4

    def loss(m: nn.Module) -> Tensor:
        return 1024.0 * F.cross_entropy(m(x.to(m[0].weight.dtype)).float(), y)

    return model, loss, None
