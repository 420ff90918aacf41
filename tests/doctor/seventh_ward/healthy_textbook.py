"""Healthy models in ten lines, as a textbook has them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.doctor.case import case
from tests.doctor.seventh_ward.healthy_data import blobs, letters
from tests.doctor.seventh_ward.sound import (
    learns,
    open_units,
    recalls,
    share,
    steady,
    train,
    value,
    wired,
)


def stack(width: int, depth: int, activation: type[nn.Module], start: int, end: int):
    """A plain MLP; the last layer reads out."""
    sizes = [start] + [width] * depth
    pairs = zip(sizes, sizes[1:], strict=False)
    layers = [m for a, b in pairs for m in (nn.Linear(a, b), activation())]
    return nn.Sequential(*layers, nn.Linear(width, end))


def classify(x: Tensor, y: Tensor):
    return lambda model: F.cross_entropy(model(x), y)


@case(
    None,
    about="fifteen ReLU layers with He initialisation",
    facts=[wired(), steady("0", "28"), open_units(), learns()],
)
def he_relu_stack():
    model = stack(96, 15, nn.ReLU, 24, 4)
    for layer in model[::2]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    x, y = blobs(256, 24)
    return model, classify(x, y), torch.optim.Adam(model.parameters(), lr=3e-4)


@case(
    None,
    about="forty tanh layers with orthogonal weights: dynamical isometry",
    facts=[wired(), steady("0", "78"), open_units(), learns()],
)
def orthogonal_tanh_stack():
    model = stack(48, 40, nn.Tanh, 16, 4)
    for layer in model[::2]:
        nn.init.orthogonal_(layer.weight)
        nn.init.zeros_(layer.bias)
    x, y = blobs(64, 16)
    return model, classify(x, y), torch.optim.RMSprop(model.parameters(), lr=1e-4)


@case(
    None,
    about="a self-normalising network: SELU, LeCun's initialisation, alpha dropout",
    facts=[wired(), steady("0", "36"), learns()],
)
def self_normalising_network():
    layers: list[nn.Module] = []
    for i in range(13):
        layers += [nn.Linear(64 if i else 30, 64), nn.SELU(), nn.AlphaDropout(0.05)]
    model = nn.Sequential(*layers, nn.Linear(64, 1))
    for layer in model[::3]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
        nn.init.zeros_(layer.bias)
    x, _ = blobs(128, 30)
    y = torch.sin(x[:, :1]) + x[:, 1:2]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.003, momentum=0.9)
    return model, lambda m: F.mse_loss(m(x), y), optimizer


class ReZero(nn.Module):
    """A residual block whose branch has a learned factor that starts at 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.factor = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.factor * self.inner(x)


@case(
    None,
    about="ReZero: at the first step all weights of all 30 blocks have gradient 0; no optimizer",
    facts=[wired(dark=("*.inner.*",), after=1), steady("0", "30"), learns(steps=30)],
)
def rezero_tower():
    model = nn.Sequential(nn.Linear(16, 32), *(ReZero(32) for _ in range(30)), nn.Linear(32, 4))
    return model, classify(*blobs(64, 16)), None


def stays_converged(model: nn.Module, loss, optimizer: torch.optim.Optimizer) -> None:
    """The loss is a thousandth of that of guessing, and further training leaves it there."""
    for _ in range(5):
        assert value(model, loss) < 1e-3 * math.log(3)
        train(model, loss, optimizer, 10)


