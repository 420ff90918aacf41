"""The network that is put together from parts: each part does what its name says."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.func import jacrev

from vgplib.networks import Deep, FeedForward, gaussian
from vgplib.networks.norms import GROUPS, NORMS
from vgplib.networks.paths import CARRY_BIAS, PATHS

WIDTH, DEPTH, BATCH = 16, 4, 6
X = gaussian(BATCH, 5, seed=1)


def deep(activation="tanh", depth=DEPTH, **options):
    return Deep(5, WIDTH, depth, activation, outputs=3, **options)


@pytest.mark.parametrize("initialiser", ["lecun", "pytorch", "orthogonal"])
def test_without_norm_and_way_around_it_is_a_feedforward_network_to_the_bit(initialiser):
    ours = deep(initialiser=initialiser, gain=1.3, seed=4)
    theirs = FeedForward(5, WIDTH, DEPTH, "tanh", initialiser, 1.3, outputs=3, seed=4)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert torch.equal(ours(X), theirs(X))
    for net in (ours, theirs):
        net(X).square().mean().backward()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b) and torch.equal(a.grad, b.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("norm", [None, *NORMS])
def test_every_pair_of_parts_fits_together(norm, path, dtype):
    before = torch.get_rng_state()
    net = deep(norm=norm, path=path, dtype=dtype)
    assert torch.equal(before, torch.get_rng_state())
    assert len(net.hidden) == len(net.norms) == DEPTH and len(net.paths) == DEPTH - 1
    widths = [WIDTH * (k if path == "dense" else 1) for k in range(1, DEPTH + 1)]
    assert [h.shape for h in net.states(X.to(dtype))] == [(BATCH, width) for width in widths]
    output = net(X.to(dtype))
    assert output.shape == (BATCH, 3) and output.dtype == dtype
    output.square().mean().backward()
    learned = dict(net.named_parameters())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in learned.values())
    assert all(p.dtype == dtype for p in learned.values())


@pytest.mark.parametrize("path", sorted(set(PATHS) - {"dense"}))
def test_what_stands_around_a_layer_changes_nothing_in_what_is_drawn_for_it(path):
    plain, other = deep(seed=3), deep(path=path, norm="batch", seed=3)
    for a, b in zip(plain.hidden, other.hidden, strict=True):
        assert torch.equal(a.weight, b.weight)
    assert torch.equal(plain.readout.weight, other.readout.weight)
    assert not torch.equal(plain.readout.weight, deep(seed=4).readout.weight)


def block(net):
    """The second layer with its way around, for one input: h -> the next state; and its branch."""

    def branch(h):
        return net.activation(net.norms[1](net.hidden[1](h[None])))

    return (lambda h: net.paths[0](h[None], branch(h))[0]), (lambda h: branch(h)[0])


# What the way around makes of the branch's Jacobian J, at the input h with branch y.
EYE = torch.eye(WIDTH, dtype=torch.float64)


def highway(net, jacobian, h, y):
    gate = net.paths[0].gate
    opened = torch.sigmoid(h @ gate.weight.T + gate.bias)
    turned = ((y - h) * opened * (1 - opened))[:, None] * gate.weight
    return opened[:, None] * jacobian + torch.diag(1 - opened) + turned


EXPECTED = {
    "plain": lambda net, jacobian, h, y: jacobian,
    "skip": lambda net, jacobian, h, y: EYE + jacobian,
    "scaled": lambda net, jacobian, h, y: EYE + jacobian / math.sqrt(DEPTH - 1),
    "rezero": lambda net, jacobian, h, y: EYE,
    "highway": highway,
    "dense": lambda net, jacobian, h, y: torch.cat([EYE, jacobian]),
}


@pytest.mark.parametrize("norm", [None, "layer"])
@pytest.mark.parametrize("path", PATHS)
def test_the_jacobian_of_a_block_at_the_start(path, norm):
    net = deep(path=path, norm=norm)
    whole, branch = block(net)
    h = gaussian(1, WIDTH, seed=2)[0]
    expected = EXPECTED[path](net, jacrev(branch)(h), h, branch(h))
    torch.testing.assert_close(jacrev(whole)(h), expected, rtol=1e-12, atol=1e-12)


def test_rezero_hands_on_the_first_state_until_its_scales_have_learned():
    net = deep(path="rezero")
    states = net.states(X)
    assert all(torch.equal(h, states[0]) for h in states)
    F.cross_entropy(net(X), torch.arange(BATCH) % 3).backward()
    assert all(p.scale.grad != 0 for p in net.paths)
    assert all((layer.weight.grad == 0).all() for layer in net.hidden[1:])
    assert not any(p.scale.requires_grad for p in deep(path="skip").paths)


def test_a_highway_starts_with_gates_that_are_mostly_closed():
    """Each hands on 1 / (1 + e^-2) of what came in, on average over the gate's weights."""
    net = Deep(64, 256, 2, "tanh", path="highway", seed=1)
    first = net.states(gaussian(64, 64, seed=5))[0]
    carried = 1 - torch.sigmoid(net.paths[0].gate(first))
    assert carried.mean().item() == pytest.approx(1 / (1 + math.exp(CARRY_BIAS)), abs=0.03)


