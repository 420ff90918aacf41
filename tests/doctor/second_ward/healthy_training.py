"""Healthy losses, precisions, schedules and optimizers that look like faults."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case
from tests.doctor.second_ward.proofs import settled
from tests.doctor.second_ward.training import learns


def learns_after_warm_up(model, loss, optimizer):
    for group in optimizer.param_groups:
        assert group["lr"] < 1e-6 * group["initial_lr"] * 10
        group["lr"] = group["initial_lr"]
    return learns()(model, loss, optimizer)


def mlp(*sizes, act=nn.ReLU):
    model = nn.Sequential()
    for a, b in zip(sizes, sizes[1:], strict=False):
        model.append(nn.Linear(a, b)).append(act())
    return model[:-1]


@case(
    None,
    about="ridge regression at its minimum: nothing to do, gradients of 10⁻⁶",
    facts=[settled(1e-4)],
)
def converged_regression():
    x, model = torch.randn(200, 6), nn.Linear(6, 1)
    y = x @ torch.randn(6, 1) + 0.3 * torch.randn(200, 1)
    padded = torch.cat([x, torch.ones(200, 1)], 1)
    best = torch.linalg.lstsq(padded, y).solution
    with torch.no_grad():
        model.weight.copy_(best[:-1].t())
        model.bias.copy_(best[-1])
    return model, lambda m: F.mse_loss(m(x), y), torch.optim.SGD(model.parameters(), lr=0.05)


@case(
    None,
    about="hinge loss with every margin kept: the loss is 0 and so is its gradient",
    facts=[settled(1e-12)],
)
def all_margins_kept():
    model = mlp(4, 32, 1)
    x = torch.randn(80, 4)
    y = torch.where(x[:, 0] > 0, 1.0, -1.0)
    x[:, 0] += 2 * y
    loss = lambda m: F.relu(1 - y * m(x).squeeze(1)).mean()  # noqa: E731
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(300):
        optimizer.zero_grad()
        loss(model).backward()
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return model, loss, optimizer


@case(
    None,
    about="the loss in megajoules: multiplied by 10⁻⁶, so all gradients are tiny alike",
    facts=[learns()],
)
def loss_in_other_units():
    x = torch.randn(128, 10)
    y = x[:, :2].prod(1, keepdim=True)
    return mlp(10, 64, 64, 1, act=nn.SiLU), lambda m: F.mse_loss(m(x), y) * 1e-6, None


@case(
    None,
    about="squared errors summed over 4096 rows: gradients of thousands",
    facts=[learns()],
)
def summed_over_the_batch():
    x = torch.randn(4096, 10)
    y = x[:, :2].prod(1, keepdim=True)
    model = mlp(10, 64, 64, 1, act=nn.GELU)
    return (
        model,
        lambda m: F.mse_loss(m(x), y, reduction="sum"),
        torch.optim.Adam(model.parameters(), lr=5e-3),
    )


@case(
    None,
    about="warm-up from 0: this step's rate is 10⁻⁷, in sixty steps it is 10⁻²",
    facts=[learns_after_warm_up],
)
def warm_up():
    x = torch.randn(128, 10)
    y = (x[:, 0] > x[:, 1]).long()
    model = mlp(10, 64, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: max(k, 1e-5) / 60)
    return model, lambda m: F.cross_entropy(m(x), y), optimizer


@case(
    None,
    about="a float16 model whose loss is scaled by 1024, as it should be",
    facts=[learns(lr=1e-3)],
)
def half_with_loss_scale():
    model = nn.Sequential(nn.Linear(16, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, 3)).half()
    x, y = torch.randn(128, 16), torch.randint(0, 3, (128,))
    y = torch.where(x[:, 0] > 0, y * 0, y)

    def scaled(m):
        return F.cross_entropy(m(x.half()).float(), y) * 1024

    return model, scaled, torch.optim.SGD(model.parameters(), lr=1e-4)


@case(
    None,
    about="autocast to bfloat16 inside the loss, float32 weights, label smoothing",
    facts=[learns()],
)
def autocast_bfloat16():
    images, labels = torch.randn(32, 1, 12, 12), torch.randint(0, 4, (32,))
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.SiLU(), nn.Conv2d(16, 16, 3, stride=2), nn.SiLU(), nn.Flatten()
    )
    model.append(nn.LazyLinear(4))
    model(images)

    def loss(m):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return F.cross_entropy(m(images), labels, label_smoothing=0.1)

    return model, loss, None


@case(
    None,
    about="LayerDrop: in each call some layers are skipped, and get None this time",
    facts=[learns()],
)
def layer_drop():
    class Dropped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inp, self.out = nn.Linear(10, 32), nn.Linear(32, 3)
            self.blocks = nn.ModuleList(
                nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 32), nn.GELU()) for _ in range(6)
            )

        def forward(self, x):
            x = self.inp(x)
            for block in self.blocks:
                if not self.training or torch.rand(()) > 0.3:
                    x = x + block(x)
            return self.out(x)

    x, model = torch.randn(128, 10), Dropped()
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    return model, lambda m: F.cross_entropy(m(x), y), torch.optim.AdamW(model.parameters(), lr=3e-3)


@case(
    None,
    about="a trained classifier, sure of itself and right: flat sigmoids, a small loss",
    facts=[learns(steps=20, drop=0.01)],
)
def sure_and_right():
    x = torch.randn(200, 6)
    x[:, 0] += 1.5 * x[:, 0].sign()
    y = (x[:, :1] > 0).float()
    model = nn.Sequential(*mlp(6, 32, 1, act=nn.Tanh), nn.Sigmoid())
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
    for _ in range(80):
        optimizer.zero_grad()
        F.binary_cross_entropy(model(x), y).backward()
        optimizer.step()
    optimizer.zero_grad()
    return model, lambda m: F.binary_cross_entropy(m(x), y), optimizer


@case(
    None,
    about="RetinaNet's prior: the last bias is -4.6, for one object in a hundred boxes",
    facts=[learns(drop=0.1)],
)
def prior_bias_for_rare_objects():
    model = mlp(16, 64, 64, 1)
    nn.init.constant_(model[-1].bias, -4.6)
    x = torch.randn(1000, 16)
    y = (x[:, :1] > 2.4).float()

    def focal(m):
        logits = m(x)
        ce = F.binary_cross_entropy_with_logits(logits, y, reduction="none")
        p = torch.where(y > 0, logits.sigmoid(), 1 - logits.sigmoid())
        return ((1 - p) ** 2 * ce).sum() / y.sum()

    return model, focal, None


@case(
    None,
    about="labels drawn at random: the loss sits at log 2, the gradients are fine",
    facts=[learns(steps=80, drop=0.05)],
)
def random_labels():
    x, y = torch.randn(64, 20), torch.randint(0, 2, (64,))
    model = mlp(20, 64, 2, act=nn.Tanh)
    return model, lambda m: F.cross_entropy(m(x), y), torch.optim.SGD(model.parameters(), lr=0.2)


@case(
    None,
    about="fine-tuning with AdamW at 2e-5: slow, and meant to be",
    facts=[learns(drop=0.01)],
)
def fine_tuning_rate():
    x = torch.randn(128, 12)
    y = (x[:, 0] > 0).long()
    model = nn.Sequential(nn.Linear(12, 256), nn.GELU(), nn.LayerNorm(256), nn.Linear(256, 2))
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.01},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    return model, lambda m: F.cross_entropy(m(x), y), torch.optim.AdamW(groups, lr=2e-5)


@case(
    None,
    about="InfoNCE at temperature 0.05 on two encoders with a learned log scale",
    facts=[learns()],
)
def contrastive_two_towers():
    class Clip(nn.Module):
        def __init__(self):
            super().__init__()
            self.image, self.text = mlp(30, 64, 16), nn.EmbeddingBag(50, 16)
            self.log_scale = nn.Parameter(torch.tensor(3.0))

        def forward(self, image, text):
            a, b = F.normalize(self.image(image), dim=-1), F.normalize(self.text(text), dim=-1)
            return self.log_scale.exp() * a @ b.t()

    images, texts = torch.randn(48, 30), torch.randint(0, 50, (48, 6))

    def loss(m):
        logits, target = m(images, texts), torch.arange(48)
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.t(), target)) / 2

    return Clip(), loss, None
