"""Faults between the layers: graphs that are cut, and weights that are left out or frozen."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .material import (
    Residual,
    classify,
    convnet,
    fit,
    he,
    images,
    initialise,
    mlp,
    pictures,
)
from .proofs import gradients, trainable, trains, without_gradient


class Two(nn.Module):
    """An encoder, something in between, and a head."""

    def __init__(self, between, outputs=10):
        super().__init__()
        self.encoder = mlp(2, nn.ReLU, he, outputs=32)
        self.head, self.between = nn.Linear(32, outputs), between

    def forward(self, x):
        return self.head(self.between(self.encoder(x)))


ENCODER = [f"encoder.{n}.{p}" for n in ("layer1", "layer2", "head") for p in ("weight", "bias")]


@case(
    "no_gradient",
    cause="detached",
    about="``.detach()`` between encoder and head, forgotten after a trial.",
    facts=[without_gradient(*ENCODER)],
)
def detached_features():
    return Two(lambda h: h.detach()), classify(*images()), None


@case(
    "no_gradient",
    cause="detached",
    about="Features take a detour through NumPy, which knows no gradients.",
    facts=[without_gradient(*ENCODER)],
)
def through_numpy():
    between = lambda h: torch.from_numpy(h.detach().numpy()).relu()  # noqa: E731
    net = Two(between)
    return net, classify(*images()), torch.optim.Adam(net.parameters(), 1e-3)


class NoGrad(nn.Module):
    """A stem that runs under ``no_grad``, as if it were still frozen."""

    def __init__(self):
        super().__init__()
        self.stem, self.body = nn.Linear(64, 64), mlp(2, nn.ReLU, he)

    def forward(self, x):
        with torch.no_grad():
            h = self.stem(x)
        return self.body(h)


@case(
    "no_gradient",
    cause="detached",
    about="The stem's weights want gradients and are in the optimizer, but run under ``no_grad``.",
    facts=[without_gradient("stem.weight", "stem.bias")],
)
def stem_under_no_grad():
    net = NoGrad()
    return net, classify(*images()), torch.optim.SGD(net.parameters(), 0.1)


class Forgetful(nn.Module):
    """A third layer that is made, and never called."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = (nn.Linear(64, 64) for _ in range(3))
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(F.relu(self.second(F.relu(self.first(x)))))


@case(
    "no_gradient",
    cause="unused",
    about="Three layers are made, two are called.",
    facts=[without_gradient("third.weight", "third.bias")],
)
def layer_never_called():
    net = Forgetful()
    return net, classify(*images()), torch.optim.Adam(net.parameters(), 1e-3)


@case(
    "no_gradient",
    cause="detached",
    about="``.item()`` in the loss, and a new tensor made of it: there is no graph at all.",
    facts=[without_gradient(*(f"{n}.{p}" for n in ("layer1", "head") for p in ("weight", "bias")))],
)
def loss_as_a_number():
    inner = classify(*images())
    loss = lambda model: torch.tensor(inner(model).item(), requires_grad=True)  # noqa: E731
    return mlp(1, nn.ReLU, he), loss, None


@case(
    "no_gradient",
    cause="non-differentiable operation",
    about="An argmax in the middle, looked up in a table: integers carry no gradient.",
    facts=[without_gradient(*ENCODER)],
)
def most_likely_word():
    net = Two(lambda h: F.one_hot(h.argmax(1), 32).float())
    return net, classify(*images()), None


def nothing_to_train(model, loss, optimizer):
    assert not trainable(model) and not loss(model).requires_grad


@case(
    "frozen",
    cause="not trainable",
    about="``requires_grad_(False)`` on the whole model, left over from a fine-tuning script.",
    facts=[nothing_to_train],
)
def everything_frozen():
    return mlp(3, nn.ReLU, he).requires_grad_(False), classify(*images()), None


