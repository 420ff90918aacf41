"""Number formats: the format's own numbers, whatever units the processor has for its products."""

import numpy as np
import pytest
import torch

import vgplib as vgp
from vgplib.engine.atlas import at
from vgplib.engine.rounding import by_the_format
from vgplib.experiments import look, number_formats
from vgplib.networks import FeedForward
from vgplib.networks.data import gaussian

EXPERIMENT = vgp.experiments.experiment("number-formats")


def reached(data):
    """How many layers have a signal, by seed."""
    return (data["signal"].values > 0).sum(axis=1)


@pytest.mark.parametrize(("activation", "layers"), [("sigmoid", 46), ("relu", 100)])
def test_bfloat16_reaches_as_deep_on_every_processor(activation, layers):
    """Where subnormals are flushed to 0, sigmoid ends at 43 or 44 layers, and ReLU at 93."""
    settings = {"number_format": "bfloat16", "activation": activation, "depth": 120}
    found = reached(EXPERIMENT.measure(**settings))
    assert np.abs(found - layers).max() <= 1
    kept = at(EXPERIMENT, EXPERIMENT.check({**settings, "loss_scale": 1.0}))
    np.testing.assert_array_equal(found, reached(kept))


def test_batches_are_by_the_format_as_well():
    settings = EXPERIMENT.check(
        {"number_format": "bfloat16", "activation": "sigmoid", "loss_scale": 1.0, "depth": 60}
    )
    batch = number_formats.run_many([settings] * 2, [0, 1])
    for seed in (0, 1):
        alone = number_formats.run(**settings, seed=seed)
        assert (batch["signal"].values[seed] > 0).sum() == (alone["signal"].values > 0).sum()


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_a_product_by_the_format_keeps_what_the_format_can_hold(name):
    dtype = getattr(torch, name)
    smallest = vgp.theory.number_format(name).smallest_subnormal
    tiny = torch.full((64, 64), smallest, dtype=torch.float64).to(dtype)
    with by_the_format():
        product = tiny @ torch.eye(64, dtype=dtype)
    assert torch.equal(product, tiny)


def test_by_the_format_leaves_things_as_they_were():
    before = torch.backends.mkldnn.enabled
    with pytest.raises(KeyError), by_the_format():
        assert not torch.backends.mkldnn.enabled
        raise KeyError
    assert torch.backends.mkldnn.enabled == before


def test_the_signal_in_the_format_is_that_of_a_network_in_the_format():
    net = FeedForward(64, 64, 5, "tanh", "pytorch", seed=2).to(torch.float16)
    x, v = (gaussian(n, 64, seed=s + 2).to(torch.float16) for n, s in [(8, 1000), (1, 2000)])
    with by_the_format():
        seen = vgp.measure(net, lambda model: (model(x) * v).sum(dim=1).mean())
    found = number_formats.run(
        number_format="float16", activation="tanh", loss_scale=1.0, depth=5, seed=2
    )
    np.testing.assert_array_equal(found["signal"].values, seen["signal"].values)


def test_what_overflows_is_not_told_as_zero():
    """65536 is more than float16 can hold: from the loss on there is inf, and then NaN."""
    settings = {
        "number_format": "float16",
        "activation": "tanh",
        "loss_scale": 65536.0,
        "depth": 40,
    }
    view = look(EXPERIMENT, EXPERIMENT.check(settings))
    reach, _, verdict = view.readouts
    assert reach.text == "0 of 40: overflow"
    assert verdict.text.startswith("Overflow")
    assert "isn't 0" in verdict.note
    assert view.strip.count == "40 of 40 layers overflow"
    assert view.strip.values == [np.inf] * 40  # drawn as too loud
    assert "get a signal" in look(EXPERIMENT, settings | {"loss_scale": 1024.0}).strip.count
