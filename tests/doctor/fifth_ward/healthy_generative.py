"""Generative models: noise at each call, summed losses, detached halves."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from tests.doctor.case import Loss, Made, case

from . import measure


class VAE(nn.Module):
    """Convolutional variational autoencoder, batch norm in both halves."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.LeakyReLU(),
            nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.LeakyReLU(), nn.Flatten(),
        )  # fmt: skip
        self.mu, self.logvar = nn.Linear(288, 8), nn.Linear(288, 8)
        self.decoder = nn.Sequential(
            nn.Linear(8, 288), nn.Unflatten(1, (32, 3, 3)),
            nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.LeakyReLU(),
            nn.ConvTranspose2d(16, 1, 4, 2, 1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z), mu, logvar


def loss_is_large(model: nn.Module, loss: Loss, _: object) -> None:
    assert loss(model) > 300


@case(
    None,
    about="VAE whose loss is summed over pixels and batch (in the thousands), new noise each call",
    facts=[
        loss_is_large,
        measure.gradients_arrive(but=("encoder.0.bias", "encoder.3.bias", "decoder.2.bias")),
        measure.steady(),
        measure.learns(30, 0.8, 3e-3),
    ],
)
def vae_summed_loss() -> Made:
    model = VAE()
    ramps = torch.linspace(0, 1, 12).expand(16, 1, 12, 12)
    images = (ramps * torch.linspace(0.3, 1, 16).view(-1, 1, 1, 1) > 0.3).float()

    def loss(m: nn.Module) -> Tensor:
        rebuilt, mu, logvar = m(images)
        rebuild = F.binary_cross_entropy(rebuilt, images, reduction="sum")
        return rebuild - 0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum()

    return model, loss, None


class VQVAE(nn.Module):
    """Vector-quantised autoencoder: nearest code, straight-through, stop-gradients."""

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(20, 48),
            nn.ReLU(),
            nn.Linear(48, width, bias=False),
            nn.BatchNorm1d(width, affine=False),
        )
        self.decoder = nn.Sequential(nn.Linear(width, 48), nn.ReLU(), nn.Linear(48, 20))
        self.codebook = nn.Parameter(torch.randn(codes, width))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        z = self.encoder(x)
        nearest = self.codebook[torch.cdist(z, self.codebook).argmin(1)]
        rebuilt = self.decoder(z + (nearest - z).detach())
        return {"rebuilt": rebuilt, "z": z, "code": nearest}


def codes_unused_encoder_hears(model: nn.Module, loss: Loss, _: object) -> None:
    found = measure.gradients(model, loss)
    assert (found["codebook"].abs().sum(1) == 0).any()
    assert found["encoder.0.weight"].norm() > 0.01 * found["decoder.2.weight"].norm()


@case(
    None,
    about="VQ-VAE: argmin and two detaches, codes without a gradient in this batch",
    facts=[
        codes_unused_encoder_hears,
        measure.gradients_arrive(),
        measure.alive("encoder.0"),
        measure.alive("decoder.0"),
        measure.learns(60, 0.9, 3e-3),
    ],
)
def vq_vae_straight_through() -> Made:
    model = VQVAE(64, 6)
    x = torch.randn(96, 4) @ torch.randn(4, 20) / 2

    def loss(m: nn.Module) -> Tensor:
        out = m(x)
        codebook = F.mse_loss(out["code"], out["z"].detach())
        commitment = F.mse_loss(out["z"], out["code"].detach())
        return F.mse_loss(out["rebuilt"], x) + codebook + 0.25 * commitment

    return model, loss, None


