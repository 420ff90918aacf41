"""Sick units: dead, saturated."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case
from tests.doctor.second_ward.proofs import collapsed, saturated, silent, zero


@case(
    "dead_relu",
    also=("zero_gradient", "rank_collapse"),
    about="house prices from raw square metres: six steps of Adam at 0.3 have killed the network",
    facts=[silent("relu"), zero("0.weight", "2.weight"), collapsed("linear")],
)
def six_steps_killed_it():
    model = nn.Sequential(
        nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)
    )
    houses = torch.rand(128, 5) * torch.tensor([200.0, 5.0, 30.0, 90.0, 1000.0])
    price = houses @ torch.tensor([[3.0], [20.0], [-1.0], [0.5], [0.1]])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.3)
    for _ in range(6):
        optimizer.zero_grad()
        F.mse_loss(model(houses), price).backward()
        optimizer.step()
    optimizer.zero_grad()
    return model, lambda m: F.mse_loss(m(houses), price), None


class Separable(nn.Module):
    """Depthwise-separable convolutions, functional ReLU."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)
        self.bn0 = nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.pointwise = nn.Conv2d(16, 32, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.fc = nn.Linear(32, 10)

    def forward(self, x):
        x = F.relu(self.bn0(self.stem(x)))
        x = F.relu(self.bn1(self.depthwise(x)))
        x = F.relu(self.bn2(self.pointwise(x)))
        return self.fc(x.mean((2, 3)))


@case(
    "dead_relu",
    about="batch norm's shift was pruned to large negatives in 12 of 16 channels",
    facts=[silent("relu", channel=1)],
)
def negative_shift_after_pruning():
    model = Separable()
    with torch.no_grad():
        model.bn1.bias[:12] = -8.0
    images, labels = torch.randn(16, 3, 16, 16), torch.randint(0, 10, (16,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return model, lambda m: F.cross_entropy(m(images), labels), optimizer


class Dueling(nn.Module):
    """A dueling value network; rectification is spelled as a clamp."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(8, 128)
        self.value, self.advantage = nn.Linear(128, 1), nn.Linear(128, 4)
        nn.init.constant_(self.trunk.bias, -2.0)

    def forward(self, observation):
        h = torch.clamp(self.trunk(observation), min=0)
        a = self.advantage(h)
        return self.value(h) + a - a.mean(-1, keepdim=True)


@case(
    "dead_relu",
    about="a Q-network with all biases at -2: the trunk is silent in nearly every state",
    facts=[silent("clamp")],
)
def dueling_q_network():
    online = Dueling()
    s, a, r = torch.randn(256, 8), torch.randint(0, 4, (256, 1)), torch.randn(256)
    s2 = s + 0.1 * torch.randn(256, 8)

    def td(m):
        with torch.no_grad():
            target = r + 0.99 * m(s2).amax(1)
        return F.smooth_l1_loss(m(s).gather(1, a).squeeze(1), target)

    return online, td, torch.optim.RMSprop(online.parameters(), lr=2.5e-4)


@case(
    "saturation",
    about="age, income and postcode as they stand in the table, into tanh",
    facts=[saturated("tanh", calls=slice(0, 1))],
)
def tanh_on_raw_columns():
    net = nn.Sequential()
    net.add_module("fc1", nn.Linear(3, 50))
    net.add_module("act1", nn.Tanh())
    net.add_module("fc2", nn.Linear(50, 50))
    net.add_module("act2", nn.Tanh())
    net.add_module("fc3", nn.Linear(50, 1))
    rows = torch.stack(
        [torch.rand(200) * 60 + 20, torch.rand(200) * 9e4 + 1e4, torch.rand(200) * 9e4], 1
    )
    bought = ((rows[:, 1] > 5e4) ^ (rows[:, 0] > 45)).float()
    return net, lambda m: F.binary_cross_entropy_with_logits(m(rows).squeeze(1), bought), None


class Memory(nn.Module):
    """Reads a memory by content; the scores are not divided by anything."""

    def __init__(self, dim=256):
        super().__init__()
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, 32)
        self.head = nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 4))
        nn.init.xavier_normal_(self.query.weight, gain=1.4)
        nn.init.xavier_normal_(self.key.weight, gain=1.4)

    def forward(self, question, memory):
        scores = torch.bmm(self.query(question), self.key(memory).transpose(1, 2))
        return self.head(torch.softmax(scores, dim=-1) @ self.value(memory))


@case(
    "saturation",
    about="attention without 1/sqrt(d) at d = 256: every query looks at one key only",
    facts=[saturated("softmax")],
)
def unscaled_attention():
    question, memory = torch.randn(8, 6, 256), torch.randn(8, 24, 256)
    labels = torch.randint(0, 4, (48,))
    return (
        Memory(),
        lambda m: F.cross_entropy(m(question, memory).flatten(0, 1), labels),
        None,
    )


@case(
    "saturation",
    about="a detector that is sure of the wrong class; squared error on its sigmoid cannot tell it",
    facts=[saturated("sigmoid")],
)
def squared_error_on_a_sure_sigmoid():
    class Detector(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv1d(1, 8, 5, stride=2), nn.ELU(), nn.Conv1d(8, 8, 5, stride=2), nn.ELU()
            )
            self.score = nn.Linear(8 * 13, 1)
            nn.init.constant_(self.score.bias, 11.0)

        def forward(self, x):
            return torch.sigmoid(self.score(self.features(x).flatten(1)))

    signal, rare = torch.randn(64, 1, 64), (torch.rand(64, 1) < 0.05).float()
    return Detector(), lambda m: ((m(signal) - rare) ** 2).mean(), None


class Sign(torch.autograd.Function):
    """Sign with the straight-through gradient of Hubara and others."""

    @staticmethod
    def forward(ctx, x):
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx, grad):
        return grad


@case(
    "saturation",
    about="a binarised network: sums over 256 signs fall far outside hardtanh's window",
    facts=[saturated("hardtanh")],
)
def binary_net_without_scale():
    class Binary(nn.Module):
        def __init__(self, width=256):
            super().__init__()
            self.w = nn.ParameterList(0.1 * torch.randn(width, width) for _ in range(6))
            self.out = nn.Linear(width, 10)

        def forward(self, x):
            for w in self.w:
                x = Sign.apply(F.hardtanh(F.linear(x, Sign.apply(w))))
            return self.out(x)

    x, y = torch.randn(32, 256).sign(), torch.randint(0, 10, (32,))
    return Binary(), lambda m: F.cross_entropy(m(x), y), None
