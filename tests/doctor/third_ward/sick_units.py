"""Units that are dead, saturated, or copies of each other."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .facts import copies, dead, gradients, saturated, signal


@case(
    "dead_relu",
    about="features with a mean of 20 and a spread of 1, not centred: half of the units never fire",
    facts=[dead(low=0.52, high=0.75)],
)
def uncentred_features():
    torch.manual_seed(47)

    class Pricing(nn.Module):
        def __init__(self):
            super().__init__()
            self.l1, self.l2, self.l3 = nn.Linear(12, 128), nn.Linear(128, 64), nn.Linear(64, 1)

        def forward(self, feats):
            h = torch.relu(self.l1(feats))
            return self.l3(F.gelu(self.l2(h)))

    net = Pricing()
    feats = 20 + torch.randn(256, 12)
    price = (feats - 20).sum(1, keepdim=True)
    return net, lambda m: F.smooth_l1_loss(m(feats), price), None


@case(
    "dead_relu",
    about="a conv stem after a step that was too long: 60 % of its channels have a bias of -9",
    facts=[dead(low=0.55, high=0.7)],
)
def channels_killed_by_a_step():
    torch.manual_seed(32)
    net = nn.Sequential(
        nn.Conv2d(1, 20, 5, stride=2),
        nn.ReLU(),
        nn.Conv2d(20, 30, 3),
        nn.GroupNorm(5, 30),
        nn.SiLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(30, 10),
    )
    with torch.no_grad():
        net[0].bias[:12] -= 9
    x, y = torch.rand(32, 1, 20, 20), torch.randint(0, 10, (32,))
    return net, lambda m: F.cross_entropy(m(x), y), torch.optim.SGD(net.parameters(), lr=0.05)


@case(
    "dead_relu",
    about="clamp(min=0) written by hand in float64, 55 % of one hidden layer dead; just sick",
    facts=[dead(low=0.52, high=0.58)],
)
def clamp_min_policy():
    torch.manual_seed(34)

    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.w1 = nn.Parameter(torch.randn(4, 100) / 2)
            self.b1 = nn.Parameter(torch.where(torch.arange(100) < 55, -12.0, 0.2))
            self.w2 = nn.Parameter(torch.randn(100, 100) / 7)
            self.w3 = nn.Parameter(torch.randn(100, 3) / 10)

        def forward(self, s):
            h = (s @ self.w1 + self.b1).clamp_min(0.0)
            return (torch.tanh(h @ self.w2) @ self.w3).log_softmax(-1)

    s, a, adv = torch.randn(400, 4), torch.randint(0, 3, (400,)), torch.randn(400)
    s, adv = s.double(), adv.double()

    def reinforce(m):
        return -(m(s).gather(1, a[:, None]).squeeze(1) * adv).mean()

    return Policy().double(), reinforce, None


@case(
    "dead_relu",
    also=("zero_gradient", "rank_collapse"),
    about="a whole hidden layer died in a Q-network: the layers before it get exactly 0",
    facts=[dead(low=1.0), gradients(zero=("net.0", "net.2", "net.4.weight"))],
)
def dead_q_network():
    torch.manual_seed(35)

    class QNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(
                nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4)
            )
            self.net[2].bias.data.fill_(-25.0)

        def forward(self, obs):
            return self.net(obs)

    obs, act, tgt = torch.randn(128, 6), torch.randint(0, 4, (128, 1)), torch.randn(128, 1)
    net = QNet()
    return (
        net,
        lambda m: F.mse_loss(m(obs).gather(1, act), tgt),
        torch.optim.Adam(net.parameters(), lr=2.5e-4),
    )


@case(
    "saturation",
    about="patient data with raw units (age, cholesterol, platelets) into a sigmoid layer",
    facts=[saturated(low=0.6)],
)
def raw_clinical_units():
    torch.manual_seed(36)
    scale = torch.tensor([60.0, 200.0, 250.0, 130.0, 25.0])

    class Clinic(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Linear(5, 50)
            self.out = nn.Linear(50, 1)

        def forward(self, x):
            return self.out(torch.sigmoid(self.hidden(x)))

    x = scale * (1 + 0.5 * torch.randn(200, 5))
    y = (torch.rand(200, 1) < 0.4).float()
    return Clinic(), lambda m: F.binary_cross_entropy_with_logits(m(x), y), None


@case(
    "saturation",
    about="attention without the 1/sqrt(d) and with query weights of unit variance",
    facts=[saturated(low=0.6)],
)
def attention_without_scale():
    torch.manual_seed(37)

    class Attn(nn.Module):
        def __init__(self, d=64, heads=2):
            super().__init__()
            self.h = heads
            self.to_q, self.to_k, self.to_v = (nn.Linear(d, d, bias=False) for _ in range(3))
            self.ln, self.fc = nn.LayerNorm(d), nn.Linear(d, 9)
            for w in (self.to_q, self.to_k):
                nn.init.normal_(w.weight, std=0.25)

        def forward(self, x):
            z = self.ln(x)
            q, k, v = (
                f(z).unflatten(-1, (self.h, -1)).transpose(1, 2)
                for f in (self.to_q, self.to_k, self.to_v)
            )
            att = F.softmax(torch.einsum("bhid,bhjd->bhij", q, k), dim=-1)
            return self.fc(x + (att @ v).transpose(1, 2).flatten(2))

    x, y = torch.randn(6, 24, 64), torch.randint(0, 9, (6, 24))
    return Attn(), lambda m: F.cross_entropy(m(x).permute(0, 2, 1), y), None


@case(
    "saturation",
    about="one tanh layer of three with 55 % of its entries in the flat part; just sick",
    facts=[saturated(low=0.51, high=0.6), signal(low=0.01, high=100)],
)
def tanh_at_the_edge():
    torch.manual_seed(38)
    net = nn.Sequential()
    net.add_module("a", nn.Linear(30, 60))
    net.add_module("act_a", nn.Tanh())
    net.add_module("b", nn.Linear(60, 60))
    net.add_module("act_b", nn.Tanh())
    net.add_module("c", nn.Linear(60, 6))
    nn.init.normal_(net.b.weight, std=8.2 / 60**0.5)
    x, y = torch.randn(300, 30), torch.randint(0, 6, (300,))
    return net, lambda m: F.cross_entropy(m(x), y), None


@case(
    "saturation",
    also=("zero_gradient",),
    about="squared error on a sigmoid output that sits at 1 for targets near 0: no way back",
    facts=[saturated(low=0.9)],
)
def mse_on_stuck_sigmoid():
    torch.manual_seed(39)

    class Depth(nn.Module):
        def __init__(self):
            super().__init__()
            self.enc = nn.Conv2d(3, 8, 3, stride=2, padding=1)
            self.dec = nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1)
            nn.init.constant_(self.dec.bias, 40.0)

        def forward(self, rgb):
            return torch.sigmoid(self.dec(F.elu(self.enc(rgb))))

    rgb, depth = torch.rand(4, 3, 16, 16), 0.2 * torch.rand(4, 1, 16, 16)
    net = Depth()
    return net, lambda m: F.mse_loss(m(rgb), depth), torch.optim.Adam(net.parameters(), lr=1e-3)


@case(
    "symmetry",
    about="a regressor whose parameters are set to one constant by an init function",
    facts=[copies("features.0.weight", "features.2.weight")],
)
def constant_init_regressor():
    torch.manual_seed(40)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(
                nn.Linear(15, 30), nn.Softplus(), nn.Linear(30, 30), nn.Softplus()
            )
            self.regressor = nn.Linear(30, 2)
            for p in self.parameters():
                nn.init.constant_(p, 0.05)

        def forward(self, x):
            return self.regressor(self.features(x))

    x, y = torch.randn(64, 15), torch.randn(64, 2)
    net = Net()
    opt = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    return net, lambda m: F.mse_loss(m(x), y), opt


@case(
    "symmetry",
    about="all kernels of a conv net set to ones over the fan-in; read-out random only by class",
    facts=[copies("stem.weight")],
)
def ones_kernels():
    torch.manual_seed(41)

    class Ones(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 16, 3, padding=1)
            self.mix = nn.Conv2d(16, 16, 1)
            self.head = nn.Linear(16, 5)
            for conv in (self.stem, self.mix):
                nn.init.constant_(conv.weight, 1 / conv.weight[0].numel())
                nn.init.zeros_(conv.bias)
            self.head.weight.data = torch.randn(5, 1).repeat(1, 16) / 4

        def forward(self, img):
            z = F.avg_pool2d(F.leaky_relu(self.stem(img)), 2)
            return self.head(F.leaky_relu(self.mix(z)).amax((2, 3)))

    img, y = torch.randn(20, 3, 12, 12), torch.randint(0, 5, (20,))
    return Ones(), lambda m: F.cross_entropy(m(img), y, label_smoothing=0.1), None


@case(
    "symmetry",
    also=("zero_gradient", "rank_collapse"),
    about="a recommender: the first layer starts at zero and so does the second; bias alone learns",
    facts=[copies("user_tower.weight"), gradients(zero=("user_tower", "rank.weight", "item"))],
)
def zero_init_recommender():
    torch.manual_seed(42)

    class Rec(nn.Module):
        def __init__(self):
            super().__init__()
            self.item = nn.Embedding(40, 10)
            self.user_tower = nn.Linear(18, 24)
            self.rank = nn.Linear(24, 1)
            for lin in (self.user_tower, self.rank):
                lin.weight.data.zero_()
                lin.bias.data.zero_()

        def forward(self, users, items):
            z = torch.cat([users, self.item(items)], 1)
            return self.rank(torch.tanh(self.user_tower(z)))

    users, items, click = torch.randn(90, 8), torch.randint(0, 40, (90,)), torch.rand(90, 1).round()
    net = Rec()
    return (
        net,
        lambda m: F.binary_cross_entropy_with_logits(m(users, items), click),
        torch.optim.Adagrad(net.parameters(), lr=0.05),
    )
