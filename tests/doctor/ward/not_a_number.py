"""NaN and infinity, by other ways than half precision and learning rate."""

import torch
import torch.nn.functional as F
from torch import nn

from .attention import Language, Pre
from .case import sick
from .material import Lambda, classify, fit, gain, he, images, initialise, mlp, text
from .proofs import all_of, finite_gradients, gradients, seen


def finite_loss(yes):
    """Proof that gradients are not finite, and that the loss is or is not."""

    def prove(model, loss, optimizer):
        assert bool(loss(model).isfinite()) == yes
        assert not finite_gradients(model, loss)

    return prove


@sick("nan", cause="NaN in the data", prove=finite_loss(False))
def one_missing_pixel():
    """One of 8192 pixels is missing, and stands there as NaN."""
    x, y = images()
    x[17, 30] = torch.nan
    return mlp(2, nn.ReLU, he), classify(x, y), None


@sick("nan", cause="NaN in the data", prove=finite_loss(False))
def a_target_of_nan():
    """Inputs are fine, one target of a regression is NaN."""
    x, y = images()
    y = y.float()[:, None]
    y[3] = torch.nan
    return mlp(2, nn.GELU, outputs=1), fit(x, y), None


def first_not_finite(name):
    """Proof that this parameter is not finite, and that the data are."""

    def prove(model, loss, optimizer):
        bad = [n for n, p in model.named_parameters() if not p.isfinite().all()]
        assert bad == [name]

    return prove


@sick("nan", cause="NaN in the weights", prove=first_not_finite("layer3.weight"))
def a_broken_checkpoint():
    """A weight that was NaN when the checkpoint was written."""
    net = mlp(4, nn.Tanh)
    with torch.no_grad():
        net.layer3.weight[5, 5] = torch.nan
    return net, classify(*images()), None


@sick("nan", cause="singular derivative", prove=finite_loss(True))
def distance_of_a_point_to_itself():
    """A root of a sum of squares, which is 0 for one pair: its derivative is infinite times 0."""
    x, _ = images(32)
    other = x.roll(1, 0)
    other[4] = x[4]

    def loss(model):
        return ((model(x) - model(other)).square().sum(1).sqrt() - 1).square().mean()

    return mlp(2, nn.Tanh, gain(1.0)), loss, None


@sick("nan", cause="singular derivative", prove=finite_loss(True))
def where_does_not_guard():
    """``where(x > 0, x.sqrt(), 0)``: the value is guarded, the derivative is not."""
    root = Lambda(lambda h: torch.where(h > 0, h.sqrt(), 0.0))
    net = nn.Sequential(nn.Linear(64, 64), root, nn.Linear(64, 10))
    return initialise(net, he), classify(*images()), None


@sick("nan", cause="singular derivative", prove=finite_loss(True))
def angle_of_equal_vectors():
    """The arc cosine at exactly 1 has an infinite slope."""
    x, _ = images(32)

    def loss(model):
        a = F.normalize(model(x), dim=1)
        return torch.acos((a @ a.T).clamp(-1, 1)).mean()

    return mlp(1, nn.Tanh, gain(1.0), outputs=8), loss, None


@sick("nan", cause="operation out of its range", prove=finite_loss(False))
def logarithm_of_a_softmax():
    """log(softmax) in two steps, at logits of some hundreds: the logarithm of 0."""
    x, y = images()

    def loss(model):
        return F.nll_loss((100 * model(x)).softmax(1).log(), y)

    return mlp(2, nn.ReLU, he), loss, None


def every_row(model, loss, optimizer):
    weights = seen(model, loss, "blocks.0")["blocks.0"][-1]
    assert weights[3].isnan().all() and weights[:3].isfinite().all()


@sick("nan", cause="operation out of its range", prove=all_of(finite_loss(False), every_row))
def an_empty_sentence():
    """All places of one sentence are masked: a softmax over nothing."""
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


@sick("nan", cause="operation out of its range", prove=finite_loss(False))
def deviation_of_one_sample():
    """Divided by the standard deviation over the batch, which has one sample."""
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


@sick("nan", also={"zero_gradient"}, cause="operation out of its range", prove=mean_over_none)
def no_label_left():
    """Every label is the one to ignore, so the loss is a mean over none."""
    tokens = text(8)
    net = Language([Pre(32, causal=True)])
    ignored = torch.full((8, 16), -100)
    return net, lambda m: F.cross_entropy(m(tokens).transpose(1, 2), ignored), None


def overflow_of_exp(model, loss, optimizer):
    assert loss(model).isinf() or loss(model).isnan()
    assert loss(model.double()).isfinite()


@sick("nan", cause="operation out of its range", prove=overflow_of_exp)
def exponential_of_a_hundred():
    """A Poisson loss whose network puts out the logarithm of the rate, and starts at 100."""
    x, y = images()
    net = mlp(2, nn.ReLU, he, outputs=1)
    nn.init.constant_(net.head.bias, 100.0)
    x = x.double()

    def loss(model):
        rate = model(x.to(next(model.parameters()).dtype)).exp()
        return (rate - y[:, None] * rate.log()).mean()

    return net, loss, None
