"""Zeros, gaps and small numbers that belong to a method."""

import copy

import torch
from torch import nn

from tests.doctor.case import case

from .attention import Attention, Language, Pre, feedforward, next_word
from .material import Residual, classify, convnet, gain, he, images, initialise, mlp, pictures, text
from .proofs import gradients, history, seen, signal, trainable, trains


class LowRank(nn.Module):
    """A frozen layer and a learnt change of rank 4, which is 0 at first."""

    def __init__(self, base):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.a = nn.Parameter(torch.randn(4, base.in_features) / 8)
        self.b = nn.Parameter(torch.zeros(base.out_features, 4))

    def forward(self, x):
        return self.base(x) + x @ self.a.T @ self.b.T


def zero_only_at_first(model, loss, optimizer):
    name = "layer1.a"
    assert not gradients(model, loss)[name].any()
    history(model, loss, optimizer, 1)
    assert gradients(model, loss)[name].any()


def adapted():
    net = mlp(2, nn.ReLU, he)
    net.layer1, net.layer2 = LowRank(net.layer1), LowRank(net.layer2)
    net.head.requires_grad_(False)
    return net


@case(
    None,
    about="LoRA before its first step: one factor is 0, so the other has no gradient yet.",
    facts=[zero_only_at_first, trains(to=0.8, steps=60)],
)
def low_rank_adapters():
    net = adapted()
    return net, classify(*images()), torch.optim.Adam(trainable(net), 1e-2)


@case(
    None,
    about="The same, brought without an optimizer: the base stays frozen on purpose.",
    facts=[trains(to=0.8, steps=60)],
)
def low_rank_adapters_alone():
    return adapted(), classify(*images()), None


class Scaled(nn.Module):
    """A residual branch behind a learnt scale."""

    def __init__(self, branch, width, start):
        super().__init__()
        self.branch, self.scale = branch, nn.Parameter(torch.full((width,), start))

    def forward(self, x):
        return x + self.scale * self.branch(x)


def branch_is_quiet(factor):
    """Fact that the branch's signal is tiny beside its scale's own, and the stream's is not."""

    def prove(model, loss, optimizer):
        grads = gradients(model, loss)
        first = next(n for n in grads if n.endswith(".scale"))
        branch = first.removesuffix("scale") + "branch"
        inside = [g.norm() for n, g in grads.items() if n.startswith(branch)]
        assert max(inside) <= factor * grads[first].norm()

    return prove


@case(
    None,
    about="Branches behind scales of 10^-6 in a decoder: nearly silent, beside a sound stream.",
    facts=[branch_is_quiet(1e-3), trains(), signal("embed", "blocks", (0.1, 10))],
)
def layer_scale():
    blocks = []
    for _ in range(4):
        blocks += [
            Scaled(nn.Sequential(nn.LayerNorm(32), Attention(32, causal=True)), 32, 1e-6),
            Scaled(nn.Sequential(nn.LayerNorm(32), feedforward(32)), 32, 1e-6),
        ]
    return Language(blocks), next_word(text()), None


@case(
    None,
    about="Sixteen residual blocks whose branches start with a weight of exactly 0.",
    facts=[branch_is_quiet(0.0), trains()],
)
def rezero():
    blocks = [Scaled(nn.Sequential(nn.Linear(64, 64), nn.ReLU()), 1, 0.0) for _ in range(16)]
    return initialise(nn.Sequential(*blocks, nn.Linear(64, 10)), he), classify(*images()), None


def zero_head_then_not(model, loss, optimizer):
    assert not gradients(model, loss)["layer1.weight"].any()
    history(model, loss, torch.optim.SGD(model.parameters(), 0.1), 1)
    assert gradients(model, loss)["layer1.weight"].any()


@case(
    None,
    about="The read-out starts at 0, so nothing reaches the layers before it in the first step.",
    facts=[zero_head_then_not, trains()],
)
def zero_head():
    net = mlp(3, nn.ReLU, he)
    nn.init.zeros_(net.head.weight)
    return net, classify(*images()), None


@case(
    None,
    about="The last batch norm of each residual branch starts with a scale of 0.",
    facts=[trains()],
)
def zero_last_norm():
    blocks = []
    for _ in range(6):
        last = nn.BatchNorm2d(8)
        nn.init.zeros_(last.weight)
        conv = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        blocks.append(Residual(conv[0], nn.BatchNorm2d(8), nn.ReLU(), conv[1], last))
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), *blocks, nn.AdaptiveAvgPool2d(2), nn.Flatten()
    )
    net.append(nn.Linear(32, 10))
    return net, classify(*pictures()), None


def biases_cancel(model, loss, optimizer):
    grads = gradients(model, loss)
    for i in (1, 2, 3):
        assert grads[f"conv{i}.bias"].norm() < 1e-5 * grads[f"conv{i}.weight"].norm()


@case(
    None,
    about="What a bias adds, batch norm takes away: its gradient is 0 up to rounding.",
    facts=[biases_cancel, trains()],
)
def bias_before_batch_norm():
    return convnet(3, nn.ReLU, he, norm=nn.BatchNorm2d).double(), doubled(), None


def doubled():
    x, y = pictures()
    return classify(x.double(), y)


