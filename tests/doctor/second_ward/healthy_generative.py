"""Healthy generators, agents and equations: detached, sampled or differentiated twice by design."""

import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from tests.doctor.case import case
from tests.doctor.second_ward.proofs import zero
from tests.doctor.second_ward.training import learns


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.mu, self.logvar = nn.Linear(64, 4), nn.Linear(64, 4)
        self.dec = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x):
        h = self.body(x)
        mu, logvar = self.mu(h), self.logvar(h).clamp(-10, 10)
        z = torch.distributions.Normal(mu, (0.5 * logvar).exp()).rsample()
        return self.dec(z), mu, logvar


@case(
    None,
    about="a VAE: reparameterised samples, clamped log variances, summed ELBO",
    facts=[learns(drop=0.1)],
)
def vae():
    x = (torch.rand(64, 1) * torch.ones(64) > torch.linspace(0, 1, 64)).float()

    def elbo(m):
        logits, mu, logvar = m(x)
        kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum()
        return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + kl

    return VAE(), elbo, None


class GAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.G = nn.Sequential(nn.Linear(8, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 2))
        sn = parametrizations.spectral_norm
        self.D = nn.Sequential(
            sn(nn.Linear(2, 64)), nn.LeakyReLU(0.2), sn(nn.Linear(64, 64)), nn.LeakyReLU(0.2)
        )
        self.D.append(sn(nn.Linear(64, 1)))


def ring(n):
    angle = torch.rand(n, 1) * 6.2832
    return torch.cat([angle.cos(), angle.sin()], 1) * 2


@case(
    None,
    about="the generator's step: the critic gets gradients, but not from this optimizer",
    facts=[learns(drop=0.1)],
)
def gan_generator_step():
    model = GAN()

    def loss(m):
        return F.softplus(-m.D(m.G(torch.randn(64, 8)))).mean()

    return model, loss, torch.optim.Adam(model.G.parameters(), lr=5e-3, betas=(0.5, 0.999))


@case(
    None,
    about="the critic's step: fakes are detached, so the generator gets None",
    facts=[learns(drop=0.02)],
)
def gan_critic_step():
    model = GAN()

    def loss(m):
        fake = m.G(torch.randn(64, 8)).detach()
        return F.softplus(-m.D(ring(64))).mean() + F.softplus(m.D(fake)).mean()

    return model, loss, torch.optim.Adam(model.D.parameters(), lr=1e-2, betas=(0.5, 0.999))


class RealNVP(nn.Module):
    def __init__(self, depth=6):
        super().__init__()
        self.nets = nn.ModuleList(
            nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 4)) for _ in range(depth)
        )
        for net in self.nets:
            nn.init.zeros_(net[-1].weight)
            nn.init.zeros_(net[-1].bias)

    def forward(self, x):
        logdet = 0
        for i, net in enumerate(self.nets):
            a, b = x.split(2, 1) if i % 2 else x.split(2, 1)[::-1]
            s, t = net(a).split(2, 1)
            s = torch.tanh(s)
            x, logdet = torch.cat([a, b * s.exp() + t], 1), logdet + s.sum(1)
        return x, logdet


@case(
    None,
    about="a flow that starts as the identity: first layers have gradient 0 until the last move",
    facts=[learns(drop=0.1), zero("nets.0.0.weight", "nets.5.0.weight")],
)
def flow_from_identity():
    x = torch.randn(256, 4) * torch.tensor([2.0, 0.3, 1.0, 0.5]) + 1

    def nll(m):
        z, logdet = m(x)
        return (0.5 * z.square().sum(1) - logdet).mean()

    return RealNVP(), nll, None


class Field(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 2))

    def forward(self, y, steps=60, dt=0.05):
        for k in range(steps):
            t = torch.full_like(y[:, :1], k * dt)
            y = y + dt * self.net(torch.cat([y, t], 1))
        return y


@case(
    None,
    about="a neural ODE by Euler's method: one small step used sixty times",
    facts=[learns()],
)
def neural_ode_euler():
    start = torch.randn(64, 2)
    end = start @ torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    return Field(), lambda m: F.mse_loss(m(start), end), None


