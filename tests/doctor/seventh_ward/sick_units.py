"""Units that are dead, flat, quantised or copies of each other."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.doctor.case import case
from tests.doctor.seventh_ward.measure import copies, dead, flat, zero
from tests.doctor.seventh_ward.sick_parts import (
    Attention,
    Skip,
    adam,
    classify,
    mlp,
    pictures,
    regress,
    table,
)
from tests.doctor.seventh_ward.sick_training_facts import holds, losses, stuck


@case(
    "saturation",
    cause=("initialisation too large", "saturating activation"),
    about="a sigmoid net whose weights come from a standard normal",
    facts=[flat(name, "sigmoid", share=0.6) for name in ("3", "5", "7")],
)
def sigmoid_mlp_with_standard_normal_weights():
    x, y = table(128, 100, 4)
    model = mlp([100, 300, 300, 300, 300, 4], nn.Sigmoid)
    for p in model.parameters():
        nn.init.normal_(p)
    return model, classify(x, target=y), torch.optim.SGD(model.parameters(), 0.001)


def rooted_is_not_flat(model: nn.Module, loss) -> bool:
    model[1][1].scale = 128**-0.5
    try:
        flat(torch.softmax, "softmax")(model, loss, None)
    except AssertionError:
        return True
    return False


@case(
    "saturation",
    cause=("attention logit scale", "saturating activation"),
    about="self-attention never divided by the root of its 128-wide heads, in bfloat16 autocast",
    facts=[flat(torch.softmax, "softmax", share=0.8), holds(rooted_is_not_flat)],
)
def attention_without_the_root():
    x = torch.randn(8, 12, 8)
    attention = Attention(256, 2, scale=1.0)
    nn.init.xavier_normal_(attention.qkv.weight, gain=2**0.5)
    model = nn.Sequential(
        nn.Linear(8, 256),
        Skip(nn.LayerNorm(256), attention),
        Skip(nn.LayerNorm(256), *mlp([256, 256, 256], nn.GELU)),
        nn.Linear(256, 8),
    )

    def loss(m):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = m(x)
        return F.mse_loss(out.float(), x.flip(1))

    return model, loss, torch.optim.AdamW(model.parameters(), 1e-3)


@case(
    "saturation",
    cause=("input scale", "saturating activation"),
    about="a policy gradient step on raw observations: positions in pixels, angles in degrees",
    facts=[flat("1", "tanh", share=0.8)],
)
def tanh_policy_on_raw_observations():
    seen = torch.rand(256, 6) * torch.tensor([640.0, 480, 360, 50, 50, 1])
    action, advantage = torch.randint(0, 4, (256,)), torch.randn(256)
    model = mlp([6, 64, 64, 4], nn.Tanh)

    def loss(m):
        pi = torch.distributions.Categorical(logits=m(seen))
        return -(pi.log_prob(action) * advantage + 0.01 * pi.entropy()).mean()

    return model, loss, adam(model, 3e-4)


class Segment(nn.Module):
    """A U-Net of one level; logits per pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(1, 8, 3, padding=1)
        self.deep = nn.Conv2d(8, 16, 3, padding=1)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.out = nn.Conv2d(16, 1, 1)
        nn.init.constant_(self.out.bias, -14.0)

    def forward(self, x: Tensor) -> Tensor:
        skip = F.leaky_relu(self.down(x))
        deep = F.leaky_relu(self.deep(F.max_pool2d(skip, 2)))
        return self.out(torch.cat([skip, self.up(deep)], 1))


def cross_entropy_learns(model: nn.Module, loss) -> bool:
    def other(m):
        return F.binary_cross_entropy_with_logits(m[0](loss.x), loss.mask)

    seen = losses(model, other, torch.optim.SGD(model.parameters(), 0.1), 60)
    return seen[-1] < 0.5 * seen[0]


