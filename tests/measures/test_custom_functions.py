"""Functions with a backward pass of their own, which run layers out of the graph's sight."""

import torch
from torch import nn

from vgplib.measures.layers import measure


class Reversible(torch.autograd.Function):
    """Runs forward without a graph, and backward by a backward pass of its own, as RevNets do."""

    @staticmethod
    def forward(ctx, x, body):
        ctx.save_for_backward(x)
        ctx.body = body
        return body(x).detach()

    @staticmethod
    def backward(ctx, gradient):
        x = ctx.saved_tensors[0].detach().requires_grad_()
        with torch.enable_grad():
            y = ctx.body(x)
        torch.autograd.backward(y, gradient)
        return x.grad, None


class Adjoint(torch.autograd.Function):
    """Takes the parameters as arguments, and gives their gradients back, as ODE solvers do."""

    @staticmethod
    def forward(ctx, body, x, *parameters):
        ctx.body, ctx.parameters = body, parameters
        ctx.save_for_backward(x)
        return body(x)

    @staticmethod
    def backward(ctx, gradient):
        x = ctx.saved_tensors[0].detach().requires_grad_()
        with torch.enable_grad():
            y = ctx.body(x)
        return None, *torch.autograd.grad(y, (x, *ctx.parameters), gradient)


def plain_norms(model, loss):
    loss(model).backward()
    found = {name: p.grad.norm().item() for name, p in model.named_parameters()}
    model.zero_grad()
    return found


def agree(model, loss):
    """What ``measure`` tells of the parameters is what ``backward`` leaves in their ``.grad``."""
    expected = plain_norms(model, loss)
    seen = measure(model, loss)
    assert all(p.grad is None for p in model.parameters())
    assert set(seen.grad_state.values) == {"ok"}
    told = dict(zip(seen.parameter.values, seen.parameter_grad.values, strict=True))
    torch.testing.assert_close(told, expected)
    return seen


def test_gradients_by_a_backward_pass_inside_of_a_backward_pass_count():
    body = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 8))
    model = nn.ModuleList([nn.Linear(8, 8), body, nn.Linear(8, 1)])
    x, y = torch.randn(64, 8), torch.randn(64, 1)
    agree(model, lambda m: (m[2](Reversible.apply(m[0](x), m[1])) - y).square().mean())


def test_a_model_that_runs_inside_of_one_function_is_connected():
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 4))
    x = torch.randn(64, 4)
    loss = lambda m: (Adjoint.apply(m, x, *m.parameters()) - x.flip(1)).square().mean()  # noqa: E731
    seen = agree(model, loss)
    assert seen.signal.isnull().all()  # which nobody outside of the function can know
