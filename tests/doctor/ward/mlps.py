"""Plain networks: signal and activations that fall, grow, or only seem to."""

import torch
import torch.nn.functional as F
from torch import nn

from .case import healthy, sick
from .material import Lambda, Residual, classify, fit, gain, he, images, initialise, mlp
from .proofs import activations, all_of, flat, gradients, signal, spread, stuck, trains

xavier = nn.init.xavier_normal_


@sick(
    "vanishing",
    also={"rank_collapse"},
    cause="saturating activation",
    prove=all_of(signal("layer1", "layer8", (0, 3e-4)), spread("act8", (0, 1e-3)), stuck()),
)
def eight_sigmoid_layers():
    """The classic: every sigmoid takes at least three quarters of the signal, none saturates."""
    return mlp(8, nn.Sigmoid, xavier), classify(*images()), None


@sick(
    "vanishing",
    also={"rank_collapse"},
    cause="initialisation too small",
    prove=all_of(signal("layer1", "layer20", (0, 1e-5)), spread("act20", (0, 1e-3)), stuck()),
)
def default_weights_twenty_layers():
    """PyTorch's own initial weights lose a factor 0.4 a layer; biases keep activations alive."""
    return mlp(20, nn.ReLU), classify(*images()), None


@sick(
    "vanishing",
    cause="initialisation too small",
    prove=signal("layer1", "head", (10**-3.7, 10**-3.3)),
)
def default_weights_nine_layers():
    """Not far beyond the limit: the same with nine layers, three and a half powers of ten."""
    return mlp(9, nn.ReLU), classify(*images()), None


def weights_look_even(model, loss, optimizer):
    grads = gradients(model, loss)
    norms = [grads[f"layer{i}.weight"].norm() for i in range(2, 31)]
    assert max(norms) < 10 * min(norms)


@sick(
    "vanishing",
    also={"forward_vanishing"},
    cause="initialisation too small",
    prove=all_of(
        signal("layer1", "layer30", (0, 3e-4)),
        activations("layer1", "layer30", (0, 3e-4)),
        weights_look_even,
    ),
)
def xavier_relu_thirty_layers():
    """Without biases the weight gradients look even, while signal and activations both die."""
    return mlp(30, nn.ReLU, xavier, bias=False), classify(*images()), None


@sick(
    "forward_vanishing",
    also={"vanishing"},
    cause="initialisation too small",
    prove=all_of(
        activations("layer1", "layer6", (0, 1e-5)), signal("layer1", "head", (0, 1e-5)), stuck()
    ),
)
def weights_of_one_hundredth():
    """Somebody drew every weight from N(0, 0.01)."""
    return mlp(6, nn.ReLU, lambda w: nn.init.normal_(w, std=0.01)), classify(*images()), None


@sick(
    "forward_vanishing",
    also={"vanishing"},
    cause="initialisation too small",
    prove=all_of(
        activations("layer1", "layer20", (0, 1e-6)), signal("layer1", "layer20", (0, 1e-6))
    ),
)
def tanh_that_is_linear():
    """Tanh with a gain of 0.4: so small inside that nothing saturates, and nothing arrives."""
    return mlp(20, nn.Tanh, gain(0.4)), classify(*images()), None


def inputs_are_the_cause(model, loss, optimizer):
    """Hidden values are tiny at once, by the same factor in each layer; the weights are sound."""
    small = []
    hook = model.layer1.register_forward_hook(lambda m, a, z: small.append(z.abs().max()))
    loss(model)
    hook.remove()
    assert small[0] < 1e-4
    activations("layer1", "layer3", (0.2, 5))(model, loss, optimizer)


@sick("forward_vanishing", cause="input scale", prove=all_of(inputs_are_the_cause, stuck()))
def metres_that_should_be_micrometres():
    """The inputs are of the order of 10^-6 and nothing rescales them."""
    x, y = images()
    return mlp(3, nn.ReLU, he), classify(1e-6 * x, y), None


@sick("forward_vanishing", cause="input scale", prove=all_of(inputs_are_the_cause, stuck()))
def charges_in_coulomb():
    """Inputs of the order of 10^-9 in a tanh network."""
    x, y = images()
    return mlp(3, nn.Tanh, gain(1.0)), classify(1e-9 * x, y), None


