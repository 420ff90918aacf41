"""NaN and infinity, by other ways than half precision and learning rate."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .attention import Language, Pre
from .material import Lambda, classify, fit, gain, he, images, initialise, mlp, text
from .proofs import finite_gradients, gradients, seen


def finite_loss(yes):
    """Fact that gradients are not finite, and that the loss is or is not."""

    def prove(model, loss, optimizer):
        assert bool(loss(model).isfinite()) == yes
        assert not finite_gradients(model, loss)

    return prove


@case(
    "nan",
    cause="NaN in the data",
    about="One of 8192 pixels is missing, and stands there as NaN.",
    facts=[finite_loss(False)],
)
def one_missing_pixel():
    x, y = images()
    x[17, 30] = torch.nan
    return mlp(2, nn.ReLU, he), classify(x, y), None


@case(
    "nan",
    cause="NaN in the targets",
    about="Inputs are fine, one target of a regression is NaN.",
    facts=[finite_loss(False)],
)
def a_target_of_nan():
    x, y = images()
    y = y.float()[:, None]
    y[3] = torch.nan
    return mlp(2, nn.GELU, outputs=1), fit(x, y), None


def first_not_finite(name):
    """Fact that this parameter is not finite, and that the data are."""

    def prove(model, loss, optimizer):
        bad = [n for n, p in model.named_parameters() if not p.isfinite().all()]
        assert bad == [name]

    return prove


@case(
    "nan",
    cause="NaN in the weights",
    about="A weight that was NaN when the checkpoint was written.",
    facts=[first_not_finite("layer3.weight")],
)
def a_broken_checkpoint():
    net = mlp(4, nn.Tanh)
    with torch.no_grad():
        net.layer3.weight[5, 5] = torch.nan
    return net, classify(*images()), None


@case(
    "nan",
    cause="singular derivative",
    about="A root of a sum of squares, which is 0 for one pair: its derivative is infinite times 0",
    facts=[finite_loss(True)],
)
def distance_of_a_point_to_itself():
    x, _ = images(32)
    other = x.roll(1, 0)
    other[4] = x[4]

    def loss(model):
        return ((model(x) - model(other)).square().sum(1).sqrt() - 1).square().mean()

    return mlp(2, nn.Tanh, gain(1.0)), loss, None


@case(
    "nan",
    cause="singular derivative",
    about="``where(x > 0, x.sqrt(), 0)``: the value is guarded, the derivative is not.",
    facts=[finite_loss(True)],
)
def where_does_not_guard():
    root = Lambda(lambda h: torch.where(h > 0, h.sqrt(), 0.0))
    net = nn.Sequential(nn.Linear(64, 64), root, nn.Linear(64, 10))
    return initialise(net, he), classify(*images()), None


@case(
    "nan",
    cause="singular derivative",
    about="The arc cosine at exactly 1 has an infinite slope.",
    facts=[finite_loss(True)],
)
def angle_of_equal_vectors():
    x, _ = images(32)

    def loss(model):
        a = F.normalize(model(x), dim=1)
        return torch.acos((a @ a.T).clamp(-1, 1)).mean()

    return mlp(1, nn.Tanh, gain(1.0), outputs=8), loss, None


@case(
    "nan",
    cause="operation out of its range",
    about="log(softmax) in two steps, at logits of some hundreds: the logarithm of 0.",
    facts=[finite_loss(False)],
)
def logarithm_of_a_softmax():
    x, y = images()

    def loss(model):
        return F.nll_loss((100 * model(x)).softmax(1).log(), y)

    return mlp(2, nn.ReLU, he), loss, None


def every_row(model, loss, optimizer):
    weights = seen(model, loss, "blocks.0")["blocks.0"][-1]
    assert weights[3].isnan().all() and weights[:3].isfinite().all()


@case(
    "nan",
    cause="row masked out whole",
    about="All places of one sentence are masked: a softmax over nothing.",
    facts=[finite_loss(False), every_row],
)
def an_empty_sentence():
    tokens = text(8)
    padded = torch.zeros(8, 16, dtype=torch.bool)
    padded[3] = True

    class Masked(nn.MultiheadAttention):
        def forward(self, x):
            return super().forward(x, x, x, key_padding_mask=padded)[0]

    net = Language([Masked(32, 4, batch_first=True)])
    return net, lambda model: F.cross_entropy(model(tokens).transpose(1, 2), tokens), None


def deviation(h):
    return ((h - h.mean(0)).square().sum(0) / (len(h) - 1)).sqrt()


@case(
    "nan",
    cause="division by 0",
    about="Divided by the standard deviation over the batch, which has one sample.",
    facts=[finite_loss(False)],
)
def deviation_of_one_sample():
    net = nn.Sequential(
        nn.Linear(64, 32),
        Lambda(lambda h: (h - h.mean(0)) / deviation(h)),
        nn.ReLU(),
        nn.Linear(32, 10),
    )
    return initialise(net, he), classify(*images(1)), None


def mean_over_none(model, loss, optimizer):
    assert loss(model).isnan()
    assert not any(g.any() for g in gradients(model, loss).values())


@case(
    "nan",
    also=("zero_gradient",),
    cause="mean over nothing",
    about="Every label is the one to ignore, so the loss is a mean over none.",
    facts=[mean_over_none],
)
def no_label_left():
    tokens = text(8)
    net = Language([Pre(32, causal=True)])
    ignored = torch.full((8, 16), -100)
    return net, lambda m: F.cross_entropy(m(tokens).transpose(1, 2), ignored), None


def overflow_of_exp(model, loss, optimizer):
    assert loss(model).isinf() or loss(model).isnan()
    assert loss(model.double()).isfinite()


@case(
    "nan",
    cause="exponent too large",
    about="A Poisson loss whose network puts out the logarithm of the rate, and starts at 100.",
    facts=[overflow_of_exp],
)
def exponential_of_a_hundred():
    x, y = images()
    net = mlp(2, nn.ReLU, he, outputs=1)
    nn.init.constant_(net.head.bias, 100.0)
    x = x.double()

    def loss(model):
        rate = model(x.to(next(model.parameters()).dtype)).exp()
        return (rate - y[:, None] * rate.log()).mean()

    return net, loss, None
