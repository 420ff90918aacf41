"""Units, samples and tokens that are copies of each other."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.doctor.case import Fact, Loss, Made, case

from . import measure


def copies(name: str) -> Fact:
    """All rows of this weight are equal, their gradients too, and stay so after real steps."""

    def fact(model: nn.Module, loss: Loss, _: object) -> None:
        model = copy.deepcopy(model)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for _ in range(3):
            gradient = measure.gradients(model, loss)[name].flatten(1)
            rows = model.get_parameter(name).detach().flatten(1)
            assert gradient.norm() > 0
            assert torch.allclose(rows, rows[:1].expand_as(rows), rtol=1e-4)
            close = 1e-4 * gradient.norm().item()
            assert torch.allclose(gradient, gradient[:1].expand_as(gradient), atol=close)
            optimizer.step()

    return fact


@case(
    "symmetry",
    cause="initialisation constant",
    about="all parameters set to 0.05 'for reproducibility'",
    facts=[copies("fc1.weight"), copies("fc2.weight"), measure.apart("fc2")],
)
def everything_five_hundredths() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2, self.fc3 = nn.Linear(9, 20), nn.Linear(20, 20), nn.Linear(20, 1)
            for parameter in self.parameters():
                nn.init.constant_(parameter, 0.05)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc3(F.elu(self.fc2(F.elu(self.fc1(x)))))

    model = Net()
    x = torch.randn(64, 9)
    y = x[:, :1] * 2 - x[:, 1:2]
    return model, lambda m: F.mse_loss(m(x), y), torch.optim.Adam(model.parameters(), lr=1e-2)


@case(
    "symmetry",
    cause="initialisation constant",
    about="3-D convnet for small scans, each kernel an average (1 / fan-in)",
    facts=[copies("2.weight"), copies("4.weight"), measure.apart("4")],
)
def averaging_kernels_in_3d() -> Made:
    model = nn.Sequential(
        nn.Conv3d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv3d(8, 12, 3, padding=1),
        nn.ReLU(),
        nn.Conv3d(12, 12, 3, 2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12 * 27, 1),
    )
    for module in model:
        if isinstance(module, nn.Conv3d | nn.Linear):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            nn.init.zeros_(module.bias)
    scans = torch.rand(10, 1, 6, 6, 6) * torch.linspace(0.5, 3, 10).view(10, 1, 1, 1, 1)
    y = scans.mean((1, 2, 3, 4)).unsqueeze(1)
    return model, lambda m: F.mse_loss(m(scans), y), None


class PureAttention(nn.Module):
    """Only attention and a norm for the scale: no skip, no feed-forward part."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(self.norm(x), self.norm(x), self.norm(x), need_weights=False)[0]


@case(
    "rank_collapse",
    cause="attention without skip",
    about="eight attention layers in a row without skips, one label per token",
    facts=[measure.collapsed("7", dim=1, below=1e-3), measure.apart("0", dim=1)],
)
def attention_is_not_all() -> Made:
    model = nn.Sequential(*(PureAttention(32) for _ in range(8)), nn.Linear(32, 3))
    x = torch.randn(6, 14, 32)
    y = (x[..., 0] > 0.4).long() + (x[..., 1] > 0).long()
    return model, lambda m: F.cross_entropy(m(x).flatten(0, 1), y.flatten()), None


class MeanGCN(nn.Module):
    """Node classification: mean over the neighbours, linear, leaky ReLU, many times."""

    def __init__(self, adjacency: Tensor, features: int, width: int, depth: int) -> None:
        super().__init__()
        self.register_buffer("mean", adjacency / adjacency.sum(1, keepdim=True))
        sizes = [features] + [width] * depth
        self.linears = nn.ModuleList(
            nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)
        )
        self.out = nn.Linear(width, 3)
        for linear in self.linears:
            nn.init.kaiming_normal_(linear.weight, a=0.2)
            nn.init.zeros_(linear.bias)

    def forward(self, nodes: Tensor) -> Tensor:
        for linear in self.linears:
            nodes = F.leaky_relu(linear(self.mean @ nodes), 0.2)
        return self.out(nodes)


@case(
    "rank_collapse",
    cause=("missing residual", "normalisation without skip"),
    about="graph convolutions twelve deep: every node ends as the same vector",
    facts=[measure.collapsed("linears.11", below=1e-3), measure.apart("linears.0")],
)
def oversmoothed_graph() -> Made:
    nodes = 50
    edges = (torch.rand(nodes, nodes) < 0.25).float()
    adjacency = ((edges + edges.T + torch.eye(nodes)) > 0).float()
    model = MeanGCN(adjacency, 12, 32, 12)
    x, y = torch.randn(nodes, 12), (torch.arange(nodes) % 9 - 6).clamp(min=0)
    return model, lambda m: F.cross_entropy(m(x), y), None
