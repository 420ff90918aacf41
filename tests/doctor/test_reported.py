"""Kinds of faults that public bug reports show: what is said of them, and what cures them."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import vgplib as vgp
from vgplib.doctor.remedies.treatment import apply


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(3)


def net(*widths, activation=nn.Tanh):
    layers = []
    for a, b in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(a, b), activation()]
    return nn.Sequential(*layers[:-1])


def only(diagnosis):
    (finding,) = diagnosis.findings
    return finding


# Losses that ask for a gradient themselves


def smooth(model, x, y):
    """A loss with a penalty on the slope of what it fits."""
    x = x.clone().requires_grad_()
    out = model(x)
    (slope,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    return F.mse_loss(out, y) + 0.1 * slope.square().mean()


@pytest.mark.parametrize(("rate", "found"), [(20.0, {"lr_too_high"}), (0.02, set())])
def test_a_loss_that_takes_a_gradient_itself_is_stepped_on_like_any_other(rate, found):
    model, x = net(2, 24, 24, 1), torch.randn(48, 2)
    y = x.prod(1, keepdim=True)
    optimizer = torch.optim.SGD(model.parameters(), rate)
    diagnosis = vgp.examine(model, lambda m: smooth(m, x, y), optimizer=optimizer)
    assert diagnosis.conditions == found
    assert len(diagnosis.losses) > 3 and not diagnosis.notes


# Operations that make the first number which is none


def attended(scores, mask):
    return scores.masked_fill(mask, -math.inf).softmax(-1)


MASK = torch.eye(6, dtype=torch.bool).roll(2, 1) | torch.zeros(6, 1, dtype=torch.bool)
NOWHERE = MASK.clone()
NOWHERE[4] = True
SELECTED = torch.arange(12) < 5
X = torch.randn(12, 6, generator=torch.Generator().manual_seed(5))
LOSSES = {
    "row masked out whole": lambda m, sick: attended(m(X[:6]), NOWHERE if sick else MASK).square(),
    "mean over nothing": lambda m, sick: m(X)[SELECTED & (not sick)].square().mean()[None],
    "exponent too large": lambda m, sick: (m(X) * (900 if sick else 1)).exp().log1p(),
    "division by 0": lambda m, sick: m(X).square() / (m(X) * (0 if sick else 1)).abs(),
    "operation out of its range": lambda m, sick: (m(X).relu() + (0 if sick else 1)).log(),
}
FIRST = {
    "row masked out whole": "guard_rows",
    "mean over nothing": "guard_means",
    "exponent too large": "bound_exponent",
    "division by 0": "safe_division",
    "operation out of its range": "safe_roots",
}


@pytest.mark.parametrize("cause", LOSSES)
def test_the_operation_that_made_the_first_nan_decides_the_remedy_and_that_cures_it(cause):
    model = net(6, 8, 6)
    loss = lambda m: LOSSES[cause](m, True).mean()  # noqa: E731
    assert not loss(model).isfinite()
    finding = only(vgp.examine(model, loss))
    assert (finding.condition, finding.cause) == ("nan", cause)
    first = finding.remedies[0]
    assert first.key == FIRST[cause]
    model, loss, _ = apply(first.code, model, loss, None)
    value = loss(model)
    value.backward()
    assert value.isfinite()
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("cause", LOSSES)
def test_the_same_loss_within_its_range_has_no_number_that_is_none(cause):
    diagnosis = vgp.examine(net(6, 8, 6), lambda m: LOSSES[cause](m, False).mean())
    assert "nan" not in diagnosis.conditions


def test_an_exponential_of_raw_inputs_is_mended_at_the_input():
    x = 400 * torch.rand(32, 3)
    model = net(3, 12, 1, activation=nn.ReLU)
    finding = only(vgp.examine(model, lambda m: (m(x) ** 2).exp().mean()))
    assert (finding.cause, finding.remedies[0].key) == ("input scale", "input_scale")


@pytest.mark.parametrize(
    ("dtype", "loss"),
    [
        (torch.float16, lambda z: -(F.sigmoid(z) + 1e-9).log()),
        (torch.bfloat16, lambda z: -(1 - F.sigmoid(-z).clamp(max=1 - 1e-5)).log()),
    ],
)
def test_an_epsilon_that_half_precision_rounds_away_is_a_cause_and_float32_cures_it(dtype, loss):
    model = net(4, 8, 1)
    nn.init.constant_(model[2].bias, -25.0)
    model, x = model.to(dtype), torch.randn(16, 4).to(dtype)
    whole = lambda m: loss(m(x)).mean()  # noqa: E731
    finding = only(vgp.examine(model, whole))
    assert (finding.condition, finding.cause) == ("nan", "epsilon below the format's resolution")
    assert finding.remedies[0].key == "float32"
    model, whole, _ = apply(finding.remedies[0].code, model, whole, None)
    assert whole(model).isfinite()


# Parameters that are left out


def test_what_gets_a_gradient_and_is_in_no_optimizer_is_named_in_a_note():
    model, x = net(5, 16, 16, 3, activation=nn.ReLU), torch.randn(40, 5)
    loss = lambda m: F.cross_entropy(m(x), x[:, :3].argmax(1))  # noqa: E731
    held = [*model[0].parameters(), *model[4].parameters()]
    (note,) = vgp.examine(model, loss, optimizer=torch.optim.Adam(held, 1e-3)).notes
    assert "2.weight, 2.bias" in note and "0.weight" not in note
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    assert not vgp.examine(model, loss, optimizer=optimizer).notes


class Scaled(nn.Module):
    """A body whose output is cut off, and a temperature that the loss reaches."""

    def __init__(self):
        super().__init__()
        self.body, self.temperature = net(5, 8, 3), nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.body(x).detach() / self.temperature


def test_only_what_truly_lacks_a_gradient_is_accused():
    x = torch.randn(20, 5)
    finding = only(vgp.examine(Scaled(), lambda m: m(x).square().mean()))
    assert finding.condition == "no_gradient"
    assert set(finding.where) == {"body.0.weight", "body.0.bias", "body.2.weight", "body.2.bias"}


# Gradients that are exactly 0


class LowRank(nn.Module):
    """A frozen layer, and a pair of thin matrices beside it."""

    def __init__(self, start):
        super().__init__()
        self.base = nn.Linear(8, 4).requires_grad_(False)
        self.down, self.up = nn.Parameter(start(8, 2)), nn.Parameter(torch.zeros(2, 4))

    def forward(self, x):
        return self.base(x) + x @ self.down @ self.up


def zeros_of(kind):
    """A model and a loss whose gradient is exactly 0, for one reason or another."""
    x, model = torch.randn(24, 8), net(8, 12, 1)
    y = (x[:, :1] > 0).float()
    if kind == "one logit":
        return model, lambda m: F.binary_cross_entropy(m(x).softmax(-1), y)
    if kind == "one unit":
        norm = nn.LayerNorm(1, elementwise_affine=False)
        return nn.Sequential(model, norm), lambda m: F.mse_loss(m(x), y)
    if kind == "rounded":
        return model, lambda m: F.mse_loss(m(x).floor(), y)
    if kind == "masked":
        return model, lambda m: (torch.zeros(24, 1) * F.softplus(m(x))).mean() + 1
    return LowRank(torch.zeros), lambda m: F.mse_loss(m(x), y.expand(24, 4))


ZEROS = {
    "one logit": ("axis of size 1", "wider_axis"),
    "one unit": ("axis of size 1", "wider_axis"),
    "rounded": ("non-differentiable operation", "straight_through"),
    "masked": ("factor of 0", "find_zero"),
    "thin pair": ("initialisation constant", "reinitialise"),
}


@pytest.mark.parametrize("kind", ZEROS)
def test_what_makes_a_gradient_0_is_found_in_the_graph(kind):
    model, loss = zeros_of(kind)
    finding = only(vgp.examine(model, loss))
    assert (finding.cause, finding.remedies[0].key) == ZEROS[kind]
    assert finding.condition == ("symmetry" if kind == "thin pair" else "zero_gradient")


def test_a_pair_of_which_one_matrix_starts_at_0_is_well():
    x = torch.randn(24, 8)
    assert vgp.examine(LowRank(torch.randn), lambda m: F.mse_loss(m(x), x[:, :4])).healthy


@pytest.mark.parametrize("called", [False, True])
def test_a_relu_behind_the_read_out_is_left_out_where_it_is_a_module(called):
    x = torch.rand(30, 4)
    model = net(4, 16, 1, activation=nn.ReLU)
    nn.init.constant_(model[2].bias, -3.0)
    y = x.sum(1, keepdim=True)
    if called:
        loss = lambda m: F.mse_loss(F.relu(m(x)), y)  # noqa: E731
    else:
        model.append(nn.ReLU())
        loss = lambda m: F.mse_loss(m(x), y)  # noqa: E731
    findings = vgp.examine(model, loss).findings
    assert {f.cause for f in findings} == {"activation after the read-out"}
    remedies = {r.key: r for f in findings for r in f.remedies}
    code = remedies["drop_last_activation"].code
    assert ("In forward()" in code) == called
    if not called:
        assert findings[0].remedies[0].key == "drop_last_activation"
        model, loss, _ = apply(code, model, loss, None)
        loss(model).backward()
        assert model[0].weight.grad.any()


# What is not to learn


def test_a_remedy_leaves_alone_what_is_frozen_or_in_no_optimizer():
    """A frozen adversary that is drawn anew is another one: that its loss falls helps nobody."""
    made = net(6, *(16,) * 12, 6, activation=nn.Sigmoid)
    judge = net(6, *(16,) * 12, 1, activation=nn.Sigmoid)
    model = nn.ModuleDict({"made": made, "judge": judge, "other": net(6, 6, 6)})
    judge.requires_grad_(False)
    x = torch.randn(32, 6)

    def loss(m):
        return -F.logsigmoid(m["judge"](m["made"](x)) + m["other"](x).mean()).mean()

    optimizer = torch.optim.SGD(made.parameters(), 0.1)
    diagnosis = vgp.examine(model, loss, optimizer=optimizer)
    assert "vanishing" in diagnosis.conditions
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for remedy in diagnosis.remedies:
        if remedy.key in ("reinitialise", "orthogonal", "batch_norm", "layer_norm", "to_tanh"):
            kept = diagnosis.snapshot.copied()
            changed, *_ = apply(remedy.code, kept.model, kept.loss, kept.optimizer)
            for name, parameter in changed.named_parameters():
                if name.startswith(("judge.", "other.")):
                    assert torch.equal(parameter, before[name]), (remedy.key, name)
            assert str(changed["judge"]) == str(judge)


# What goes in is wrong


def test_a_target_that_is_no_number_is_told_from_an_input_that_is_none():
    model, x = net(5, 8, 1), torch.randn(16, 5)
    y = x.sum(1, keepdim=True)
    y[3] = math.nan
    finding = only(vgp.examine(model, lambda m: F.mse_loss(m(x), y)))
    assert (finding.cause, finding.remedies[0].key) == ("NaN in the targets", "drop_targets")
    x[2, 1] = math.nan
    finding = only(vgp.examine(model, lambda m: F.mse_loss(m(x), y.nan_to_num())))
    assert (finding.cause, finding.remedies[0].key) == ("NaN in the data", "nan_inputs")


def test_a_loss_times_0_is_no_loss_and_one_that_is_0_has_nothing_to_learn():
    model, x = net(5, 8, 1), torch.randn(16, 5)
    finding = only(vgp.examine(model, lambda m: 0.0 * m(x).square().mean()))
    assert (finding.condition, finding.cause) == ("zero_gradient", "factor of 0")
    y = model(x).detach()
    assert vgp.examine(model, lambda m: ((m(x) - y) * (m(x) - y)).mean()).healthy


def test_a_clamped_loss_is_no_saturating_activation_and_raw_inputs_are_a_cause():
    model, x = net(5, 8, 1), torch.randn(16, 5)
    finding = vgp.examine(model, lambda m: (m(x).square().mean() + 1).clamp(max=1e-9)).findings[0]
    assert (finding.cause, finding.remedies[0].key) == ("clamped loss", "unclamp")
    raw = 4000 + 900 * x
    finding = vgp.examine(model, lambda m: F.mse_loss(m(raw), x[:, :1])).findings[0]
    assert (finding.cause, finding.remedies[0].key) == ("input scale", "input_scale")


def test_a_loss_times_nan_is_not_laid_to_the_weights():
    model, x = net(5, 8, 1), torch.randn(16, 5)
    finding = only(vgp.examine(model, lambda m: m(x).square().mean() * math.nan))
    assert (finding.condition, finding.cause) == ("nan", "NaN in the targets")


@pytest.mark.parametrize("ask", [vgp.measure, vgp.examine], ids=["measure", "examine"])
def test_what_cannot_be_measured_is_said_in_a_sentence(ask):
    model, x = net(4, 8, 1), torch.randn(6, 4)
    with pytest.raises(ValueError, match="parameter 'weight' is complex"):
        ask(nn.Linear(4, 1, dtype=torch.cfloat), lambda m: m(x.cfloat()).abs().mean())
    with pytest.raises(ValueError, match="parameter '0.weight' is on the meta device"):
        ask(net(4, 8, 1).to("meta"), lambda m: m(x.to("meta")).mean())
    with pytest.raises(ValueError, match="the loss must be real, not complex"):
        ask(model, lambda m: (m(x) * 1j).mean())
    with pytest.raises(ValueError, match=r"layer '0' \(linear\) cannot take its input: .*\(6, 3\)"):
        ask(model, lambda m: m(x[:, :3]).mean())
    other = torch.optim.SGD(nn.Linear(2, 2).parameters(), 0.1)
    with pytest.raises(ValueError, match="optimizer holds none of the model's parameters"):
        ask(model, lambda m: m(x).mean(), optimizer=other)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.LeakyReLU, nn.Tanh])
def test_a_second_derivative_needs_an_activation_that_bends(activation):
    """A beam under a load: u'' = cos(2x), held at one end."""
    model, x = net(1, 24, 24, 1, activation=activation), torch.linspace(-1, 1, 40)[:, None]

    def loss(m):
        at = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(m(at).sum(), at, create_graph=True)
        (bend,) = torch.autograd.grad(slope.sum(), at, create_graph=True, allow_unused=True)
        bend = torch.zeros_like(at) if bend is None else bend
        return (bend - torch.cos(2 * at)).square().mean() + m(torch.zeros(1, 1)).square().mean()

    diagnosis = vgp.examine(model, loss)
    if activation is nn.Tanh:
        assert diagnosis.healthy
        return
    finding = only(diagnosis)
    assert (finding.condition, finding.cause) == ("zero_gradient", "activation without curvature")
    assert finding.remedies[0].key == "to_tanh"
    model, loss, _ = apply(finding.remedies[0].code, model, loss, None)
    loss(model).backward()
    assert all(model.get_parameter(name).grad.any() for name in finding.where)
