"""Healthy models of physics, graphs, policies, representations; and of half precision."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.doctor.case import case
from tests.doctor.seventh_ward.healthy_data import blobs
from tests.doctor.seventh_ward.sound import learns, open_units, steady, train, wired


@case(
    None,
    about="a physics-informed net for Poisson's equation: double backward, L-BFGS with a closure",
    facts=[wired(), steady("0", "4"), open_units(), learns(steps=10)],
)
def poisson_with_lbfgs():
    model = nn.Sequential(
        nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(),
        nn.Linear(24, 1),
    )  # fmt: skip
    ends = torch.tensor([[0.0], [1.0]])

    def loss(m: nn.Module) -> Tensor:
        x = torch.linspace(0, 1, 64)[:, None].requires_grad_()
        u = m(x)
        slope = torch.autograd.grad(u.sum(), x, create_graph=True)[0]
        bend = torch.autograd.grad(slope.sum(), x, create_graph=True)[0]
        residual = bend + torch.pi**2 * torch.sin(torch.pi * x)
        return residual.square().mean() + 10 * m(ends).square().mean()

    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4, line_search_fn="strong_wolfe")
    return model, loss, optimizer


class Isomorphism(nn.Module):
    """Sums over neighbours, then an MLP with batch normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.eps = nn.Parameter(torch.zeros(()))
        self.mlp = nn.Sequential(
            nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, width)
        )

    def forward(self, h: Tensor, edges: Tensor) -> Tensor:
        gathered = torch.zeros_like(h).index_add(0, edges[1], h[edges[0]])
        return h + self.mlp((1 + self.eps) * h + gathered)


class GraphNet(nn.Module):
    """Raw columns of any unit, normalised by the model itself; a dictionary in and out."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.start = nn.BatchNorm1d(4), nn.Linear(4, 32)
        self.layers = nn.ModuleList(Isomorphism(32) for _ in range(3))
        self.head = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        h = self.start(self.norm(batch["x"]))
        for layer in self.layers:
            h = layer(h, batch["edges"])
        count = int(batch["graph"].max()) + 1
        return {"nodes": h, "y": self.head(h.new_zeros(count, 32).index_add(0, batch["graph"], h))}


@case(
    None,
    about="a graph net on raw columns of 1e-4 to 1e5, which its first batch norm puts right",
    facts=[
        wired(idle=("layers.?.mlp.0.bias",)),
        steady("start", "layers.2"),
        open_units(),
        learns(to=0.6),
    ],
)
def graph_net_on_raw_columns():
    units = torch.tensor([1e5, 1.0, 1e-4, 30.0])
    x = torch.randn(320, 4)
    source = torch.randint(10, (900,)) + 10 * torch.randint(32, (900,))
    target = source // 10 * 10 + torch.randint(10, (900,))
    graph = torch.arange(32).repeat_interleave(10)
    batch = {"x": (x + 3) * units, "edges": torch.stack([source, target]), "graph": graph}
    y = torch.zeros(32, 1).index_add(0, graph, x[:, :1] * x[:, 1:2]) / 3
    model = GraphNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, amsgrad=True)
    return model, lambda m: F.smooth_l1_loss(m(batch)["y"], y), optimizer


class Equilibrium(nn.Module):
    """Solves for its own state without a graph, then takes one step with it."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.inject, self.cell = nn.Linear(20, width), nn.Linear(width, width, bias=False)
        self.head = nn.Linear(width, 4)
        nn.init.orthogonal_(self.cell.weight, gain=0.7)

    def forward(self, x: Tensor) -> Tensor:
        drive = self.inject(x)
        with torch.no_grad():
            state = torch.zeros_like(drive)
            for _ in range(40):
                state = torch.tanh(self.cell(state) + drive)
        return self.head(torch.tanh(self.cell(state) + drive))


@case(
    None,
    about="a deep equilibrium model: 40 steps under no_grad, by design, and one with gradients",
    facts=[wired(), steady("inject", "cell"), open_units(), learns()],
)
def deep_equilibrium():
    x, y = blobs(128, 20)
    model = Equilibrium()
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.01)
    return model, lambda m: F.cross_entropy(m(x), y), optimizer


