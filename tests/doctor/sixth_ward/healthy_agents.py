"""Healthy: agents, recommenders and learning by many small tasks."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from tests.doctor.case import case

from .parts import mlp
from .sound import sound
from .training import learns


@case(
    None,
    about="Double DQN, dueling heads: the target net is frozen inside the model; Huber loss.",
    facts=[sound("online.body.0", "online.body.2"), learns(steps=30)],
)
def dueling_dqn():
    class Dueling(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(6, 64, 64)
            self.value, self.advantage = nn.Linear(64, 1), nn.Linear(64, 3)

        def forward(self, s):
            h = F.relu(self.body(s))
            a = self.advantage(h)
            return self.value(h) + a - a.mean(1, keepdim=True)

    class Agent(nn.Module):
        def __init__(self):
            super().__init__()
            self.online, self.target = Dueling(), Dueling()
            self.target.load_state_dict(self.online.state_dict())
            self.target.requires_grad_(False)

    s, s2, a = torch.randn(128, 6), torch.randn(128, 6), torch.randint(3, (128,))
    reward, done = s[:, 0] + (a == 1).float(), (torch.rand(128) < 0.1).float()

    def loss(model):
        with torch.no_grad():
            best = model.online(s2).argmax(1, keepdim=True)
            target = reward + 0.99 * (1 - done) * model.target(s2).gather(1, best).squeeze(1)
        return F.smooth_l1_loss(model.online(s).gather(1, a[:, None]).squeeze(1), target)

    model = Agent()
    return model, loss, torch.optim.Adam(model.online.parameters(), lr=1e-3)


@case(
    None,
    about="PPO: shared tanh torso, orthogonal weights, policy head at gain 0.01, entropy bonus.",
    facts=[sound("torso.0", "torso.2"), learns(steps=30)],
)
def ppo():
    class ActorCritic(nn.Module):
        def __init__(self):
            super().__init__()
            self.torso = mlp(8, 64, 64, act=nn.Tanh)
            self.policy, self.value = nn.Linear(64, 4), nn.Linear(64, 1)
            gains = {self.torso[0]: 2**0.5, self.torso[2]: 2**0.5, self.policy: 0.01, self.value: 1}
            for layer, gain in gains.items():
                nn.init.orthogonal_(layer.weight, gain)
                nn.init.zeros_(layer.bias)

        def forward(self, s):
            h = torch.tanh(self.torso(s))
            return torch.distributions.Categorical(logits=self.policy(h)), self.value(h).squeeze(1)

    model = ActorCritic()
    s, a = torch.randn(256, 8), torch.randint(4, (256,))
    returns = s[:, 0] + 1.0 * (a == 2)
    with torch.no_grad():
        pi, v = model(s)
        old = pi.log_prob(a)
    advantage = (returns - v - (returns - v).mean()) / (returns - v).std()

    def loss(model):
        pi, v = model(s)
        ratio = (pi.log_prob(a) - old).exp()
        clipped = torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()
        return -clipped + 0.5 * F.mse_loss(v, returns) - 0.01 * pi.entropy().mean()

    return model, loss, torch.optim.Adam(model.parameters(), lr=3e-4, eps=1e-5)


@case(
    None,
    about="Recommender: sparse gradients of 3000 rows of which a batch uses 64, SparseAdam, BPR.",
    facts=[sound("items", "history"), learns()],
)
def sparse_recommender():
    class Recommender(nn.Module):
        def __init__(self):
            super().__init__()
            self.items = nn.Embedding(3000, 16, sparse=True)
            self.history = nn.EmbeddingBag(3000, 16, mode="sum", sparse=True)
            for table in (self.items, self.history):
                nn.init.normal_(table.weight, std=0.3)

        def forward(self, history, items):
            return torch.einsum("bd,bkd->bk", self.history(history), self.items(items))

    history = torch.randint(3000, (32, 5))
    pairs = torch.randint(3000, (32, 2))

    def loss(model):
        scores = model(history, pairs)
        return -F.logsigmoid(scores[:, 0] - scores[:, 1]).mean()

    model = Recommender()
    return model, loss, torch.optim.SparseAdam(model.parameters(), lr=1e-2)


@case(
    None,
    about="Multi-task: learned log-variances weigh a rare event and a regression; dict outputs.",
    facts=[sound("trunk.0", "trunk.4"), learns()],
)
def multi_task():
    class MultiTask(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk = nn.Sequential(
                nn.Linear(12, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Dropout(0.2), nn.Linear(48, 48)
            )
            self.heads = nn.ModuleDict({"event": nn.Linear(48, 1), "amount": nn.Linear(48, 1)})
            self.log_var = nn.ParameterDict({k: nn.Parameter(torch.zeros(())) for k in self.heads})

        def forward(self, x):
            h = F.leaky_relu(self.trunk(x))
            return {name: head(h).squeeze(1) for name, head in self.heads.items()}

    x = torch.randn(256, 12)
    event, amount = (x[:, 0] > 1.3).float(), x[:, 1] - x[:, 2]

    def loss(model):
        out, s = model(x), model.log_var
        rare = F.binary_cross_entropy_with_logits(out["event"], event)
        size = F.mse_loss(out["amount"], amount)
        parts = (-s["event"]).exp() * rare + (-s["amount"]).exp() * size
        return parts + 0.5 * (s["event"] + s["amount"])

    model = MultiTask()
    return model, loss, torch.optim.Adam(model.parameters(), lr=5e-3)


@case(
    None,
    about="Online learning: each call draws one sample, so half of the ReLUs are 0 by chance.",
    facts=[sound("0", "2", "4", few=True), learns(steps=150, to=0.8, calls=64)],
)
def batch_of_one():
    x = torch.randn(512, 10)
    y = x[:, :1] - x[:, 1:2].abs()

    def loss(model):
        i = torch.randint(len(x), (1,))
        return F.smooth_l1_loss(model(x[i]), y[i])

    model = mlp(10, 64, 64, 1)
    return model, loss, torch.optim.SGD(model.parameters(), lr=0.02)


@case(
    None,
    about="MAML: the loss is taken after one inner step by functional_call, through its gradient.",
    facts=[sound("0", "2", "4"), learns(steps=40)],
)
def maml():
    model = mlp(1, 40, 40, 1)
    nn.init.normal_(model[0].bias)

    def loss(model):
        total = 0.0
        weights = dict(model.named_parameters())
        for _ in range(4):
            phase, x = 3 * torch.rand(1), 6 * torch.rand(20, 1) - 3
            y = (x + phase).sin()
            inner = F.mse_loss(functional_call(model, weights, (x[:10],)), y[:10])
            grads = torch.autograd.grad(inner, list(weights.values()), create_graph=True)
            fast = {n: w - 0.05 * g for (n, w), g in zip(weights.items(), grads, strict=True)}
            total = total + F.mse_loss(functional_call(model, fast, (x[10:],)), y[10:])
        return total / 4

    return model, loss, torch.optim.Adam(model.parameters(), lr=2e-3)
