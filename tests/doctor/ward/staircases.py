"""Functions without a slope in the middle of a network, and how to get past them."""

import torch
from torch import nn

from tests.doctor.case import case

from .material import Lambda, classify, convnet, he, images, mlp, pictures
from .plumbing import ENCODER, Two
from .proofs import all_alike, flat, trains, zero_gradient


@case(
    "zero_gradient",
    also=("vanishing",),
    cause="non-differentiable operation",
    about="Features are rounded to whole numbers: a staircase is level nearly everywhere.",
    facts=[zero_gradient(*ENCODER)],
)
def rounded_features():
    return Two(torch.round), classify(*images()), None


@case(
    "zero_gradient",
    also=("vanishing",),
    cause="non-differentiable operation",
    about="A network of signs, trained as if they had a slope.",
    facts=[zero_gradient("layer1.weight", "layer2.weight")],
)
def sign_activations():
    return mlp(2, lambda: Lambda(torch.sign)), classify(*images()), None


@case(
    "zero_gradient",
    also=("vanishing",),
    cause="non-differentiable operation",
    about="Values are brought to one of 16 levels by ``floor``, with no estimator for the way back",
    facts=[zero_gradient("conv1.weight", "conv2.weight")],
)
def quantised_convnet():
    net = convnet(2, nn.ReLU, he)
    net.pool = nn.Sequential(nn.AdaptiveAvgPool2d(2), Lambda(lambda h: (16 * h).floor() / 16))
    return net, classify(*pictures()), None


@case(
    "zero_gradient",
    also=("saturation", "vanishing", "rank_collapse"),
    cause="saturating activation",
    about="Features around 30 are clamped to 0..1, where all of them are 1.",
    facts=[
        zero_gradient(*ENCODER),
        all_alike("head"),
        flat("encoder.head", lambda z: z.clamp(0, 1), (0.99, 1)),
    ],
)
def clamp_that_cuts_all():
    net = Two(lambda h: h.clamp(0, 1))
    nn.init.constant_(net.encoder.head.bias, 30.0)
    return net, classify(*images()), None


@case(
    "zero_gradient",
    also=("vanishing", "rank_collapse"),
    cause="factor of 0",
    about="A mask that should choose features is 0 everywhere.",
    facts=[zero_gradient(*ENCODER), all_alike("head")],
)
def mask_of_zeros():
    mask = torch.zeros(32)
    return Two(lambda h: h * mask), classify(*images()), None


class Straight(torch.autograd.Function):
    """Rounds on the way forward, and does nothing on the way back."""

    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, grad):
        return grad


@case(None, about="Rounded features with a straight-through estimator.", facts=[trains()])
def straight_through():
    return Two(Straight.apply), classify(*images()), None


@case(
    None, about="The same estimator written as ``x + (round(x) - x).detach()``.", facts=[trains()]
)
def straight_through_by_detach():
    return Two(lambda h: h + (h.round() - h).detach()), classify(*images()), None
