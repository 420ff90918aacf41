"""ResNet's blocks: two maps in each branch, and a way around both."""

import math

import pytest
import torch
import torch.nn.functional as F

from vgplib.measures import theory
from vgplib.networks import gaussian
from vgplib.networks.blocks import Blocks

WIDTH = 16
X = gaussian(6, 5, seed=1)


def blocks(count=3, **options):
    return Blocks(5, WIDTH, count, outputs=3, **options)


@pytest.mark.parametrize("norm", [None, "batch"])
def test_a_block_is_that_of_he_et_al(norm):
    net = blocks(norm=norm)
    first, second = net.states(X)[:2]
    one, norm1, _, two, norm2 = net.branches[0]
    torch.testing.assert_close(second, (first + norm2(two(norm1(one(first)).relu()))).relu())
    plain = blocks(norm=norm, path="plain")
    torch.testing.assert_close(plain.states(X)[1], norm2(two(norm1(one(first)).relu())).relu())


def test_with_and_without_a_way_around_the_same_layers_are_drawn():
    one, other = blocks(seed=3), blocks(seed=3, path="plain")
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_rezero_and_fixup_start_by_handing_on_what_came_in():
    fixup = blocks(64, zero=True, gain=theory.fixup_scale(64))
    for net in (blocks(64, path="rezero"), fixup):
        states = net.states(X)
        assert all(torch.equal(state, states[0]) for state in states)
    assert F.cross_entropy(fixup(X), torch.arange(6) % 3).item() == pytest.approx(math.log(3))
    one, plain = fixup.branches[5][0].weight, blocks(64).branches[5][0].weight
    torch.testing.assert_close(one, 64**-0.5 * plain, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "dense"}, "unknown path 'dense'"),
        ({"norm": "bach"}, "Did you mean 'batch'"),
        ({"blocks": 0}, "blocks must be at least 1, not 0"),
        ({"gain": 0.0}, "gain must be above 0, not 0.0"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        Blocks(**({"inputs": 5, "width": 8, "blocks": 2} | change))
