"""Healthy models that generate: diffusion, a flow, a critic, a sparse code."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from tests.doctor.case import case
from tests.doctor.seventh_ward.healthy_data import pictures
from tests.doctor.seventh_ward.sound import learns, open_units, share, steady, train, wired


def zeroed(layer: nn.Module) -> nn.Module:
    for p in layer.parameters():
        nn.init.zeros_(p)
    return layer


class TimedBlock(nn.Module):
    """A residual block that is told the time; its second convolution starts at 0."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(4, start), nn.Conv2d(start, end, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(4, end), zeroed(nn.Conv2d(end, end, 3, padding=1))
        self.time = nn.Linear(32, end)
        self.skip = nn.Conv2d(start, end, 1) if start != end else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x))) + self.time(time)[..., None, None]
        return self.skip(x) + self.conv2(F.silu(self.norm2(h)))


class NoiseUNet(nn.Module):
    """One level down and up; the last convolution starts at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(16, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU())
        self.start = nn.Conv2d(1, 16, 3, padding=1)
        self.high, self.low = TimedBlock(16, 16), TimedBlock(16, 32)
        self.down, self.up = nn.Conv2d(16, 16, 3, 2, 1), nn.ConvTranspose2d(32, 16, 2, 2)
        self.join = TimedBlock(32, 16)
        self.end = nn.Sequential(nn.GroupNorm(4, 16), nn.SiLU(), zeroed(nn.Conv2d(16, 1, 3, 1, 1)))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        angle = 1000 * t[:, None] * 10 ** torch.linspace(0, -4, 8)
        time = self.time(torch.cat([angle.sin(), angle.cos()], 1))
        a = self.high(self.start(x), time)
        b = self.up(self.low(self.down(a), time))
        return self.end(self.join(torch.cat([a, b], 1), time))


@case(
    None,
    about="a diffusion U-Net: its output starts at 0, so all but the last layer get gradient 0",
    facts=[
        wired(dark=("time.*", "start.*", "high.*", "low.*", "down.*", "up.*", "join.*", "end.0.*")),
        steady("start", "join", after=10),
        learns(steps=40, draws=8),
    ],
)
def diffusion_unet_from_zero():
    x, _ = pictures(64, 1, 8, 8, classes=2)

    def loss(m: nn.Module) -> Tensor:
        clean = x[torch.randint(64, (16,))]
        t, noise = torch.rand(16), torch.randn(16, 1, 8, 8)
        a, b = ((1.57 * t).cos(), (1.57 * t).sin())
        mixed = a.view(-1, 1, 1, 1) * clean + b.view(-1, 1, 1, 1) * noise
        return F.mse_loss(m(mixed, t), noise)

    model = NoiseUNet()
    return model, loss, torch.optim.AdamW(model.parameters(), lr=2e-3)


class Coupling(nn.Module):
    """An affine coupling that starts as the identity; the scale is bounded by a tanh."""

    def __init__(self, swap: bool) -> None:
        super().__init__()
        self.swap = swap
        self.net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), zeroed(nn.Linear(32, 4)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        a, b = x.chunk(2, 1)[:: -1 if self.swap else 1]
        scale, shift = self.net(a).chunk(2, 1)
        scale = torch.tanh(scale)
        b = b * scale.exp() + shift
        return torch.cat([b, a] if self.swap else [a, b], 1), scale.sum(1)


class Flow(nn.Module):
    """Real NVP: eight couplings and a normal base."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ModuleList(Coupling(bool(i % 2)) for i in range(8))

    def forward(self, x: Tensor) -> Tensor:
        total = x.new_zeros(len(x))
        for step in self.steps:
            x, log_det = step(x)
            total = total + log_det
        return torch.distributions.Normal(0.0, 1.0).log_prob(x).sum(1) + total


@case(
    None,
    about="a normalising flow in float64: identity at first, and a loss that passes through 0",
    facts=[
        wired(dark=("steps.*.net.0.*",)),
        steady("steps.0", "steps.7", after=5),
        open_units(),
        learns(steps=40, drop=1.0),
    ],
)
def coupling_flow_from_identity():
    corner = torch.randint(0, 2, (256, 1)).double()
    x = corner - 0.5 + 0.1 * torch.randn(256, 4, dtype=torch.float64)
    model = Flow().double()
    return model, lambda m: -m(x).mean(), torch.optim.Adamax(model.parameters(), lr=5e-3)


@case(
    None,
    about="a GAN critic's step: the generator gets None by design; the last bias has gradient 0 "
    "while every sample is inside the hinge's margin",
    facts=[
        wired(absent=("generator.*",), dark=("critic.7.bias",), after=10),
        steady("critic.0", "critic.5"),
        learns(steps=40, draws=2),
    ],
)
def hinge_critic_step():
    critic = nn.Sequential(
        spectral_norm(nn.Conv2d(1, 16, 3, 2, 1)), nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(16, 32, 3, 2, 1)), nn.LeakyReLU(0.2),
        nn.Flatten(), spectral_norm(nn.Linear(128, 32)), nn.LeakyReLU(0.2),
        spectral_norm(nn.Linear(32, 1)),
    )  # fmt: skip
    generator = nn.Sequential(nn.Linear(8, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64))
    model = nn.ModuleDict({"generator": generator, "critic": critic})
    real, _ = pictures(64, 1, 8, 8)

    def loss(m: nn.ModuleDict) -> Tensor:
        fake = m["generator"](torch.randn(32, 8)).view(-1, 1, 8, 8).detach()
        truth = m["critic"](real[torch.randint(64, (32,))])
        return F.relu(1 - truth).mean() + F.relu(1 + m["critic"](fake)).mean()

    optimizer = torch.optim.Adam(critic.parameters(), lr=4e-3, betas=(0.0, 0.9))
    return model, loss, optimizer


class TopK(nn.Module):
    """Keeps the largest entries of each sample and sets the others to 0."""

    def forward(self, x: Tensor) -> Tensor:
        best = x.topk(12, dim=1)
        return torch.zeros_like(x).scatter(1, best.indices, F.relu(best.values))


class SparseCode(nn.Module):
    """A sparse autoencoder; the decoder starts as the encoder's transpose."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.keep = nn.Linear(32, 128), TopK()
        self.decoder = nn.Linear(128, 32)
        directions = F.normalize(torch.randn(128, 32), dim=1)
        with torch.no_grad():
            self.encoder.weight.copy_(directions)
            self.decoder.weight.copy_(directions.T)
            self.decoder.bias.zero_()
            self.encoder.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.keep(self.encoder(x - self.decoder.bias)))


def every_code_fires(model: nn.Module, loss, optimizer: torch.optim.Optimizer) -> None:
    """Nine in ten entries are 0, yet each unit is used by some sample."""
    codes = []
    model.keep.register_forward_hook(lambda module, inputs, out: codes.append(out.detach()))
    loss(model)
    assert share(codes[0] == 0) > 0.9 and share((codes[0] == 0).all(0)) < 0.1


@case(
    None,
    about="a top-k sparse autoencoder in mid-training: 116 of 128 units are 0 in each sample",
    facts=[wired(), steady("encoder", "keep"), every_code_fires, learns(steps=40)],
)
def topk_sparse_autoencoder():
    basis = torch.randn(64, 32)
    x = (torch.rand(1024, 64) < 0.06) * torch.rand(1024, 64) @ basis
    model = SparseCode()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    scale = x.var()

    def loss(m: nn.Module) -> Tensor:
        return F.mse_loss(m(x), x) / scale

    train(model, loss, optimizer, 5)
    return model, loss, optimizer
