"""Plain networks: signal and activations that fall, grow, or only seem to."""

import torch
from torch import nn

from tests.doctor.case import case

from .material import Lambda, classify, gain, he, images, initialise, mlp
from .proofs import activations, dead, flat, gradients, history, signal, spread, stuck

xavier = nn.init.xavier_normal_


@case(
    "vanishing",
    also=("rank_collapse",),
    cause="slope of the activation",
    about="The classic: every sigmoid takes at least three quarters of the signal, none saturates",
    facts=[signal("layer1", "layer8", (0, 3e-4)), spread("act8", (0, 1e-3)), stuck()],
)
def eight_sigmoid_layers():
    return mlp(8, nn.Sigmoid, xavier), classify(*images()), None


def adam_moves_all_alike(model, loss, optimizer):
    """The first layer's weights move as fast as the last one's: updates do not show it."""
    before = [model.layer1.weight.detach().clone(), model.layer8.weight.detach().clone()]
    history(model, loss, optimizer, 5)
    after = [model.layer1.weight, model.layer8.weight]
    first, last = ((a - b).norm() for a, b in zip(after, before, strict=True))
    assert 0.1 < first / last < 10


@case(
    "vanishing",
    also=("rank_collapse",),
    cause="slope of the activation",
    about="The same with Adam, which divides each weight's gradient by its usual size.",
    facts=[signal("layer1", "layer8", (0, 3e-4)), spread("act8", (0, 1e-3)), adam_moves_all_alike],
)
def hidden_by_adam():
    net = mlp(8, nn.Sigmoid, xavier)
    return net, classify(*images()), torch.optim.Adam(net.parameters(), 1e-3)


@case(
    "vanishing",
    also=("rank_collapse", "dead_relu"),
    cause="initialisation too small",
    about="PyTorch's own initial weights lose a factor 0.4 a layer; biases keep activations alive",
    facts=[
        signal("layer1", "layer20", (0, 1e-5)),
        spread("act20", (0, 1e-3)),
        dead("act16", (0.5, 1)),
        stuck(),
    ],
)
def default_weights_twenty_layers():
    return mlp(20, nn.ReLU), classify(*images()), None


@case(
    "vanishing",
    also=("dead_relu",),
    cause="initialisation too small",
    about="Not far beyond the limit: the same with nine layers, three and a half powers of ten.",
    facts=[signal("layer1", "head", (10**-3.7, 10**-3.3)), dead("act8", (0.5, 0.6))],
)
def default_weights_nine_layers():
    return mlp(9, nn.ReLU), classify(*images()), None


def weights_look_even(model, loss, optimizer):
    grads = gradients(model, loss)
    norms = [grads[f"layer{i}.weight"].norm() for i in range(2, 31)]
    assert max(norms) < 10 * min(norms)


@case(
    "vanishing",
    also=("forward_vanishing",),
    cause="initialisation too small",
    about="Without biases the weight gradients look even, while signal and activations both die.",
    facts=[
        signal("layer1", "layer30", (0, 3e-4)),
        activations("layer1", "layer30", (0, 3e-4)),
        weights_look_even,
    ],
)
def xavier_relu_thirty_layers():
    return mlp(30, nn.ReLU, xavier, bias=False), classify(*images()), None


@case(
    "forward_vanishing",
    also=("vanishing",),
    cause="initialisation too small",
    about="Somebody drew every weight from N(0, 0.01).",
    facts=[
        activations("layer1", "layer6", (0, 1e-5)),
        signal("layer1", "head", (0, 1e-5)),
        stuck(),
    ],
)
def weights_of_one_hundredth():
    return mlp(6, nn.ReLU, lambda w: nn.init.normal_(w, std=0.01)), classify(*images()), None


@case(
    "forward_vanishing",
    also=("vanishing",),
    cause="initialisation too small",
    about="Tanh with a gain of 0.4: so small inside that nothing saturates, and nothing arrives.",
    facts=[activations("layer1", "layer20", (0, 1e-6)), signal("layer1", "layer20", (0, 1e-6))],
)
def tanh_that_is_linear():
    return mlp(20, nn.Tanh, gain(0.4)), classify(*images()), None


def inputs_are_the_cause(model, loss, optimizer):
    """Hidden values are tiny at once, by the same factor in each layer; the weights are sound."""
    small = []
    hook = model.layer1.register_forward_hook(lambda m, a, z: small.append(z.abs().max()))
    loss(model)
    hook.remove()
    assert small[0] < 1e-4
    activations("layer1", "layer3", (0.2, 5))(model, loss, optimizer)


@case(
    "forward_vanishing",
    cause="input scale",
    about="The inputs are of the order of 10^-6 and nothing rescales them.",
    facts=[inputs_are_the_cause, stuck()],
)
def metres_that_should_be_micrometres():
    x, y = images()
    return mlp(3, nn.ReLU, he), classify(1e-6 * x, y), None


