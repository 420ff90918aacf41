"""Many networks at once: each measures what it measures alone, and none knows of the others."""

import math
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from vgplib.engine.batched import (
    Network,
    cross_entropy,
    drawn,
    measure_batch,
    nbytes,
    projection,
)
from vgplib.engine.block import Block, Shape
from vgplib.measures.layers import measure
from vgplib.networks import ACTIVATIONS, INITIALISERS, FeedForward, gaussian

FEW = settings(max_examples=25)

# Some fill whole registers, so that several networks share a block; others do not.
SIZES = st.sampled_from([1, 3, 8, 16, 20, 32])
NETWORKS = st.builds(
    Network,
    seed=st.integers(0, 3),
    initialiser=st.sampled_from(list(INITIALISERS)),
    gain=st.sampled_from([0.5, 1.0, 1.4]),
)


@st.composite
def shapes(draw, dtypes=(torch.float32, torch.float64), least=1):
    sizes = SIZES.filter(lambda size: size >= least)
    return Shape(
        inputs=draw(sizes),
        width=draw(sizes),
        depth=draw(st.integers(1, 6)),
        batch=draw(sizes),
        outputs=draw(st.none() | st.integers(2, 10)),
        bias=draw(st.booleans()),
        dtype=draw(st.sampled_from(dtypes)),
    )


def data(shape, runs):
    """Inputs and targets for each run, and the loss that goes with them."""
    x = [gaussian(shape.batch, shape.inputs, run, shape.dtype) for run in range(runs)]
    if shape.outputs is None:
        v = [gaussian(1, shape.width, 100 + run, shape.dtype) for run in range(runs)]
        return x, v, projection
    generator = torch.Generator().manual_seed(0)
    y = [torch.randint(shape.outputs, (shape.batch,), generator=generator) for _ in range(runs)]
    return x, y, cross_entropy


def alone(shape, activation, net, x, target, factor):
    """The same network as a module, measured by the package's plain measure."""
    model = FeedForward(
        shape.inputs,
        shape.width,
        shape.depth,
        activation,
        net.initialiser,
        net.gain,
        shape.bias,
        shape.outputs,
        net.seed,
        shape.dtype,
    )

    def loss(model):
        if shape.outputs is None:
            return factor * (model(x) * target).sum(dim=1).mean()
        return factor * F.cross_entropy(model(x), target)

    with torch.no_grad():
        size = loss(model).item() if shape.outputs else factor * (model(x) * target).abs().sum()
    return measure(model, loss), float(size)


@FEW
@given(
    shape=shapes(least=8),  # in a norm of a few numbers only, terms can cancel down to rounding
    activation=st.sampled_from(list(ACTIVATIONS)),
    networks=st.lists(NETWORKS, min_size=1, max_size=5),
    factor=st.sampled_from([1e-3, 1.0, 7.0]),
)
def test_each_network_measures_what_it_measures_alone(shape, activation, networks, factor):
    x, target, loss = data(shape, len(networks))
    factors = [factor * (1 + run) for run in range(len(networks))]
    found = measure_batch(shape, activation, networks, x, target, loss, factors)
    # A dozen roundings of a format's half last place, which few layers amplify little.
    rtol = 1e-12 if shape.dtype == torch.float64 else 1e-6
    for run, net in enumerate(networks):
        expected, size = alone(shape, activation, net, x[run], target[run], factors[run])
        for name in ("signal", "weight_grad"):
            np.testing.assert_allclose(found[name][run], expected[name], rtol=rtol)
        # The terms of a projection cancel, so that its rounding is as large as theirs.
        assert found["loss"][run].item() == pytest.approx(
            expected.attrs["loss"], rel=rtol, abs=rtol * size
        )


