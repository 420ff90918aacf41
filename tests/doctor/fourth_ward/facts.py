"""What is true of a case: each fact takes model, loss and optimizer, and asserts."""

import copy

import torch
from torch import nn

from . import measure as m


def wanted(model, optimizer):
    """Parameters that the optimizer holds, or all that require a gradient."""
    held = [p for g in optimizer.param_groups for p in g["params"]] if optimizer else None
    ids = {id(p) for p in held} if held is not None else None
    return {
        name: p
        for name, p in model.named_parameters()
        if (id(p) in ids if ids is not None else p.requires_grad)
    }


def noised(model):
    """A copy with every weight moved a little: what is zero by symmetry is zero no more."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for p in other.parameters():
            p.add_(0.01 * torch.randn_like(p))
    return other


def recurrent(model):
    return next(x for x in model.modules() if isinstance(x, (nn.RNNBase, nn.RNNCellBase)))


def vanishing(model, loss, optimizer):
    assert m.signal_ratio(model, loss) < 1e-3


def exploding(model, loss, optimizer):
    assert m.signal_ratio(model, loss) > 1e3


def temporal_vanishing(model, loss, optimizer):
    assert m.through_time(model, loss, recurrent(model)) < 1e-3


def temporal_exploding(model, loss, optimizer):
    assert m.through_time(model, loss, recurrent(model)) > 1e3


def forward_vanishing(model, loss, optimizer):
    hidden = [m.rms(out) for _, out, _ in m.stream(model, loss)[:-1]]
    assert hidden[-1] < 1e-3 * hidden[0] or max(hidden) < 1e-5


def forward_exploding(model, loss, optimizer):
    assert m.activation_ratio(model, loss) > 1e3


def dead_relu(model, loss, optimizer):
    assert m.operations(model, loss)[0] >= 0.5


def saturation(model, loss, optimizer):
    assert m.operations(model, loss)[1] >= 0.5


def nan(model, loss, optimizer):
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in model.parameters())
    assert not all(g.isfinite().all() for g in m.gradients(model, loss).values())


def zero_gradient(model, loss, optimizer):
    first = {k for k, g in m.gradients(model, loss).items() if not g.any()}
    assert first & {k for k, g in m.gradients(noised(model), loss).items() if not g.any()}


def no_gradient(model, loss, optimizer):
    found = m.gradients(model, loss)
    assert any(found[name] is None for name in wanted(model, optimizer))


def frozen(model, loss, optimizer):
    assert any(not p.requires_grad for p in wanted(model, optimizer).values())


def fp16_underflow(model, loss, optimizer):
    def zeros(scale):
        found = m.gradients(model, lambda x: scale * loss(x)).values()
        assert all(g.dtype == torch.float16 and g.isfinite().all() for g in found)
        return sum((g == 0).sum().item() for g in found) / sum(g.numel() for g in found)

    assert zeros(1) > 0.3 > 0.02 > zeros(4096)


def fp16_overflow(model, loss, optimizer):
    squares = []
    model[1].norm.register_forward_pre_hook(lambda _, args: squares.append(args[0].pow(2)))
    loss(model)
    assert squares[0].dtype == torch.float16 and squares[0].isinf().any(-1).float().mean() > 0.9
    model[1].norm.register_forward_pre_hook(lambda _, args: squares.append(args[0].float().pow(2)))
    loss(model)
    assert squares[-1].isfinite().all()


def rates(model, loss, optimizer, factor, steps):
    """The loss before and after training a copy with the rate times ``factor``."""
    model, optimizer = copy.deepcopy((model, optimizer))
    for group in optimizer.param_groups:
        group["lr"] *= factor
    return m.train(model, loss, optimizer, steps)


def lr_too_high(model, loss, optimizer):
    before, after = rates(model, loss, optimizer, 1, 4)
    assert not after < 1.5 * before
    before, after = rates(model, loss, optimizer, 1e-3, 4)
    assert after < before


def lr_too_low(model, loss, optimizer):
    before, after = rates(model, loss, optimizer, 1e8, 20)
    assert after < 0.8 * before
    old = copy.deepcopy(model.state_dict())
    m.train(model, loss, optimizer, 1)
    moved = [(p - old[k]).norm() / p.norm() for k, p in model.named_parameters() if p.dim() > 1]
    assert max(moved) < 1e-7


def symmetry(model, loss, optimizer):
    weight = model[0].weight
    grad = m.gradients(model, loss)["0.weight"]
    assert (weight == weight[:1]).all() and grad.any()
    torch.testing.assert_close(grad, grad[:1].expand_as(grad))


def rank_collapse(model, loss, optimizer):
    assert m.spread(model, loss) < 1e-3


def prior_stops_the_signal_at_the_sigmoid(model, loss, optimizer):
    kept = []

    def keep(module, inputs, output):
        output.retain_grad()
        kept.append(output)

    model.register_forward_hook(keep)
    layers = m.stream(model, loss)
    assert m.norm(layers[-1][2]) < 1e-3 * m.norm(kept[0].grad)


def grows_along_time(model, loss, optimizer):
    states = []
    model.rnn.register_forward_hook(lambda _, args, out: states.append(out[0].detach()))
    loss(model)
    assert m.rms(states[0][:, -1]) > 1e3 * m.rms(states[0][:, 0])


def starts_low_by_schedule(model, loss, optimizer):
    group = optimizer.param_groups[0]
    assert group["lr"] < 1e-8 and group["initial_lr"] == 5e-3


def keeps_along_time(model, loss, optimizer):
    assert 1e-3 < m.through_time(model, loss, recurrent(model)) < 1e3


def given(model, loss, optimizer):
    """Every wanted parameter gets a finite gradient, and no layer is half dead or half flat."""
    found, mine = m.gradients(model, loss), wanted(model, optimizer)
    assert all(p.requires_grad and found[name] is not None for name, p in mine.items())
    assert all(found[name].isfinite().all() for name in mine)
    dead, flat = m.operations(model, loss)
    assert dead < 0.5 and flat < 0.5


def nowhere_zero(model, loss, optimizer):
    found = m.gradients(model, loss)
    assert all(found[name].any() for name in wanted(model, optimizer))


def keeps_its_size(model, loss, optimizer):
    """Signal and activations, from end to end; and samples that differ still do so."""
    assert 1e-3 < m.signal_ratio(model, loss) < 1e3
    assert 1e-3 < m.activation_ratio(model, loss) < 1e3
    assert m.spread(model, loss) > 1e-2


def converged(model, loss, optimizer):
    assert loss(model) < 1e-4


def learns(model, loss, optimizer):
    for group in optimizer.param_groups if optimizer else ():
        group["lr"] = group.get("initial_lr", group["lr"])
    optimizer = optimizer or torch.optim.Adam(model.parameters(), 1e-3)
    before, after = m.train(model, loss, optimizer, 40)
    assert after < 0.96 * before


def learns_by_sgd(rate):
    """Where Adam's epsilon does not suit: a loss of 1e-8, or half precision."""
    return lambda model, loss, _: learns(model, loss, torch.optim.SGD(model.parameters(), rate))


SOUND = [given, nowhere_zero, keeps_its_size, learns]