class Policy(nn.Module):
    """A tanh trunk with orthogonal weights and a policy head a hundred times smaller."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(10, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.actor = nn.Linear(64, 6)
        for layer, gain in ((self.trunk[0], 1.4), (self.trunk[2], 1.4), (self.actor, 0.01)):
            nn.init.orthogonal_(layer.weight, gain)
            nn.init.zeros_(layer.bias)

    def forward(self, state: Tensor) -> torch.distributions.Categorical:
        return torch.distributions.Categorical(logits=self.actor(self.trunk(state)))


@case(
    None,
    about="a clipped policy gradient at its first step: ratios of 1, a loss of 0 up to rounding",
    facts=[wired(), steady("trunk.0", "trunk.2"), open_units(), learns(drop=0.05)],
)
def clipped_policy_at_loss_zero():
    model = Policy()
    state = torch.randn(256, 10)
    with torch.no_grad():
        action = model(state).sample()
        old = model(state).log_prob(action)
    reward = (action == state[:, :6].argmax(1)).float()
    advantage = (reward - reward.mean()) / reward.std()

    def loss(m: nn.Module) -> Tensor:
        ratio = (m(state).log_prob(action) - old).exp()
        return -torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()

    return model, loss, torch.optim.Adam(model.parameters(), lr=3e-4, eps=1e-5)


class Bootstrap(nn.Module):
    """BYOL: an online network, and a frozen average of it that sets the target."""

    def __init__(self) -> None:
        super().__init__()

        def mlp(start: int, end: int) -> nn.Sequential:
            norm = nn.BatchNorm1d(64)
            return nn.Sequential(nn.Linear(start, 64), norm, nn.ReLU(), nn.Linear(64, end))

        self.online = nn.Sequential(mlp(32, 48), nn.ReLU(), mlp(48, 24))
        self.predictor = mlp(24, 24)
        self.target = copy.deepcopy(self.online).requires_grad_(False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return (
            2
            - F.cosine_similarity(self.predictor(self.online(a)), self.target(b)).mean()
            - F.cosine_similarity(self.predictor(self.online(b)), self.target(a)).mean()
        )


@case(
    None,
    about="BYOL: half of the model is a frozen target, and two fresh views are drawn at each call",
    facts=[
        wired(idle=("*.0.bias",)),
        steady("online.0.0", "online.2.3"),
        open_units(),
        learns(steps=40, to=0.7, draws=4),
    ],
)
def bootstrap_with_frozen_target():
    x, _ = blobs(96, 32, classes=12)
    model = Bootstrap()

    def loss(m: nn.Module) -> Tensor:
        return m(x + 0.3 * torch.randn_like(x), x + 0.3 * torch.randn_like(x))

    trained = [*model.online.parameters(), *model.predictor.parameters()]
    return model, loss, torch.optim.SGD(trained, 0.05, momentum=0.9, weight_decay=1e-4)


class Mixture(nn.Module):
    """Four experts, mixed by a softmax gate, after a shared layer; with a term that balances."""

    def __init__(self) -> None:
        super().__init__()
        self.start, self.gate = nn.Linear(24, 48), nn.Linear(48, 4)
        self.up = nn.ParameterList(torch.randn(48, 64) / 48**0.5 for _ in range(4))
        self.down = nn.ParameterList(torch.randn(64, 48) / 64**0.5 for _ in range(4))
        self.norm, self.head = nn.LayerNorm(48), nn.Linear(48, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = F.gelu(self.start(x))
        share = self.gate(h).softmax(1)
        experts = [F.gelu(h @ a) @ b for a, b in zip(self.up, self.down, strict=True)]
        h = h + torch.einsum("ne,end->nd", share, torch.stack(experts).to(share.dtype))
        return self.head(self.norm(h)), 4 * share.float().mean(0).square().sum()


def no_underflow(model: nn.Module, loss, optimizer: torch.optim.Optimizer) -> None:
    """With a scale 16 times larger, hardly any gradient entry is 0 that was not before."""
    wanted = list(model.parameters())
    plain = torch.autograd.grad(loss(model), wanted)
    larger = torch.autograd.grad(16 * loss(model), wanted)
    pairs = list(zip(plain, larger, strict=True))
    lost = sum(int(((a == 0) & (b != 0)).sum()) for a, b in pairs)
    assert all(b.isfinite().all() for _, b in pairs)
    assert lost < 1e-3 * sum(a.numel() for a in plain), lost


@case(
    None,
    about="a mixture of experts under float16 autocast; the loss is scaled by 1024, as it must be",
    facts=[wired(), steady("start", "norm"), no_underflow, learns()],
)
def scaled_half_precision_mixture():
    x, y = blobs(256, 24, classes=5)
    model = Mixture()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def loss(m: nn.Module) -> Tensor:
        with torch.autocast("cpu", dtype=torch.float16):
            scores, balance = m(x)
            total = F.cross_entropy(scores, y) + 0.01 * balance
        return 1024 * total

    train(model, loss, optimizer, 5)
    return model, loss, optimizer
