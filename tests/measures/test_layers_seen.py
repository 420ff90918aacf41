"""Which layers are seen, whichever way a network is written, and what is read of each."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

import vgplib as vgp
from vgplib.measures import calls
from vgplib.networks import gaussian


def seen(model, x, **named):
    """``(name, kind)`` of each layer that runs on ``x``."""
    data = vgp.measure(model, lambda m: m(x, **named).pow(2).mean())
    assert data.attrs["first_non_finite"] == ""
    assert bool((data.signal > 0).all())
    return list(zip(data.name.values, data.kind.values, strict=True))


def test_convolutions_and_norms():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 4, 3),
        nn.GroupNorm(2, 4),
        nn.InstanceNorm2d(4, affine=True),
        nn.Flatten(),
        nn.LayerNorm(4 * 64),
        nn.RMSNorm(4 * 64),
    )
    kinds = ["conv", "norm", "conv", "norm", "norm", "norm", "norm"]
    assert seen(net, torch.randn(3, 1, 8, 8)) == list(
        zip(["0", "1", "3", "4", "5", "7", "8"], kinds, strict=True)
    )


def test_norms_without_weights_are_no_layers():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, affine=False), nn.Linear(4, 2))
    assert [name for name, _ in seen(net, torch.randn(5, 3))] == ["0", "2"]


@pytest.mark.parametrize("training", [True, False])
def test_the_projections_of_attention(training):
    torch.manual_seed(0)
    layer = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True).train(training)
    x, memory = torch.randn(2, 5, 8), torch.randn(2, 7, 8)
    found = seen(layer, x, memory=memory)
    assert found == [
        ("self_attn.in_proj", "attention"),
        ("self_attn.out_proj", "attention"),
        ("norm1", "norm"),
        ("multihead_attn.in_proj", "attention"),  # of the query
        ("multihead_attn.in_proj", "attention"),  # of key and value
        ("multihead_attn.out_proj", "attention"),
        ("norm2", "norm"),
        ("linear1", "linear"),
        ("linear2", "linear"),
        ("norm3", "norm"),
    ]


def test_attention_with_projections_of_different_widths():
    attention = nn.MultiheadAttention(8, 2, kdim=5, vdim=6)
    x, k, v = torch.randn(4, 2, 8), torch.randn(3, 2, 5), torch.randn(3, 2, 6)
    data = vgp.measure(attention, lambda m: m(x, k, v)[0].pow(2).mean())
    assert list(data.name.values) == ["q_proj", "k_proj", "v_proj", "out_proj"]


def test_embeddings_and_a_tied_read_out():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(11, 6)
            self.hidden = nn.Linear(6, 6)

        def forward(self, tokens):
            return F.linear(torch.tanh(self.hidden(self.embed(tokens))), self.embed.weight)

    torch.manual_seed(0)
    net, tokens = Tied(), torch.randint(11, (4, 3))
    data = vgp.measure(net, lambda m: F.cross_entropy(m(tokens).flatten(0, 1), tokens.flatten()))
    assert list(zip(data.name.values, data.kind.values, strict=True)) == [
        ("embed", "embedding"),
        ("hidden", "linear"),
        ("embed", "linear"),
    ]
    both = data.parameter_grad.sel(parameter="embed.weight").item()
    first, _, last = data.weight_grad.values
    assert abs(first - last) < both < first + last  # two uses, one parameter


class Functional(nn.Module):
    """No module for any layer: parameters and products."""

    def __init__(self, product):
        super().__init__()
        torch.manual_seed(0)
        self.weights = nn.ParameterList(nn.Parameter(torch.randn(4, 4) / 2) for _ in range(3))
        self.product = product

    def forward(self, x):
        for weight in self.weights:
            x = torch.tanh(self.product(x, weight))
        return x


@pytest.mark.parametrize(
    "product",
    [
        lambda x, w: x @ w,
        torch.matmul,
        torch.mm,
        lambda x, w: (w.T @ x.T).T,
        lambda x, w: F.linear(x, w.T),
        lambda x, w: torch.einsum("bi,io->bo", x, w),
        lambda x, w: torch.addmm(torch.zeros(4), x, w),
        lambda x, w: x @ (w * torch.ones(4, 4)),
    ],
)
def test_a_product_with_a_parameter_is_a_layer(product):
    data = vgp.measure(Functional(product), lambda m: m(torch.ones(3, 4)).sum())
    assert list(data.name.values) == ["weights.0", "weights.1", "weights.2"]
    assert set(data.kind.values) == {"linear"}
    assert data.activation_std.notnull().all()
    same = vgp.measure(Functional(torch.matmul), lambda m: m(torch.ones(3, 4)).sum())
    assert data.signal.values == pytest.approx(same.signal.values, rel=1e-5)


@pytest.mark.parametrize(
    "wrap",
    [
        nn.utils.parametrizations.weight_norm,
        nn.utils.parametrizations.spectral_norm,
        nn.utils.parametrizations.orthogonal,
    ],
)
def test_weights_that_are_computed_keep_the_name_of_their_layer(wrap):
    torch.manual_seed(0)
    net = nn.Sequential(wrap(nn.Linear(4, 4)), nn.ReLU(), nn.Linear(4, 2))
    assert [name for name, _ in seen(net, torch.randn(3, 4))] == ["0", "2"]


def test_data_from_which_a_parameter_is_taken_away_is_no_weight():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.mean = nn.Parameter(torch.randn(6, 4)), nn.Parameter(torch.zeros(4))

        def forward(self, x):
            return F.relu((x - self.mean) @ self.words.T) @ self.words + self.mean

    torch.manual_seed(0)
    assert seen(Tied(), torch.randn(5, 4)) == [("words", "linear"), ("words", "linear")]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (nn.ReLU6(), "relu6"),
        (nn.Hardtanh(), "hardtanh"),
        (lambda z: z.clamp(min=0), "relu"),
        (lambda z: torch.clamp(z, 0, 1), "relu6"),
        (lambda z: z.clamp(-2, 2), "clamp"),
        (lambda z: F.gelu(z, approximate="tanh"), "gelu"),
        (lambda z: F.softmax(z, -1), "softmax"),
        (lambda z: z.relu_(), "relu"),
    ],
)
def test_an_activation_has_the_name_of_what_it_is(function, name):
    layer, x = nn.Linear(3, 4), torch.randn(5, 3)
    data = vgp.measure(layer, lambda m: function(m(x)).pow(2).mean())
    assert data.activation.item() == name


def test_what_a_residual_branch_is_scaled_by():
    class Branch(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.alpha = nn.Linear(4, 4), nn.Parameter(torch.tensor(0.5))

        def forward(self, x):
            return x + self.alpha * self.inner(x)

    assert seen(Branch(), torch.randn(3, 4)) == [("inner", "linear"), ("alpha", "scale")]


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_layers_under_checkpointing_are_seen_once_with_their_signal(use_reentrant):
    torch.manual_seed(0)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)
            self.stem = nn.Linear(3, 3)

        def branch(self, y):
            return torch.tanh(self.a(y))

        def forward(self, x, checkpointed=True):
            h = self.stem(x)
            if checkpointed:
                return self.b(checkpoint(self.branch, h, use_reentrant=use_reentrant))
            return self.b(self.branch(h))

    net, x = Net(), torch.randn(5, 3)
    assert [name for name, _ in seen(net, x)] == ["stem", "a", "b"]
    plain = vgp.measure(net, lambda m: m(x, checkpointed=False).pow(2).mean())
    data = vgp.measure(net, lambda m: m(x).pow(2).mean())
    assert data.signal.values == pytest.approx(plain.signal.values, rel=1e-6)


def test_a_compiled_model_is_measured_as_it_was_written():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    compiled = torch.compile(net, backend="eager")
    x = torch.randn(5, 3)
    compiled(x)
    data = vgp.measure(compiled, lambda m: m(x).sum())
    assert data.signal.values == pytest.approx(vgp.measure(net, lambda m: m(x).sum()).signal.values)


ENTRYWISE = sorted({function.__name__ for function, _ in calls.ACTIVATIONS.values()})


@pytest.mark.parametrize("name", ENTRYWISE)
def test_an_activation_is_read_like_its_definition(name):
    function = next(plain for plain, _ in calls.ACTIVATIONS.values() if plain.__name__ == name)
    more = {
        "_threshold": (0.1, 0.0),
        "clamp": (-0.5, 0.5),
        "clip": (-0.5, 0.5),
        "clamp_min": (0.0,),
        "clamp_max": (0.3,),
        "prelu": (torch.full((6,), 0.25, dtype=torch.float64),),
        "rrelu": (0.2, 0.2),
    }.get(name, ())
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 1)).double()
    x = gaussian(9, 4, 0)
    data = vgp.measure(net, lambda m: m[1](function(m[0](x), *more)).sum())

    z = net[0](x).detach().requires_grad_()
    h = function(z, *more)
    (slope,) = torch.autograd.grad(h.sum(), z)
    assert data.activation_mean[0].item() == pytest.approx(h.mean().item(), rel=1e-9, abs=1e-12)
    assert data.activation_std[0].item() == pytest.approx(h.std(correction=0).item(), rel=1e-9)
    assert data.dead[0].item() == (slope == 0).all(0).double().mean().item()
    grid = torch.linspace(-20, 20, 400_001, dtype=torch.float64, requires_grad=True)
    one = more if name != "prelu" else (torch.tensor([0.25], dtype=torch.float64),)
    (slopes,) = torch.autograd.grad(function(grid, *one).sum(), grid)
    share = (slope.abs() < 0.05 * slopes.abs().max()).double().mean().item()
    assert data.saturated[0].item() == pytest.approx(share, abs=1e-12)
    assert math.isnan(data.saturated[1])


def test_functions_methods_modules_and_in_place_forms_count_alike():
    torch.manual_seed(0)
    a, b = nn.Linear(4, 6), nn.Linear(6, 1)
    x = torch.randn(9, 4)
    forms = [
        torch.relu,
        F.relu,
        torch.Tensor.relu,
        torch.Tensor.relu_,
        torch.relu_,
        nn.ReLU(),
        nn.ReLU(inplace=True),
        lambda z: F.relu(z, True),
        lambda z: z.clamp(min=0),
    ]
    model = nn.Sequential(a, b)
    found = [vgp.measure(model, lambda m, f=f: m[1](f(m[0](x))).sum()) for f in forms]
    for variable in ("saturated", "dead", "activation_mean", "output_rms", "signal"):
        for data in found[1:]:
            assert data[variable].values == pytest.approx(
                found[0][variable].values, rel=1e-6, nan_ok=True
            )


def test_an_activation_counts_for_the_layer_behind_a_norm_too():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 1))
    data = vgp.measure(net, lambda m: m(torch.randn(9, 4)).sum())
    assert data.saturated[0] == data.saturated[1] > 0


def test_the_gates_of_a_hand_written_cell_count_together():
    net = nn.Linear(2, 4).double()
    with torch.no_grad():
        net.weight.zero_()
        net.bias.copy_(torch.tensor([0.0, 0.0, 100.0, 0.0]))

    def loss(m):
        a, b = m(gaussian(3, 2, 0)).chunk(2, dim=1)
        return (torch.sigmoid(a) * torch.tanh(b)).sum()

    data = vgp.measure(net, loss)
    assert data.saturated.item() == 0.25  # one of four columns
    assert data.activation_mean.item() == pytest.approx((0.5 + 0.5 + 1 + 0) / 4)


def attention_scores(spread, written_out):
    """One layer of attention; ``spread`` multiplies the logits."""
    torch.manual_seed(0)

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.k, self.v = (nn.Linear(8, 8) for _ in range(3))

        def forward(self, x):
            q, k, v = spread * self.q(x), self.k(x), self.v(x)
            if written_out:
                return torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(8), dim=-1) @ v
            return F.scaled_dot_product_attention(q, k, v)

    x = 3 * torch.randn(2, 5, 8)
    return vgp.measure(Attention(), lambda m: m(x).sum())


@pytest.mark.parametrize("written_out", [True, False])
def test_the_softmax_of_attention_saturates_with_its_logits(written_out):
    calm, hot = (attention_scores(spread, written_out) for spread in (0.1, 1000.0))
    row = list(calm.name.values).index("k")
    assert calm.saturated[row] == 0 and hot.saturated[row] > 0.8
    assert calm.activation_mean[row].item() == pytest.approx(1 / 5, rel=1e-6)


def test_a_causal_mask_is_no_saturation():
    attention = nn.MultiheadAttention(8, 1, batch_first=True)
    x = 0.01 * torch.randn(2, 2, 8)  # of the two rows of the mask, one leaves a single choice
    mask = nn.Transformer.generate_square_subsequent_mask(2)
    data = vgp.measure(
        attention, lambda m: m(x, x, x, attn_mask=mask, is_causal=True, need_weights=False)[0].sum()
    )
    assert data.saturated[0] == 0