def mostly_untouched(model, loss, optimizer):
    rows = gradients(model, loss)["embed.weight"].abs().sum(1)
    assert (rows == 0).double().mean() > 0.9


@case(
    None,
    about="Of a thousand words the batch holds a few; the other rows have no gradient.",
    facts=[mostly_untouched, trains()],
)
def large_vocabulary():
    net = Language([Pre(32, causal=True)], words=1000)
    return net, next_word(text()), None


@case(None, about="Input and output embeddings are one tensor.", facts=[trains()])
def tied_embeddings():
    net = Language([Pre(32, causal=True), nn.LayerNorm(32)])
    nn.init.normal_(net.embed.weight, std=0.2)
    net.head.weight = net.embed.weight
    return net, next_word(text()), None


def scale_changes_nothing(model, loss, optimizer):
    """All gradients are even; only the common factor is out of the ordinary."""
    signal("layer1", "head", (0.1, 10))(model, loss, optimizer)
    trains()(model, loss, torch.optim.Adam(model.parameters(), 1e-2, eps=1e-30))


@case(None, about="A loss multiplied by 10^6.", facts=[scale_changes_nothing])
def loss_times_a_million():
    return mlp(3, nn.ReLU, he), classify(*images(), 1e6), None


@case(None, about="A loss multiplied by 10^-9, in float32.", facts=[scale_changes_nothing])
def loss_over_a_billion():
    return mlp(3, nn.ReLU, he), classify(*images(), 1e-9), None


@case(
    None, about="A loss summed over 512 samples instead of averaged.", facts=[scale_changes_nothing]
)
def summed_loss():
    return mlp(3, nn.ReLU, he), classify(*images(512), reduction="sum"), None


@case(
    None,
    about="Features are kept, a new head is trained, and the optimizer knows of the head only.",
    facts=[trains(to=0.8, steps=60)],
)
def frozen_backbone():
    net = convnet(4, nn.ReLU, he, channels=16)
    net.requires_grad_(False)
    net.head.requires_grad_(True)
    return net, classify(*pictures()), torch.optim.Adam(net.head.parameters(), 3e-2)


@case(
    None,
    about="The backbone would take gradients, but the optimizer was given the head alone.",
    facts=[trains(to=0.8, steps=60)],
)
def head_of_a_backbone_that_wants():
    net = mlp(3, nn.ReLU, he)
    return net, classify(*images()), torch.optim.Adam(net.head.parameters(), 1e-2)


class Averaged(nn.Module):
    """A network and the moving average of its weights, which takes no part in training."""

    def __init__(self, net, trainable_copy):
        super().__init__()
        self.net = net
        self.average = copy.deepcopy(net).requires_grad_(trainable_copy)

    def forward(self, x):
        return self.net(x)


@case(None, about="A frozen copy for evaluation sits beside the network.", facts=[trains()])
def moving_average():
    net = Averaged(mlp(3, nn.ReLU, he), False)
    return net, classify(*images()), torch.optim.Adam(net.net.parameters(), 1e-2)


@case(
    None,
    about="The copy was not even frozen, but the optimizer does not hold it.",
    facts=[trains()],
)
def moving_average_not_in_the_optimizer():
    net = Averaged(mlp(3, nn.ReLU, he), True)
    return net, classify(*images()), torch.optim.Adam(net.net.parameters(), 1e-2)


def small_gradients_all_the_same(model, loss, optimizer):
    grads = gradients(model, loss)
    weights = [n for n in grads if n.endswith("original1")]
    assert all(grads[n].norm() < 1e-3 * model.get_parameter(n).norm() for n in weights)


@case(
    None,
    about="Only the direction of a weight matters: at length x 1000 its gradient is a thousandth.",
    facts=[small_gradients_all_the_same, trains()],
)
def weight_norm_with_large_weights():
    net = mlp(3, nn.ReLU, he)
    for name in ("layer1", "layer2", "layer3"):
        layer = nn.utils.parametrizations.weight_norm(net.get_submodule(name))
        with torch.no_grad():
            layer.parametrizations.weight.original1 *= 1000
    return net, classify(*images()), None


@case(
    None,
    about="The same with layer norm: weights a hundred times as large, gradients as much smaller.",
    facts=[trains()],
)
def weights_before_a_norm():
    net = mlp(3, nn.ReLU, gain(100.0), norm=nn.LayerNorm)
    nn.init.normal_(net.head.weight, std=0.1)
    return net, classify(*images()), torch.optim.Adam(net.parameters(), 0.05)


def stream_goes_on(model, loss, optimizer):
    norms = [seen(model, loss, f"{i}")[f"{i}"][-1].grad.norm() for i in (0, 11)]
    assert 0.5 < norms[0] / norms[1] < 2


@case(
    None,
    about="The last layer of each residual branch starts at 0, as in Fixup.",
    facts=[stream_goes_on, trains()],
)
def zero_initialised_branches():
    blocks = []
    for _ in range(12):
        last = nn.Linear(64, 64)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        blocks.append(Residual(nn.Linear(64, 64), nn.ReLU(), last))
    return nn.Sequential(*blocks, nn.Linear(64, 10)), classify(*images()), None
