"""What is drawn, for every setting of every grid; and what the figures under the chart say."""

import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vgplib as vgp
from vgplib.experiments import look, reading
from vgplib.numbers import figures, number

EXPERIMENTS = vgp.experiments.EXPERIMENTS


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_every_setting_of_the_grid_can_be_drawn(name):
    exp = EXPERIMENTS[name]
    for settings in exp.grid():
        frame = look(exp, settings).to_json()
        json.dumps(frame, allow_nan=False)  # raises on what JSON cannot hold
        low, high = frame["y"]["domain"]
        assert low < high
        assert not frame["y"].get("log") or low > 0
        for series in frame["series"]:
            assert len(series["x"]) == len(series["y"]) >= 1
            assert ("low" in series) == ("high" in series)
        if film := frame.get("film"):
            assert film["at"] == sorted(set(film["at"]))
            assert len(film["at"]) == len(film["cells"]) == len(film["counts"])
            ends = film["cells"][-1], film["counts"][-1]
            assert ends == (frame["strip"]["cells"], frame["strip"]["count"])
        assert len(frame["readouts"]) == 3
        assert all(r["text"] for r in frame["readouts"])


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_the_axes_belong_to_the_bench_and_not_to_the_setting(name):
    """A move changes the line, never the axes under it.

    The start lies within them, and most settings do: what is usual is large, what is not is told at
    the edge.
    """
    exp = EXPERIMENTS[name]
    axes, inside = {}, []
    for settings in exp.grid():
        frame = look(exp, settings).to_json()
        drawn = json.dumps([frame["x"], frame["y"], "strip" in frame and frame["strip"]["slots"]])
        # Another thing, or another task: other axes.
        shown = (settings.get("evidence", settings.get("shows")), settings.get("task"))
        axes.setdefault(shown, set()).add(drawn)
        low, high = frame["y"]["domain"]
        measured = [s for s in frame["series"] if s["role"] != "theory"]
        values = [float(v) for s in measured for v in s["y"]]
        on = [v for v in values if low <= v <= high or (v == 0 and "floor" in frame["y"])]
        inside.append(len(on) >= 0.8 * len(values))
        assert settings != exp.check({}) or len(on) == len(values)
        left, right = frame["x"]["domain"]
        assert all(left <= x <= right for s in frame["series"] for x in s["x"])
    assert all(len(seen) == 1 for seen in axes.values())
    assert np.mean(inside) > 0.6


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_a_strip_has_a_cell_for_each_place_and_counts_them(name):
    exp = EXPERIMENTS[name]
    for settings in exp.grid():
        strip = look(exp, settings).to_json().get("strip")
        if strip is None:
            continue
        counted, places = map(int, re.search(r"(\d+) of (\d+)", strip["count"]).groups())
        start = int(name == "chain")  # the signal starts at the last neuron: that is no hop
        assert places == len(strip["cells"]) - start <= strip["slots"] - start
        assert all(0 <= float(v) <= 100 for v in strip["cells"])
        # Cells are rounded to a hundredth.
        least = {"number-formats": 0.01, "update-ratio": 0.05}.get(name, 0.02)
        heard = sum(v >= least for v in strip["cells"]) - start
        assert abs(heard - counted) <= sum(v == least for v in strip["cells"])


@pytest.mark.parametrize("name", ["chain", "error-signal", "through-time"])
def test_strip_and_verdict_never_disagree(name):
    """Whoever is first hears the signal exactly where it has neither faded nor vanished."""
    exp = EXPERIMENTS[name]
    for settings in exp.grid():
        view = look(exp, settings)
        heard = view.strip.values[0] >= reading.FADING
        gone = view.readouts[2].text.split(":")[0] in ("Fading", "Vanished", "Not finite")
        assert heard != gone, settings


def test_numbers_in_words_agree_with_each_other():
    """What is shown beside each other is rounded once, and one is not many."""
    for settings in EXPERIMENTS["freeze-test"].grid():
        verdict = vgp.readouts("freeze-test", **settings)[2]
        if " beats " in verdict.text:
            more, less = re.findall(r"(\d+)\u00a0%", verdict.note)
            assert int(more) > int(less), settings
    exp = EXPERIMENTS["backprop-by-hand"]
    for settings in exp.grid():
        view = look(exp, settings)
        loss, first, verdict = view.readouts
        assert verdict.text.split()[-1] != loss.text
        # The chart rounds what JSON holds to 2 or 3 digits, and the chapter the number itself.
        shown = [figures(v, d) for s in view.to_json()["series"] for v in s["y"] for d in (2, 3)]
        assert shown == [figures(v, d) for s in view.series for v in s.y for d in (2, 3)]
        assert first.text in shown
    assert vgp.readouts("chain", hops=1)[1].label == "Left after 1 hop"
    assert EXPERIMENTS["chain"].control("hops").show(1) == "1 hop"


