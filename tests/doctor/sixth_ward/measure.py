"""Measurements in plain torch; each function returns a fact, which asserts something of a case.

``at`` names where to look: submodules (their outputs) or torch functions, such as ``"linear"``
(what they return), in the order in which they run.
"""

import copy

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from tests.doctor.case import Fact

FLAT = {  # |derivative| over its largest, from the output
    "sigmoid": lambda y: 4 * y * (1 - y),
    "tanh": lambda y: 1 - y * y,
    "softmax": lambda y: 4 * y * (1 - y),
    "hardsigmoid": lambda y: ((y > 0) & (y < 1)).float(),
}


class Tape(TorchFunctionMode):
    """Keeps what the named torch functions return."""

    def __init__(self, names):
        super().__init__()
        self.names, self.seen = set(names), []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").strip("_")
        if name in self.names and isinstance(out, Tensor) and out.is_floating_point():
            if out.requires_grad:
                out.retain_grad()
            self.seen.append((name, out))
        return out


def tensor(out):
    """The tensor in what a module returned."""
    while not isinstance(out, Tensor):
        out = next(iter(out.values())) if isinstance(out, dict) else out[0]
    return out


def outputs(model, loss, at, backward=True):
    """The outputs at ``at``, with ``.grad``."""
    modules = {n: m for n, m in model.named_modules() if n in at}
    tape = Tape(set(at) - set(modules))

    def keep(module, _, out):
        out = tensor(out)
        if torch.is_grad_enabled():  # a target computed under no_grad has no signal
            if out.requires_grad:
                out.retain_grad()
            tape.seen.append(("", out))

    handles = [m.register_forward_hook(keep) for m in modules.values()]
    with tape:
        value = loss(model)
    for handle in handles:
        handle.remove()
    if backward:
        value.backward()
    assert tape.seen, f"nothing seen at {at}"
    return [out for _, out in tape.seen]


def rms(x):
    return x.detach().double().pow(2).mean().sqrt().item()


def norms(model, loss, at):
    """The norm of the error signal at each place; 0 where none arrives."""
    return [
        0.0 if o.grad is None else o.grad.double().norm().item() for o in outputs(model, loss, at)
    ]


def falls(*at: str) -> Fact:
    """The error signal is 10^3 times smaller at the first place than at the last."""

    def fact(model, loss, optimizer):
        s = norms(model, loss, at)
        assert s[-1] > 0 and s[0] * 1e3 <= s[-1], s

    return fact


def rises(*at: str, by=1e3) -> Fact:
    """The error signal is ``by`` times larger at the first place than at the last."""

    def fact(model, loss, optimizer):
        s = norms(model, loss, at)
        assert torch.isfinite(torch.tensor(s)).all() and s[0] >= by * s[-1] > 0, s

    return fact


def falls_in_time(at: str) -> Fact:
    """It is 10^3 times smaller at the first step than at the last (axis 1)."""

    def fact(model, loss, optimizer):
        grad = outputs(model, loss, [at])[0].grad.double()
        first, last = grad[:, 0].norm().item(), grad[:, -1].norm().item()
        assert last > 0 and first * 1e3 <= last, (first, last)

    return fact


def forward(*at: str, low=0.0, high=float("inf")) -> Fact:
    """RMS of the activations at the last place over that at the first."""

    def fact(model, loss, optimizer):
        outs = outputs(model, loss, at, backward=False)
        ratio = rms(outs[-1]) / rms(outs[0])
        assert low <= ratio <= high, [rms(o) for o in outs]

    return fact


def size(*at: str, low=0.0, high=float("inf")) -> Fact:
    """RMS of the activations at every place."""

    def fact(model, loss, optimizer):
        sizes = [rms(o) for o in outputs(model, loss, at, backward=False)]
        assert all(low <= s <= high for s in sizes), sizes

    return fact


def dead_share(out):
    """The share of units (axis 1 of images, else the last) that are 0 on the whole batch."""
    if out.ndim < 2:  # a hinge in a loss
        return 0.0
    units = out.detach().movedim(1 if out.ndim > 3 else -1, 0).flatten(1)
    return (units == 0).all(1).double().mean().item()


def dead(at: str, least=0.5) -> Fact:
    def fact(model, loss, optimizer):
        shares = [dead_share(o) for o in outputs(model, loss, [at], backward=False)]
        assert max(shares) >= least, shares

    return fact


