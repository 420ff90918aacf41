"""Units that are dead or saturated."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.doctor.case import Loss, Made, case

from . import measure


class Detector(nn.Module):
    """A one-stage detector's heads; the prior's bias belongs to `score` alone."""

    def __init__(self, prior: float = 0.001) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU())
        self.tower = nn.Sequential(
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU()
        )
        self.score = nn.Conv2d(32, 4, 3, padding=1)
        for module in [*self.tower, self.score]:
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.05)
                nn.init.constant_(module.bias, -math.log((1 - prior) / prior))

    def forward(self, x: Tensor) -> Tensor:
        return self.score(self.tower(self.stem(x)))


def nothing_reaches_the_stem(model: nn.Module, loss: Loss, _: object) -> None:
    found = measure.gradients(model, loss)
    zero = {name for name, g in found.items() if g.count_nonzero() == 0}
    assert {"stem.0.weight", "tower.0.weight", "tower.2.weight"} <= zero
    assert found["score.bias"].count_nonzero() > 0


@case(
    "dead_relu",
    also=("zero_gradient", "vanishing", "rank_collapse"),
    cause=("bias", "dead units"),
    about="detector whose prior bias -6.9 went to the whole tower, not to the score layer alone",
    facts=[
        measure.dead("tower.0", 0.99, channels=1),
        measure.dead("tower.2", 0.99, channels=1),
        nothing_reaches_the_stem,
    ],
)
def detector_prior_bias_everywhere() -> Made:
    model = Detector()
    images = torch.randn(8, 3, 24, 24)
    boxes = (torch.rand(8, 4, 12, 12) < 0.02).float()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    return model, lambda m: F.binary_cross_entropy_with_logits(m(images), boxes), optimizer


@case(
    "dead_relu",
    cause="dead units",
    about="price regression after two SGD steps at a rate far too high; examined afterwards",
    facts=[measure.dead("2", 0.5)],
)
def regression_after_wild_steps() -> Made:
    model = nn.Sequential(
        nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)
    )
    x = torch.rand(256, 12)
    prices = 20 + 10 * x[:, :3].sum(1, keepdim=True)
    wild = torch.optim.SGD(model.parameters(), lr=0.02)
    for _ in range(2):
        wild.zero_grad()
        F.mse_loss(model(x), prices).backward()
        wild.step()
    return model, lambda m: F.mse_loss(m(x), prices), None


class SparseAutoencoder(nn.Module):
    """Dictionary over a language model's activations, with the usual shared pre-bias."""

    def __init__(self, width: int, latents: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(width, latents)
        self.decoder = nn.Linear(latents, width, bias=False)
        self.b_dec = nn.Parameter(torch.zeros(width))
        with torch.no_grad():
            rows = torch.randn(latents, width)
            self.encoder.weight.copy_(rows / rows.norm(dim=1, keepdim=True))
            self.decoder.weight.copy_(self.encoder.weight.T)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        latents = F.relu(self.encoder(x - self.b_dec))
        return self.decoder(latents) + self.b_dec, latents


@case(
    "dead_relu",
    cause=("bias", "dead units"),
    about="sparse autoencoder in which four fifths of the dictionary died under the L1 term",
    facts=[measure.dead("encoder", 0.7), measure.learns(30, 0.9, 1e-3)],
)
def sparse_autoencoder_dead_latents() -> Made:
    model = SparseAutoencoder(32, 256)
    with torch.no_grad():
        model.encoder.bias[torch.randperm(256)[:205]] = -8.0
    x = torch.randn(512, 32)

    def loss(m: nn.Module) -> Tensor:
        rebuilt, latents = m(x)
        return (rebuilt - x).square().sum(1).mean() + 0.05 * latents.sum(1).mean()

    return model, loss, None


@case(
    "saturation",
    cause=("input scale", "saturating activation"),
    about="tanh network on raw clinical columns (age, pressure, cholesterol)",
    facts=[measure.flat_share("fc1", low=0.7), measure.apart("fc1")],
)
def clinic_columns_unscaled() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2, self.fc3 = nn.Linear(4, 64), nn.Linear(64, 32), nn.Linear(32, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc3(torch.tanh(self.fc2(torch.tanh(self.fc1(x)))))

    model = Net()
    columns = torch.tensor([55.0, 27.0, 130.0, 200.0])
    x = columns + columns * torch.tensor([0.3, 0.2, 0.15, 0.2]) * torch.randn(128, 4)
    ill = (x[:, :1] / 55 + x[:, 2:3] / 130 > 2).float()
    return model, lambda m: F.binary_cross_entropy_with_logits(m(x), ill), None


class UnscaledAttention(nn.Module):
    """Pre-norm block; the division by the root of the width is missing."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)
        nn.init.xavier_normal_(self.qkv.weight, gain=2**0.5)  # as for three square matrices

    def split(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return qkv.unflatten(-1, (3, self.heads, -1)).unbind(2)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.split(self.qkv(self.norm(x)))
        probabilities = torch.einsum("bthd,bshd->bhts", q, k).softmax(-1)
        return x + self.proj(torch.einsum("bhts,bshd->bthd", probabilities, v).flatten(2))


class PatchClassifier(nn.Module):
    """A small vision transformer of the blocks above."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 256, 4, 4)
        self.position = nn.Parameter(0.02 * torch.randn(1, 9, 256))
        self.blocks = nn.ModuleList(UnscaledAttention(256, 2) for _ in range(3))
        self.head = nn.Linear(256, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


def attention_is_one_hot(model: PatchClassifier, loss: Loss, _: object) -> None:
    qkv = measure.of(measure.trace(model, loss), "blocks.1.qkv").output.detach()
    q, k, _v = model.blocks[1].split(qkv)
    p = torch.einsum("bthd,bshd->bhts", q, k).softmax(-1)
    assert (4 * p * (1 - p) < 0.05).double().mean() > 0.7
    assert (p.amax(-1) > 0.98).double().mean() > 0.5


@case(
    "saturation",
    cause="attention logit scale",
    about="vision transformer by hand whose attention forgot 1/sqrt(d)",
    facts=[attention_is_one_hot, measure.gradients_arrive()],
)
def attention_without_scale() -> Made:
    model = PatchClassifier()
    images, labels = torch.randn(8, 3, 12, 12), torch.arange(8) % 5
    return model, lambda m: F.cross_entropy(m(images), labels), None


def wrong_and_flat(model: nn.Module, loss: Loss, _: object) -> None:
    calls = measure.trace(model, loss)
    z = measure.of(calls, "net.4").output.detach()
    assert (measure.SLOPES["sigmoid"](z) < 0.05).double().mean() > 0.9
    assert loss(model) > 0.4


@case(
    "saturation",
    cause="loss choice",
    about="imbalance bias -9 before a sigmoid, then trained with squared error on balanced labels",
    facts=[wrong_and_flat],
)
def squared_error_on_stuck_sigmoid() -> Made:
    class Probability(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(
                nn.Linear(10, 32),
                nn.LeakyReLU(),
                nn.Linear(32, 32),
                nn.LeakyReLU(),
                nn.Linear(32, 1),
            )
            nn.init.constant_(self.net[-1].bias, -9.0)

        def forward(self, x: Tensor) -> Tensor:
            return torch.sigmoid(self.net(x))

    model = Probability()
    x = torch.randn(64, 10)
    y = (x[:, :1] > 0).float()
    return model, lambda m: F.mse_loss(m(x), y), None
