"""What an experiment accepts, and what it says to what it does not."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import vgplib as vgp
from vgplib.engine.experiment import Choice, Experiment, Slider, register

SLIDER = Slider("scale", "Scale", (0.5, 1.0, 4.0), step=0.1, log=True)
DEPTH = Slider("depth", "Depth", (2, 5, 50), 1, "layers", whole=True)
HUGE = pytest.param(10**400, id="huge")  # beyond every float
CHOICE = Choice("activation", "Activation", {"tanh": "tanh", "relu": "ReLU"})


@given(st.floats())
def test_a_slider_takes_what_lies_between_its_ends_and_nothing_else(value):
    if math.isfinite(value) and 0.5 <= value <= 4.0:
        assert SLIDER.check(value) == value
    else:
        with pytest.raises(ValueError, match="scale must be"):
            SLIDER.check(value)


@pytest.mark.parametrize(
    "bad",
    [
        0,
        -3,
        51,
        2.5,
        math.nan,
        math.inf,
        "ten",
        True,
        None,
        10**400,
        np.bool_(True),
        np.ones(2),
        np.float64("nan"),
    ],
)
def test_a_depth_is_a_whole_number_between_the_ends(bad):
    with pytest.raises(ValueError, match="depth must be"):
        DEPTH.check(bad)


def test_a_whole_number_written_as_a_float_is_the_same_setting():
    assert DEPTH.check(5.0) == 5
    assert isinstance(DEPTH.check(5.0), int)


@pytest.mark.parametrize("kind", [np.int64, np.float32, np.array, torch.tensor])
def test_a_number_of_another_library_is_the_same_setting(kind):
    assert (DEPTH.check(kind(30)), type(DEPTH.check(kind(30)))) == (30, int)
    assert (SLIDER.check(kind(2)), type(SLIDER.check(kind(2)))) == (2.0, float)
    assert vgp.run("chain", hops=kind(3)).equals(vgp.run("chain", hops=3))


@pytest.mark.parametrize("bad", [HUGE, np.float32("inf"), 1j, "1", [1.0], True])
def test_what_is_no_finite_number_is_refused_by_name(bad):
    with pytest.raises(ValueError, match="scale must be a finite number, not "):
        SLIDER.check(bad)


@pytest.mark.parametrize("bad", [np.array(["tanh", "relu"]), ["tanh"], None, 3])
def test_what_is_no_name_is_refused_by_name(bad):
    with pytest.raises(ValueError, match="unknown activation .*Allowed: 'tanh', 'relu'"):
        CHOICE.check(bad)


@pytest.mark.parametrize("kind", [np.float32, np.array, torch.tensor])
def test_a_fraction_of_another_library_is_the_same_setting(kind):
    assert SLIDER.check(kind(1.5)) == 1.5


def test_an_unknown_choice_names_the_closest_and_the_allowed():
    with pytest.raises(ValueError, match=r"unknown activation 'rellu'.*'relu'.*'tanh', 'relu'"):
        CHOICE.check("rellu")


def test_an_unknown_setting_and_an_unknown_experiment_name_what_there_is():
    with pytest.raises(ValueError, match=r"'deph'.*Did you mean 'depth'"):
        vgp.run("error-signal", deph=3)
    with pytest.raises(ValueError, match=r"'error_signal'.*Did you mean 'error-signal'"):
        vgp.run("error_signal")


def test_what_is_not_given_keeps_its_start_value():
    exp = vgp.experiments.experiment("chain")
    assert exp.check({"hops": 3}) == {"slope": 0.25, "weight": 1.0, "hops": 3}


def test_a_start_off_the_controls_is_refused_when_the_experiment_is_made():
    with pytest.raises(ValueError, match="scale must be between 0.5 and 4"):
        Experiment("x", "X", (SLIDER,), {"scale": 9.0}, run=print, view=print, caption="")


def test_the_grid_is_the_product_of_the_controls_last_fastest():
    exp = Experiment(
        "x",
        "X",
        (CHOICE, DEPTH),
        {"activation": "tanh", "depth": 5},
        run=print,
        view=print,
        caption="",
    )
    grid = list(exp.grid())
    assert len(grid) == exp.size() == 6
    assert grid[:2] == [{"activation": "tanh", "depth": 2}, {"activation": "tanh", "depth": 5}]
    assert all(exp.on_grid(settings) for settings in grid)
    assert not exp.on_grid({"activation": "tanh", "depth": 6})


def test_two_experiments_cannot_share_a_name():
    with pytest.raises(ValueError, match="two experiments named 'chain'"):
        register(vgp.experiments.experiment("chain"))