def flat(kind: str, least=0.5) -> Fact:
    """The share of entries of an activation's output in its flat part, at its worst call."""

    def fact(model, loss, optimizer):
        outs = outputs(model, loss, [kind], backward=False)
        shares = [(FLAT[kind](o.detach()) < 0.05).double().mean().item() for o in outs]
        assert max(shares) >= least, shares

    return fact


def spread(out, over=0):
    """How much samples (axis 0) or tokens (axis 1) differ, relative to their size."""
    x = out.detach().double()
    return ((x - x.mean(over, keepdim=True)).norm() / x.norm()).item()


def collapsed(at: str, over=0) -> Fact:
    """At the last call of ``at`` the samples (or tokens: ``over=1``) have become one vector."""

    def fact(model, loss, optimizer):
        value = spread(outputs(model, loss, [at], backward=False)[-1], over)
        assert value <= 1e-3, value

    return fact


def gradients(model, loss):
    """Gradient of every parameter by name; None where there is none."""
    model.zero_grad(set_to_none=True)
    value = loss(model)
    if value.requires_grad:
        value.backward()
    return {n: p.grad for n, p in model.named_parameters()}


def zero(*names: str) -> Fact:
    """These parameters have gradients, exactly 0, and others have gradients that are not."""

    def fact(model, loss, optimizer):
        grads = gradients(model, loss)
        for name in names:
            assert grads[name] is not None and not grads[name].any(), name
        assert any(g is not None and g.any() for g in grads.values())

    return fact


def none(*names: str) -> Fact:
    """These parameters want a gradient and get none; others get one."""

    def fact(model, loss, optimizer):
        grads, wanted = gradients(model, loss), dict(model.named_parameters())
        held = None if optimizer is None else {id(p) for p in held_by(optimizer)}
        for name in names:
            assert wanted[name].requires_grad and grads[name] is None, name
            assert held is None or id(wanted[name]) in held, name
        assert any(g is not None and g.any() for g in grads.values())

    return fact


def held_by(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def frozen(share: float) -> Fact:
    """This share or more of the optimizer's parameters needs no gradient."""

    def fact(model, loss, optimizer):
        held = held_by(optimizer)
        assert sum(not p.requires_grad for p in held) >= share * len(held) > 0

    return fact


def not_finite(where: str) -> Fact:
    """NaN or Inf in the ``weights``, the ``loss`` or only the ``gradients``."""

    def fact(model, loss, optimizer):
        weights = all(p.isfinite().all() for p in model.parameters())
        value = loss(model).isfinite().item()
        grads = [g for g in gradients(model, loss).values() if g is not None]
        seen = {"weights": not weights, "loss": weights and not value}
        seen["gradients"] = weights and value and not all(g.isfinite().all() for g in grads)
        assert seen[where], seen

    return fact


def underflows(least: float) -> Fact:
    """This share of entries is 0 in float16 and not 0 with a scaled loss."""

    def fact(model, loss, optimizer):
        plain = gradients(model, loss)
        scaled = gradients(model, lambda m: loss(m) * 4096)
        lost = sum(((plain[n] == 0) & (scaled[n] != 0)).sum().item() for n in plain)
        assert all(p.dtype == torch.float16 for p in model.parameters())
        assert lost >= least * sum(g.numel() for g in plain.values()), lost

    return fact


def in_range(least_alive=0.8) -> Fact:
    """In float16: gradients are finite, and few entries are 0."""

    def fact(model, loss, optimizer):
        grads = torch.cat([g.flatten() for g in gradients(model, loss).values()])
        assert grads.isfinite().all() and (grads != 0).double().mean() >= least_alive

    return fact


def overflows(*at: str) -> Fact:
    """Something at ``at`` is Inf in float16, and nothing is in float32."""

    def fact(model, loss, optimizer):
        wide = copy.deepcopy(model).float()
        assert not all(o.isfinite().all() for o in outputs(model, loss, at, backward=False))
        assert all(o.isfinite().all() for o in outputs(wide, loss, at))
        assert all(g.isfinite().all() for g in gradients(wide, loss).values() if g is not None)

    return fact


def copies(*names: str) -> Fact:
    """The rows of these weights are equal, and so are their gradients, which are not 0."""

    def fact(model, loss, optimizer):
        grads, weights = gradients(model, loss), dict(model.named_parameters())
        for name in names:
            w, g = weights[name].detach().flatten(1), grads[name].flatten(1)
            assert (w == w[0]).all() and g.any(), name
            assert (g - g[0]).norm() <= 1e-5 * g.norm(), name

    return fact
