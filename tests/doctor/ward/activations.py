"""Units that no longer answer: dead ReLUs, and values in the flat part of a squashing function."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from tests.doctor.case import case

from .material import Lambda, classify, convnet, fit, gain, he, images, initialise, mlp, pictures
from .proofs import (
    activations,
    all_alike,
    dead,
    flat,
    gradients,
    seen,
    signal,
    stuck,
    trains,
    zero_gradient,
)

# Nothing gets through the second layer, in either direction.
NOTHING_PASSES = [
    dead("act2", (1, 1)),
    zero_gradient("layer1.weight", "layer2.weight"),
    signal("layer1", "head", (0, 0)),
    activations("layer1", "layer3", (0, 0)),
    all_alike("act2"),
    stuck(),
]


@case(
    "dead_relu",
    also=("zero_gradient", "vanishing", "forward_vanishing", "rank_collapse"),
    cause="bias",
    about="A bias of -50 in the second layer: no unit of it ever gives anything.",
    facts=NOTHING_PASSES,
)
def biases_of_minus_fifty():
    net = mlp(3, nn.ReLU, he)
    nn.init.constant_(net.layer2.bias, -50.0)
    return net, classify(*images()), None


@case(
    "dead_relu",
    cause="bias",
    about="Most units of the third layer died of their biases; the rest still carries a signal.",
    facts=[dead("act3", (0.6, 0.85))],
)
def three_quarters_dead():
    net = mlp(4, nn.ReLU, he)
    with torch.no_grad():
        net.layer3.bias[:48] = -20.0
    return net, classify(*images()), None


@case(
    "dead_relu",
    cause="bias",
    about="Not far beyond the limit: 38 of 64 units of the first layer.",
    facts=[dead("act1", (0.5, 0.7))],
)
def just_over_half_dead():
    net = mlp(2, nn.ReLU, he)
    with torch.no_grad():
        net.layer1.bias[:38] = -30.0
    return net, classify(*images()), None


@case(
    "dead_relu",
    cause="learning rate too high",
    about="A learning rate of 2 was used for some steps, and has thrown the units out of reach.",
    facts=[dead("act2", (0.5, 1))],
)
def killed_by_large_steps():
    net, loss = mlp(3, nn.ReLU, he), classify(*images())
    optimizer = torch.optim.SGD(net.parameters(), lr=2.0)
    for _ in range(6):
        optimizer.zero_grad()
        loss(net).backward()
        optimizer.step()
    return net, loss, torch.optim.SGD(net.parameters(), lr=0.01)


@case(
    "dead_relu",
    also=("zero_gradient", "vanishing", "forward_vanishing", "rank_collapse"),
    cause="initialisation too small",
    about="Weights from -0.1..0 instead of around 0: after a ReLU only negative sums are left.",
    facts=NOTHING_PASSES,
)
def weights_below_zero():
    net = mlp(3, nn.ReLU, he)
    nn.init.uniform_(net.layer2.weight, -0.1, 0.0)
    nn.init.constant_(net.layer2.bias, -0.1)
    return net, classify(*images()), None


@case(
    "dead_relu",
    cause="bias",
    about="A convolution most of whose channels have a bias far below zero.",
    facts=[dead("act2", (0.5, 0.8))],
)
def dead_channels():
    net = convnet(3, nn.ReLU, he)
    with torch.no_grad():
        net.conv2.bias[:5] = -15.0
    return net, classify(*pictures()), None


@case(
    "saturation",
    cause="initialisation too large",
    about="Three tanh layers with weights ten times too large: most units sit at -1 or 1.",
    facts=[flat("layer2", torch.tanh, (0.6, 1)), signal("layer1", "layer3", (0.1, 100))],
)
def tanh_at_its_limits():
    return mlp(3, nn.Tanh, gain(10.0)), classify(*images()), None


@case(
    "saturation",
    cause="input scale",
    about="Pixels of 0 to 255 into sigmoid units: the first layer is full on or full off.",
    facts=[flat("layer1", torch.sigmoid, (0.6, 1))],
)
def raw_pixels_into_sigmoid():
    pixels = torch.from_numpy(load_digits().data[:128]).float() * 16
    return mlp(2, nn.Sigmoid, nn.init.xavier_normal_), classify(pixels, images()[1]), None


@case(
    "saturation",
    cause="bias",
    about="A bias of 3 pushes most units of a tanh layer to its upper end.",
    facts=[flat("layer2", torch.tanh, (0.6, 1))],
)
def tanh_pushed_aside():
    net = mlp(3, nn.Tanh, gain(1.0))
    nn.init.constant_(net.layer2.bias, 3.0)
    return net, classify(*images()), None


@case(
    "saturation",
    cause="initialisation too large",
    about="Hidden values are cut to -1..1, but have a size of ten.",
    facts=[flat("layer2", F.hardtanh, (0.7, 1))],
)
def clamped_hidden_values():
    net = nn.Sequential()
    for i in range(1, 4):
        net.add_module(f"layer{i}", nn.Linear(64, 64))
        net.add_module(f"cut{i}", Lambda(lambda z: z.clamp(-1.0, 1.0)))
    net.add_module("head", nn.Linear(64, 10))
    return initialise(net, gain(12.0)), classify(*images()), None


def far_off_and_flat(model, loss, optimizer):
    assert loss(model) > 0.8
    flat("head", torch.sigmoid, (0.9, 1))(model, loss, optimizer)


@case(
    "saturation",
    cause="loss choice",
    about="A sigmoid output at 1 where 0 is right, with the squared error: it cannot turn back.",
    facts=[far_off_and_flat, stuck(above=0.8)],
)
def certain_and_wrong():
    x, y = images()
    net = mlp(2, nn.ReLU, he, outputs=1)
    nn.init.constant_(net.head.bias, 14.0)
    net.add_module("probability", nn.Sigmoid())
    return net, fit(x, (y == 10).float()[:, None]), None


class Gate(nn.Module):
    """A block that multiplies by a gate, computed by a function and not by a module."""

    def __init__(self, width):
        super().__init__()
        self.value, self.gate = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x):
        return x + torch.sigmoid(self.gate(x)) * torch.tanh(self.value(x))


@case(
    "saturation",
    cause="initialisation too large",
    about="Gated blocks, weights fifteen times too large: gates and values are all on or all off.",
    facts=[flat("1.gate", torch.sigmoid, (0.7, 1)), flat("1.value", torch.tanh, (0.7, 1))],
)
def gates_that_do_not_move():
    net = nn.Sequential(*(Gate(64) for _ in range(3)), nn.Linear(64, 10))
    initialise(net, gain(15.0))
    nn.init.normal_(net[3].weight, std=0.1)
    return net, classify(*images()), None


@case(
    None,
    about="In a deep He network samples grow alike, so a third of the units is off for all of them",
    facts=[trains(lr=2e-3, steps=60), dead("act24", (0.2, 0.45))],
)
def units_that_look_dead():
    return mlp(24, nn.ReLU, he), classify(*images()), None


@case(
    None,
    about="With a single sample half of the ReLU units give 0, by chance.",
    facts=[trains(), dead("act1", (0.3, 0.7))],
)
def batch_of_one():
    return mlp(2, nn.ReLU, he), classify(*images(1)), None


@case(
    None,
    about="Pixels of 0 to 255 into a ReLU network: large numbers everywhere, and it learns.",
    facts=[trains(lr=1e-3), dead("act1", (0, 0.2))],
)
def raw_pixels_into_relu():
    pixels = torch.from_numpy(load_digits().data[:128]).float() * 16
    return mlp(2, nn.ReLU), classify(pixels, images()[1]), None


def right_and_saturated(model, loss, optimizer):
    assert loss(model) < 1e-3
    flat("head", torch.sigmoid, (0.9, 1))(model, loss, optimizer)


@case(
    None,
    about="A trained classifier is sure of itself: its output sigmoid is flat, as it should be.",
    facts=[right_and_saturated],
)
def sigmoid_output_that_is_right():
    x, y = images(64)
    net, target = mlp(2, nn.ReLU, he, outputs=1), (y < 5).float()[:, None]
    loss = lambda model: F.binary_cross_entropy(torch.sigmoid(model(x)), target)  # noqa: E731
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss(net).backward()
        optimizer.step()
    return net, loss, optimizer


def slopes_learn(model, loss, optimizer):
    assert all(gradients(model, loss)[f"act{i}.weight"].abs() > 1e-4 for i in range(1, 5))


@case(None, about="Slopes below zero that are learnt.", facts=[trains(), slopes_learn])
def prelu():
    return mlp(4, nn.PReLU, he), classify(*images()), None


def mostly_zero(model, loss, optimizer):
    output = seen(model, loss, "act1")["act1"][-1]
    assert (output == 0).double().mean() > 0.7
    dead("act1", (0, 0.1))(model, loss, optimizer)


@case(
    None,
    about="Biases of -1 keep four of five ReLU outputs at 0, but no unit is off for all samples.",
    facts=[trains(), mostly_zero],
)
def sparse_on_purpose():
    net = mlp(2, nn.ReLU, he, width=128)
    nn.init.constant_(net.layer1.bias, -1.0)
    return net, classify(*images(256)), None


@case(
    None,
    about="Half of each layer's units are dropped, others in each pass.",
    facts=[trains(lr=3e-3)],
)
def dropout_of_half():
    net = mlp(3, lambda: nn.Sequential(nn.ReLU(), nn.Dropout(0.5)), he, width=128)
    return net, classify(*images()), None
