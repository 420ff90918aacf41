"""Healthy quantised, routed, generated, physics-informed and reinforcement-learnt models."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .facts import gradients
from .facts_of_training import learns


@case(
    None,
    about="a binarised layer: sign with a clipped straight-through custom backward",
    facts=[learns(60, 0.9, default=5e-3), gradients()],
)
def binary_weights():
    torch.manual_seed(156)

    class Sign(torch.autograd.Function):
        @staticmethod
        def forward(ctx, w):
            ctx.save_for_backward(w)
            return torch.where(w >= 0, 1.0, -1.0)

        @staticmethod
        def backward(ctx, g):
            (w,) = ctx.saved_tensors
            return g * (w.abs() <= 1)

    class Bin(nn.Module):
        def __init__(self):
            super().__init__()
            self.w1 = nn.Parameter(0.3 * torch.randn(64, 12))
            self.bn, self.fc = nn.BatchNorm1d(64), nn.Linear(64, 3)

        def forward(self, x):
            return self.fc(F.hardtanh(self.bn(F.linear(x, Sign.apply(self.w1)))))

    x = torch.randn(200, 12)
    y = x[:, :3].argmax(1)
    return Bin(), lambda m: F.cross_entropy(m(x), y), None


@case(
    None,
    about="a mixture of four experts, top two by softmax, with a balancing loss",
    facts=[learns(40, 0.9, default=3e-3), gradients()],
)
def top_two_experts():
    torch.manual_seed(157)

    class MoE(nn.Module):
        def __init__(self):
            super().__init__()
            self.router = nn.Linear(10, 4, bias=False)
            self.up = nn.Parameter(torch.randn(4, 10, 24) / 10**0.5)
            self.down = nn.Parameter(torch.randn(4, 24, 2) / 24**0.5)

        def forward(self, x):
            p = self.router(x).softmax(-1)
            top, who = p.topk(2, -1)
            gate = torch.zeros_like(p).scatter(1, who, top / top.sum(-1, keepdim=True))
            h = F.silu(torch.einsum("bi,eih->beh", x, self.up))
            y = torch.einsum("beh,eho->beo", h, self.down)
            load = (gate > 0).to(p.dtype).mean(0)
            return (gate[..., None] * y).sum(1), 4 * (load * p.mean(0)).sum()

    x = torch.randn(160, 10)
    y = torch.stack([x[:, 0].abs(), x[:, 1] * x[:, 2]], 1)

    def loss(m):
        out, balance = m(x)
        return F.mse_loss(out, y) + 0.01 * balance

    return MoE(), loss, None


@case(
    None,
    about="a hypernetwork writes the weights of a small regressor for each task",
    facts=[learns(60, 0.9), gradients()],
)
def hypernetwork():
    torch.manual_seed(158)

    class Hyper(nn.Module):
        def __init__(self):
            super().__init__()
            self.task = nn.Embedding(6, 8)
            self.gen = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 3 * 10 + 10))

        def forward(self, task, x):
            w = self.gen(self.task(task))
            w1, w2 = w[:, :30].view(-1, 3, 10), w[:, 30:].unsqueeze(-1)
            return (torch.tanh(torch.bmm(x, w1)) @ w2).squeeze(-1)

    task, x = torch.arange(6), torch.randn(6, 25, 3)
    y = torch.sin(x[..., 0] + task[:, None])
    return Hyper(), lambda m: F.mse_loss(m(task, x), y), None


@case(
    None,
    about="a physics-informed net for u'' = -pi^2 sin(pi x), float64, boundary term",
    facts=[learns(60, 0.8, default=5e-3)],
)
def pinn_poisson():
    torch.manual_seed(159)
    net = nn.Sequential(nn.Linear(1, 30), nn.Tanh(), nn.Linear(30, 30), nn.Tanh(), nn.Linear(30, 1))

    def loss(m):
        x = torch.rand(64, 1).double().requires_grad_()
        u = m(x)
        (du,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        (ddu,) = torch.autograd.grad(du.sum(), x, create_graph=True)
        edge = m(torch.tensor([[0.0], [1.0]]).double())
        return (
            ddu + math.pi**2 * torch.sin(math.pi * x)
        ).square().mean() + 10 * edge.square().sum()

    return net.double(), loss, None


@case(
    None,
    about="a DQN with its target net inside the module; the optimizer has the online net only",
    facts=[gradients(), learns(30, 0.9)],
)
def dqn_with_target():
    torch.manual_seed(160)

    class DQN(nn.Module):
        def __init__(self):
            super().__init__()
            self.online, self.target = (
                nn.Sequential(nn.Linear(6, 48), nn.ReLU(), nn.Linear(48, 3)) for _ in range(2)
            )
            self.target.load_state_dict(self.online.state_dict())
            self.target.requires_grad_(False)

    s, s2, r = torch.randn(128, 6), torch.randn(128, 6), torch.randn(128)
    a = torch.randint(0, 3, (128, 1))

    def loss(m):
        with torch.no_grad():
            goal = r + 0.9 * m.target(s2).amax(1)
        return F.smooth_l1_loss(m.online(s).gather(1, a).squeeze(1), goal)

    net = DQN()
    return net, loss, torch.optim.Adam(net.online.parameters(), lr=1e-3)


@case(
    None,
    about="PPO's first epoch: the ratio is 1 everywhere, an entropy bonus, a clipped value loss",
    facts=[gradients(), learns(30, 0.97)],
)
def ppo_first_epoch():
    torch.manual_seed(161)

    class ActorCritic(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(5, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh())
            self.pi, self.v = nn.Linear(48, 3), nn.Linear(48, 1)
            nn.init.orthogonal_(self.pi.weight, gain=0.01)

    net = ActorCritic()
    obs, act = torch.randn(256, 5), torch.randint(0, 3, (256,))
    adv, ret = torch.randn(256), torch.randn(256)
    with torch.no_grad():
        old = net.pi(net.body(obs)).log_softmax(-1)[torch.arange(256), act]

    def loss(m):
        h = m.body(obs)
        logp = m.pi(h).log_softmax(-1)
        ratio = (logp[torch.arange(256), act] - old).exp()
        gain = torch.min(ratio * adv, ratio.clamp(0.8, 1.2) * adv).mean()
        entropy = -(logp.exp() * logp).sum(-1).mean()
        return 0.5 * F.mse_loss(m.v(h).squeeze(1), ret) - gain - 0.01 * entropy

    return net, loss, torch.optim.Adam(net.parameters(), lr=3e-4, eps=1e-5)
