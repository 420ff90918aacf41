"""Healthy dense networks just on the right side of a border, and steps that only look odd."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from tests.doctor.case import case

from .facts import dead, saturated, signal, value_below
from .facts_of_training import learns, relative_update


@case(
    None,
    about="four sigmoid layers: the signal falls to some 10^-2, no further; float64",
    facts=[signal(10**-2.6, 10**-1.4), learns(60, 0.9, default=1e-2)],
)
def four_sigmoid_layers():
    torch.manual_seed(101)
    net = nn.Sequential()
    for i, o in ((10, 40), (40, 40), (40, 40), (40, 40)):
        net.append(nn.Linear(i, o)).append(nn.Sigmoid())
        nn.init.xavier_uniform_(net[-2].weight, gain=1.6)
    net.append(nn.Linear(40, 1))
    x = torch.randn(150, 10).double()
    y = torch.sin(x[:, :1]) + x[:, 1:2]
    return net.double(), lambda m: F.mse_loss(m(x), y), None


@case(
    None,
    about="35 % of a ReLU layer never fires on the batch",
    facts=[dead(0.3, 0.42), learns(40, 0.8)],
)
def a_third_of_the_units_silent():
    torch.manual_seed(102)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc_in, self.fc_mid, self.fc_out = (
                nn.Linear(9, 80),
                nn.Linear(80, 80),
                nn.Linear(80, 5),
            )
            with torch.no_grad():
                self.fc_in.bias[:28] -= 6

        def forward(self, x):
            return self.fc_out(torch.relu(self.fc_mid(torch.relu(self.fc_in(x)))))

    x = torch.randn(300, 9)
    y = x[:, :5].argmax(1)
    return Net(), lambda m: F.cross_entropy(m(x), y), None


@case(
    None,
    about="35 % of a tanh layer sits in the flat part",
    facts=[saturated(0.28, 0.42), learns(40, 0.9)],
)
def tanh_a_third_flat():
    torch.manual_seed(103)
    net = nn.Sequential(
        nn.Linear(24, 70), nn.Tanh(), nn.Linear(70, 70), nn.Tanh(), nn.Linear(70, 1)
    )
    nn.init.normal_(net[0].weight, std=2.4 / 24**0.5)
    x = torch.randn(120, 24)
    y = (x[:, :1] > 0).float()
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    return net, lambda m: F.binary_cross_entropy_with_logits(m(x), y), opt


@case(
    None,
    about="a batch of one sample, a ReLU net: half of the entries are 0, which says nothing",
    facts=[learns(30, 0.5)],
)
def one_sample_at_a_time():
    torch.manual_seed(104)
    net = nn.Sequential(nn.Linear(7, 50), nn.ReLU(), nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 2))
    x, y = torch.randn(1, 7), torch.randn(1, 2)
    return net, lambda m: F.mse_loss(m(x), y), torch.optim.SGD(net.parameters(), lr=0.02)


@case(
    None,
    about="14 layers of BatchNorm and ReLU without a skip: the signal grows tenfold, not 10^3",
    facts=[signal(4, 100), learns(40, 0.8)],
)
def moderate_batchnorm_depth():
    torch.manual_seed(105)
    blocks = []
    for i in range(14):
        blocks += [nn.Linear(16 if i == 0 else 64, 64), nn.BatchNorm1d(64), nn.ReLU()]
    net = nn.Sequential(*blocks, nn.Linear(64, 4))
    x = torch.randn(128, 16)
    y = x[:, :4].argmax(1)
    return net, lambda m: F.cross_entropy(m(x), y), None


@case(
    None,
    about="a converged regression: gradients of 1e-7 in all layers alike",
    facts=[value_below(1e-6), signal(0.01, 100)],
)
def converged_teacher_student():
    torch.manual_seed(106)
    teacher = nn.Sequential(nn.Linear(6, 30), nn.Tanh(), nn.Linear(30, 2))
    x = torch.randn(100, 6)
    with torch.no_grad():
        y = teacher(x)
        for p in teacher.parameters():
            p += 1e-4 * torch.randn_like(p) * p.abs().mean()
    opt = torch.optim.SGD(teacher.parameters(), lr=0.05)
    return teacher, lambda m: F.mse_loss(m(x), y), opt


@case(
    None,
    about="the loss is multiplied by 1e-9 (units of kilometres squared); Adam does not mind",
    facts=[learns(40, 0.8), signal(0.01, 100)],
)
def loss_in_other_units():
    torch.manual_seed(107)
    net = nn.Sequential(nn.Linear(4, 64), nn.SELU(), nn.Linear(64, 64), nn.SELU(), nn.Linear(64, 1))
    x = torch.randn(200, 4)
    y = x.prod(1, keepdim=True)
    opt = torch.optim.Adam(net.parameters(), lr=2e-3, eps=1e-16)
    return net, lambda m: 1e-9 * F.mse_loss(m(x), y), opt


@case(
    None,
    about="AdamW at 1e-5, as in fine-tuning: slow and sound",
    facts=[relative_update(low=3e-6, better=None), learns(60, 0.98), signal(0.01, 100)],
)
def slow_fine_tuning():
    torch.manual_seed(108)

    class Reward(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.LayerNorm(64, bias=False))
            self.score = nn.Linear(64, 1, bias=False)

        def forward(self, chosen, rejected):
            return self.score(self.trunk(chosen)) - self.score(self.trunk(rejected))

    a, b = torch.randn(2, 64, 32) + torch.tensor([[[0.2]], [[-0.2]]])
    net = Reward()
    return (
        net,
        lambda m: -F.logsigmoid(m(a, b)).mean(),
        torch.optim.AdamW(net.parameters(), lr=1e-5),
    )


@case(
    None,
    about="linear warm-up over 10 000 steps: the first rate is 1e-8",
    facts=[signal(0.01, 100)],
)
def warm_up_begins():
    torch.manual_seed(109)
    net = nn.Sequential(nn.Linear(20, 64), nn.SiLU(), nn.LayerNorm(64), nn.Linear(64, 10))
    opt = torch.optim.AdamW(net.parameters(), lr=1e-4)
    torch.optim.lr_scheduler.LambdaLR(opt, lambda step: min(1.0, (step + 1) / 1e4))
    x = torch.randn(64, 20)
    y = x[:, :10].argmax(1)
    return net, lambda m: F.cross_entropy(m(x), y), opt


@case(
    None,
    about="SGD at 0.3 with momentum: the loss wobbles and falls",
    facts=[learns(80, 0.9, last=20)],
)
def warm_loss_that_wobbles():
    torch.manual_seed(110)
    net = nn.Sequential(nn.Linear(12, 48), nn.LayerNorm(48), nn.ReLU(), nn.Linear(48, 4))
    data = torch.randn(2000, 12)
    label = (data[:, :4] + 0.5 * torch.randn(2000, 4)).argmax(1)

    def loss(m):
        rows = torch.randint(0, 2000, (16,))
        return F.cross_entropy(m(data[rows]), label[rows])

    return net, loss, torch.optim.SGD(net.parameters(), lr=0.3, momentum=0.5)


@case(
    None,
    about="two random samples a step, half of the units dropped, some labels wrong",
    facts=[learns(400, 0.9, last=100)],
)
def noisy_pairs():
    torch.manual_seed(111)
    net = nn.Sequential(nn.Linear(6, 40), nn.LeakyReLU(), nn.Dropout(0.5), nn.Linear(40, 1))
    data = torch.randn(500, 6)
    label = ((data[:, 0] > 0) ^ (torch.rand(500) < 0.05)).float()[:, None]

    def loss(m):
        rows = torch.randint(0, 500, (2,))
        return F.binary_cross_entropy_with_logits(m(data[rows]), label[rows])

    return net, loss, torch.optim.Adam(net.parameters(), lr=4e-3)


@case(
    None,
    about="pixels of 0 to 255 straight into a BatchNorm; spectral norm on what follows",
    facts=[learns(40, 0.9), saturated(0, 0.3)],
)
def raw_pixels_into_batchnorm():
    torch.manual_seed(112)
    net = nn.Sequential(
        nn.BatchNorm1d(36, affine=False),
        parametrizations.spectral_norm(nn.Linear(36, 64)),
        nn.Tanh(),
        parametrizations.weight_norm(nn.Linear(64, 3)),
    )
    x = torch.randint(0, 256, (80, 36)).float()
    y = x[:, :3].argmax(1)
    return net, lambda m: F.cross_entropy(m(x), y), None


@case(
    None,
    about="an autoencoder with tied weights, used transposed, and an L1 price on a sparse code",
    facts=[learns(60, 0.9), dead(0, 0.35)],
)
def tied_sparse_autoencoder():
    torch.manual_seed(113)

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.D = nn.Parameter(F.normalize(torch.randn(60, 25), dim=1))
            self.b = nn.Parameter(torch.zeros(25))

        def forward(self, x):
            code = F.relu((x - self.b) @ self.D.T)
            return code @ self.D + self.b, code

    x = torch.randn(128, 25)

    def loss(m):
        rec, code = m(x)
        return (rec - x).square().sum(1).mean() + 0.02 * code.abs().sum(1).mean()

    return Tied(), loss, None


@case(
    None,
    about="thirty residual blocks behind ReZero gates that start at 0",
    facts=[learns(40, 0.9), signal(0.01, 100, first="enter", last="blocks.29")],
)
def rezero_tower():
    torch.manual_seed(114)

    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.f = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32))
            self.alpha = nn.Parameter(torch.zeros(()))

        def forward(self, x):
            return x + self.alpha * self.f(x)

    class Tower(nn.Module):
        def __init__(self):
            super().__init__()
            self.enter, self.leave = nn.Linear(8, 32), nn.Linear(32, 2)
            self.blocks = nn.ModuleList(Gate() for _ in range(30))

        def forward(self, x):
            x = self.enter(x)
            for b in self.blocks:
                x = b(x)
            return self.leave(x)

    x = torch.randn(64, 8)
    y = torch.stack([x[:, 0] * x[:, 1], x[:, 2]], 1)
    return Tower(), lambda m: F.mse_loss(m(x), y), None
