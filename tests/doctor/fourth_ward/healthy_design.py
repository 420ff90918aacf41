"""Healthy: parameters without gradients, or with zeros, because it was meant so."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from . import facts as true
from .material import blobs, pictures


class LowRank(nn.Module):
    def __init__(self, base, rank=4):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x):
        return self.base(x) + x @ self.lora_A.T @ self.lora_B.T


@case(
    None,
    about="LoRA before its first step: B is 0, so A's gradient is; the base is frozen",
    facts=[true.given, true.keeps_its_size, true.learns],
)
def lora():
    x, y = blobs(64, 16, 4)
    layers = [LowRank(nn.Linear(16, 48)), nn.GELU(), LowRank(nn.Linear(48, 48)), nn.GELU()]
    net = nn.Sequential(*layers, LowRank(nn.Linear(48, 4)))
    wanted = [p for p in net.parameters() if p.requires_grad]
    return net, lambda m: F.cross_entropy(m(x), y), torch.optim.AdamW(wanted, 5e-3)


@case(
    None,
    about="frozen convolutional features, a new head in the optimizer",
    facts=[true.given, true.nowhere_zero, true.learns],
)
def linear_probe():
    x, y = pictures(32, 3, 8, 4)
    backbone = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU())
    backbone.requires_grad_(False)
    net = nn.Sequential(backbone, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(128, 4))
    return net, lambda m: F.cross_entropy(m(x), y), torch.optim.Adam(net[-1].parameters(), 1e-2)


class QLearner(nn.Module):
    def __init__(self):
        super().__init__()
        self.online = nn.Sequential(nn.Linear(6, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU())
        self.online.append(nn.Linear(48, 3))
        self.target = copy.deepcopy(self.online).requires_grad_(False)


@case(
    None,
    about="deep Q-learning: a target network by copy, Huber loss, a random replay batch",
    facts=true.SOUND,
)
def q_learner():
    state, follow = torch.randn(2, 300, 6)
    action, reward = torch.randint(0, 3, (300, 1)), state.sum(1)
    net = QLearner()

    def loss(model):
        pick = torch.randint(0, 300, (64,))
        value = model.online(state[pick]).gather(1, action[pick]).squeeze(1)
        with torch.no_grad():
            goal = reward[pick] + 0.9 * model.target(follow[pick]).max(1).values
        return F.smooth_l1_loss(value, goal)

    return net, loss, torch.optim.Adam(net.online.parameters(), 1e-3)


class SelfDistilled(nn.Module):
    def __init__(self):
        super().__init__()
        self.student = nn.Sequential(nn.Linear(24, 48), nn.BatchNorm1d(48), nn.ReLU())
        self.student.append(nn.Linear(48, 16))
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.predictor = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16))


@case(
    None,
    about="bootstrap your own latent: stopped teacher, two noisy views a call",
    facts=true.SOUND,
)
def bootstrapped_latent():
    x, _ = blobs(64, 24, 4)
    net = SelfDistilled()

    def loss(model):
        one, two = x + 0.3 * torch.randn_like(x), x + 0.3 * torch.randn_like(x)
        goal = model.teacher(two).detach()
        return 2 - 2 * F.cosine_similarity(model.predictor(model.student(one)), goal).mean()

    wanted = [*net.student.parameters(), *net.predictor.parameters()]
    return net, loss, torch.optim.Adam(wanted, 1e-3)


class VectorQuantised(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(12, 32), nn.SiLU(), nn.Linear(32, 4))
        self.codebook = nn.Embedding(64, 4)
        self.decoder = nn.Sequential(nn.Linear(4, 32), nn.SiLU(), nn.Linear(32, 12))

    def forward(self, x):
        z = self.encoder(x)
        code = self.codebook(torch.cdist(z, self.codebook.weight).argmin(1))
        commit = F.mse_loss(code, z.detach()) + 0.25 * F.mse_loss(z, code.detach())
        return self.decoder(z + (code - z).detach()), commit


@case(
    None,
    about="vector-quantised autoencoder: straight-through, most codes unused",
    facts=true.SOUND,
)
def vector_quantised():
    x, _ = blobs(96, 12, 5)
    net = VectorQuantised()

    def loss(model):
        again, commit = model(x)
        return F.mse_loss(again, x) + commit

    return net, loss, torch.optim.Adam(net.parameters(), 3e-3)


class Coupling(nn.Module):
    def __init__(self, flip):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.net.append(nn.Linear(32, 4))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x):
        a, b = x.chunk(2, 1) if not self.flip else x.chunk(2, 1)[::-1]
        scale, shift = self.net(a).chunk(2, 1)
        scale = scale.tanh()
        b = b * scale.exp() + shift
        return torch.cat([a, b] if not self.flip else [b, a], 1), scale.sum(1)


@case(
    None,
    about="normalising flow that starts as the identity: last layers are 0",
    facts=[true.given, true.learns],
)
def identity_flow():
    x = torch.randn(128, 4) @ torch.randn(4, 4) + 1
    net = nn.ModuleList(Coupling(bool(i % 2)) for i in range(6))

    def negative_log_likelihood(model):
        z, logdet = x, 0
        for coupling in model:
            z, change = coupling(z)
            logdet = logdet + change
        return (z.pow(2).sum(1) / 2 - logdet).mean()

    return net, negative_log_likelihood, torch.optim.Adam(net.parameters(), 1e-3)


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -ctx.weight * grad, None


class DomainAdversarial(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.label, self.domain = nn.Linear(32, 3), nn.Linear(32, 2)

    def forward(self, x):
        h = self.features(x)
        return self.label(h), self.domain(Reverse.apply(h, 0.1))


@case(None, about="domain-adversarial training with a gradient reversal", facts=true.SOUND)
def gradient_reversal():
    x, y = blobs(90, 16, 3)
    domain = torch.arange(90) % 2
    net = DomainAdversarial()

    def loss(model):
        label, where = model(x)
        return F.cross_entropy(label, y) + F.cross_entropy(where, domain)

    return net, loss, torch.optim.Adam(net.parameters(), 1e-3)


class SignThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sign()

    @staticmethod
    def backward(ctx, grad):
        return grad * (ctx.saved_tensors[0].abs() <= 1)


class BinaryLinear(nn.Linear):
    def forward(self, x):
        return F.linear(x, SignThrough.apply(self.weight) / self.in_features**0.5, self.bias)


@case(
    None,
    about="binary weights and activations by straight-through sign, with batch norm",
    facts=true.SOUND,
)
def binary_net():
    x, y = blobs(128, 20, 4)
    net = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.Hardtanh(), BinaryLinear(64, 64))
    net.extend([nn.BatchNorm1d(64), nn.Hardtanh(), nn.Linear(64, 4)])
    return net, lambda m: F.cross_entropy(m(x), y), torch.optim.Adam(net.parameters(), 1e-3)


class SpectralGAN(nn.Module):
    def __init__(self):
        super().__init__()
        norm = nn.utils.parametrizations.spectral_norm
        self.g = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
        self.d = nn.Sequential(norm(nn.Linear(2, 48)), nn.LeakyReLU(0.2), norm(nn.Linear(48, 48)))
        self.d.extend([nn.LeakyReLU(0.2), norm(nn.Linear(48, 1))])


@case(
    None,
    about="GAN, the critic's own step: the generator is detached; spectral norm, hinge",
    facts=[true.given, true.keeps_its_size, true.learns],
)
def critic_step():
    real = torch.randn(64, 2) * 0.3 + 2
    net = SpectralGAN()

    def loss(model):
        fake = model.g(torch.randn(64, 4)).detach()
        return F.relu(1 - model.d(real)).mean() + F.relu(1 + model.d(fake)).mean()

    return net, loss, torch.optim.Adam(net.d.parameters(), 2e-3, betas=(0.5, 0.999))
