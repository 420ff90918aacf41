"""Many runs of an experiment together give what each gives alone."""

import random

import numpy as np
import pytest

import vgplib as vgp

NAMES = sorted(name for name, exp in vgp.experiments.EXPERIMENTS.items() if exp.batch)


@pytest.mark.parametrize("name", NAMES)
def test_a_random_sample_of_runs_is_what_each_is_alone(name):
    exp = vgp.experiments.experiment(name)
    rng = random.Random(name)  # the same sample in every run
    for first in rng.sample(list(exp.grid()), 2):
        group = [s for s in exp.grid() if exp.batch.group(s) == exp.batch.group(first)]
        chosen = [first, *rng.sample(group, min(2, len(group)))]
        seeds = [rng.randrange(exp.seeds) for _ in chosen]
        found = exp.batch.run(chosen, seeds)
        for number, (settings, run_seed) in enumerate(zip(chosen, seeds, strict=True)):
            alone, batched = exp.run(**settings, seed=run_seed), found.isel(run=number)
            assert set(batched.variables) == set(alone.variables), settings
            for key in alone.variables:
                assert batched[key].dims == alone[key].dims
                assert_same(name, str(key), batched[key].values, alone[key].values, settings)


def assert_same(name, key, batched, alone, settings):
    """The same up to rounding, and to what amplifies it.

    In chaos a network multiplies its rounding as it multiplies the signal. Training in float32
    that diverges does too, so its first 30 steps are held where the loss is still small. Norms
    of 16- and 32-bit numbers are summed up in float32.
    """
    if name == "descent" and key in ("loss", "accuracy"):
        if key == "loss":
            start = alone[:4]
            calm = np.isfinite(start) & (start < 10)
            np.testing.assert_allclose(batched[:4][calm], start[calm], rtol=0.01)
        return
    if batched.dtype.kind == "U":  # names
        np.testing.assert_array_equal(batched, alone)
        return
    rtol = 1e-12
    if key == "signal":
        growth = alone[0] / alone[-1] if alone[-1] else 1.0
        rtol *= max(1.0, growth)
    if name == "number-formats" and key == "signal":
        rtol = 1e-6
    np.testing.assert_allclose(batched, alone, rtol=rtol, err_msg=f"{key} at {settings}")


@pytest.mark.parametrize("name", NAMES)
def test_a_group_is_told_by_the_settings_alone_and_its_memory_is_positive(name):
    exp = vgp.experiments.experiment(name)
    for settings in exp.grid():
        assert hash(exp.batch.group(settings)) == hash(exp.batch.group(dict(settings)))
        assert exp.batch.nbytes(settings) > 0
