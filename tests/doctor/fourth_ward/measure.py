"""Plain measurements of a model and its loss, by autograd and by watching operations."""

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
SLOPES = {
    aten.tanh.default: lambda x, y: 1 - y**2,
    aten.sigmoid.default: lambda x, y: 4 * y * (1 - y),
    aten.hardtanh.default: lambda x, y: (y.abs() < 1).float(),
    aten._softmax.default: lambda x, y: 4 * y * (1 - y),
}


class Operations(TorchDispatchMode):
    """Notes dead units of rectifiers and flat entries of squashing functions."""

    def __init__(self):
        super().__init__()
        self.dead: list[float] = []
        self.flat: list[float] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func in (aten.relu.default, aten.relu_.default):
            units = out.flatten(2).transpose(1, 2).flatten(0, 1) if out.dim() == 4 else out
            self.dead.append((units.flatten(0, -2) == 0).all(0).float().mean().item())
        elif func in SLOPES and out.numel() > 8:
            self.flat.append((SLOPES[func](args[0], out) < 0.05).float().mean().item())
        return out


def operations(model, loss):
    """Largest dead and flat fractions of any rectifier or squashing function."""
    with Operations() as seen, torch.enable_grad():
        loss(model)
    return max(seen.dead, default=0.0), max(seen.flat, default=0.0)


def is_layer(module):
    """Whether a module holds weights itself (a parametrised one does, by its parametrizations)."""
    own = any(True for _ in module.parameters(recurse=False)) or hasattr(module, "parametrizations")
    return own and not isinstance(module, (nn.ParameterList, nn.modules.batchnorm._BatchNorm))


class Einsums(TorchFunctionMode):
    """Keeps the results of einsum, for networks that have no layers."""

    def __init__(self):
        super().__init__()
        self.results = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func is torch.einsum and out.requires_grad:
            out.retain_grad()
            self.results.append(("einsum", out))
        return out


def stream(model, loss):
    """Of every layer with weights, in order of call: (name, output, dloss/d output)."""
    seen, handles = [], []

    def note(name):
        def hook(module, inputs, output):
            if torch.is_tensor(output) and output.requires_grad:
                output.retain_grad()
                seen.append((name, output))

        return hook

    for name, module in model.named_modules():
        if is_layer(module) and not list(module.children()) or hasattr(module, "parametrizations"):
            handles.append(module.register_forward_hook(note(name)))

    with Einsums() as einsums:
        value = loss(model)
    for handle in handles:
        handle.remove()
    value.backward()
    return [
        (name, out.detach(), out.grad)
        for name, out in seen or einsums.results
        if out.grad is not None
    ]


def rms(x):
    return x.double().pow(2).mean().sqrt().item()


def norm(x):
    return x.double().norm().item()


def signal_ratio(model, loss):
    """Norm of the error signal at the first layer over that at the last."""
    layers = stream(model, loss)
    return norm(layers[0][2]) / norm(layers[-1][2])


def activation_ratio(model, loss):
    """RMS of the last hidden layer's output over that of the first."""
    layers = stream(model, loss)[:-1]
    return rms(layers[-1][1]) / rms(layers[0][1])


def spread(model, loss):
    """How much samples, or tokens, differ at the last hidden layer, relative to their size."""
    layers = stream(model, loss)
    last = layers[-2][0]
    h = next(out for name, out, _ in layers if name == last).double()
    h = h if h.dim() < 4 else h.flatten(1)
    return ((h - h.mean(-2, keepdim=True)).norm() / h.norm()).item()


def gradients(model, loss):
    """Parameter name -> gradient or None; all None if the loss has no history."""
    model.zero_grad()
    value = loss(model)
    if value.requires_grad:
        value.backward()
    return {name: p.grad for name, p in model.named_parameters()}


def train(model, loss, optimizer, steps):
    """Losses before and after `steps` steps, each averaged over three draws."""
    look = lambda: sum(loss(model).item() for _ in range(3)) / 3  # noqa: E731
    before = look()
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model).backward()
        optimizer.step()
    return before, look()


def through_time(model, loss, module):
    """Norm of dloss/d input at the first step of a recurrent module or cell over that at the last.

    The module is handed a copy of its input that asks for a gradient.
    """
    inputs = []

    def hook(_, args):
        inputs.append(args[0].detach().clone().requires_grad_())
        return (inputs[-1], *args[1:])

    handle = module.register_forward_pre_hook(hook)
    loss(model).backward()
    handle.remove()
    if len(inputs) > 1:  # a cell: one call a step
        return norm(inputs[0].grad) / norm(inputs[-1].grad)
    steps = (
        inputs[0].grad.transpose(0, 1) if getattr(module, "batch_first", False) else inputs[0].grad
    )
    return norm(steps[0]) / norm(steps[-1])
