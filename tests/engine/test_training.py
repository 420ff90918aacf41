"""Many training runs at once: each learns what PyTorch's own optimizers teach it alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from vgplib.engine.block import Shape
from vgplib.engine.training import Training, nbytes, train_batch
from vgplib.measures.layers import measure
from vgplib.networks import INITIALISERS, FeedForward, digits

X, Y, X_TEST, Y_TEST = digits()
DIGITS = {"train": (X, Y), "test": (X_TEST, Y_TEST)}
SHAPE = Shape(64, 32, 2, 16, outputs=10, dtype=torch.float32)

FEW = settings(max_examples=6)
RUNS = st.builds(
    Training,
    seed=st.integers(0, 9),
    initialiser=st.sampled_from(list(INITIALISERS)),
    gain=st.sampled_from([0.7, 1.0, 1.4]),
    learning_rate=st.sampled_from([0.0, 0.001, 0.003, 0.01]),
    weight_decay=st.sampled_from([0.0, 0.01]),
)


def alone(shape, activation, run, steps, record, optimizer, momentum):
    """One run in plain PyTorch; loss, accuracies and signal at each recorded step."""
    net = FeedForward(
        shape.inputs,
        shape.width,
        shape.depth,
        activation,
        run.initialiser,
        run.gain,
        shape.bias,
        shape.outputs,
        run.seed,
        shape.dtype,
    )
    x, x_test = X.to(shape.dtype), X_TEST.to(shape.dtype)
    options = {"lr": run.learning_rate, "weight_decay": run.weight_decay}
    if optimizer == "sgd":
        rule = torch.optim.SGD(net.parameters(), momentum=momentum, **options)
    else:
        rule = torch.optim.Adam(net.parameters(), **options)
    loss = nn.CrossEntropyLoss()
    order = torch.Generator().manual_seed(run.seed)
    found = []
    for step in range(steps + 1):
        batch = torch.randint(len(x), (shape.batch,), generator=order)
        if step in record:
            signal = measure(net, lambda net, b=batch: loss(net(x[b]), Y[b]))["signal"].values
            with torch.no_grad():
                found.append(
                    {
                        "loss": loss(net(x), Y).item(),
                        "train_accuracy": (net(x).argmax(1) == Y).double().mean().item(),
                        "accuracy": (net(x_test).argmax(1) == Y_TEST).double().mean().item(),
                        "signal": signal,
                    }
                )
        rule.zero_grad()
        loss(net(x[batch]), Y[batch]).backward()
        rule.step()
    return found


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@FEW
@given(
    runs=st.lists(RUNS, min_size=1, max_size=4),
    activation=st.sampled_from(["tanh", "sigmoid", "gelu", "softplus"]),
    depth=st.integers(1, 3),
    width=st.sampled_from([9, 32]),
    bias=st.booleans(),
    momentum=st.sampled_from([0.0, 0.9]),
)
def test_each_run_is_the_one_that_pytorch_makes_alone(
    optimizer, dtype, runs, activation, depth, width, bias, momentum
):
    shape = Shape(64, width, depth, 16, outputs=10, bias=bias, dtype=dtype)
    steps, record = 30, [0, 1, 10, 30]
    found = train_batch(
        shape,
        activation,
        runs,
        **DIGITS,
        steps=steps,
        record=record,
        optimizer=optimizer,
        momentum=momentum,
    )
    # Each step amplifies the rounding of those before it, Adam's more, since it divides small
    # gradients by themselves. Smooth activations only: at a kink, rounding can decide a slope.
    rtol = 1e-10 if dtype == torch.float64 else 1e-6 if optimizer == "sgd" else 1e-5
    for number, run in enumerate(runs):
        reference = alone(shape, activation, run, steps, record, optimizer, momentum)
        for place, expected in enumerate(reference):
            now = found.isel(run=number, step=place)
            assert now["loss"].item() == pytest.approx(expected["loss"], rel=rtol)
            np.testing.assert_allclose(now["signal"], expected["signal"], rtol=10 * rtol)
            # Where two logits are equal up to rounding, either may be the larger.
            for name, samples in (("train_accuracy", len(X)), ("accuracy", len(X_TEST))):
                assert now[name].item() == pytest.approx(expected[name], abs=1.5 / samples)


def test_a_hundred_steps_in_float64_stay_together():
    shape = Shape(64, 32, 3, 64, outputs=10)
    runs = [Training(seed, "xavier", learning_rate=0.01) for seed in range(3)]
    found = train_batch(shape, "tanh", runs, **DIGITS, steps=100, record=[100])
    for number, run in enumerate(runs):
        (expected,) = alone(shape, "tanh", run, 100, [100], "sgd", 0.9)
        assert found["loss"][number, 0].item() == pytest.approx(expected["loss"], rel=1e-12)
        np.testing.assert_allclose(found["signal"][number, 0], expected["signal"], rtol=1e-12)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@FEW
@given(
    runs=st.lists(RUNS, min_size=2, max_size=40),
    activation=st.sampled_from(["tanh", "relu", "mish"]),
    width=st.sampled_from([9, 32, 48]),
    order=st.randoms(use_true_random=False),
)
def test_a_run_is_the_same_to_the_bit_in_any_company(optimizer, runs, activation, width, order):
    shape = Shape(64, width, 2, 16, outputs=10, dtype=torch.float32)

    def trained(some):
        return train_batch(
            shape, activation, some, **DIGITS, steps=6, record=[0, 6], optimizer=optimizer
        )

    whole = trained(runs)
    places = list(range(len(runs)))
    order.shuffle(places)
    while places:
        cut = order.randint(1, len(places))
        part, places = places[:cut], places[cut:]
        some = trained([runs[place] for place in part])
        for name, values in some.data_vars.items():
            assert np.array_equal(values, whole[name][part], equal_nan=True), (name, part)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_run_that_diverges_keeps_it_to_itself(optimizer):
    calm = Training(1, "he", learning_rate=0.001)
    wild = Training(2, "he", gain=100.0, learning_rate=1e30)
    found = train_batch(
        SHAPE, "relu", [calm, wild, calm], **DIGITS, steps=20, record=[0, 20], optimizer=optimizer
    )
    assert not np.isfinite(found["loss"][1, -1])
    single = train_batch(
        SHAPE, "relu", [calm], **DIGITS, steps=20, record=[0, 20], optimizer=optimizer
    )
    for name, values in single.data_vars.items():
        assert np.isfinite(values).all()
        assert np.array_equal(found[name][0], values[0])
        assert np.array_equal(found[name][2], values[0])


def test_the_result_says_what_it_is():
    found = train_batch(SHAPE, "tanh", [Training(0)] * 2, **DIGITS, steps=4, record=[1, 4])
    assert found["signal"].dims == ("run", "step", "layer")
    assert found["loss"].dims == found["accuracy"].dims == ("run", "step")
    assert found["step"].values.tolist() == [1, 4]
    assert found["layer"].values.tolist() == [1, 2, 3]
    assert all(values.attrs["units"] and values.attrs["definition"] for values in found.values())


def test_what_is_recorded_changes_nothing():
    runs = [Training(0), Training(1)]
    often = train_batch(SHAPE, "tanh", runs, **DIGITS, steps=10, record=range(11))
    once = train_batch(SHAPE, "tanh", runs, **DIGITS, steps=10, record=[10])
    assert once.equals(often.isel(step=[10]))


@pytest.mark.parametrize(
    ("shape", "activation", "optimizer"),
    [
        (Shape(64, 32, 8, 64, outputs=10, dtype=torch.float32), "tanh", "sgd"),
        (Shape(64, 32, 2, 64, outputs=10), "gelu", "adam"),
        (Shape(64, 128, 3, 16, outputs=10), "relu", "adam"),
        (Shape(64, 33, 3, 16, outputs=10), "sigmoid", "sgd"),
    ],
)
@pytest.mark.parametrize("runs", [1, 40])
def test_no_more_memory_is_taken_than_was_said(shape, activation, optimizer, runs, peak):
    chosen = [Training(seed) for seed in range(runs)]
    taken = peak(
        lambda: train_batch(
            shape, activation, chosen, **DIGITS, steps=5, record=[0, 5], optimizer=optimizer
        )
    )
    said = shape.block * nbytes(shape, activation, samples=len(X), steps=5)
    assert 0.5 * said < taken < said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": "adamw"}, "unknown optimizer 'adamw'. Did you mean 'adam'"),
        ({"activation": "rellu"}, "unknown activation 'rellu'. Did you mean 'relu'"),
        ({"runs": []}, "runs must hold at least one run, not 0"),
        ({"steps": -1}, "steps must be at least 0, not -1"),
        ({"record": []}, r"record must hold steps from 0 to 3, not \[\]"),
        ({"record": [0, 4]}, r"record must hold steps from 0 to 3, not \[0, 4\]"),
        ({"record": [2, 1]}, r"record must be ascending, each step once, not \[2, 1\]"),
        ({"shape": Shape(64, 8, 2, 4)}, "shape.outputs must be the number of classes, not None"),
        ({"shape": Shape(9, 8, 2, 4, 10)}, r"train must be inputs of shape \(n, 9\)"),
        ({"shape": Shape(64, 8, 2, 4, 5)}, "train must hold class indices from 0 to 4"),
        ({"test": (X_TEST, Y_TEST[:9])}, r"test must be inputs .* not \(397, 64\) and \(9,\)"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(change, message):
    good = {
        "shape": SHAPE,
        "activation": "tanh",
        "runs": [Training(0)],
        **DIGITS,
        "steps": 3,
        "record": [0, 3],
    }
    with pytest.raises(ValueError, match=message):
        train_batch(**(good | change))


@pytest.mark.parametrize("name", ["learning_rate", "weight_decay"])
@pytest.mark.parametrize("bad", [-0.1, float("nan"), "much"])
def test_a_rate_is_a_finite_number_of_at_least_0(name, bad):
    with pytest.raises(ValueError, match=f"{name} must be"):
        Training(0, **{name: bad})
