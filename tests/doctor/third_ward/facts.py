"""Plain-torch measurements by which the cases prove their labels.

A fact is made by one of the functions below; it takes model, loss and optimizer, and asserts.
"""

import torch
from torch.overrides import TorchFunctionMode

PRODUCTS = frozenset(
    "linear matmul mm bmm addmm einsum conv1d conv2d conv_transpose2d __matmul__".split()
)
RECTIFIERS = frozenset("relu relu_ clamp_min".split())
SQUASHERS = frozenset("tanh sigmoid softmax".split())


class Tape(TorchFunctionMode):
    """Keeps the outputs of matrix products, rectifiers and squashing functions, in order."""

    def __init__(self, keep):
        super().__init__()
        self.keep, self.outputs = keep, []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name in self.keep and isinstance(result, torch.Tensor):
            if result.requires_grad and not result.is_leaf:
                result.retain_grad()
            self.outputs.append((name, result))
        return result


def backward(model, loss, keep=()):
    """One forward and backward pass; returns the value and the taped tensors."""
    model.zero_grad(set_to_none=True)
    with Tape(frozenset(keep)) as tape:
        value = loss(model)
    if value.requires_grad:
        value.backward()
    return value.detach(), tape.outputs


def norm(tensor):
    return tensor.detach().double().norm().item()


def rms(tensor):
    return tensor.detach().double().pow(2).mean().sqrt().item()


def value_below(high):
    """The loss, untrained, is below `high`."""

    def fact(model, loss, optimizer):
        within(loss(model).item(), None, high, "loss")

    return fact


def hooked(model, names, loss):
    """Output of each named module (its first tensor) with its gradient, after one pass."""
    seen, handles = {}, []
    for name in names:

        def keep(_module, _inputs, output, name=name):
            output = output[0] if isinstance(output, tuple) else output
            if output.requires_grad:
                output.retain_grad()
            seen.setdefault(name, []).append(output)

        handles.append(model.get_submodule(name).register_forward_hook(keep))
    backward(model, loss)
    for handle in handles:
        handle.remove()
    return seen


def within(value, low, high, what):
    assert (low is None or value >= low) and (high is None or value <= high), (
        f"{what} = {value:.3g}, not in [{low}, {high}]"
    )


def signal(low=None, high=None, first=0, last=-1):
    """|dloss/dz| of matrix product number `first` over that of number `last` lies in [low, high].

    With module names in place of numbers, the outputs of these modules are compared.
    """

    def fact(model, loss, optimizer):
        if isinstance(first, str):
            seen = hooked(model, (first, last), loss)
            near, far = seen[first][0], seen[last][-1]
        else:
            taped = [z for _, z in backward(model, loss, PRODUCTS)[1] if z.grad is not None]
            near, far = taped[first], taped[last]
        within(norm(near.grad) / norm(far.grad), low, high, "signal ratio")

    return fact


def forward(low=None, high=None, first=0, last=-2):
    """RMS of product number `last` (default: before the read-out) over that of number `first`."""

    def fact(model, loss, optimizer):
        taped = [z for _, z in backward(model, loss, PRODUCTS)[1]]
        within(rms(taped[last]) / rms(taped[first]), low, high, "forward ratio")

    return fact


def tiny(high):
    """Every hidden product has an RMS below `high`."""

    def fact(model, loss, optimizer):
        taped = backward(model, loss, PRODUCTS)[1][:-1]
        within(max(rms(z) for _, z in taped), None, high, "largest hidden RMS")

    return fact


def in_time(module, low=None, high=None, dim=1):
    """Signal at the first step over that at the last: by input of a layer, by output of a cell."""

    def fact(model, loss, optimizer):
        layer = model.get_submodule(module)
        if isinstance(layer, torch.nn.RNNBase):
            kept = []

            def tap(_module, inputs):
                x = inputs[0] if inputs[0].requires_grad else inputs[0].detach().requires_grad_()
                x.retain_grad()
                kept.append(x)
                return (x, *inputs[1:])

            handle = layer.register_forward_pre_hook(tap)
            backward(model, loss)
            handle.remove()
            steps = [norm(g) for g in kept[0].grad.unbind(dim)]
        else:
            steps = [norm(h.grad) for h in hooked(model, (module,), loss)[module]]
        within(steps[0] / steps[-1], low, high, "ratio in time")

    return fact


def dead_shares(model, loss):
    """Share of units that give 0 for every sample, for each rectifier that was called."""
    shares = []
    for _, z in backward(model, loss, RECTIFIERS)[1]:
        z = z.detach()
        if z.dim() < 2:  # a hinge in a loss, not a layer
            continue
        per_unit = z.transpose(1, -1).flatten(0, -2) if z.dim() == 4 else z.flatten(0, -2)
        shares.append((per_unit == 0).all(0).double().mean().item())
    return shares


def dead(low=None, high=None):
    """The largest share of dead units of a layer lies in [low, high]."""

    def fact(model, loss, optimizer):
        within(max(dead_shares(model, loss)), low, high, "dead share")

    return fact


def saturated_shares(model, loss):
    """Share of entries whose slope is below 5 % of the largest, for each squashing call."""
    shares = []
    for name, z in backward(model, loss, SQUASHERS)[1]:
        z = z.detach().double()
        slope = 1 - z * z if name == "tanh" else 4 * z * (1 - z)
        if name == "softmax":  # one-hot rows only: the small entries of a flat row are no fault
            slope = 1 - z.amax(-1, keepdim=True)
        shares.append((slope < 0.05).double().mean().item())
    return shares


def saturated(low=None, high=None):
    """The largest share of saturated entries of a layer lies in [low, high]."""

    def fact(model, loss, optimizer):
        within(max(saturated_shares(model, loss)), low, high, "saturated share")

    return fact


def counts(model, loss):
    """Names of parameters that require a gradient and get None, all zeros, or a NaN/Inf."""
    backward(model, loss)
    wanted = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    none = {n for n, p in wanted if p.grad is None}
    zero = {n for n, p in wanted if p.grad is not None and not p.grad.any()}
    bad = {n for n, p in wanted if p.grad is not None and not p.grad.isfinite().all()}
    return none, zero, bad


def gradients(none=(), zero=(), bad=None):
    """Exactly the parameters with these prefixes get None, or 0; NaN somewhere if `bad`."""

    def fact(model, loss, optimizer):
        got_none, got_zero, got_bad = counts(model, loss)
        for got, prefixes, what in ((got_none, none, "None"), (got_zero, zero, "zero")):
            wanted = {
                n for n, p in model.named_parameters() if p.requires_grad and n.startswith(prefixes)
            }
            assert not prefixes or wanted, f"no parameter begins with {prefixes}"
            assert got == (wanted if prefixes else set()), f"{what}: {sorted(got)}"
        assert bad is None or bool(got_bad) == bad, sorted(got_bad)

    return fact


def copies(*names):
    """All rows of these weights are equal, and so are the rows of their gradients."""

    def fact(model, loss, optimizer):
        backward(model, loss)
        for name in names:
            for rows in (model.get_parameter(name), model.get_parameter(name).grad):
                spread = (rows - rows[:1]).abs().max().item()
                assert spread <= 1e-6 * rows.abs().max().item(), f"{name}: {spread:.3g}"

    return fact


def collapsed(module, low=None, high=None):
    """Deviation of the vectors at a module's output from their mean, relative to the mean."""

    def fact(model, loss, optimizer):
        z = hooked(model, (module,), loss)[module][-1].detach().double()
        centre = z.mean(-2, keepdim=True)
        within(norm(z - centre) / norm(centre.expand_as(z)), low, high, "relative spread")

    return fact