@case(
    None,
    about="trained to the end: a loss near 1e-4, gradients to match, the optimizer still running",
    facts=[wired(), steady("0", "2"), open_units(), stays_converged],
)
def converged_classifier():
    x, y = blobs(128, 12, classes=3)
    x = x + 2 * F.one_hot(y, 12)
    model = stack(48, 2, nn.ReLU, 12, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    loss = classify(x, y)
    train(model, loss, optimizer, 120)
    return model, loss, optimizer


@case(
    None,
    about="squared micrometres: the loss is 1e-12, and SGD's rate makes up for it",
    facts=[wired(), steady("0", "4"), open_units(), learns(to=0.7)],
)
def loss_in_square_micrometres():
    model = stack(32, 3, nn.Tanh, 6, 1).double()
    x = torch.randn(128, 6, dtype=torch.float64)
    metres = 1e-6 * (x[:, :1] * x[:, 1:2] + x[:, 2:3])
    optimizer = torch.optim.SGD(model.parameters(), lr=5e10, momentum=0.9)
    return model, lambda m: F.mse_loss(1e-6 * m(x), metres), optimizer


@case(
    None,
    about="a summed loss over 2048 prices: 2e9 in value, with a learning rate of 3e-10",
    facts=[wired(), steady("0", "2"), open_units(), learns()],
)
def summed_loss_of_prices():
    model = stack(64, 2, nn.ReLU, 8, 1)
    x = torch.randn(2048, 8)
    y = 300 * (x @ torch.randn(8, 1) + x[:, :1].abs())
    optimizer = torch.optim.SGD(model.parameters(), lr=3e-10, momentum=0.9)
    loss = nn.MSELoss(reduction="sum")
    return model, lambda m: loss(300 * m(x), y), optimizer


class Reader(nn.Module):
    """A recurrent layer, read out at the last step only or at each."""

    def __init__(self, rnn: nn.RNNBase, each: bool = False) -> None:
        super().__init__()
        self.rnn, self.head, self.each = rnn, nn.Linear(rnn.hidden_size, 1), each

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.rnn(x)[0]
        return self.head(hidden if self.each else hidden[:, -1])


@case(
    None,
    about="a ReLU net with identity recurrent weights, read after 80 steps only",
    facts=[wired(), recalls("rnn"), learns(steps=40)],
)
def identity_rnn():
    rnn = nn.RNN(2, 64, nonlinearity="relu", batch_first=True)
    nn.init.eye_(rnn.weight_hh_l0)
    nn.init.normal_(rnn.weight_ih_l0, std=0.1)
    nn.init.zeros_(rnn.bias_ih_l0)
    nn.init.zeros_(rnn.bias_hh_l0)
    x = torch.randn(64, 80, 2)
    y = x.sum((1, 2)).unsqueeze(1) / 10
    model = Reader(rnn)
    return model, lambda m: F.mse_loss(m(x), y), torch.optim.Adam(model.parameters(), lr=1e-4)


@case(
    None,
    about="an LSTM over 200 steps of a wave, with a loss at every step: it may forget the first",
    facts=[wired(), recalls("rnn"), learns(steps=40)],
)
def wave_forecaster():
    start = 6 * torch.rand(16, 1)
    wave = torch.sin(start + 0.15 * torch.arange(201)).unsqueeze(2)
    model = Reader(nn.LSTM(1, 24, num_layers=2, batch_first=True), each=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    return model, lambda m: F.mse_loss(m(wave[:, :-1]), wave[:, 1:]), optimizer


class Document(nn.Module):
    """A pre-norm encoder with mean pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(20, 32), nn.Embedding(128, 32)
        layer = nn.TransformerEncoderLayer(32, 4, 64, 0.1, "gelu", batch_first=True,
                                           norm_first=True)  # fmt: skip
        self.encoder = nn.TransformerEncoder(layer, 4, nn.LayerNorm(32), False)
        self.head = nn.Linear(32, 2)

    def forward(self, words: Tensor) -> Tensor:
        x = self.token(words) + self.position.weight[: words.shape[1]]
        return self.head(self.encoder(x).mean(1))


@case(
    None,
    about="attention spread over 128 tokens: each weight is near 1/128, far from a one-hot choice",
    facts=[
        wired(idle=("encoder.layers.*.self_attn.in_proj_bias",)),
        steady("token", "encoder.layers.3"),
        open_units(),
        learns(steps=12),
    ],
)
def long_document_encoder():
    y = torch.arange(4) % 2
    words = torch.where(y[:, None] == 0, letters(4, 128, 20), torch.randint(20, (4, 128)))
    return Document(), classify(words, y), None


def others_wake_them(model: nn.Module, loss, optimizer: torch.optim.Optimizer) -> None:
    """About half of the units are 0 at each call, but hardly any over 64 calls."""
    for layer in (model[1], model[3]):
        fired: list[Tensor] = []
        layer.register_forward_hook(lambda module, inputs, out, to=fired: to.append(out[0] > 0))
        for _ in range(64):
            loss(model)
        assert 0.3 < share(torch.stack(fired)) < 0.7 and share(torch.stack(fired).any(0)) > 0.9


@case(
    None,
    about="one sample a step: half of the ReLU units are 0 on it, other samples wake them",
    facts=[others_wake_them, steady("0", "2", spread=False), learns(steps=200, draws=64)],
)
def online_regression():
    model = stack(64, 2, nn.ReLU, 8, 1)
    x = torch.randn(512, 8)
    y = x[:, :1] - 2 * x[:, 1:2]

    def loss(m: nn.Module) -> Tensor:
        i = torch.randint(512, (1,))
        return F.mse_loss(m(x[i]), y[i])

    return model, loss, torch.optim.SGD(model.parameters(), lr=0.01)


@case(
    None,
    about="softmax regression that starts at 0, as it always may: there is no hidden layer",
    facts=[wired(), learns()],
)
def softmax_regression_from_zero():
    model = nn.Linear(40, 5)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    x, y = blobs(300, 40, classes=5)
    return model, classify(x, y), torch.optim.SGD(model.parameters(), lr=0.1)
