"""Learning rates."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .attention import Language, Pre, next_word
from .material import classify, convnet, fit, he, images, mlp, pictures, text
from .proofs import gradients, history, signal, trains


def too_high(by=100.0, steps=8):
    """Fact that the loss goes up, and that with a rate so many times smaller it goes down."""

    def prove(model, loss, optimizer):
        slow_model, slow = copy.deepcopy((model, optimizer))
        for group in slow.param_groups:
            group["lr"] /= by
        up, down = history(model, loss, optimizer, steps), history(slow_model, loss, slow, 40)
        assert not max(up[1:]) < 1.5 * up[0] and not up[-1] < up[0]
        assert down[-1] < 0.95 * down[0]

    return prove


def too_low(by=1e6):
    """Fact that a step changes next to nothing, and that a much larger rate would."""

    def prove(model, loss, optimizer):
        before = [p.detach().double().clone() for p in model.parameters()]
        fast_model, fast = copy.deepcopy((model, optimizer))
        for group in fast.param_groups:
            group["lr"] *= by
        slow = history(model, loss, optimizer, 20)
        moved = max(
            ((p - b).norm() / b.norm()).item()
            for p, b in zip(model.parameters(), before, strict=True)
            if b.any()
        )
        assert moved < 20 * 1e-6 and slow[-1] > 0.999 * slow[0]
        assert history(fast_model, loss, fast, 40)[-1] < 0.9 * slow[0]

    return prove


@case(
    "lr_too_high",
    cause="learning rate too high",
    about="A sound network, and gradient descent with a rate of 10.",
    facts=[too_high()],
)
def sgd_of_ten():
    net = mlp(3, nn.Tanh, nn.init.xavier_normal_)
    return net, classify(*images()), torch.optim.SGD(net.parameters(), lr=10.0)


@case(
    "lr_too_high",
    cause="learning rate too high",
    about="Adam moves every weight by about its rate: by 1.",
    facts=[too_high(1000)],
)
def adam_of_one():
    net = mlp(3, nn.ReLU, he)
    return net, classify(*images()), torch.optim.Adam(net.parameters(), lr=1.0)


@case(
    "lr_too_high",
    cause="learning rate too high",
    about="Linear regression with a rate a few times 2 / the largest curvature: it oscillates away",
    facts=[too_high()],
)
def beyond_the_curvature():
    x = images()[0]
    net = nn.Linear(64, 1)
    target = x @ torch.randn(64, 1) / 8
    return net, fit(x, target), torch.optim.SGD(net.parameters(), lr=0.5)


@case(
    "lr_too_high",
    cause="learning rate too high",
    about="A small language model with AdamW at 0.5.",
    facts=[too_high(1000)],
)
def decoder_with_a_large_rate():
    net = Language([Pre(32, causal=True) for _ in range(2)])
    return net, next_word(text()), torch.optim.AdamW(net.parameters(), lr=0.5)


@case(
    "lr_too_high",
    cause="learning rate too high",
    about="Momentum 0.9 multiplies a rate of 5 by ten.",
    facts=[too_high()],
)
def convnet_with_momentum():
    net = convnet(3, nn.LeakyReLU, he)
    return net, classify(*pictures()), torch.optim.SGD(net.parameters(), lr=5.0, momentum=0.9)


@case(
    "lr_too_low",
    cause="learning rate too low",
    about="Gradients are fine, the rate is 10^-9.",
    facts=[too_low(1e8)],
)
def sgd_of_a_billionth():
    net = mlp(3, nn.ReLU, he)
    return net, classify(*images()), torch.optim.SGD(net.parameters(), lr=1e-9)


@case(
    "lr_too_low",
    cause="learning rate too low",
    about="Adam at a rate of 10^-10: float32 weights mostly round the step away.",
    facts=[too_low(1e8)],
)
def adam_of_ten_to_the_minus_ten():
    net = convnet(3, nn.ReLU, he)
    return net, classify(*pictures()), torch.optim.Adam(net.parameters(), lr=1e-10)


@case(
    "lr_too_low",
    cause="learning rate too low",
    about="A language model with AdamW at 10^-9.",
    facts=[too_low(1e7)],
)
def decoder_that_stands_still():
    net = Language([Pre(32, causal=True) for _ in range(2)])
    return net, next_word(text()), torch.optim.AdamW(net.parameters(), lr=1e-9)


@case(
    "lr_too_low",
    cause="learning rate too low",
    about="RMSprop at 10^-9 on a regression.",
    facts=[too_low(3e6)],
)
def rmsprop_of_a_billionth():
    x, y = images()
    net = mlp(2, nn.GELU, he)
    target = F.one_hot(y, 10).float()
    return net, fit(x, target), torch.optim.RMSprop(net.parameters(), lr=1e-9)


@case(
    None,
    about="Gradient descent near the edge of stability: the loss still falls.",
    facts=[trains(to=0.5, steps=80)],
)
def brisk_but_stable():
    net = mlp(3, nn.Tanh, nn.init.xavier_normal_)
    return net, classify(*images()), torch.optim.SGD(net.parameters(), lr=0.3)


@case(
    None,
    about="A rate of 10^-4 in Adam: slow, as in fine-tuning, and it does learn.",
    facts=[trains(to=0.97, steps=40)],
)
def careful_rate():
    net = mlp(3, nn.ReLU, he)
    return net, classify(*images()), torch.optim.Adam(net.parameters(), lr=1e-4)


def rises_then_trains(model, loss, optimizer):
    """The rate is low now, and its final value trains."""
    for group in optimizer.param_groups:
        assert group["lr"] < 1e-6 * group["initial_lr"]
        group["lr"] = group["initial_lr"]
    trains()(model, loss, optimizer)


@case(
    None,
    about="The first step of a linear warm-up over ten million steps to 0.01.",
    facts=[rises_then_trains],
)
def warm_up():
    net = mlp(3, nn.ReLU, he)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (step + 1) / 1e7)
    return net, classify(*images()), optimizer


@case(None, about="AdamW with a warm-up that has only begun.", facts=[rises_then_trains])
def warm_up_of_a_decoder():
    net = Language([Pre(32, causal=True) for _ in range(2)])
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1e-8, total_iters=1000)
    return net, next_word(text()), optimizer


@case(None, about="AdamW with a strong decay of its weights.", facts=[trains(steps=60)])
def weight_decay():
    net = mlp(4, nn.ReLU, he)
    return net, classify(*images()), torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.3)


@case(
    None,
    about="Rates in the manner of muP: hidden layers 1/width of Adam's rate, the head's init small",
    facts=[trains(steps=60)],
)
def rates_by_width():
    net = mlp(3, nn.ReLU, he, width=256)
    nn.init.normal_(net.head.weight, std=1 / 256)
    groups = [
        {"params": [*net.layer1.parameters()], "lr": 1e-2},
        {"params": [*net.layer2.parameters(), *net.layer3.parameters()], "lr": 1e-2 / 4},
        {"params": [*net.head.parameters()], "lr": 1e-2 / 4},
    ]
    return net, classify(*images()), torch.optim.Adam(groups)


@case(
    None,
    about="Earlier layers of a fine-tuned network get rates down to a hundredth of the head's.",
    facts=[trains(to=0.7, steps=40)],
)
def layer_wise_decay_of_rates():
    net = mlp(4, nn.ReLU, he)
    layers = [net.layer1, net.layer2, net.layer3, net.layer4, net.head]
    groups = [
        {"params": [*layer.parameters()], "lr": 1e-2 * 0.32 ** (4 - i)}
        for i, layer in enumerate(layers)
    ]
    return net, classify(*images()), torch.optim.AdamW(groups)


@case(
    None,
    about="Embeddings with sparse gradients and the optimizer for them.",
    facts=[trains(steps=60)],
)
def sparse_embeddings():
    net = nn.Sequential(nn.EmbeddingBag(1000, 10, mode="mean", sparse=True))
    tokens, y = torch.randint(1000, (32, 5)), images(32)[1]
    return net, classify(tokens, y), torch.optim.SparseAdam(net.parameters(), lr=0.1)


def converged(model, loss, optimizer):
    """At the minimum: the loss is at its lowest, and stays there."""
    values = history(model, loss, optimizer, 20)
    assert values[0] < 1e-6 and max(values) < 1e-6
    assert all(g.norm() < 1e-3 for g in gradients(model, loss).values())


@case(
    None,
    about="Trained to the end: all gradients are tiny, evenly.",
    facts=[converged, signal("layer1", "head", (0.01, 100))],
)
def converged_regression():
    x = images(32)[0]
    target = torch.sin(x[:, :4].sum(1, keepdim=True))
    net = mlp(2, nn.Tanh, nn.init.xavier_normal_, outputs=1)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    history(net, fit(x, target), optimizer, 300)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    return net, fit(x, target), optimizer


@case(None, about="A classifier of separable classes after long training.", facts=[converged])
def converged_classifier():
    x, y = images(32)
    net = mlp(2, nn.ReLU, he)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-2)
    loss = classify(3 * x, y)
    history(net, loss, optimizer, 300)
    return net, loss, torch.optim.SGD(net.parameters(), lr=1e-2)
