"""Healthy: generative, contrastive and style models."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from tests.doctor.case import case

from .parts import images, mlp
from .sound import sound
from .training import learns


@case(
    None,
    about="GAN, generator's step: hinge loss through a critic that its optimizer leaves out.",
    facts=[sound("G.0", "G.3"), learns(steps=30)],
)
def generator_step():
    G = nn.Sequential(
        nn.ConvTranspose2d(16, 24, 4), nn.BatchNorm2d(24), nn.ReLU(True),
        nn.ConvTranspose2d(24, 12, 4, 2, 1), nn.BatchNorm2d(12), nn.ReLU(True),
        nn.ConvTranspose2d(12, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    D = nn.Sequential(
        spectral_norm(nn.Conv2d(1, 12, 4, 2, 1)), nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(12, 24, 4, 2, 1)), nn.LeakyReLU(0.2),
        nn.Flatten(), spectral_norm(nn.Linear(384, 1)),
    )  # fmt: skip
    for m in G:
        if isinstance(m, nn.ConvTranspose2d):
            nn.init.normal_(m.weight, 0.0, 0.02)
    model = nn.ModuleDict({"G": G, "D": D})
    loss = lambda m: 1 - m["D"](m["G"](torch.randn(32, 16, 1, 1))).mean()  # noqa: E731
    return model, loss, torch.optim.Adam(G.parameters(), lr=2e-3, betas=(0.5, 0.999))


@case(
    None,
    about="Diffusion: time-conditioned convnet, last convolution 0, random t; an EMA copy inside.",
    facts=[sound("net.inp", "net.b1", "net.b2", warm=5), learns(steps=40)],
)
def diffusion_ema():
    class Block(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.norm, self.time = nn.GroupNorm(4, n), nn.Linear(16, 2 * n)
            self.conv = nn.Conv2d(n, n, 3, padding=1)

        def forward(self, x, temb):
            scale, shift = self.time(temb)[:, :, None, None].chunk(2, 1)
            return x + self.conv(F.silu(self.norm(x) * (1 + scale) + shift))

    class Denoiser(nn.Module):
        def __init__(self, n=16):
            super().__init__()
            self.inp, self.out = nn.Conv2d(1, n, 3, padding=1), nn.Conv2d(n, 1, 3, padding=1)
            self.b1, self.b2 = Block(n), Block(n)
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)

        def forward(self, x, t):
            angles = t[:, None] * 2 ** torch.arange(8)
            temb = torch.cat([angles.sin(), angles.cos()], 1)
            return self.out(F.silu(self.b2(self.b1(self.inp(x), temb), temb)))

    class Trainer(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.ema = Denoiser(), Denoiser().requires_grad_(False)
            self.ema.load_state_dict(self.net.state_dict())

    clean, _ = images(32, 1, 8)

    def loss(model):
        t = torch.rand(32)
        noise, angle = torch.randn_like(clean), (t * 1.5)[:, None, None, None]
        return F.mse_loss(model.net(angle.cos() * clean + angle.sin() * noise, t), noise)

    model = Trainer()
    return model, loss, torch.optim.Adam(model.net.parameters(), lr=4e-3)


@case(
    None,
    about="SimCLR: two random augmentations each call, projection head, temperature 0.1.",
    facts=[sound("encoder.0", "encoder.3", "head.0"), learns(steps=30)],
)
def simclr():
    class SimCLR(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(
                nn.Conv2d(3, 12, 3, 2, 1), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, 1)
            )
            self.head = mlp(24 * 16, 48, 24, act=nn.GELU)

        def forward(self, x):
            return F.normalize(self.head(F.relu(self.encoder(x)).flatten(1)), dim=1)

    x, _ = images(32, classes=16)

    def loss(model):
        views = [x + 0.3 * torch.randn_like(x), x.flip(-1) + 0.3 * torch.randn_like(x)]
        z = model(torch.cat(views))
        scores = (z @ z.T / 0.1).masked_fill(torch.eye(64, dtype=torch.bool), float("-inf"))
        return F.cross_entropy(scores, (torch.arange(64) + 32) % 64)

    model = SimCLR()
    return model, loss, torch.optim.Adam(model.parameters(), lr=2e-3)


@case(
    None,
    about="Style transfer: biases before InstanceNorm, loss through a frozen VGG inside.",
    facts=[sound("net.0", "net.3", "net.6", still=(".0.bias", ".3.bias")), learns()],
)
def style_transfer():
    class Style(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(
                nn.Conv2d(3, 12, 5, padding=2), nn.InstanceNorm2d(12, affine=True), nn.ReLU(),
                nn.Conv2d(12, 12, 3, padding=1), nn.InstanceNorm2d(12, affine=True), nn.ReLU(),
                nn.Conv2d(12, 3, 5, padding=2),
            )  # fmt: skip
            self.vgg = nn.Sequential(
                nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 24, 3, 2, 1)
            ).requires_grad_(False)

    def gram(f):
        f = f.flatten(2)
        return f @ f.mT / f.shape[-1]

    content, style = images(8)[0], images(1)[0]

    def loss(model):
        out = model.net(content)
        features, wanted = model.vgg(out), model.vgg(content).detach()
        match = (gram(features) - gram(model.vgg(style))).pow(2).mean()
        return F.mse_loss(features, wanted) + 5 * match

    model = Style()
    return model, loss, torch.optim.Adam(model.net.parameters(), lr=3e-3)


@case(
    None,
    about="Convolutional VAE: a summed loss of some thousands, KL beside it, random each call.",
    facts=[sound("encode.0", "encode.2", "to_image.2"), learns(steps=30, to=0.97)],
)
def summed_vae():
    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode = nn.Sequential(
                nn.Conv2d(1, 8, 4, 2, 1), nn.SiLU(), nn.Conv2d(8, 16, 4, 2, 1), nn.Flatten()
            )
            self.moments, self.back = nn.Linear(256, 16), nn.Linear(8, 256)
            self.to_image = nn.Sequential(
                nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.SiLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1)
            )

        def forward(self, x):
            mu, logvar = self.moments(F.silu(self.encode(x))).chunk(2, 1)
            z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
            return self.to_image(self.back(z).view(-1, 16, 4, 4)), mu, logvar

    x = images(32, 1)[0].sigmoid()

    def loss(model):
        logits, mu, logvar = model(x)
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()
        return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + kl

    model = VAE()
    return model, loss, torch.optim.Adam(model.parameters(), lr=1e-2)


@case(
    None,
    about="Finite scalar quantisation: latents are rounded, a copy by detach passes the gradient.",
    facts=[sound("encoder.0", "encoder.2", "decoder.2"), learns(steps=40)],
)
def rounded_with_a_bypass():
    class FSQ(nn.Module):
        def __init__(self, d=6):
            super().__init__()
            self.encoder = nn.Sequential(nn.Conv2d(3, 24, 4, 4), nn.ELU(), nn.Conv2d(24, d, 1))
            self.decoder = nn.Sequential(
                nn.ConvTranspose2d(d, 24, 1), nn.ELU(), nn.ConvTranspose2d(24, 3, 4, 4)
            )

        def forward(self, x):
            z = 2 * torch.tanh(self.encoder(x))
            return self.decoder(z + (z.round() - z).detach())

    x, _ = images(32)
    model = FSQ()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    return model, lambda m: F.mse_loss(m(x), x), optimizer


@case(
    None,
    about="A normalising flow that starts as the identity: last layers of its networks are 0.",
    facts=[sound("layers.0", "layers.5", warm=2), learns(to=0.95)],
)
def identity_flow():
    class Coupling(nn.Module):
        def __init__(self, d, flip):
            super().__init__()
            self.flip, self.net = flip, mlp(d // 2, 48, 48, d, act=nn.SiLU)
            nn.init.zeros_(self.net[-1].weight)
            nn.init.zeros_(self.net[-1].bias)

        def forward(self, x):
            a, b = x.chunk(2, 1)
            a, b = (b, a) if self.flip else (a, b)
            scale, shift = self.net(a).chunk(2, 1)
            scale = 2 * torch.tanh(scale / 2)
            b = b * scale.exp() + shift
            return torch.cat([b, a] if self.flip else [a, b], 1), scale.sum(1)

    class Flow(nn.Module):
        def __init__(self, d=6):
            super().__init__()
            self.layers = nn.ModuleList(Coupling(d, bool(i % 2)) for i in range(6))

        def forward(self, x):
            total = 0.0
            for layer in self.layers:
                x, logdet = layer(x)
                total = total + logdet
            return 0.5 * x.pow(2).sum(1) - total

    u = torch.randn(256, 3)
    x = torch.cat([u, u.pow(2) - 1 + 0.3 * torch.randn(256, 3)], 1)
    model = Flow()
    return model, lambda m: m(x).mean(), torch.optim.Adam(model.parameters(), lr=2e-3)