# Of these, some may look the same: networks that guess at any rate, or lose no unit at all.
MAY_TIE = {
    ("remedy-rates", "row"),
    ("activation-rates", "row"),
    ("explosion-rates", "row"),
    ("dead-units", "activation"),
}


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_every_control_changes_what_the_reader_sees(name):
    exp = EXPERIMENTS[name]
    start = exp.check({})
    for control in exp.controls:
        seen = {json.dumps(look(exp, {**start, control.name: v}).to_json()) for v in control.values}
        least = 0.5 if (name, control.name) in MAY_TIE else 1.0
        assert len(seen) >= least * len(control.values), f"{control.name} looks the same"


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_a_random_curve_stands_on_at_least_five_seeds(name):
    exp = EXPERIMENTS[name]
    if exp.seeds > 1:  # at any setting
        runs = [vgp.atlas(name).isel(seed=seed) for seed in (0, 1)]
    else:
        runs = [exp.run(**exp.check({}), seed=seed) for seed in (0, 1)]
    random = any(not runs[0][k].equals(runs[1][k]) for k in runs[0].data_vars)
    assert exp.seeds >= 5 if random else exp.seeds == 1


def test_the_readouts_are_those_of_the_bench():
    kept, ratio, verdict = vgp.readouts("chain", slope=0.5, weight=1.0, hops=10)
    assert kept.value == 0.5
    assert ratio.value == pytest.approx(0.5**10, rel=1e-4)
    assert verdict.text == "Vanished"


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (0.0, "Vanished: exactly 0"),
        (1e-9, "Vanished"),
        (0.01, "Fading"),
        (0.019, "Fading"),
        (0.021, "Fades a little"),
        (0.1, "Fades a little"),
        (0.34, "Level"),
        (1.0, "Level"),
        (2.9, "Level"),
        (9.3, "Grows a little"),
        (100.0, "Growing"),
        (1e9, "Exploded"),
        (math.inf, "Not finite"),
        (math.nan, "Not finite"),
    ],
)
def test_the_verdict_for_each_kind_of_ratio(ratio, said):
    assert reading.verdict(ratio).text == said


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (0.001, "Learns slowly"),
        (0.01, "Learns"),
        (1.0, "Doesn't settle"),
        (3.0, "Worse than guessing"),
    ],
)
def test_a_rate_that_is_too_large_is_not_called_slow(rate, said):
    assert vgp.readouts("descent", learning_rate=rate)[2].text == said


def test_no_run_that_jumps_is_called_stuck_while_it_knows_most_digits():
    for settings in EXPERIMENTS["descent"].grid():
        _, right, verdict = vgp.readouts("descent", **settings)
        assert verdict.text != "Stuck" or right.value < 0.2
        assert verdict.text != "Learns" or right.value > 0.75


@pytest.mark.parametrize(
    ("depth", "said"),
    [
        (3, "Hardly stops there"),
        (4, "Stops for a while"),
        (5, "Stops for long, then learns"),
        (6, "Still on the plateau"),
    ],
)
def test_a_short_plateau_and_a_long_one_have_two_names(depth, said):
    assert vgp.readouts("plateau", depth=depth)[2].text == said


@given(st.floats(0.01, 10), st.integers(2, 60))
def test_the_factor_per_layer_to_the_power_of_the_hops_is_the_ratio(factor, layers):
    profile = factor ** np.arange(layers, 0, -1.0)
    kept = reading.kept_per_layer(profile)
    assert kept ** (layers - 1) == pytest.approx(profile[0] / profile[-1], rel=1e-9)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2364, "0.24"),
        (14.2, "14"),
        (4.9e-19, "4.9 × 10⁻¹⁹"),
        (123456.0, "1.2 × 10⁵"),
        (0.0, "0"),
        (1.0, "1.0"),
        (-0.338, "−0.34"),
        (0.0996, "0.10"),
        (math.inf, "not finite"),
    ],
)
def test_numbers_as_a_reader_likes_them(value, text):
    assert figures(value) == text


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_numbers_survive_json(value):
    kept = json.loads(json.dumps(number(value), allow_nan=False))
    if math.isfinite(value):
        assert float(kept) == pytest.approx(value, rel=5e-3, abs=1e-300)
    else:
        assert str(float(kept)) == str(value)