@sick(
    "vanishing",
    also={"forward_vanishing"},
    cause="scale in the forward pass",
    prove=all_of(signal("layer1", "head", (0, 1e-6)), activations("layer1", "layer4", (0, 1e-5))),
)
def divided_by_the_width():
    """Weights are right, but the forward pass divides each layer's output by its width."""
    net = nn.Sequential()
    for i in range(1, 5):
        net.add_module(f"layer{i}", nn.Linear(64, 64))
        net.add_module(f"mean{i}", Lambda(lambda z: z / z.shape[1]))
        net.add_module(f"act{i}", nn.ReLU())
    net.add_module("head", nn.Linear(64, 10))
    return initialise(net, he), classify(*images()), None


@sick(
    "vanishing",
    also={"rank_collapse"},
    cause="saturating activation",
    prove=all_of(signal("layer1", "layer4", (0, 1e-4)), stuck(), spread("act4", (0, 1e-3))),
)
def softmax_between_layers():
    """A softmax after each hidden layer: 64 units share one unit of output."""
    return mlp(4, lambda: nn.Softmax(dim=1), xavier), classify(*images()), None


@sick(
    "vanishing",
    cause="saturating activation",
    prove=all_of(signal("layer1", "layer16", (0, 1e-4)), stuck()),
)
def layer_norm_does_not_mend_sigmoid():
    """Sixteen sigmoid layers, each with a layer norm, which keeps values but not the signal."""
    return mlp(16, nn.Sigmoid, xavier, norm=nn.LayerNorm), classify(*images()), None


@sick(
    "exploding",
    also={"forward_exploding"},
    cause="initialisation too large",
    prove=all_of(signal("layer1", "layer16", (1e4, 1e6)), activations("layer1", "layer16", (3e3, 1e6))),
)
def twice_he_sixteen_layers():
    """Twice the right scale doubles signal and activations at each layer."""
    return mlp(16, nn.ReLU, gain(2 * 2**0.5)), classify(*images()), None


@sick(
    "exploding",
    also={"forward_exploding"},
    cause="initialisation too large",
    prove=all_of(
        signal("layer1", "head", (10**3.3, 10**3.9)),
        activations("layer1", "layer11", (1e3, 10**3.7)),
    ),
)
def twice_he_eleven_layers():
    """The same, not far beyond the limit."""
    return mlp(11, nn.ReLU, gain(2.1 * 2**0.5)), classify(*images()), None


@sick(
    "forward_exploding",
    also={"exploding"},
    cause="initialisation too large",
    prove=all_of(activations("layer1", "layer7", (1e4, 1e6)), signal("layer1", "head", (1e4, 1e7))),
)
def standard_normal_weights():
    """torch.randn for the weights, without a division by the root of the fan-in."""
    return mlp(7, nn.ReLU, nn.init.normal_), classify(*images()), None


@sick(
    "exploding",
    also={"saturation"},
    cause="initialisation too large",
    prove=all_of(
        signal("layer1", "layer24", (1e4, 1e12)),
        activations("act1", "act24", (0.8, 1.2)),
        flat("layer12", torch.tanh, (0.5, 1)),
    ),
)
def chaos_of_tanh():
    """Tanh with a gain of 6 holds activations below 1, but the signal grows in each layer."""
    return mlp(24, nn.Tanh, gain(6.0)), classify(*images()), None


@sick(
    "exploding",
    cause="normalisation without skip",
    prove=all_of(
        signal("layer1", "layer50", (1e3, 1e6)), activations("norm1", "norm50", (0.9, 1.1))
    ),
)
def batch_norm_without_skips():
    """Batch norm keeps activations at 1 while the signal grows by a fifth in each of 50 layers."""
    return mlp(50, nn.ReLU, he, width=32, norm=nn.BatchNorm1d), classify(*images(64)), None


def blocks(depth, scale=1.0):
    net = nn.Sequential()
    for i in range(1, depth + 1):
        body = nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)
        net.add_module(f"block{i}", Residual(*body, scale=scale))
    net.add_module("head", nn.Linear(64, 10))
    return initialise(net, he)


