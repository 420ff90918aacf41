"""Reinforcement, self-supervision and binary weights: targets without gradients, on purpose."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.doctor.case import Loss, Made, case

from . import measure


class Agent(nn.Module):
    """Duelling Q-network and its frozen target copy in one module."""

    def __init__(self) -> None:
        super().__init__()
        self.online = nn.ModuleDict(
            {
                "trunk": nn.Sequential(nn.LazyLinear(64), nn.ReLU(), nn.LazyLinear(64), nn.ReLU()),
                "value": nn.LazyLinear(1),
                "advantage": nn.LazyLinear(4),
            }
        )
        self.q(self.online, torch.zeros(2, 8))  # lets the lazy layers take shape
        self.target = copy.deepcopy(self.online).requires_grad_(False)

    @staticmethod
    def q(net: nn.ModuleDict, states: Tensor) -> Tensor:
        h = net["trunk"](states)
        advantage = net["advantage"](h)
        return net["value"](h) + advantage - advantage.mean(1, keepdim=True)


def target_by_design(model: nn.Module, loss: Loss, optimizer: torch.optim.Optimizer) -> None:
    given = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert given == {id(p) for p in model.online.parameters()}
    assert all(g is not None for g in measure.gradients(model, loss).values())


@case(
    None,
    about="DQN: the target network is frozen inside the module, the optimizer has the other",
    facts=[
        target_by_design,
        measure.gradients_arrive(),
        measure.steady(),
        measure.alive("online.trunk.0"),
        measure.alive("online.trunk.2"),
        measure.learns(40, 0.8),
    ],
)
def dqn_with_target_inside() -> Made:
    model = Agent()
    s, s2 = torch.randn(128, 8), torch.randn(128, 8)
    actions, rewards = torch.randint(0, 4, (128, 1)), torch.randn(128, 1)
    done = (torch.rand(128, 1) < 0.1).float()
    optimizer = torch.optim.Adam(model.online.parameters(), lr=1e-3)

    def loss(m: nn.Module) -> Tensor:
        with torch.no_grad():
            best = m.q(m.target, s2).amax(1, keepdim=True)
            wanted = rewards + 0.99 * (1 - done) * best
        return F.smooth_l1_loss(m.q(m.online, s).gather(1, actions), wanted)

    return model, loss, optimizer


class ActorCritic(nn.Module):
    """PPO's usual tanh nets, orthogonal, the policy's last layer scaled by 0.01."""

    def __init__(self) -> None:
        super().__init__()
        self.actor = self.net(5, 0.01)
        self.critic = self.net(1, 1.0)

    @staticmethod
    def net(outputs: int, gain: float) -> nn.Sequential:
        linears = [nn.Linear(10, 64), nn.Linear(64, 64), nn.Linear(64, outputs)]
        for linear, by in zip(linears, (2**0.5, 2**0.5, gain), strict=True):
            nn.init.orthogonal_(linear.weight, by)
            nn.init.zeros_(linear.bias)
        return nn.Sequential(linears[0], nn.Tanh(), linears[1], nn.Tanh(), linears[2])


def ratio_is_one(model: nn.Module, loss: Loss, _: object) -> None:
    found = measure.gradients(model, loss)
    assert all(g.norm() > 0 for g in found.values())
    assert measure.of(measure.trace(model, loss), "actor").rms < 0.02


@case(
    None,
    about="PPO's first step: ratio exactly 1, surrogate loss 0, policy head of gain 0.01",
    facts=[ratio_is_one, measure.gradients_arrive(), measure.learns(40, 0.9)],
)
def ppo_first_update() -> Made:
    model = ActorCritic()
    states, actions, returns = torch.randn(128, 10), torch.randint(0, 5, (128,)), torch.randn(128)
    returns = returns + states[:, 0]
    advantages = torch.randn(128) + (actions == 2).float()
    advantages = (advantages - advantages.mean()) / advantages.std()
    with torch.no_grad():
        old = torch.distributions.Categorical(logits=model.actor(states)).log_prob(actions)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-5)

    def loss(m: nn.Module) -> Tensor:
        policy = torch.distributions.Categorical(logits=m.actor(states))
        ratio = (policy.log_prob(actions) - old).exp()
        clipped = ratio.clamp(0.8, 1.2)
        surrogate = torch.minimum(ratio * advantages, clipped * advantages).mean()
        value = F.mse_loss(m.critic(states).squeeze(1), returns)
        return -surrogate + 0.5 * value - 0.01 * policy.entropy().mean()

    return model, loss, optimizer


class BYOL(nn.Module):
    """Online and moving-average encoder; the target half takes no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.student = nn.Sequential(
            nn.Linear(24, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32)
        )
        self.teacher = copy.deepcopy(self.student)
        for parameter in self.teacher.parameters():
            parameter.requires_grad = False
        self.predictor = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 32))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        guess = F.normalize(self.predictor(self.student(a)), dim=1)
        with torch.no_grad():
            wanted = F.normalize(self.teacher(b), dim=1)
        return 2 - 2 * (guess * wanted).sum(1).mean()


