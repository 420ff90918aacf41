"""Sick steps: learning rates that are too high or too low, and units that stay copies."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case
from tests.doctor.second_ward.proofs import copies
from tests.doctor.second_ward.training import rate_too_high, rate_too_low


@case(
    "lr_too_high",
    about="SGD with momentum at 3.0, copied from a run with another loss, on a regression",
    facts=[rate_too_high()],
)
def sgd_at_three():
    model = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
    model.append(nn.Linear(64, 1))
    x = torch.randn(256, 13)
    y = x[:, :3].sum(1, keepdim=True) + 2
    optimizer = torch.optim.SGD(model.parameters(), lr=3.0, momentum=0.9)
    return model, lambda m: F.mse_loss(m(x), y), optimizer


class TinyGPT(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(32, width), nn.Embedding(24, width)
        layer = nn.TransformerEncoderLayer(width, 4, 96, 0.0, "gelu", batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.lm_head = nn.Linear(width, 32)

    def forward(self, ids):
        T = ids.size(1)
        x = self.wte(ids) + self.wpe(torch.arange(T))
        mask = nn.Transformer.generate_square_subsequent_mask(T)
        return self.lm_head(self.blocks(x, mask=mask, is_causal=True))


def text(rows=8, length=24):
    return (torch.randint(0, 32, (rows, 1)) + torch.arange(length + 1) * 3) % 32


@case(
    "lr_too_high",
    about="a small language model under Adam at 0.3",
    facts=[rate_too_high()],
)
def adam_at_point_three():
    model, ids = TinyGPT(), text()
    loss = lambda m: F.cross_entropy(m(ids[:, :-1]).mT, ids[:, 1:])  # noqa: E731
    return model, loss, torch.optim.Adam(model.parameters(), lr=0.3)


@case(
    "lr_too_high",
    about="the loss is now summed over the batch of 512, the rate is still the one for the mean",
    facts=[rate_too_high()],
)
def summed_loss_with_the_old_rate():
    class Matrix(nn.Module):
        """Ratings by factorisation, with a bias of each user and film."""

        def __init__(self):
            super().__init__()
            self.user, self.film = nn.Embedding(40, 16), nn.Embedding(30, 16)
            self.user_bias, self.film_bias = nn.Embedding(40, 1), nn.Embedding(30, 1)

        def forward(self, u, f):
            dot = (self.user(u) * self.film(f)).sum(1)
            return dot + self.user_bias(u).squeeze(1) + self.film_bias(f).squeeze(1)

    u, f, stars = torch.randint(0, 40, (512,)), torch.randint(0, 30, (512,)), torch.rand(512) * 4
    model = Matrix()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return model, lambda m: F.mse_loss(m(u, f), stars, reduction="sum"), optimizer


@case(
    "lr_too_low",
    about="the rate was meant as 1e-2 and a sweep in log space made it 1e-9",
    facts=[rate_too_low(factor=1e6)],
)
def rate_from_a_sweep():
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(4),
        nn.Flatten(), nn.Linear(8 * 9, 5),
    )  # fmt: skip
    images, labels = torch.randn(40, 1, 12, 12), torch.randint(0, 5, (40,))
    loss = lambda m: F.cross_entropy(m(images), labels)  # noqa: E731
    return model, loss, torch.optim.AdamW(model.parameters(), lr=1e-9, weight_decay=0.01)


@case(
    "lr_too_low",
    about="SGD at 1e-9, 'because the loss was NaN once'",
    facts=[rate_too_low(factor=1e8)],
)
def timid_sgd():
    class Series(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.out = nn.LSTM(3, 24, batch_first=True), nn.Linear(24, 1)

        def forward(self, x):
            return self.out(self.lstm(x)[0]).squeeze(-1)

    x = torch.randn(16, 20, 3)
    y = x[..., 0] - x[..., 1]
    model = Series()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-9, nesterov=True, momentum=0.9)
    return model, lambda m: F.mse_loss(m(x), y), optimizer


@case(
    "symmetry",
    about="XOR from a tutorial, all weights 0.5: the hidden units are one unit",
    facts=[copies("layer1.weight")],
)
def xor_with_equal_weights():
    class Xor(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer1, self.layer2 = nn.Linear(2, 6), nn.Linear(6, 1)
            for p in self.parameters():
                nn.init.constant_(p, 0.5)

        def forward(self, x):
            return torch.sigmoid(self.layer2(torch.sigmoid(self.layer1(x))))

    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    model = Xor()
    return (
        model,
        lambda m: F.binary_cross_entropy(m(x), y),
        torch.optim.SGD(model.parameters(), lr=0.5),
    )


@case(
    "symmetry",
    about="convolutions filled with 1/fan_in to 'start as a mean filter'",
    facts=[copies("conv1.weight", "conv2.weight")],
)
def mean_filters_everywhere():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 8, 5), nn.Conv2d(8, 16, 3)
            self.fc = nn.Linear(16, 3)
            for conv in (self.conv1, self.conv2):
                nn.init.constant_(conv.weight, 1 / conv.weight[0].numel())
                nn.init.zeros_(conv.bias)
            self.fc.weight.data = torch.randn(3, 1).repeat(1, 16)

        def forward(self, x):
            x = F.max_pool2d(F.leaky_relu(self.conv1(x)), 2)
            return self.fc(F.leaky_relu(self.conv2(x)).mean((-1, -2)))

    images, labels = torch.rand(32, 1, 16, 16), torch.randint(0, 3, (32,))
    return Net(), lambda m: F.cross_entropy(m(images), labels), None
