"""Units that are copies of each other, and samples that become one."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .material import (
    Lambda,
    Residual,
    classify,
    convnet,
    fit,
    gain,
    he,
    images,
    initialise,
    mlp,
    pictures,
)
from .proofs import (
    activations,
    all_alike,
    copies,
    dead,
    signal,
    spread,
    stuck,
    trains,
    zero_gradient,
)


@case(
    "symmetry",
    also=("vanishing",),
    cause="initialisation constant",
    about="Every weight is 1/64. One class pulls up, the others push down: no signal gets past.",
    facts=[copies("layer1.weight"), signal("layer1", "head", (0, 1e-5))],
)
def all_weights_equal():
    return mlp(2, nn.Tanh, lambda w: nn.init.constant_(w, 1 / 64)), classify(*images()), None


@case(
    "symmetry",
    also=("zero_gradient", "vanishing", "forward_vanishing", "dead_relu", "rank_collapse"),
    cause="initialisation constant",
    about="Every weight is 0: nothing but the last bias can ever learn.",
    facts=[
        copies("layer2.weight"),
        zero_gradient("layer1.weight", "layer2.weight", "layer3.weight", "head.weight"),
        dead("act3", (1, 1)),
        all_alike("layer1"),
        stuck(),
    ],
)
def all_weights_zero():
    return mlp(3, nn.ReLU, nn.init.zeros_), classify(*images()), None


@case(
    "symmetry",
    cause="initialisation constant",
    about="Filters and read-out of a convnet for regression are constant.",
    facts=[copies("conv1.weight")],
)
def equal_filters():
    x, y = pictures()
    net = convnet(2, nn.Tanh)
    net.head = nn.Linear(32, 1)
    initialise(net, lambda w: nn.init.constant_(w, 1 / w[0].numel()))
    return net, fit(x, y[:, None] / 10.0), None


def copied_halves(model, loss, optimizer):
    """The second half of the units repeats the first, in weights and gradients, for ever."""
    for _ in range(5):
        loss(model).backward()
        for rows in (model.layer1.weight.detach(), model.layer1.weight.grad):
            first, second = rows.chunk(2)
            assert (first - second).abs().max() <= 1e-5 * rows.abs().max()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.1 * parameter.grad
                parameter.grad = None


@case(
    "symmetry",
    cause="initialisation constant",
    about="A layer of 32 units was widened to 64 by copying them, without noise.",
    facts=[copied_halves],
)
def widened_by_copying():
    net = mlp(2, nn.ReLU, he)
    with torch.no_grad():
        net.layer1.weight[32:] = net.layer1.weight[:32]
        net.layer2.weight /= 2
        net.layer2.weight[:, 32:] = net.layer2.weight[:, :32]
    return net, classify(*images()), None


@case(
    "symmetry",
    cause="initialisation constant",
    about="Random weights, but the second layer and the read-out behind it were set to constants.",
    facts=[copies("layer2.weight")],
)
def one_constant_layer():
    x, y = images()
    net = mlp(2, nn.GELU, he, outputs=1)
    nn.init.constant_(net.layer2.weight, 0.05)
    nn.init.constant_(net.head.weight, 0.05)
    return net, fit(x, y[:, None] / 10.0), None


@case(
    "symmetry",
    cause="initialisation constant",
    about="A recurrent network all of whose weights are 0.02.",
    facts=[copies("rnn.weight_ih_l0")],
)
def constant_rnn():
    net = nn.ModuleDict({"rnn": nn.RNN(8, 16, batch_first=True), "head": nn.Linear(16, 1)})
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.02)
    x, y = images()
    x = x.reshape(-1, 8, 8)
    return net, lambda m: F.mse_loss(m["head"](m["rnn"](x)[0].mean(1)), y[:, None] / 10.0), None


class Average(nn.Module):
    """A graph convolution: each node takes the mean of its neighbours, then a linear map."""

    def __init__(self, adjacency, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.register_buffer("mean", adjacency / adjacency.sum(1, keepdim=True))

    def forward(self, x):
        return torch.relu(self.linear(self.mean @ x))


def graph_of_digits(neighbours=8):
    """Each of 64 digits is linked to its nearest ones, and to itself."""
    x, y = images(64)
    near = torch.cdist(x, x).argsort(1)[:, : neighbours + 1]
    links = torch.zeros(64, 64).scatter_(1, near, 1.0)
    return x, y, ((links + links.T) > 0).float()


@case(
    "rank_collapse",
    cause="missing residual",
    about="Twenty-four graph convolutions: all nodes end with the same features.",
    facts=[spread("23", (0, 1.5e-3)), spread("0", (0.1, 1))],
)
def graph_convolutions_smooth_all():
    x, y, links = graph_of_digits(24)
    layers = [Average(links, 64, 64) for _ in range(24)]
    return initialise(nn.Sequential(*layers, nn.Linear(64, 10)), he), classify(x, y), None


@case(
    "rank_collapse",
    also=("forward_exploding",),
    cause="bias",
    about="Biases of three thousand beside activations of size one: all samples look the same.",
    facts=[spread("layer3", (0, 1e-3)), activations("layer1", "layer3", (1e3, 1e4)), stuck()],
)
def drowned_in_biases():
    net = mlp(3, nn.ReLU, he)
    nn.init.constant_(net.layer3.bias, 3000.0)
    return net, classify(*images()), None


@case(
    "rank_collapse",
    also=("vanishing",),
    cause="initialisation too small",
    about="Tanh with small weights and large biases: every input leads to the same point.",
    facts=[spread("layer18", (0, 1e-4)), signal("layer1", "layer18", (0, 1e-3)), stuck()],
)
def ordered_phase():
    net = mlp(18, nn.Tanh, gain(0.6))
    for module in net:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.bias, std=0.5)
    return net, classify(*images()), None


@case(None, about="Two steps of averaging make neighbours alike, which helps.", facts=[trains()])
def two_graph_convolutions():
    x, y, links = graph_of_digits()
    net = nn.Sequential(Average(links, 64, 64), Average(links, 64, 64), nn.Linear(64, 10))
    return initialise(net, he), classify(x, y), None


@case(None, about="Ten graph convolutions whose skips keep nodes apart.", facts=[trains()])
def graph_convolutions_with_skips():
    x, y, links = graph_of_digits()
    layers = [Residual(Average(links, 64, 64), scale=0.3) for _ in range(10)]
    return initialise(nn.Sequential(*layers, nn.Linear(64, 10)), he), classify(x, y), None


@case(
    None,
    about="Biases and norm scales are constants, as they always are; weights are not.",
    facts=[trains()],
)
def constant_biases_and_scales():
    net = mlp(3, nn.ReLU, he, norm=nn.LayerNorm)
    for module in net:
        if isinstance(module, nn.Linear):
            nn.init.constant_(module.bias, 0.01)
    return net, classify(*images()), None


@case(
    None,
    about="Inputs that differ by a hundredth of their size: alike, but not one, and told apart.",
    facts=[trains(steps=60)],
)
def samples_that_are_alike():
    x, y = images()
    net = nn.Sequential(nn.BatchNorm1d(64), *mlp(2, nn.ReLU, he))
    return net, classify(5.0 + 0.05 * x, y), None


@case(None, about="A bottleneck of a single unit has no copies.", facts=[trains(steps=60)])
def one_hidden_unit():
    x, _ = images()
    net = nn.Sequential(nn.Linear(64, 1), Lambda(torch.tanh), nn.Linear(1, 1))
    return net, fit(x, torch.tanh(x[:, 20:21])), None