@sick(
    "forward_exploding",
    also={"exploding"},
    cause="residual without normalisation",
    prove=all_of(
        activations("block1", "block28", (3e3, 1e7)), signal("block1", "block28", (3e3, 1e7))
    ),
)
def residual_blocks_add_up():
    """Each block adds as much variance as came in, and nothing normalises: 2 to the depth."""
    return blocks(28), classify(*images()), None


@sick(
    "forward_exploding",
    also={"exploding"},
    cause="scale in the forward pass",
    prove=all_of(activations("layer1", "layer5", (1e4, 1e8)), signal("layer1", "head", (1e4, 1e8))),
)
def temperature_of_a_tenth():
    """Each layer's output is divided by a temperature of 0.05, once too often."""
    net = nn.Sequential()
    for i in range(1, 6):
        net.add_module(f"layer{i}", nn.Linear(64, 64))
        net.add_module(f"act{i}", nn.GELU())
        net.add_module(f"sharpen{i}", Lambda(lambda h: h / 0.05))
    net.add_module("head", nn.Linear(64, 10))
    return initialise(net, he), classify(*images()), None


def in_range(last):
    return signal("layer1", last, (1e-2, 1e2))


@healthy(prove=all_of(trains(), in_range("head")))
def he_relu_twelve_layers():
    """Deep, plain, well initialised."""
    return mlp(12, nn.ReLU, he), classify(*images()), None


@healthy(prove=all_of(trains(lr=2e-3, steps=60), in_range("layer20")))
def orthogonal_tanh_twenty_layers():
    """A deep tanh network at its critical point."""
    return mlp(20, nn.Tanh, nn.init.orthogonal_), classify(*images()), None


@healthy(prove=all_of(trains(lr=2e-3), in_range("layer16")))
def selu_sixteen_layers():
    """Self-normalising, with weights of variance 1 / fan-in."""
    return mlp(16, nn.SELU, gain(1.0)), classify(*images()), None


@healthy(prove=all_of(trains(), in_range("head")))
def two_sigmoid_layers():
    """Sigmoid, but shallow: a factor of some tens, and it learns."""
    return mlp(2, nn.Sigmoid, xavier), classify(*images()), None


@healthy(prove=all_of(trains(), signal("layer1", "head", (1e-2, 0.1))))
def default_weights_three_layers():
    """PyTorch's own weights lose signal, but three layers do not lose much."""
    return mlp(3, nn.ReLU), classify(*images()), None


@healthy(prove=all_of(trains(lr=3e-3), signal("layer1", "layer20", (1, 1e2))))
def batch_norm_twenty_layers():
    """Batch norm without skips, not yet too deep: the signal grows by tens."""
    return mlp(20, nn.ReLU, he, norm=nn.BatchNorm1d), classify(*images()), None


@healthy(prove=all_of(trains(lr=1e-3), activations("block1", "block40", (1, 10))))
def scaled_residual_blocks():
    """Forty residual blocks without a norm, whose branches are scaled by 1 / sqrt(depth)."""
    return blocks(40, 40**-0.5), classify(*images()), None


class Highway(nn.Module):
    """Gates that carry at first: their bias is -2."""

    def __init__(self, width):
        super().__init__()
        self.change, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.constant_(self.gate.bias, -2.0)

    def forward(self, x):
        gate = torch.sigmoid(self.gate(x))
        return gate * torch.relu(self.change(x)) + (1 - gate) * x


@healthy(prove=all_of(trains(), signal("0", "11", (1e-2, 1e2))))
def highway():
    """Twelve highway layers with closed gates."""
    return nn.Sequential(*(Highway(64) for _ in range(12)), nn.Linear(64, 10)), classify(*images()), None


class Sine(nn.Module):
    def forward(self, x):
        return torch.sin(x)


@healthy(prove=trains(steps=100, lr=1e-3))
def siren():
    """A sine network with a first frequency of 30 draws a picture."""
    net = mlp(3, Sine, inputs=2, outputs=1)
    nn.init.uniform_(net.layer1.weight, -15.0, 15.0)
    for layer in (net.layer2, net.layer3, net.head):
        bound = 6**0.5 / 64**0.5
        nn.init.uniform_(layer.weight, -bound, bound)
    grid = torch.cartesian_prod(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16))
    return net, fit(grid, torch.sin(9 * grid[:, :1]) * F.relu(grid[:, 1:])), None
