"""Measurements that prove a case: plain autograd, and nothing of the package under test.

Each function returns a check of ``(model, loss, optimizer)``. Tensors inside a network are found by
the name of the PyTorch function that made them ("linear", "tanh", "softmax", ...), in call order.
"""

import copy

import torch
from torch.overrides import TorchFunctionMode

FAR = 1e3  # the ratio from which a signal counts as vanished or exploded


class Recorder(TorchFunctionMode):
    """Keep the outputs of some functions, with their gradients after a backward pass."""

    def __init__(self, *names):
        super().__init__()
        self.names, self.seen = names, []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "").strip("_") in self.names and torch.is_tensor(out):
            if out.requires_grad:
                out.retain_grad()
            self.seen.append((args, out))
        return out


def backward(model, loss):
    """The loss; gradients stand in ``.grad``. A loss without a graph leaves them None."""
    model.zero_grad(set_to_none=True)
    value = loss(model)
    if value.requires_grad:
        value.backward()
    return value.detach()


def outputs(model, loss, *names):
    """The outputs of the functions of these names, gradients filled in."""
    with Recorder(*names) as recorder:
        backward(model, loss)
    return [out for _, out in recorder.seen]


def norm(tensor):
    return tensor.detach().double().norm().item()


def rms(tensor):
    return tensor.detach().double().square().mean().sqrt().item()


def signal_falls(*names, first=0, last=-1, by=FAR):
    def check(model, loss, optimizer):
        seen = outputs(model, loss, *names)
        return norm(seen[first].grad) * by <= norm(seen[last].grad)

    return check


def signal_grows(*names, first=0, last=-1, by=FAR):
    def check(model, loss, optimizer):
        seen = outputs(model, loss, *names)
        return norm(seen[first].grad) >= by * norm(seen[last].grad)

    return check


def forward_falls(*names, first=0, last=-2, by=FAR):
    """The last of all outputs is the read-out, so the last hidden one is number -2."""

    def check(model, loss, optimizer):
        seen = outputs(model, loss, *names)
        return rms(seen[last]) * by <= rms(seen[first])

    return check


def forward_grows(*names, first=0, last=-2, by=FAR):
    def check(model, loss, optimizer):
        seen = outputs(model, loss, *names)
        return rms(seen[last]) >= by * rms(seen[first])

    return check


def forward_is_tiny(*names, below):
    def check(model, loss, optimizer):
        return all(rms(out) < below for out in outputs(model, loss, *names)[:-1])

    return check


def time_profile(model, loss, layer):
    """Norm of the gradient with respect to the input of a batch-first recurrent layer, by step."""
    kept = []

    def tap(module, args):
        kept.append(args[0].detach().requires_grad_())
        return (kept[0], *args[1:])

    handle = model.get_submodule(layer).register_forward_pre_hook(tap)
    backward(model, loss)
    handle.remove()
    return [norm(step) for step in kept[0].grad.unbind(1)]


def time_falls(layer, by=FAR):
    def check(model, loss, optimizer):
        steps = time_profile(model, loss, layer)
        return steps[0] * by <= steps[-1]

    return check


def time_grows(layer, by=FAR):
    def check(model, loss, optimizer):
        steps = time_profile(model, loss, layer)
        return steps[0] >= by * steps[-1]

    return check


def silent(*names, share=0.5, channel=-1):
    """Some call leaves this share of the units (along ``channel``) at 0 for the whole batch."""

    def check(model, loss, optimizer):
        shares = []
        for out in outputs(model, loss, *names):
            units = out.detach().movedim(channel, 0).flatten(1)
            shares.append((units == 0).all(1).double().mean().item())
        return max(shares) >= share

    return check


SLOPES = {  # from the output, relative to the largest slope
    "tanh": lambda y: 1 - y.square(),
    "sigmoid": lambda y: 4 * y * (1 - y),
    "softmax": lambda y: 4 * y.amax(-1) * (1 - y.amax(-1)),
    "hardtanh": lambda y: (y.abs() < 1).double(),
    "clamp": lambda y: (y.abs() < 1).double(),  # of a clamp to [-1, 1]
}


