"""Healthy generative and adversarial models."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .facts import gradients
from .facts_of_training import learns


@case(
    None,
    about="a variational autoencoder, noise drawn at each call, KL weighed by 0.1",
    facts=[learns(60, 0.9, default=3e-3)],
)
def beta_vae():
    torch.manual_seed(151)

    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.enc = nn.Sequential(nn.Linear(30, 64), nn.ReLU())
            self.mu, self.logvar = nn.Linear(64, 6), nn.Linear(64, 6)
            self.dec = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 30))

        def forward(self, x):
            h = self.enc(x)
            mu, lv = self.mu(h), self.logvar(h)
            return self.dec(mu + torch.randn_like(mu) * (0.5 * lv).exp()), mu, lv

    x = torch.randn(100, 4) @ torch.randn(4, 30)

    def loss(m):
        rec, mu, lv = m(x)
        kl = -0.5 * (1 + lv - mu**2 - lv.exp()).sum(1).mean()
        return F.mse_loss(rec, x, reduction="sum") / len(x) + 0.1 * kl

    return VAE(), loss, None


@case(
    None,
    about="VQ-VAE: straight-through codes, most codebook rows unused",
    facts=[learns(40, 0.9, default=3e-3), gradients()],
)
def vector_quantiser():
    torch.manual_seed(152)

    class VQ(nn.Module):
        def __init__(self):
            super().__init__()
            self.enc, self.dec = nn.Linear(16, 8), nn.Linear(8, 16)
            self.codebook = nn.Embedding(128, 8)

        def forward(self, x):
            z = self.enc(x)
            q = self.codebook(torch.cdist(z, self.codebook.weight).argmin(1))
            commit = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
            return self.dec(z + (q - z).detach()), commit

    x = torch.randn(60, 16)

    def loss(m):
        rec, commit = m(x)
        return F.mse_loss(rec, x) + commit

    return VQ(), loss, None


@case(
    None,
    about="a WGAN critic with a gradient penalty (double backward) on fresh fakes each call",
    facts=[gradients(), learns(60, 0.9)],
)
def wgan_gp_critic():
    torch.manual_seed(153)
    critic = nn.Sequential(
        nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2),
        nn.Linear(64, 1, bias=False),
    )  # fmt: skip
    generator = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
    angle = torch.rand(128) * 2 * math.pi
    real = torch.stack([angle.cos(), angle.sin()], 1) * 2
    nn.init.ones_(critic[0].bias)

    def loss(m):
        fake = generator(torch.randn(128, 4)).detach()
        eps = torch.rand(128, 1)
        mid = (eps * real + (1 - eps) * fake).requires_grad_()
        slope = torch.autograd.grad(m(mid).sum(), mid, create_graph=True)[0]
        gp = ((slope.square().sum(1) + 1e-12).sqrt() - 1).square().mean()
        return m(fake).mean() - m(real).mean() + 10 * gp

    return critic, loss, torch.optim.Adam(critic.parameters(), lr=1e-4, betas=(0.0, 0.9))


@case(
    None,
    about="a GAN generator whose loss runs through a frozen discriminator held by the closure",
    facts=[gradients(), learns(40, 0.9)],
)
def generator_step():
    torch.manual_seed(154)

    gen = nn.Sequential(
        nn.Linear(8, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 36), nn.Tanh()
    )
    judge = nn.Sequential(nn.Linear(36, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
    judge.requires_grad_(False)

    def loss(m):
        return F.softplus(-judge(m(torch.randn(64, 8)))).mean()

    return gen, loss, torch.optim.Adam(gen.parameters(), lr=2e-3, betas=(0.5, 0.999))


@case(
    None,
    about="RealNVP: each coupling net ends in a zero layer, so its inner layers start without pull",
    facts=[learns(40, 0.95)],
)
def realnvp_at_the_identity():
    torch.manual_seed(155)

    class Coupling(nn.Module):
        def __init__(self, flip):
            super().__init__()
            self.flip = flip
            self.net = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 2))
            nn.init.zeros_(self.net[-1].weight)
            nn.init.zeros_(self.net[-1].bias)

        def forward(self, x):
            a, b = x.flip(1).chunk(2, 1) if self.flip else x.chunk(2, 1)
            s, t = self.net(a).chunk(2, 1)
            s = torch.tanh(s)
            out = torch.cat([a, b * s.exp() + t], 1)
            return (out.flip(1) if self.flip else out), s.sum(1)

    class Flow(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleList(Coupling(k % 2 == 1) for k in range(6))

        def log_prob(self, x):
            total = 0
            for part in self.parts:
                x, ld = part(x)
                total = total + ld
            return total - 0.5 * x.square().sum(1) - math.log(2 * math.pi)

    x = torch.randn(256, 2)
    x[:, 1] = x[:, 0] ** 2 + 0.2 * x[:, 1]
    net = Flow()
    return net, lambda m: -m.log_prob(x).mean(), torch.optim.Adam(net.parameters(), lr=5e-3)
