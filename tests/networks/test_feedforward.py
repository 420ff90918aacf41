import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vgplib.networks import ACTIVATIONS, INITIALISERS, FeedForward, gaussian

FEW = settings(max_examples=15)


@FEW
@given(
    inputs=st.integers(1, 5),
    width=st.integers(1, 5),
    depth=st.integers(1, 5),
    activation=st.sampled_from(list(ACTIVATIONS)),
    initialiser=st.sampled_from(list(INITIALISERS)),
    outputs=st.none() | st.integers(1, 5),
    bias=st.booleans(),
)
def test_forward_is_the_formula(inputs, width, depth, activation, initialiser, outputs, bias):
    net = FeedForward(inputs, width, depth, activation, initialiser, bias=bias, outputs=outputs)
    h = x = gaussian(3, inputs, seed=1)
    assert len(net.hidden) == depth
    for layer in net.hidden:
        z = h @ layer.weight.T + (layer.bias if bias else 0)
        h = ACTIVATIONS[activation](z)
    if outputs is None:
        assert net.readout is None
    else:
        h = h @ net.readout.weight.T + (net.readout.bias if bias else 0)
    assert torch.allclose(net(x), h, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("initialiser", INITIALISERS)
def test_the_seed_decides_and_the_global_state_is_left_alone(initialiser):
    before = torch.get_rng_state()

    def weights(seed):
        net = FeedForward(3, 4, 3, "tanh", initialiser, outputs=2, seed=seed)
        return torch.cat([p.detach().flatten() for p in net.parameters()])

    assert torch.equal(weights(7), weights(7))
    assert not torch.equal(weights(7), weights(8))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_gain_is_for_the_hidden_layers():
    one = FeedForward(3, 4, 2, "tanh", outputs=2)
    three = FeedForward(3, 4, 2, "tanh", gain=3.0, outputs=2)
    for a, b in zip(one.hidden, three.hidden, strict=True):
        assert torch.allclose(3 * a.weight, b.weight, rtol=1e-14)
    assert torch.equal(one.readout.weight, three.readout.weight)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_format_runs(dtype):
    net = FeedForward(4, 4, 3, "gelu", outputs=2, dtype=dtype)
    assert net(gaussian(2, 4, 0, dtype)).dtype == dtype


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": 0}, "depth must be at least 1, not 0"),
        ({"width": 0}, "width must be at least 1, not 0"),
        ({"inputs": -2}, "inputs must be at least 1, not -2"),
        ({"outputs": 0}, "outputs must be at least 1, not 0"),
        ({"depth": 2.5}, "depth must be a whole number of at least 1, not 2.5"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"gain": 0.0}, "gain must be above 0, not 0.0"),
        ({"activation": "tahn"}, "unknown activation 'tahn'. Did you mean 'tanh'"),
        ({"initialiser": "kaiming"}, "here it is called 'he'"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(change, message):
    good = {"inputs": 3, "width": 4, "depth": 2, "activation": "relu"}
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        FeedForward(**(good | change))
