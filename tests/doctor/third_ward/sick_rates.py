"""Learning rates that are too high or too low, on networks whose gradients are sound."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .facts import signal
from .facts_of_training import relative_update, too_high

SOUND = signal(low=1e-2, high=1e2)


@case(
    "lr_too_high",
    about="linear regression by gradient descent at five times the largest stable rate",
    facts=[too_high()],
)
def ridge_five_times_too_fast():
    torch.manual_seed(71)
    x = torch.randn(200, 30)
    y = x @ torch.randn(30, 1) + 0.1 * torch.randn(200, 1)
    curvature = torch.linalg.eigvalsh(2 * x.T @ x / 200)[-1].item()
    net = nn.Linear(30, 1)
    return net, lambda m: F.mse_loss(m(x), y), torch.optim.SGD(net.parameters(), 5 * 2 / curvature)


@case(
    "lr_too_high",
    about="a small BERT classifier tuned by AdamW at 0.5 instead of 5e-5",
    facts=[too_high(smaller=1e-4)],
)
def bert_at_half():
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(72)
    config = BertConfig(
        vocab_size=80,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        num_labels=3,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    net = BertForSequenceClassification(config)
    batch = {"input_ids": torch.randint(0, 80, (16, 20)), "labels": torch.randint(0, 3, (16,))}
    return net, lambda m: m(**batch).loss, torch.optim.AdamW(net.parameters(), lr=0.5)


@case(
    "lr_too_high",
    about="a critic on undiscounted returns in the hundreds, SGD with momentum at 0.02",
    facts=[too_high(smaller=1e-5), SOUND],
)
def critic_on_raw_returns():
    torch.manual_seed(73)
    net = nn.Sequential(nn.Linear(8, 64), nn.ELU(), nn.Linear(64, 64), nn.ELU(), nn.Linear(64, 1))
    obs = torch.randn(64, 8)
    returns = 300 + 80 * obs[:, :1]
    opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    return net, lambda m: F.mse_loss(m(obs), returns), opt


@case(
    "lr_too_high",
    about="the loss was summed over 256 images with a rate meant for the mean",
    facts=[too_high(smaller=1e-3), SOUND],
)
def summed_loss_with_mean_rate():
    torch.manual_seed(74)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, stride=2),
        nn.LeakyReLU(0.1),
        nn.Conv2d(16, 16, 3, padding=1, stride=2),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )
    x, y = torch.randn(256, 3, 8, 8), torch.randint(0, 10, (256,))
    opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    return net, lambda m: F.cross_entropy(m(x), y, reduction="sum"), opt


@case(
    "lr_too_low",
    about="Adam with 1e-8 where its eps was meant",
    facts=[relative_update(high=1e-6, better=1e5), SOUND],
)
def adam_with_eps_for_lr():
    torch.manual_seed(75)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(6, 24, bidirectional=True, batch_first=True)
            self.tag = nn.Linear(48, 5)

        def forward(self, x):
            return self.tag(self.gru(x)[0])

    x, y = torch.randn(10, 12, 6), torch.randint(0, 5, (10, 12))
    net = Net()
    opt = torch.optim.Adam(net.parameters(), lr=1e-8)
    return net, lambda m: F.cross_entropy(m(x).flatten(0, 1), y.flatten()), opt


@case(
    "lr_too_low",
    about="SGD at 1e-6 on a sound conv net: relative updates of 5e-7 and less; just sick",
    facts=[relative_update(high=8e-7, better=1e5), SOUND],
)
def sgd_one_in_a_million():
    torch.manual_seed(76)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 4),
    )
    x, y = torch.randn(64, 1, 14, 14), torch.randint(0, 4, (64,))
    opt = torch.optim.SGD(net.parameters(), lr=1e-6)
    return net, lambda m: F.cross_entropy(m(x), y), opt
