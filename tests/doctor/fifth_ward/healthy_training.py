"""Stages of training, losses and data that look odd and are well."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from tests.doctor.case import Loss, Made, case

from . import measure


def has_converged(model: nn.Module, loss: Loss, _: object) -> None:
    after = loss(model).item()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    assert after < 1e-3 * loss(model).item()


@case(
    None,
    about="a regression that has been trained to the end: tiny loss, tiny gradients",
    facts=[has_converged, measure.gradients_arrive(), measure.steady()],
)
def trained_to_the_end() -> Made:
    model = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 1))
    x = torch.randn(64, 3)
    y = torch.sin(x[:, :1]) + 0.5 * x[:, 1:2]
    teacher = torch.optim.Adam(model.parameters(), lr=2e-2)
    for step in range(300):
        teacher.param_groups[0]["lr"] = 2e-2 * (1 - step / 300)
        teacher.zero_grad()
        F.mse_loss(model(x), y).backward()
        teacher.step()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    return model, lambda m: F.mse_loss(m(x), y), optimizer


@case(
    None,
    about="wind speeds in units so large that the squared error is 1e-8; Adam does not mind",
    facts=[measure.gradients_arrive(), measure.steady(), measure.learns(60, 0.7)],
)
def tiny_loss_by_units() -> Made:
    model = nn.Sequential(
        nn.Linear(6, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 2)
    )
    x = torch.randn(64, 6)
    y = torch.stack([x[:, 0] + x[:, 1] ** 2, x[:, 2]], 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, eps=1e-16)
    return model, lambda m: 1e-8 * F.mse_loss(m(x), y), optimizer


def rate_will_rise(model: nn.Module, loss: Loss, optimizer: torch.optim.Optimizer) -> None:
    group = optimizer.param_groups[0]
    assert group["lr"] < 1e-6 and group["initial_lr"] == 1e-3
    record = measure.losses(model, loss, optimizer, 30, factor=group["initial_lr"] / group["lr"])
    assert record[-1] < 0.9 * record[0]


@case(
    None,
    about="step 0 of a linear warm-up over 10000 steps: the rate is 1e-7 now, 1e-3 later",
    facts=[rate_will_rise, measure.gradients_arrive(), measure.steady()],
)
def warm_up_first_step() -> Made:
    model = nn.Sequential(
        nn.Conv1d(4, 32, 5, padding=2), nn.GroupNorm(4, 32), nn.ELU(),
        nn.Conv1d(32, 32, 5, padding=2), nn.GroupNorm(4, 32), nn.ELU(),
        nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(32, 3),
    )  # fmt: skip
    x, y = torch.randn(12, 4, 20), torch.arange(12) % 3
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 10_000))
    return model, lambda m: F.cross_entropy(m(x), y), optimizer


def head_alone(model: nn.Module, loss: Loss, optimizer: torch.optim.Optimizer) -> None:
    given = {id(p) for group in optimizer.param_groups for p in group["params"]}
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    assert all(n.startswith(("classifier", "pre_classifier")) for n in trained)
    assert given == {id(p) for n, p in model.named_parameters() if n in trained}
    assert not model.training


@case(
    None,
    about="tiny DistilBERT in eval mode, backbone frozen, only the head in the optimizer",
    facts=[head_alone, measure.gradients_arrive(), measure.learns(60, 0.9)],
)
def distilbert_head_only() -> Made:
    config = DistilBertConfig(
        vocab_size=60, max_position_embeddings=16, dim=32, hidden_dim=64, n_layers=2, n_heads=2
    )
    model = DistilBertForSequenceClassification(config).eval()
    model.distilbert.requires_grad_(False)
    tokens = torch.randint(1, 60, (8, 12))
    tokens[4:, 8:] = 0
    batch = {
        "input_ids": tokens,
        "attention_mask": (tokens != 0).long(),
        "labels": torch.arange(8) % 2,
    }
    head = [p for p in model.parameters() if p.requires_grad]
    return model, lambda m: m(**batch)["loss"], torch.optim.Adam(head, lr=1e-2)


def only_known_cells_count(model: nn.Module, loss: Loss, _: object) -> None:
    assert loss(model).isfinite()
    assert all(g.isfinite().all() for g in measure.gradients(model, loss).values())


@case(
    None,
    about="multi-task toxicity targets, half of them NaN for 'not measured', left out by indexing",
    facts=[
        only_known_cells_count,
        measure.gradients_arrive(),
        measure.alive("layers.0"),
        measure.alive("layers.3"),
        measure.learns(60, 0.9, 3e-3),
    ],
)
def targets_partly_missing() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(
                nn.Linear(30, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 64), nn.ReLU()
            )
            self.heads = nn.ModuleDict({f"task{i}": nn.Linear(64, 1) for i in range(4)})

        def forward(self, x: Tensor) -> Tensor:
            h = self.layers(x)
            return torch.cat([head(h) for head in self.heads.values()], 1)

    model = Net()
    x = (torch.rand(96, 30) < 0.3).float()
    targets = (x[:, :4] + x[:, 4:8] > 0).float()
    targets[torch.rand(96, 4) < 0.5] = float("nan")

    def loss(m: nn.Module) -> Tensor:
        known = ~targets.isnan()
        return F.binary_cross_entropy_with_logits(m(x)[known], targets[known])

    return model, loss, None


def outputs_flat_and_right(model: nn.Module, loss: Loss, _: object) -> None:
    z = measure.of(measure.trace(model, loss), "9").output.detach()
    assert (measure.SLOPES["sigmoid"](z) < 0.05).double().mean() > 0.9
    assert loss(model) < 0.1


@case(
    None,
    about="one positive in 250: prior bias on the last layer only, logits far in the flat part",
    facts=[
        outputs_flat_and_right,
        measure.gradients_arrive(but=("1.bias",)),
        measure.steady(but=("9",)),
        measure.learns(60, 0.9, 3e-3),
    ],
)
def rare_defects_prior_bias() -> Made:
    model = nn.Sequential(
        nn.BatchNorm2d(1), nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.Hardswish(),
        nn.Conv2d(12, 12, 3, 2, 1, groups=12), nn.GroupNorm(3, 12), nn.ReLU6(),
        nn.Conv2d(12, 24, 1), nn.Hardswish(), nn.Conv2d(24, 1, 1),
    )  # fmt: skip
    nn.init.constant_(model[-1].bias, -math.log(249))
    images = 255 * torch.rand(6, 1, 24, 24)  # raw pixels, but batch norm comes first
    defects = torch.zeros(6, 1, 12, 12)
    for i in range(4):
        images[i, 0, 4 * i : 4 * i + 3, 8:11] = 600.0
        defects[i, 0, 2 * i, 4] = 1.0
    return model, lambda m: F.binary_cross_entropy_with_logits(m(images), defects), None
