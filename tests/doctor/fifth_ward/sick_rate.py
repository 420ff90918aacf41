"""Learning rates that are too high or too low."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.doctor.case import Loss, Made, case

from . import measure


@case(
    "lr_too_high",
    cause="learning rate too high",
    about="residual convnet, SGD with momentum at 0.5 on an unscaled regression target",
    facts=[measure.rate_too_high(5), measure.gradients_arrive()],
)
def age_regression_at_one_half() -> Made:
    class Block(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.conv = nn.Conv2d(channels, channels, 3, padding=1)
            self.norm = nn.GroupNorm(4, channels)

        def forward(self, x: Tensor) -> Tensor:
            return x + F.silu(self.norm(self.conv(x)))

    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        Block(16),
        Block(16),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 1),
    )
    faces = torch.randn(16, 1, 12, 12)
    ages = torch.randint(18, 80, (16, 1)).float()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    return model, lambda m: F.mse_loss(m(faces), ages), optimizer


@case(
    "lr_too_high",
    cause="learning rate too high",
    about="character transformer with Adam at 0.3, where 3e-4 was meant",
    facts=[measure.rate_too_high(5), measure.gradients_arrive(but=("in_proj_bias",))],
)
def transformer_at_three_tenths() -> Made:
    layer = nn.TransformerEncoderLayer(
        32, 2, 64, dropout=0.0, batch_first=True, norm_first=True, activation="gelu"
    )
    body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    model = nn.Sequential(nn.Embedding(30, 32), body, nn.Linear(32, 30))
    text = torch.randint(0, 30, (8, 16))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.3)

    def loss(m: nn.Module) -> Tensor:
        return F.cross_entropy(m(text).flatten(0, 1), text.roll(1, 1).flatten())

    return model, loss, optimizer


def crawls(model: nn.Module, loss: Loss, optimizer: torch.optim.Optimizer) -> None:
    record = measure.losses(model, loss, optimizer, 20)
    assert abs(record[-1] - record[0]) < 1e-5 * record[0]
    faster = measure.losses(model, loss, optimizer, 20, factor=1e6)
    assert faster[-1] < 0.9 * faster[0]
    before = [p.detach().clone() for p in model.parameters()]
    loss(model).backward()
    optimizer.step()
    moved = sum((p - b).norm() ** 2 for p, b in zip(model.parameters(), before, strict=True))
    assert moved.sqrt() < 1e-6 * sum(b.norm() ** 2 for b in before).sqrt()


@case(
    "lr_too_low",
    cause="learning rate too low",
    about="GRU classifier whose learning rate lost four zeros' worth of notation: Adam at 2e-9",
    facts=[crawls, measure.gradients_arrive()],
)
def gru_at_two_billionths() -> Made:
    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(5, 24, batch_first=True, bidirectional=True)
            self.head = nn.Linear(48, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.gru(x)[0].mean(1))

    model = Classifier()
    x = torch.randn(24, 12, 5)
    y = x.mean(1)[:, :3].argmax(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-9)
    return model, lambda m: F.cross_entropy(m(x), y), optimizer
