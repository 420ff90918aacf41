"""What a healthy case must show: none of the eighteen conditions, measured in plain torch."""

import torch
from torch import nn

from tests.doctor.case import Fact

from .measure import FLAT, Tape, dead_share, held_by, outputs, rms, spread
from .training import train


def sound(*at: str, still=(), spare=(), few=False, time=None, warm=0) -> Fact:
    """None of the conditions holds.

    ``at`` are places along the stream; ``still`` are parts of names of parameters whose gradient
    is 0 by design; ``spare`` are activations that may be flat (gates, a right output);
    ``few`` says that a batch is too small to call a unit dead; ``time`` names an output
    (batch, time, ...) whose first step must still get its signal; ``warm`` are steps taken before
    the stream is measured, where a zero-initialised output cuts it at the very start.
    """

    def fact(model, loss, optimizer):
        train(model, loss, optimizer, warm)
        for _ in range(2):
            stream(model, loss, at, few)
            activations(model, loss, spare, few)
        if time:
            grad = outputs(model, loss, [time])[0].grad
            assert 1e-2 < grad[:, 0].norm() / grad[:, -1].norm() < 1e2
        parameters(model, loss, optimizer, still)

    return fact


def stream(model, loss, at, few):
    """The error signal and the activations stay within a factor of 200; samples differ."""
    outs = outputs(model, loss, at)
    for sizes in ([o.grad.double().norm().item() for o in outs], [rms(o) for o in outs]):
        assert 0 < max(sizes) < 200 * min(sizes), sizes
    assert few or spread(outs[-1]) > 1e-2
    assert all(1e-4 < rms(o) < 1e4 for o in outs)


def activations(model, loss, spare, few):
    """Few dead units, few flat entries, everything finite."""
    with Tape({*FLAT, "relu", "linear", "conv1d", "conv2d", "matmul", "einsum"}) as tape:
        assert loss(model).isfinite()
    for name, out in tape.seen:
        assert out.isfinite().all(), name
        if name == "relu" and not few:
            assert dead_share(out) < 0.35, dead_share(out)
        if name in FLAT and name not in spare:
            share = (FLAT[name](out.detach().float()) < 0.05).double().mean()
            assert share < 0.35, (name, share)


def parameters(model, loss, optimizer, still):
    """Every wanted parameter gets a finite gradient, not 0, within some steps; no copies."""
    names = {id(p): n for n, p in model.named_parameters()}
    wanted = [p for p in model.parameters() if p.requires_grad]
    if optimizer is not None:
        wanted = held_by(optimizer)
        assert all(p.requires_grad for p in wanted)
    else:
        optimizer = torch.optim.SGD(wanted, lr=1e-4)
    waiting = {id(p) for p in wanted}
    for _ in range(5):
        optimizer.zero_grad()
        loss(model).backward()
        for p in wanted:
            if p.grad is not None:
                grad = p.grad.to_dense() if p.grad.is_sparse else p.grad
                assert grad.isfinite().all(), names[id(p)]
                if grad.any():
                    waiting.discard(id(p))
        optimizer.step()
    left = [names[i] for i in waiting if not any(part in names[i] for part in still)]
    assert not left, left
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d) and module.weight.shape[0] > 1:
            rows = module.weight.detach().flatten(1)
            assert not rows.any() or not (rows == rows[0]).all()