@case(
    "forward_vanishing",
    cause="input scale",
    about="Inputs of the order of 10^-9 in a tanh network.",
    facts=[inputs_are_the_cause, stuck()],
)
def charges_in_coulomb():
    x, y = images()
    return mlp(3, nn.Tanh, gain(1.0)), classify(1e-9 * x, y), None


@case(
    "vanishing",
    also=("forward_vanishing",),
    cause="scale in the forward pass",
    about="Weights are right, but the forward pass divides each layer's output by its width.",
    facts=[signal("layer1", "head", (0, 1e-6)), activations("layer1", "layer4", (0, 1e-5))],
)
def divided_by_the_width():
    net = nn.Sequential()
    for i in range(1, 5):
        net.add_module(f"layer{i}", nn.Linear(64, 64))
        net.add_module(f"mean{i}", Lambda(lambda z: z / z.shape[1]))
        net.add_module(f"act{i}", nn.ReLU())
    net.add_module("head", nn.Linear(64, 10))
    return initialise(net, he), classify(*images()), None


@case(
    "vanishing",
    also=("rank_collapse",),
    cause="slope of the activation",
    about="A softmax after each hidden layer: 64 units share one unit of output.",
    facts=[signal("layer1", "layer4", (0, 1e-4)), stuck(), spread("act4", (0, 1e-3))],
)
def softmax_between_layers():
    return mlp(4, lambda: nn.Softmax(dim=1), xavier), classify(*images()), None


@case(
    "vanishing",
    also=("rank_collapse",),
    cause="slope of the activation",
    about="Sixteen sigmoid layers, each with a layer norm, which keeps values but not the signal.",
    facts=[signal("layer1", "layer16", (0, 1e-4)), spread("act16", (0, 1e-4)), stuck()],
)
def layer_norm_does_not_mend_sigmoid():
    return mlp(16, nn.Sigmoid, xavier, norm=nn.LayerNorm), classify(*images()), None


@case(
    "exploding",
    also=("forward_exploding",),
    cause="initialisation too large",
    about="Twice the right scale doubles signal and activations at each layer.",
    facts=[signal("layer1", "layer16", (1e4, 1e6)), activations("layer1", "layer16", (3e3, 1e6))],
)
def twice_he_sixteen_layers():
    return mlp(16, nn.ReLU, gain(2 * 2**0.5)), classify(*images()), None


@case(
    "exploding",
    also=("forward_exploding",),
    cause="initialisation too large",
    about="The same, not far beyond the limit.",
    facts=[
        signal("layer1", "head", (10**3.3, 10**3.9)),
        activations("layer1", "layer11", (1e3, 10**3.7)),
    ],
)
def twice_he_eleven_layers():
    return mlp(11, nn.ReLU, gain(2.1 * 2**0.5)), classify(*images()), None


@case(
    "forward_exploding",
    also=("exploding",),
    cause="initialisation too large",
    about="torch.randn for the weights, without a division by the root of the fan-in.",
    facts=[activations("layer1", "layer7", (1e4, 1e6)), signal("layer1", "head", (1e4, 1e7))],
)
def standard_normal_weights():
    return mlp(7, nn.ReLU, nn.init.normal_), classify(*images()), None


@case(
    "exploding",
    also=("saturation",),
    cause="initialisation too large",
    about="Tanh with a gain of 6 holds activations below 1, but the signal grows in each layer.",
    facts=[
        signal("layer1", "layer24", (1e4, 1e12)),
        activations("act1", "act24", (0.8, 1.2)),
        flat("layer12", torch.tanh, (0.5, 1)),
    ],
)
def chaos_of_tanh():
    return mlp(24, nn.Tanh, gain(6.0)), classify(*images()), None


@case(
    "exploding",
    cause="normalisation without skip",
    about="Batch norm keeps activations at 1; the signal grows by a fifth in each of 50 layers.",
    facts=[signal("layer1", "layer50", (1e3, 1e6)), activations("norm1", "norm50", (0.9, 1.1))],
)
def batch_norm_without_skips():
    return mlp(50, nn.ReLU, he, width=32, norm=nn.BatchNorm1d), classify(*images(64)), None


@case(
    "forward_exploding",
    also=("exploding",),
    cause="scale in the forward pass",
    about="Each layer's output is divided by a temperature of 0.05, once too often.",
    facts=[activations("layer1", "layer5", (1e4, 1e8)), signal("layer1", "head", (1e4, 1e8))],
)
def temperature_of_a_tenth():
    net = nn.Sequential()
    for i in range(1, 6):
        net.add_module(f"layer{i}", nn.Linear(64, 64))
        net.add_module(f"act{i}", nn.GELU())
        net.add_module(f"sharpen{i}", Lambda(lambda h: h / 0.05))
    net.add_module("head", nn.Linear(64, 10))
    return initialise(net, he), classify(*images()), None