def saturated(name, share=0.5, calls=slice(None)):
    """Some call has this share of entries (softmax: of rows) where the slope is below 5 %."""

    def check(model, loss, optimizer):
        seen = outputs(model, loss, name)[calls]
        return (
            max((SLOPES[name](o.detach().double()) < 0.05).double().mean() for o in seen) >= share
        )

    return check


def not_finite(model, loss, optimizer):
    value = backward(model, loss)
    tensors = [value, *(p.grad for p in model.parameters() if p.grad is not None)]
    return not all(t.isfinite().all() for t in tensors)


def zero(*names):
    """These parameters get a gradient, and it is exactly 0."""

    def check(model, loss, optimizer):
        backward(model, loss)
        grads = [model.get_parameter(name).grad for name in names]
        return all(g is not None and g.count_nonzero() == 0 for g in grads)

    return check


def missing(*names):
    def check(model, loss, optimizer):
        backward(model, loss)
        wanted = [model.get_parameter(name) for name in names]
        return all(p.requires_grad and p.grad is None for p in wanted)

    return check


def locked(*names):
    """These parameters are not trainable (and the optimizer has them, if there is one)."""

    def check(model, loss, optimizer):
        held = (
            [p for group in optimizer.param_groups for p in group["params"]] if optimizer else None
        )
        wanted = [model.get_parameter(name) for name in names]
        return all(
            not p.requires_grad and (held is None or any(p is h for h in held)) for p in wanted
        )

    return check


def copies(*names):
    """The rows of these parameters are equal, and so are the rows of their gradients."""

    def check(model, loss, optimizer):
        backward(model, loss)
        for name in names:
            p = model.get_parameter(name)
            for rows in (p.detach().flatten(1), p.grad.flatten(1)):
                if not torch.allclose(rows, rows[:1].expand_as(rows), rtol=1e-4, atol=1e-12):
                    return False
            if p.grad.count_nonzero() == 0:
                return False
        return True

    return check


def spread(x):
    """How far vectors differ, relative to their length; the last dimension holds a vector."""
    flat = x.detach().double().flatten(0, -2)
    return ((flat - flat.mean(0)).norm() / flat.norm()).item()


def collapsed(*names, last=-2, per_sample=False, below=1e-3):
    """All vectors of the last hidden output are one, although the first output's are not.

    A vector is the last dimension, or all of a sample.
    """

    def check(model, loss, optimizer):
        seen = outputs(model, loss, *names)
        first, end = (out.flatten(1) if per_sample else out for out in (seen[0], seen[last]))
        return spread(end) <= below and spread(first) >= 0.03

    return check


def underflows(model, loss, optimizer, share=0.1, scale=2.0**14):
    """This share of float16 gradient entries is 0, but not with a scaled loss."""
    backward(model, loss)
    bare = torch.cat([p.grad.flatten() for p in model.parameters()])
    backward(model, lambda m: loss(m) * scale)
    scaled = torch.cat([p.grad.flatten() for p in model.parameters()])
    lost = (bare == 0) & (scaled != 0) & scaled.isfinite()
    return lost.double().mean().item() >= share


def overflows(model, loss, optimizer):
    """Not finite as it is, finite when the whole model computes in float32."""
    return not_finite(model, loss, None) and not not_finite(
        copy.deepcopy(model).float(), loss, None
    )


def output_overflows(name):
    """A float16 output is infinite, and its inputs are not."""

    def check(model, loss, optimizer):
        with Recorder(name) as recorder:
            loss(model)
        return any(
            out.dtype == torch.float16 and args[0].isfinite().all() and out.isinf().any()
            for args, out in recorder.seen
        )

    return check


def signal_keeps(*names, first=0, last=-1, within=30.0):
    """The error signal at both ends is about as large."""

    def check(model, loss, optimizer):
        seen = outputs(model, loss, *names)
        ratio = norm(seen[first].grad) / norm(seen[last].grad)
        return 1 / within < ratio < within

    return check


def time_keeps(layer, within=100.0):
    def check(model, loss, optimizer):
        steps = time_profile(model, loss, layer)
        return 1 / within < steps[0] / steps[-1] < within

    return check


def settled(below):
    """Nothing is left to learn: the gradient is this small in all."""

    def check(model, loss, optimizer):
        backward(model, loss)
        return all(norm(p.grad) < below for p in model.parameters())

    return check