@FEW
@given(
    shape=shapes((torch.float32, torch.float64, torch.bfloat16)),
    activation=st.sampled_from(list(ACTIVATIONS)),
    networks=st.lists(NETWORKS, min_size=2, max_size=40),
    order=st.randoms(use_true_random=False),
)
def test_a_network_is_the_same_to_the_bit_in_any_company(shape, activation, networks, order):
    x, target, loss = data(shape, len(networks))
    whole = measure_batch(shape, activation, networks, x, target, loss)
    runs = list(range(len(networks)))
    order.shuffle(runs)
    while runs:
        cut = order.randint(1, len(runs))
        part, runs = runs[:cut], runs[cut:]
        some = measure_batch(
            shape,
            activation,
            [networks[run] for run in part],
            [x[run] for run in part],
            [target[run] for run in part],
            loss,
        )
        for name, values in some.data_vars.items():
            assert np.array_equal(values, whole[name][part], equal_nan=True), (name, part)


@pytest.mark.parametrize("width", [64, 20])  # in blocks of several, and of one
def test_blocks_are_full_of_networks_only_where_matrices_fill_registers(width):
    assert Shape(width, width, 2, 3, dtype=torch.float32).block == (32 if width == 64 else 1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
def test_parameters_are_those_of_a_single_network_to_the_bit(dtype, bias):
    shape = Shape(16, 64, 3, 8, outputs=8, bias=bias, dtype=dtype)
    networks = [
        Network(seed, name, gain)
        for seed in (0, 1)
        for name in INITIALISERS
        for gain in (0.71, 1.0, 2.83)
    ]
    random.Random(0).shuffle(networks)
    block = Block(shape, "tanh")
    seen = []
    for rows, _ in drawn(block, networks):
        for place, run in enumerate(rows):
            net = networks[run]
            model = FeedForward(
                16, 64, 3, "tanh", net.initialiser, net.gain, bias, 8, net.seed, dtype
            )
            linears = [*model.hidden, model.readout]
            for layer, linear in enumerate(linears):
                assert torch.equal(block.weights[layer][place], linear.weight)
                if bias:
                    assert torch.equal(block.biases[layer][place, 0], linear.bias)
        seen += rows
    assert sorted(seen) == list(range(len(networks)))


@pytest.mark.parametrize(
    ("name", "function"),
    [("tanh", torch.tanh), ("silu", lambda z: z * torch.sigmoid(z)), ("relu", torch.relu)],
)
def test_an_activation_may_be_a_function(name, function):
    shape = Shape(8, 16, 4, 4)
    networks = [Network(seed) for seed in range(3)]
    x, v, _ = data(shape, 3)
    by_name = measure_batch(shape, name, networks, x, v)
    by_function = measure_batch(shape, function, networks, x, v)
    for key in by_name:
        np.testing.assert_allclose(by_function[key], by_name[key], rtol=1e-12)


@pytest.mark.parametrize("factor", [1.0, 1e-25, 1e25])
def test_signals_whose_squares_float32_cannot_hold_are_measured_all_the_same(factor):
    # Going back 40 sigmoid layers takes 24 decades: to below 1e-20, or from above 1e20.
    shape = Shape(64, 64, 40, 8, dtype=torch.float32)
    x, v, _ = data(shape, 2)
    found = measure_batch(shape, "sigmoid", [Network(0), Network(1)], x, v, loss_factor=factor)
    for run in range(2):
        expected, _ = alone(shape, "sigmoid", Network(run), x[run], v[run], factor)
        signal = expected["signal"].values
        assert signal.min() < 1e-20 or signal.max() > 1e20
        # Below 1e-38 float32 holds fewer digits: there, its smallest number is the measure.
        tolerance = {"rtol": 1e-5, "atol": 1e-43}
        np.testing.assert_allclose(found["signal"][run], signal, **tolerance)
        np.testing.assert_allclose(found["weight_grad"][run], expected["weight_grad"], **tolerance)


def test_a_network_that_overflows_keeps_it_to_itself():
    shape = Shape(64, 64, 30, 8, dtype=torch.float32)
    networks = [Network(0), Network(1, gain=1e6), Network(2)]
    x, v, _ = data(shape, 3)
    found = measure_batch(shape, "relu", networks, x, v)
    assert not np.isfinite(found["signal"][1]).all()
    for run in (0, 2):
        single = measure_batch(shape, "relu", [networks[run]], [x[run]], [v[run]])
        assert np.isfinite(single["signal"]).all()
        assert np.array_equal(found["signal"][run], single["signal"][0])


def test_the_signal_alone_is_the_same_signal():
    shape = Shape(16, 16, 3, 8)
    networks = [Network(seed) for seed in range(3)]
    x, v, _ = data(shape, 3)
    both = measure_batch(shape, "gelu", networks, x, v)
    signal = measure_batch(shape, "gelu", networks, x, v, weight_gradients=False)
    assert "weight_grad" not in signal
    assert signal["signal"].equals(both["signal"])
    assert both["signal"].dims == ("run", "layer")
    assert both["layer"].values.tolist() == [1, 2, 3]


def test_inputs_and_the_global_random_state_are_left_alone():
    shape = Shape(16, 16, 3, 8)
    x, v, _ = data(shape, 2)
    before = [part.clone() for part in (*x, *v)]
    state = torch.get_rng_state()
    measure_batch(shape, "tanh", [Network(0), Network(1, "pytorch")], x, v)
    assert all(torch.equal(a, b) for a, b in zip(before, (*x, *v), strict=True))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("shape", "activation", "initialiser"),
    [
        (Shape(64, 64, 10, 64, dtype=torch.float32), "tanh", "lecun"),
        (Shape(64, 64, 10, 64), "gelu", "pytorch"),
        (Shape(256, 256, 10, 8), "relu", "orthogonal"),
        (Shape(64, 64, 4, 64, outputs=10, dtype=torch.float32), "silu", "he"),
        (Shape(33, 17, 5, 7, outputs=3), "sigmoid", "xavier"),
    ],
)
@pytest.mark.parametrize("runs", [1, 40])
def test_no_more_memory_is_taken_than_was_said(shape, activation, initialiser, runs, peak):
    networks = [Network(seed, initialiser) for seed in range(runs)]
    x, target, loss = data(shape, runs)
    taken = peak(lambda: measure_batch(shape, activation, networks, x, target, loss))
    said = shape.block * nbytes(shape, activation)
    # Results and Python's own objects are not counted by it, and are small.
    assert 0.5 * said < taken < said + 64_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activation": "tahn"}, "unknown activation 'tahn'. Did you mean 'tanh'"),
        ({"networks": []}, "at least one network, not 0"),
        ({"x": [torch.zeros(4, 8)]}, "x must have one entry for each of 2 runs, not 1"),
        ({"x": [torch.zeros(4, 7)] * 2}, r"x\[0\] must have shape \(4, 8\), not \(4, 7\)"),
        ({"target": [torch.zeros(1, 8)] * 3}, "target must have one entry for each of 2 runs"),
        ({"loss_factor": [1.0]}, "loss_factor must have one entry for each of 2 runs, not 1"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(change, message):
    good = {
        "shape": Shape(8, 8, 2, 4),
        "activation": "tanh",
        "networks": [Network(0), Network(1)],
        "x": [torch.zeros(4, 8, dtype=torch.float64)] * 2,
        "target": [torch.zeros(1, 8, dtype=torch.float64)] * 2,
    }
    with pytest.raises(ValueError, match=message):
        measure_batch(**(good | change))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network(-1), "seed must be at least 0, not -1"),
        (lambda: Network(0, "kaiming"), "here it is called 'he'"),
        (lambda: Network(0, gain=math.nan), "gain must be a finite number"),
        (lambda: Shape(8, 8, 0, 4), "depth must be at least 1, not 0"),
        (lambda: Shape(8, 8, 2, 4, outputs=0), "outputs must be at least 1, not 0"),
    ],
)
def test_impossible_networks_cannot_be_made(make, message):
    with pytest.raises(ValueError, match=message):
        make()
