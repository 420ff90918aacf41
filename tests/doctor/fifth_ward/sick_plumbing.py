"""Gradients that are exactly 0, missing, or not wanted by mistake."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertConfig, BertForSequenceClassification

from tests.doctor.case import Fact, Loss, Made, case

from . import measure


def zero(*names: str) -> Fact:
    """These parameters have gradient exactly 0 although the loss is finite and others learn."""

    def fact(model: nn.Module, loss: Loss, _: object) -> None:
        found = measure.gradients(model, loss)
        for name in names:
            assert found[name].count_nonzero() == 0, name
        assert any(g.count_nonzero() for g in found.values() if g is not None)

    return fact


def missing(*parts: str) -> Fact:
    """Exactly the parameters whose names begin so get no gradient."""

    def fact(model: nn.Module, loss: Loss, _: object) -> None:
        found = measure.gradients(model, loss)
        without = {name for name, g in found.items() if g is None}
        assert without == {name for name in found if name.startswith(parts)}, without
        assert without

    return fact


class RoundingAutoencoder(nn.Module):
    """Learned compression: the code is rounded to whole numbers for the entropy coder."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Conv2d(1, 12, 3, 2, 1), nn.LeakyReLU(0.1), nn.Conv2d(12, 8, 3, 2, 1)
        )
        self.decode = nn.Sequential(
            nn.ConvTranspose2d(8, 12, 4, 2, 1),
            nn.LeakyReLU(0.1),
            nn.ConvTranspose2d(12, 1, 4, 2, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(torch.round(4 * self.encode(x)) / 4)


@case(
    "zero_gradient",
    also=("vanishing",),
    cause="non-differentiable operation",
    about="image compression with torch.round and no straight-through estimator",
    facts=[zero("encode.0.weight", "encode.0.bias", "encode.2.weight", "encode.2.bias")],
)
def rounding_without_straight_through() -> Made:
    model = RoundingAutoencoder()
    images = torch.randn(8, 1, 16, 16)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return model, lambda m: F.mse_loss(m(images), images), optimizer


class GaussianPolicy(nn.Module):
    """Actor with one free log-deviation per action, clamped as in SAC."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 2))
        self.log_std = nn.Parameter(torch.full((2,), 3.0))

    def forward(self, states: Tensor) -> torch.distributions.Normal:
        return torch.distributions.Normal(self.mean(states), self.log_std.clamp(-20, 2).exp())


@case(
    "zero_gradient",
    cause=("non-differentiable operation", "saturating activation"),
    about="log-deviation of a policy starts above its clamp and can never come back",
    facts=[zero("log_std")],
)
def policy_deviation_beyond_clamp() -> Made:
    model = GaussianPolicy()
    states, actions = torch.randn(64, 6), torch.randn(64, 2)
    returns = torch.randn(64)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)

    def loss(m: nn.Module) -> Tensor:
        return -(m(states).log_prob(actions).sum(1) * returns).mean()

    return model, loss, optimizer


class EncoderLayer(nn.Module):
    """Post-norm encoder layer; the second norm was never wired in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, 2, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.ln1(x + self.attn(x, x, x, need_weights=False)[0])
        return self.ln1(x + self.ff(x))


@case(
    "no_gradient",
    cause="unused",
    about="copy and paste: both halves of an encoder layer use the first norm",
    facts=[missing("layers.0.ln2", "layers.1.ln2"), measure.learns(40, 0.95)],
)
def second_norm_never_called() -> Made:
    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(25, 32)
            self.layers = nn.ModuleList(EncoderLayer(32) for _ in range(2))
            self.head = nn.Linear(32, 5)

        def forward(self, tokens: Tensor) -> Tensor:
            x = self.embed(tokens)
            for layer in self.layers:
                x = layer(x)
            return self.head(x)

    model = Tagger()
    tokens = torch.randint(0, 25, (8, 10))
    tags = tokens % 5
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return model, lambda m: F.cross_entropy(m(tokens).flatten(0, 1), tags.flatten()), optimizer


@case(
    "no_gradient",
    cause="detached",
    about="two-stage regressor whose features pass through .detach().numpy() on the way",
    facts=[missing("backbone"), measure.gradients_arrive(but=("backbone",))],
)
def features_through_numpy() -> Made:
    class TwoStage(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = nn.Sequential(nn.Linear(10, 32), nn.SiLU(), nn.Linear(32, 16))
            self.refine = nn.Sequential(nn.Linear(16, 16), nn.SiLU(), nn.Linear(16, 1))

        def forward(self, x: Tensor) -> Tensor:
            features = self.backbone(x)
            low, high = features.detach().numpy().min(), features.detach().numpy().max()
            scaled = torch.from_numpy((features.detach().numpy() - low) / (high - low))
            return self.refine(scaled)

    model = TwoStage()
    x = torch.randn(32, 10)
    y = x[:, :2].sum(1, keepdim=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    return model, lambda m: F.mse_loss(m(x), y), optimizer


@case(
    "no_gradient",
    cause="detached",
    about="GAN: the generator's loss scores fake.detach(), copied from the critic's step",
    facts=[missing("up", "out")],
)
def generator_scored_detached() -> Made:
    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up = nn.Linear(8, 48)
            self.out = nn.Linear(48, 2)

        def forward(self, z: Tensor) -> Tensor:
            return self.out(F.leaky_relu(self.up(z), 0.2))

    model = Generator()
    critic = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def loss(m: nn.Module) -> Tensor:
        fake = m(torch.randn(32, 8))
        return F.softplus(-critic(fake.detach())).mean()

    return model, loss, optimizer


def nothing_trains(model: nn.Module, loss: Loss, optimizer: torch.optim.Optimizer) -> None:
    given = [p for group in optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in given} == {id(p) for p in model.parameters()}
    assert not any(p.requires_grad for p in given)
    assert not loss(model).requires_grad


@case(
    "frozen",
    cause="not trainable",
    about="tiny BERT for classification: all frozen, head too, all handed to AdamW",
    facts=[nothing_trains],
)
def bert_frozen_with_its_head() -> Made:
    config = BertConfig(
        vocab_size=60,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=16,
    )
    model = BertForSequenceClassification(config)
    for parameter in model.parameters():
        parameter.requires_grad = False
    tokens, labels = torch.randint(0, 60, (4, 12)), torch.tensor([0, 1, 0, 1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
    return model, lambda m: m(input_ids=tokens, labels=labels).loss, optimizer


def middle_is_frozen(model: nn.Module, loss: Loss, _: object) -> None:
    frozen = {n for n, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {n for n, _ in model.named_parameters() if n.startswith(("conv1.", "bn1."))}
    assert measure.gradients(model, loss)["conv0.weight"].norm() > 0


@case(
    "frozen",
    cause="not trainable",
    about="'freeze layer 1' met the second convolution of a net that is trained from scratch",
    facts=[middle_is_frozen],
)
def off_by_one_freeze() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for i, (a, b) in enumerate([(3, 12), (12, 12), (12, 24), (24, 24)]):
                self.add_module(f"conv{i}", nn.Conv2d(a, b, 3, padding=1, bias=False))
                self.add_module(f"bn{i}", nn.BatchNorm2d(b))
            self.fc = nn.Linear(24, 6)

        def forward(self, x: Tensor) -> Tensor:
            for i in range(4):
                x = F.relu(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x)))
            return self.fc(x.mean((2, 3)))

    model = Net()
    for name, parameter in model.named_parameters():
        if "1." in name:
            parameter.requires_grad_(False)
    images, labels = torch.randn(12, 3, 10, 10), torch.arange(12) % 6
    return model, lambda m: F.cross_entropy(m(images), labels), None