class Siren(nn.Module):
    def __init__(self, w0=30.0, width=48):
        super().__init__()
        self.w0 = w0
        self.layers = nn.ModuleList([nn.Linear(1, width), nn.Linear(width, width)])
        self.last = nn.Linear(width, 1)
        nn.init.uniform_(self.layers[0].weight, -1, 1)
        bound = (6 / width) ** 0.5 / w0
        for layer in (self.layers[1], self.last):
            nn.init.uniform_(layer.weight, -bound, bound)

    def forward(self, t):
        for layer in self.layers:
            t = torch.sin(self.w0 * layer(t))
        return self.last(t)


@case(
    None,
    about="SIREN: sines at frequency 30, steep everywhere and fine",
    facts=[learns(lr=1e-3)],
)
def siren():
    t = torch.linspace(-1, 1, 256)[:, None]
    y = torch.sin(15 * t) * torch.exp(-t.square())
    return Siren(), lambda m: F.mse_loss(m(t), y), None


@case(
    None,
    about="a physics-informed net in float64 under L-BFGS, which wants a closure",
    facts=[learns(steps=5)],
)
def pinn_lbfgs():
    model = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh())
    model.append(nn.Linear(24, 1)).double()
    t = torch.linspace(0, 2, 40, dtype=torch.float64)[:, None].requires_grad_()

    def decay(m):
        u = m(t)
        (du,) = torch.autograd.grad(u, t, torch.ones_like(u), create_graph=True)
        return (du + u).square().mean() + (u[0] - 1).square().sum()

    return model, decay, torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=5)


@case(
    None,
    about="Gumbel-softmax with hard=True: one-hot forward, soft backward",
    facts=[learns()],
)
def gumbel_hard():
    class Discrete(nn.Module):
        def __init__(self):
            super().__init__()
            self.enc, self.dec = nn.Linear(16, 6 * 4), nn.Linear(6 * 4, 16)

        def forward(self, x):
            logits = self.enc(x).unflatten(-1, (6, 4))
            return self.dec(F.gumbel_softmax(logits, tau=1.0, hard=True).flatten(1))

    x = torch.randint(0, 2, (64, 4)).float().repeat(1, 4) * 2 - 1
    return Discrete(), lambda m: F.mse_loss(m(x), x), None


class DQN(nn.Module):
    def __init__(self):
        super().__init__()
        self.online = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 2))
        self.target = copy.deepcopy(self.online)


@case(
    None,
    about="DQN: the target network is used without gradient and never trained",
    facts=[learns(drop=0.15)],
)
def dqn_with_target_network():
    model = DQN()
    s, s2 = torch.randn(500, 4), torch.randn(500, 4)
    a, r = torch.randint(0, 2, (500, 1)), (s[:, 0] > 0).float() * 3

    def td(m):
        i = torch.randint(0, 500, (256,))
        with torch.no_grad():
            goal = r[i] + 0.9 * m.target(s2[i]).max(1).values
        return F.smooth_l1_loss(m.online(s[i]).gather(1, a[i]).squeeze(1), goal)

    return model, td, torch.optim.Adam(model.online.parameters(), lr=5e-3)


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.pi = nn.Sequential(nn.Linear(6, 64), nn.Tanh(), nn.Linear(64, 3))
        self.v = nn.Sequential(nn.Linear(6, 64), nn.Tanh(), nn.Linear(64, 1))
        for net in (self.pi, self.v):
            nn.init.orthogonal_(net[0].weight, 2**0.5)
        nn.init.orthogonal_(self.pi[-1].weight, 0.01)


@case(
    None,
    about="actor-critic: sampled actions, a detached advantage, a nearly flat policy",
    facts=[learns()],
)
def actor_critic():
    states = torch.randn(512, 6)
    best = states[:, :3].argmax(1)

    def loss(m):
        policy = torch.distributions.Categorical(logits=m.pi(states))
        action = policy.sample()
        reward = (action == best).float() + 1
        value = m.v(states).squeeze(1)
        advantage = (reward - value).detach()
        gain = (policy.log_prob(action) * advantage).mean() + 0.01 * policy.entropy().mean()
        return 0.5 * F.mse_loss(value, reward) - gain

    return ActorCritic(), loss, None
