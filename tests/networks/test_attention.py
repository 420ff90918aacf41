"""Small transformers: each part does what its name says, and PyTorch's own agrees."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vgplib.networks import gaussian
from vgplib.networks.attention import Attention, Block, Pair, Transformer

WIDTH, HEADS, LENGTH, BATCH, WORDS = 12, 3, 5, 4, 7
X = gaussian(BATCH * LENGTH, WIDTH, seed=1).reshape(BATCH, LENGTH, WIDTH)
TOKENS = torch.randint(WORDS, (BATCH, LENGTH), generator=torch.Generator().manual_seed(2))


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


def transformer(norm="after", depth=2, **options):
    return Transformer(WORDS, LENGTH, WIDTH, depth, norm, heads=HEADS, **options)


def test_attention_is_pytorch_s_own():
    ours = Attention(WIDTH, HEADS, 1.0, drawn(), torch.float64)
    theirs = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        parts = (ours.query, ours.key, ours.value)
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.zero_()
        theirs.out_proj.weight.copy_(ours.output.weight)
        theirs.out_proj.bias.zero_()
    torch.testing.assert_close(ours(X), theirs(X, X, X)[0], rtol=1e-12, atol=1e-12)


def test_a_pair_works_on_each_token_alone_and_attention_does_not():
    other = X.clone()
    other[:, 1:] += 1.0
    pair, look = Pair(WIDTH, 1.0, drawn(), X.dtype), Attention(WIDTH, HEADS, 1.0, drawn(), X.dtype)
    torch.testing.assert_close(pair(X)[:, 0], pair(other)[:, 0], rtol=1e-12, atol=1e-12)
    assert (look(X)[:, 0] - look(other)[:, 0]).abs().max() > 0.1
    assert pair.first.weight.shape == (4 * WIDTH, WIDTH)


@pytest.mark.parametrize("alpha", [1.0, 2.5])
def test_where_the_norm_of_a_block_stands(alpha):
    branch = Pair(WIDTH, 1.0, drawn(), X.dtype)
    after = Block(branch, WIDTH, "after", alpha, X.dtype)
    before = Block(branch, WIDTH, "before", alpha, X.dtype)
    normed = F.layer_norm(X, (WIDTH,))
    torch.testing.assert_close(after(X), F.layer_norm(alpha * X + branch(X), (WIDTH,)))
    torch.testing.assert_close(before(X), alpha * X + branch(normed))


def test_the_gain_multiplies_what_carries_the_signal_and_nothing_else():
    one, half = transformer(seed=3), transformer(seed=3, gain=0.5)
    names = dict(half.named_parameters())
    carries = ("value.weight", "branch.output.weight", "first.weight", "second.weight")
    for name, weight in one.named_parameters():
        factor = 0.5 if name.endswith(carries) else 1.0
        torch.testing.assert_close(names[name], factor * weight, rtol=1e-12, atol=0)


@pytest.mark.parametrize("norm", ["after", "before"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_it_reads_tokens_and_scores_them_at_each_place(norm, dtype):
    before = torch.get_rng_state()
    net = transformer(norm, depth=3, dtype=dtype)
    assert torch.equal(before, torch.get_rng_state())
    scores = net(TOKENS)
    assert scores.shape == (BATCH, LENGTH, WORDS) and scores.dtype == dtype
    assert [state.shape for state in net.states(TOKENS)] == 3 * [(BATCH, LENGTH, WIDTH)]
    F.cross_entropy(scores.flatten(0, 1), TOKENS.flatten()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    exact = dict(transformer(norm, depth=3).named_parameters())
    assert all(torch.equal(exact[name].to(dtype), p) for name, p in net.named_parameters())


def test_places_are_told_apart_only_by_what_is_added_for_them():
    net = transformer()
    order = torch.tensor([3, 0, 4, 1, 2])
    assert (net(TOKENS)[:, order] - net(TOKENS[:, order])).abs().max() > 0.01
    with torch.no_grad():
        net.places.zero_()
    torch.testing.assert_close(net(TOKENS)[:, order], net(TOKENS[:, order]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"norm": "befor"}, "unknown norm 'befor'. Did you mean 'before'"),
        ({"width": 10}, "width must be a multiple of heads=3, not 10"),
        ({"depth": 0}, "depth must be at least 1, not 0"),
        ({"gain": 0.0}, "gain must be above 0, not 0.0"),
        ({"alpha": -1.0}, "alpha must be above 0, not -1.0"),
        ({"heads": 0}, "heads must be at least 1, not 0"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(change, message):
    good = {"vocabulary": 5, "length": 4, "width": 12, "depth": 2, "norm": "after", "heads": 3}
    with pytest.raises(ValueError, match=message):
        Transformer(**(good | change))