@case(
    "saturation",
    cause=("loss choice", "saturating activation", "bias"),
    about="a U-Net with squared error on its sigmoid, which says 0 for every pixel; half are 1",
    facts=[
        flat("1", "sigmoid", share=1.0),
        holds(lambda m, loss: loss(m) > 0.3),
        stuck(60),
        holds(cross_entropy_learns),
    ],
)
def unet_with_squared_error_on_a_flat_sigmoid():
    x = F.avg_pool2d(torch.randn(4, 1, 16, 16), 5, 1, 2)
    model = nn.Sequential(Segment(), nn.Sigmoid())
    loss = regress(x, target=(x > 0).float())
    loss.x, loss.mask = x, (x > 0).float()
    return model, loss, torch.optim.SGD(model.parameters(), 0.1)


@case(
    "dead_relu",
    cause=("bias", "dead units"),
    about="every bias starts at -0.45",
    facts=[dead("3", share=0.6)],
)
def biases_below_zero():
    x, y = table(200, 16, 3)
    model = mlp([16, 64, 64, 3], nn.ReLU)
    for layer in model[::2]:
        nn.init.constant_(layer.bias, -0.45)
    return model, classify(x, target=y), adam(model)


@case(
    "dead_relu",
    cause=("learning rate too high", "dead units", "bias"),
    about="a digit classifier after a few steps at a rate that was too high; now resumed with less",
    facts=[dead("3", dim=1, share=0.6), dead("7", share=0.6)],
)
def digits_after_a_wild_start():
    x, y = pictures(80, 1, 12, 10)
    model = nn.Sequential(
        *(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(216, 64), nn.ReLU(), nn.Linear(64, 10)),
    )
    loss = classify(x, target=y)
    losses(model, loss, torch.optim.SGD(model.parameters(), 2.0, momentum=0.9), 8)
    return model, loss, torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9)


@case(
    "dead_relu",
    cause=("input scale", "dead units"),
    about="a spectrogram net is fed decibels, -80 to 0, as they are",
    facts=[dead("0", dim=1, share=0.6)],
)
def decibels_below_zero():
    x, y = pictures(16, 1, 24, 4)
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 5, stride=2), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU()),
        *(nn.Conv2d(16, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(16, 4),
    )
    return model, classify(30 * x - 80, target=y), adam(model)


class Sign(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sign(x)


@case(
    "zero_gradient",
    cause="non-differentiable operation",
    about="semantic hashing: `sign` makes the code, without a straight-through estimator",
    facts=[zero("0.weight", "2.weight", "2.bias", alive=("4.weight",))],
)
def hash_codes_by_sign():
    x = torch.randn(96, 8) @ torch.randn(8, 32)
    model = nn.Sequential(*mlp([32, 64, 24], nn.ELU), Sign(), nn.Linear(24, 32))
    return model, regress(x, target=x), adam(model)


@case(
    "zero_gradient",
    also=("saturation",),
    cause=("bias", "saturating activation", "non-differentiable operation"),
    about="a depth net whose output is clamped to 0.1 m and more starts below that everywhere",
    facts=[zero("0.weight", "1.bias", "3.weight"), holds(lambda m, loss: loss(m) > 1)],
)
def clamp_below_every_depth():
    x = torch.rand(4, 3, 16, 16)
    depth = 1 + 10 * x.mean(1, keepdim=True)
    model = nn.Sequential(
        *(nn.Conv2d(3, 12, 3, padding=1), nn.BatchNorm2d(12), nn.SiLU()),
        nn.Conv2d(12, 1, 3, padding=1),
    )
    nn.init.constant_(model[-1].bias, -4.0)
    return model, lambda m: F.l1_loss(m(x).clamp(0.1, 80), depth), adam(model)


@case(
    "symmetry",
    cause="initialisation constant",
    about="all weights are 0.05",
    facts=[copies("0.weight", "2.weight")],
)
def all_weights_alike():
    x = torch.randn(100, 10)
    model = mlp([10, 32, 32, 1], nn.Tanh)
    for p in model.parameters():
        nn.init.constant_(p, 0.05)
    return model, regress(x, target=x[:, :2].sum(1, keepdim=True)), adam(model, 1e-2)
