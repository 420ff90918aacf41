"""Sixteen bits: gradients below their smallest number, values above their largest."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .material import Lambda, classify, convnet, fit, gain, he, images, initialise, mlp, pictures
from .proofs import activations, finite_gradients, gradients, seen, signal, spread, trains


def lost(share):
    """Fact that so many gradient entries are 0 here, and not with the loss multiplied by 2^14."""

    def prove(model, loss, optimizer):
        plain, scaled = gradients(model, loss), gradients(model, lambda m: 2.0**14 * loss(m))
        assert all(g.isfinite().all() for g in scaled.values())
        gone = sum(((g == 0) & (scaled[n] != 0)).sum() for n, g in plain.items())
        assert gone >= share * sum(g.numel() for g in plain.values())

    return prove


def half(model):
    return model.to(torch.float16)


@case(
    "fp16_underflow",
    also=("vanishing", "rank_collapse"),
    cause="half precision",
    about="Ten sigmoid layers in float16: what is left of the signal is rounded to 0.",
    facts=[lost(0.4), signal("layer1", "head", (0, 1e-4)), spread("act10", (0, 1e-3))],
)
def sigmoid_in_half():
    x, y = images()
    return half(mlp(10, nn.Sigmoid)), classify(x.half(), y), None


@case(
    "fp16_underflow",
    cause="half precision",
    about="A convolution in float16 whose loss is a mean over 65 thousand numbers and small errors",
    facts=[lost(0.3)],
)
def mean_over_many_pixels():
    x = F.interpolate(pictures(64)[0], scale_factor=4).half()
    net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
    return half(net), lambda model: 1e-3 * F.mse_loss(model(x), 0.1 * x), None


def autocast(x, y, scale=1.0):
    def loss(model):
        with torch.autocast("cpu", torch.float16):
            out = model(x)
        return scale * F.cross_entropy(out.float(), y)

    return loss


@case(
    "fp16_underflow",
    cause="half precision",
    about="Float32 weights under autocast, a loss weighed by 10^-5, and no gradient scaler.",
    facts=[lost(0.3)],
)
def autocast_without_scaler():
    return mlp(4, nn.ReLU, he), autocast(*images(), scale=1e-5), None


@case(
    "fp16_underflow",
    cause="half precision",
    about="A convnet in float16 whose loss has a weight of 10^-5.",
    facts=[lost(0.3)],
)
def tiny_auxiliary_loss():
    x, y = pictures()
    return half(convnet(3, nn.ReLU, he)), classify(x.half(), y, 1e-5), None


def leaves_the_range(model, loss, optimizer):
    """Not finite in float16, finite in float32 with the same weights and data."""
    assert not (loss(model).isfinite() and finite_gradients(model, loss))
    wide = torch.finfo(torch.float16).max
    calls = []
    hooks = [
        m.register_forward_hook(lambda m, a, o: calls.append(o.detach().float().abs().max()))
        for m in model.modules()
    ]
    loss(model)
    for hook in hooks:
        hook.remove()
    assert not max(calls, key=lambda v: v.nan_to_num(torch.inf)) <= wide


def same_in_single(x, to_loss, *proofs):
    """Fact that the same weights and data are finite in float32, and what else holds there."""

    def prove(model, loss, optimizer):
        model.float()
        single = to_loss(x().float())
        assert single(model).isfinite() and finite_gradients(model, single)
        for proof in proofs:
            proof(model, single, optimizer)

    return prove


@case(
    "fp16_overflow",
    also=("exploding", "forward_exploding"),
    cause="half precision",
    about="Eight layers at four times the He scale pass 65504 in float16; float32 would hold them",
    facts=[
        leaves_the_range,
        same_in_single(
            lambda: images()[0],
            lambda x: classify(x, images()[1]),
            activations("layer1", "layer8", (3e3, 1e6)),
            signal("layer1", "head", (3e3, 1e6)),
        ),
    ],
)
def large_weights_in_half():
    x, y = images()
    return half(mlp(8, nn.ReLU, gain(4 * 2**0.5))), classify(x.half(), y), None


def squares(model_input):
    return lambda model: F.mse_loss(model(model_input), torch.zeros_like(model_input[:, :1]))


@case(
    "fp16_overflow",
    cause="half precision",
    about="A layer squares values of some hundreds, which is more than 65504.",
    facts=[leaves_the_range, same_in_single(lambda: 100 * images()[0], squares)],
)
def square_of_three_hundred():
    net = nn.Sequential(
        nn.Linear(64, 64), Lambda(torch.square), Lambda(lambda h: h / 1e5), nn.Linear(64, 1)
    )
    return half(initialise(net, gain(1.5))), squares((100 * images()[0]).half()), None


def scale_is_too_large(model, loss, optimizer):
    assert not finite_gradients(model, loss)
    assert finite_gradients(model, lambda m: loss(m) / 2**20)


@case(
    "fp16_overflow",
    cause="half precision",
    about="A loss scale of 2^24 under autocast: the float32 loss is finite, the gradients are not",
    facts=[scale_is_too_large],
)
def loss_scale_too_large():
    return mlp(3, nn.ReLU, he), autocast(*images(), scale=2.0**24), None


@case(
    "fp16_overflow",
    cause="half precision",
    about="The same in a convnet that is float16 throughout, up to its read-out.",
    facts=[scale_is_too_large],
)
def convnet_with_a_large_scale():
    x, y = pictures()

    def loss(model):
        return 2.0**24 * F.cross_entropy(model(x.half()).float(), y)

    return half(convnet(3, nn.ReLU, he)), loss, None


def few_zeros(model, loss, optimizer):
    found = [g for g in gradients(model, loss).values() if g is not None]
    assert sum((g == 0).sum() for g in found) < 0.05 * sum(g.numel() for g in found)


def smooth(depth):
    return mlp(depth, nn.Tanh, gain(1.0))


@case(
    None,
    about="All in bfloat16, which has the range of float32.",
    facts=[trains(lr=3e-3), few_zeros],
)
def bfloat16():
    x, y = images()
    return smooth(3).to(torch.bfloat16), classify(x.bfloat16(), y), None


@case(
    None,
    about="Float32 weights, and matrix products in bfloat16.",
    facts=[trains(lr=3e-3), few_zeros],
)
def bfloat16_autocast():
    x, y = images()

    def loss(model):
        with torch.autocast("cpu", torch.bfloat16):
            return F.cross_entropy(model(x), y)

    return smooth(4), loss, None


@case(
    None,
    about="Float16 under autocast with a loss scale of 1024, as a gradient scaler would set it.",
    facts=[trains(lr=3e-3), few_zeros],
)
def autocast_with_a_scale():
    return smooth(4), autocast(*images(), scale=1024.0), None


@case(
    None,
    about="Three layers wholly in float16: nothing is small enough to be lost.",
    facts=[trains(lr=3e-3), few_zeros],
)
def half_that_is_fine():
    x, y = images(32)
    net = smooth(3).half()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    return net, classify(x.half(), y), optimizer


@case(
    None,
    about="Linear layers in bfloat16, layer norms and head in float32.",
    facts=[trains(lr=3e-3)],
)
def norms_in_single():
    x, y = images()

    class Cast(nn.Module):
        def forward(self, h):
            return h.to(torch.bfloat16)

    net = nn.Sequential(
        Cast(),
        nn.Linear(64, 64).to(torch.bfloat16),
        Lambda(lambda h: h.float()),
        nn.LayerNorm(64),
        nn.GELU(),
        nn.Linear(64, 10),
    )
    return net, classify(x, y), None


@case(None, about="All in float64.", facts=[trains()])
def double_precision():
    x, y = images()
    return smooth(3).double(), fit(x.double(), F.one_hot(y, 10).double()), None


def thousands(model, loss, optimizer):
    hidden = seen(model, loss, "1")["1"][-1]
    assert hidden.isfinite().all() and 2e3 < hidden.abs().max() < 2e4


@case(
    None,
    about="Hidden values of some thousands in float16, far from 65504, and a loss scale of 1024.",
    facts=[trains(), thousands, few_zeros],
)
def large_but_in_range():
    x, y = images()
    net = initialise(
        nn.Sequential(
            nn.Linear(64, 64),
            Lambda(lambda h: 5000 * torch.tanh(h)),
            Lambda(lambda h: h / 5000),
            nn.Linear(64, 10),
        ),
        gain(1.0),
    ).half()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1 / 1024, momentum=0.9)
    return net, classify(x.half(), y, 1024.0), optimizer