def normalised(net):
    """What the last norm hands to the activation, of many inputs."""
    x = gaussian(40, 5, seed=6)
    return net.norms[-1](net.hidden[-1](net.states(x)[-2])).detach()


# Along what each norm works: (mean, mean square) there are 0 and 1.
@pytest.mark.parametrize(
    ("name", "over"),
    [
        ("batch", lambda z: z.T),
        ("layer", lambda z: z),
        ("group", lambda z: z.view(-1, WIDTH // GROUPS)),
        ("rms", lambda z: z),
    ],
)
def test_a_norm_sets_mean_and_mean_square(name, over):
    rows = over(normalised(deep(norm=name)))
    ones = torch.ones(len(rows), dtype=rows.dtype)
    # PyTorch's eps of 1e-5 counts where the two numbers of a group happen to be close.
    middle = rows.square().mean(dim=1).quantile(0.5)
    torch.testing.assert_close(middle, ones[0], rtol=1e-3, atol=0)
    if name == "rms":
        assert rows.mean(dim=1).abs().max() > 0.1
    else:
        torch.testing.assert_close(rows.mean(dim=1), 0 * ones, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NORMS)
def test_no_norm_minds_how_large_the_weights_were_drawn(name):
    small, large = (deep(norm=name, gain=gain) for gain in (1.0, 100.0))
    if name == "weight":  # which does not look at values: its gain is the length of the weights
        for layer, long in zip(small.hidden, large.hidden, strict=True):
            torch.testing.assert_close(long.weight, 100 * layer.weight, rtol=1e-12, atol=0)
            lengths = layer.weight.norm(dim=1)
            torch.testing.assert_close(lengths, torch.ones_like(lengths), rtol=1e-12, atol=0)
    else:
        # eps again: it is 1e-5 beside the variance.
        torch.testing.assert_close(small(X), large(X), rtol=0, atol=1e-2)


def test_weight_norm_learns_length_and_direction_apart():
    net = deep(norm="weight", gain=1.5)
    net(X).square().mean().backward()
    for layer in net.hidden:
        length, direction = layer.parametrizations.weight.parameters()
        assert length.shape == (WIDTH, 1) and (length == 1.5).all() and (length.grad != 0).all()
        along = (direction * direction.grad).sum(dim=1)
        assert along.abs().max() < 1e-12 * direction.grad.norm()


def test_batch_norm_judges_by_the_batch_in_training_and_by_what_it_remembers_after():
    net = deep(norm="batch")
    alone, beside = net(X)[:3], net(torch.cat([X[:3], 5 * X[3:]]))[:3]
    assert (alone - beside).abs().max() > 0.1
    net.eval()
    torch.testing.assert_close(net(X)[:3], net(X[:3]), rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        net.train()(X[:1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "skp"}, "unknown path 'skp'. Did you mean 'skip'"),
        ({"path": "skp", "depth": 1}, "unknown path 'skp'. Did you mean 'skip'"),
        ({"norm": "bach"}, "unknown norm 'bach'. Did you mean 'batch'"),
        ({"norm": "group", "width": 12}, "a width that is a multiple of 8, not 12"),
        ({"norm": "weight", "gain": -1.0}, "gain must be above 0, not -1.0"),
        ({"activation": "tahn"}, "unknown activation 'tahn'. Did you mean 'tanh'"),
        ({"initialiser": "kaiming"}, "here it is called 'he'"),
        ({"depth": 0}, "depth must be at least 1, not 0"),
        ({"width": 2.5}, "width must be a whole number of at least 1, not 2.5"),
        ({"outputs": 0}, "outputs must be at least 1, not 0"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(change, message):
    good = {"inputs": 3, "width": 8, "depth": 2, "activation": "relu"}
    with pytest.raises(ValueError, match=message):
        Deep(**(good | change))