def frozen_in_the_optimizer(model, loss, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    still = [p for p in model.parameters() if not p.requires_grad]
    assert still and all(id(p) in held for p in still)
    before = [p.clone() for p in still]
    trains(to=0.9)(model, loss, optimizer)
    assert all(torch.equal(a, b) for a, b in zip(before, still, strict=True))


@case(
    "frozen",
    cause="not trainable",
    about="The optimizer holds the encoder's weights, which were never unfrozen.",
    facts=[frozen_in_the_optimizer],
)
def unfreezing_forgotten():
    net = Two(torch.relu)
    net.encoder.requires_grad_(False)
    return net, classify(*images()), torch.optim.Adam(net.parameters(), 1e-2)


@case(
    "frozen",
    cause="not trainable",
    about="One convolution of a convnet is frozen, and handed to the optimizer with the rest.",
    facts=[frozen_in_the_optimizer],
)
def frozen_convolution_in_the_optimizer():
    net = convnet(4, nn.ReLU, he)
    net.conv2.requires_grad_(False)
    return net, classify(*pictures()), torch.optim.AdamW(net.parameters(), 1e-2)


def frozen_in_the_middle(model, loss, optimizer):
    """Single layers stay as they are, while the network around them trains."""
    assert optimizer is None
    wanted = [p.requires_grad for p in model.parameters()]
    assert wanted[0] and wanted[-1] and not all(wanted)
    before = [p.detach().clone() for p in model.parameters()]
    trains()(model, loss, optimizer)
    moved = [not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert moved == wanted


@case(
    "frozen",
    cause="not trainable",
    about="The third of five layers does not take part, while all around it learn.",
    facts=[frozen_in_the_middle],
)
def one_layer_frozen():
    net = mlp(5, nn.ReLU, he)
    net.layer3.requires_grad_(False)
    return net, classify(*images()), None


@case(
    "frozen",
    cause="not trainable",
    about="Two of six residual blocks in the middle are frozen.",
    facts=[frozen_in_the_middle],
)
def two_blocks_frozen():
    blocks = [Residual(nn.LayerNorm(64), nn.Linear(64, 64), nn.GELU()) for _ in range(6)]
    net = nn.Sequential(*blocks, nn.Linear(64, 10))
    net[2].requires_grad_(False)
    net[3].requires_grad_(False)
    return net, classify(*images()), None


@case(
    None,
    about="Layers that learn their input size from the first batch, which they have seen.",
    facts=[trains()],
)
def lazy_layers():
    net = nn.Sequential(nn.LazyLinear(64), nn.ReLU(), nn.LazyLinear(10))
    x, y = images()
    net(x)
    return net, classify(x, y), None


@case(None, about="Blocks are run again in the backward pass, to save memory.", facts=[trains()])
def gradient_checkpointing():
    blocks = mlp(6, nn.ReLU, he)

    def loss(model):
        x, y = images()
        out = torch.utils.checkpoint.checkpoint_sequential(model, 3, x, use_reentrant=False)
        return F.cross_entropy(out, y)

    return blocks, loss, None


def gradient_by_differences(model, loss, optimizer):
    """The gradient of one weight agrees with a central difference."""
    weight = model.get_parameter("2.weight")
    with torch.no_grad():
        values = []
        for step in (0.001, -0.002):
            weight[0, 0] += step
            values.append(loss(model).double())
        weight[0, 0] += 0.001
    slope = gradients(model, loss)["2.weight"][0, 0]
    assert abs((values[0] - values[1]) / 0.002 - slope) < 0.05 * abs(slope) + 1e-3


@case(
    None,
    about="A model with buffers and a user's own hooks, which multiply a gradient by 1.",
    facts=[trains(), gradient_by_differences],
)
def buffers_and_hooks():
    net = initialise(nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10)), he)
    net.register_buffer("steps", torch.zeros(()))
    net[0].register_forward_hook(lambda module, args, output: output * 1.0)
    net[2].weight.register_hook(lambda grad: grad * 1.0)
    return net, classify(*images()), None


@case(None, about="Two inputs that meet in a bilinear layer.", facts=[trains(to=0.7)])
def several_inputs():
    x, y = images()
    net = nn.ModuleDict({"pair": nn.Bilinear(32, 32, 32), "head": nn.Linear(32, 10)})

    def loss(model):
        return F.cross_entropy(model["head"](model["pair"](x[:, :32], x[:, 32:])), y)

    return net, loss, None


@case(
    None,
    about="A network that solves u'' = -sin: its loss holds derivatives of its own output.",
    facts=[trains()],
)
def second_derivatives():
    x = torch.linspace(0, 3.14, 32)[:, None]

    def loss(model):
        at = x.clone().requires_grad_()
        u = model(at)
        du = torch.autograd.grad(u.sum(), at, create_graph=True)[0]
        ddu = torch.autograd.grad(du.sum(), at, create_graph=True)[0]
        return (ddu + torch.sin(at)).square().mean() + (u[0] ** 2 + u[-1] ** 2).sum()

    return mlp(2, nn.Tanh, nn.init.xavier_normal_, inputs=1, outputs=1), loss, None


@case(
    None,
    about="Gradients are clipped to a small norm by hooks on the weights, as some trainers do.",
    facts=[trains(to=0.8, steps=60)],
)
def clipped_in_a_hook():
    x, y = images()
    net = mlp(2, nn.ReLU, he, outputs=1)
    for parameter in net.parameters():
        parameter.register_hook(lambda g: g * (0.01 / (g.norm() + 1e-12)).clamp(max=1.0))
    return net, fit(x, y.float()[:, None]), None