@case(
    None,
    about="spectrally normalised critic with a gradient penalty: second derivatives, loss below 0",
    facts=[
        measure.gradients_arrive(but=("4.bias",)),
        measure.steady(but=("parametrizations",)),
        measure.learns(40, 0.9, 2e-3),
    ],
)
def critic_gradient_penalty() -> Made:
    def spectral(inputs: int, outputs: int) -> nn.Module:
        return parametrizations.spectral_norm(nn.Linear(inputs, outputs))

    model = nn.Sequential(
        spectral(2, 64), nn.LeakyReLU(0.2), spectral(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)
    )
    generator = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2))
    angles = torch.rand(64) * 6.283
    real = 2 * torch.stack([angles.cos(), angles.sin()], 1)

    def loss(m: nn.Module) -> Tensor:
        fake = generator(torch.randn(64, 4)).detach()
        mix = torch.rand(64, 1)
        between = (mix * real + (1 - mix) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(m(between).sum(), between, create_graph=True)
        penalty = (slope.norm(dim=1) - 1).square().mean()
        return m(fake).mean() - m(real).mean() + penalty

    return model, loss, torch.optim.Adam(model.parameters(), lr=2e-3, betas=(0.0, 0.9))


class Coupling(nn.Module):
    """Affine coupling of a normalising flow; its net ends in zeros, so it starts as identity."""

    def __init__(self, flip: bool) -> None:
        super().__init__()
        self.flip = flip
        first = parametrizations.weight_norm(nn.Linear(2, 32))
        self.net = nn.Sequential(first, nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 4))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        a, b = x.chunk(2, -1)
        if self.flip:
            a, b = b, a
        scale, shift = self.net(a).chunk(2, -1)
        scale = torch.tanh(scale)
        b = b * scale.exp() + shift
        return torch.cat([b, a] if self.flip else [a, b], -1), scale.sum(-1)


class RealNVP(nn.Module):
    """Eight couplings; returns the log-likelihood."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ModuleList(Coupling(i % 2 == 1) for i in range(8))

    def forward(self, x: Tensor) -> Tensor:
        log_det = x.new_zeros(x.shape[0])
        for step in self.steps:
            x, change = step(x)
            log_det = log_det + change
        return log_det - 0.5 * x.square().sum(-1)


@case(
    None,
    about="RealNVP in float64 that starts as the identity; a fresh batch at each call",
    facts=[
        measure.gradients_arrive(but=("net.0.", "net.2.")),
        measure.learns(60, 0.9, 3e-3),
    ],
)
def realnvp_identity_start() -> Made:
    model = RealNVP().double()

    def loss(m: nn.Module) -> Tensor:
        base = torch.randn(128, 4, dtype=torch.float64)
        x = torch.cat([base[:, :2], base[:, :2].square() + 0.3 * base[:, 2:]], -1)
        return -m(x).mean()

    return model, loss, None


class TimeUNet(nn.Module):
    """A diffusion model's small U-Net; zero-initialised last convolutions."""

    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        c = channels
        self.time = nn.Sequential(nn.Linear(8, c), nn.SiLU(), nn.Linear(c, c))
        self.enter = nn.Conv2d(1, c, 3, padding=1)
        self.down = nn.Conv2d(c, 2 * c, 3, 2, 1)
        self.middle = nn.Sequential(
            nn.GroupNorm(4, 2 * c), nn.SiLU(), nn.Conv2d(2 * c, 2 * c, 3, padding=1)
        )
        self.up = nn.ConvTranspose2d(2 * c, c, 4, 2, 1)
        self.leave = nn.Sequential(
            nn.GroupNorm(4, 2 * c), nn.SiLU(), nn.Conv2d(2 * c, 1, 3, padding=1)
        )
        for last in (self.middle[-1], self.leave[-1]):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        angles = t[:, None] * 2.0 ** torch.arange(4)
        embedded = self.time(torch.cat([angles.sin(), angles.cos()], -1))
        high = self.enter(x) + embedded[:, :, None, None]
        low = self.down(high)
        low = low + self.middle(low)
        return self.leave(torch.cat([high, self.up(low)], 1))


def wakes_after_two_steps(model: nn.Module, loss: Loss, optimizer: torch.optim.Optimizer) -> None:
    found = measure.gradients(model, loss)
    assert {n for n, g in found.items() if g.count_nonzero()} == {"leave.2.weight", "leave.2.bias"}
    for _ in range(2):
        measure.gradients(model, loss)
        optimizer.step()
    assert all(g.count_nonzero() > 0 for g in measure.gradients(model, loss).values())


@case(
    None,
    about="diffusion U-Net with zero-initialised output: at step 0 only the last layer learns",
    facts=[wakes_after_two_steps, measure.learns(40, 0.9)],
)
def diffusion_zero_output() -> Made:
    model = TimeUNet()
    images = torch.randn(8, 1, 12, 12).cumsum(2).cumsum(3) / 12

    def loss(m: nn.Module) -> Tensor:
        t = torch.rand(8)
        noise = torch.randn_like(images)
        mixed = (1 - t).sqrt()[:, None, None, None] * images + t.sqrt()[:, None, None, None] * noise
        return F.mse_loss(m(mixed, t), noise)

    return model, loss, torch.optim.Adam(model.parameters(), lr=2e-3)