def teacher_is_a_copy(model: nn.Module, loss: Loss, _: object) -> None:
    for a, b in zip(model.student.parameters(), model.teacher.parameters(), strict=True):
        assert torch.equal(a, b) and not b.requires_grad
    assert measure.spread(measure.of(measure.trace(model, loss), "student").output) > 0.3


@case(
    None,
    about="BYOL without an optimizer given: a frozen moving-average half, stop-gradient, two views",
    facts=[
        teacher_is_a_copy,
        measure.gradients_arrive(but=("student.0.bias",)),
        measure.steady(but=("teacher",)),
        measure.learns(40, 0.8),
    ],
)
def byol_with_moving_average() -> Made:
    model = BYOL()
    data = torch.randn(64, 24)

    def loss(m: nn.Module) -> Tensor:
        a, b = (data + 0.1 * torch.randn_like(data) for _ in range(2))
        return 0.5 * (m(a, b) + m(b, a))

    return model, loss, None


def most_triplets_are_done(model: nn.Module, loss: Loss, _: object) -> None:
    found = measure.gradients(model, loss)
    assert all(g.isfinite().all() for g in found.values())
    assert 0 < loss(model) < 0.2


@case(
    None,
    about="triplets, one of an image with itself, most beyond the margin; root with an epsilon",
    facts=[most_triplets_are_done, measure.gradients_arrive(), measure.learns(40, 0.8, 1e-3)],
)
def triplets_mostly_satisfied() -> Made:
    model = nn.Sequential(nn.Linear(16, 48), nn.PReLU(), nn.Linear(48, 8))
    nn.init.normal_(model[2].weight, std=0.4)
    anchors, others = torch.randn(64, 16), torch.randn(64, 16)
    twins = anchors + 0.7 * torch.randn(64, 16)
    twins[0] = anchors[0]

    def loss(m: nn.Module) -> Tensor:
        a, p, n = m(anchors), m(twins), m(others)
        near = ((a - p).square().sum(1) + 1e-6).sqrt()
        far = ((a - n).square().sum(1) + 1e-6).sqrt()
        return F.relu(near - far + 0.5).mean()

    return model, loss, None


class Sign(torch.autograd.Function):
    """The sign, with the gradient of hardtanh."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() <= 1)


class BinaryLinear(nn.Module):
    """Weights of +1 and -1 in the forward pass, scaled by their mean size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-0.5, 0.5))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, Sign.apply(self.weight)) / self.weight.shape[1] ** 0.5


def in_the_window(model: nn.Module, loss: Loss, _: object) -> None:
    z = measure.of(measure.trace(model, loss), "3").output.detach()
    assert (z.abs() <= 1).double().mean() > 0.6


@case(
    None,
    about="binary network, sign in weights and activations, straight-through backward of its own",
    facts=[
        in_the_window,
        measure.gradients_arrive(),
        measure.steady(),
        measure.learns(60, 0.8, 1e-2),
    ],
)
def binary_straight_through() -> Made:
    class Binarise(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return Sign.apply(x)

    model = nn.Sequential(
        BinaryLinear(20, 64), nn.BatchNorm1d(64), Binarise(),
        BinaryLinear(64, 64), nn.BatchNorm1d(64), nn.Hardtanh(), nn.Linear(64, 3),
    )  # fmt: skip
    x = torch.randn(96, 20)
    y = (x[:, 0] > 0).long() + (x[:, 1] + x[:, 2] > 0).long()
    return model, lambda m: F.cross_entropy(m(x), y), None
