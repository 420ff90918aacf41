"""A bench that shows several options of a choice at once, as Python sees it."""

import pytest
from parts import outputs, write

import vgplib as vgp
from vgplib.experiments import readouts
from vgplib.lesson import banks, frames

SHOWN = ["cell", "steps"]
START = {"cell": ["rnn", "gru"], "steps": 20}
NAMES = ["tanh RNN", "GRU"]


def compared(**settings):
    return vgp.bench("through-time", compare="cell", controls=SHOWN, **START | settings)


def said(row):
    return [(r["label"], r["text"]) for r in row["readouts"]]


def expected(**settings):
    return [(r.label, r.text) for r in readouts("through-time", **settings)]


def test_frames_are_one_an_option_and_not_one_a_combination():
    one = vgp.bench("through-time", controls=SHOWN, cell="rnn", steps=20)
    assert frames.table(compared().spec) == frames.table(one.spec)


def test_the_setting_is_a_list_and_all_of_it_is_answered_off_the_grid_too():
    bench = compared()
    assert bench.cell == bench.settings["cell"] == ["rnn", "gru"]
    assert [row["name"] for row in bench.frame["rows"]] == NAMES
    assert [series["name"] for series in bench.frame["series"]] == NAMES  # no theory
    bench.cell = ["lstm", "gru", "rnn"]
    bench.steps = 7
    assert bench.status["state"] == "idle"
    assert bench.answers == {"cell": ["lstm", "gru", "rnn"], "steps": 7}
    for name, row in zip(bench.cell, bench.frame["rows"], strict=True):
        assert said(row) == expected(cell=name, steps=7)


def test_in_a_kernel_every_chosen_option_of_the_grid_is_answered_from_the_table():
    bench = compared()
    bench._handle_custom_msg("table", [])
    before = bench.answers
    bench.settings = {"cell": ["lstm", "gru"], "steps": 30}
    assert bench.cell == ["lstm", "gru"]
    assert bench.answers == before  # nothing was measured, and nothing sent


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"cell": []}, "cell takes 1 to 4 options, not 0"),
        ({"cell": ["rnn", "lsmt"]}, "unknown cell 'lsmt'. Did you mean 'lstm'"),
        ({"cell": ["gru", "gru"]}, "cell names 'gru' twice"),
        ({"compare": "steps", "cell": "gru"}, "compare is for choices, and 'steps' is a slider"),
        (
            {"compare": "recurrent_scale", "cell": "gru"},
            "unknown control of this bench 'recurrent_scale'",
        ),
    ],
)
def test_a_bad_comparison_says_what_is_allowed(given, problem):
    start = {"compare": "cell", **START, **given}
    with pytest.raises(ValueError, match=problem):
        vgp.bench("through-time", controls=SHOWN, **start)


def test_five_at_once_are_refused_also_when_they_are_set_later():
    bench = vgp.bench("what-ails-it", compare="case", case=["wren", "finch", "heron"])
    with pytest.raises(ValueError, match="case takes 1 to 4 options, not 5"):
        bench.case = ["wren", "finch", "heron", "robin", "swift"]
    assert bench.settings["case"] == ["wren", "finch", "heron"]


def test_a_figure_to_guess_is_that_of_the_last_option(tmp_path, monkeypatch):
    monkeypatch.setattr(banks, "folder", lambda: tmp_path)
    words = {"id": "guess", "question": "How much?", "because": "You multiply.", "readout": 0}
    write(tmp_path, predictions=[words | {"show": {"cell": ["rnn", "lstm"]}}])
    asked = compared(predict="guess").spec["predict"]
    assert asked["show"] == START | {"cell": ["rnn", "lstm"]}
    last = readouts("through-time", cell="lstm", steps=20)[0]
    assert asked["numeric"]["value"] == pytest.approx(last.value, rel=1e-2)


def test_without_scripts_the_picture_the_words_and_the_table_have_all_of_them():
    bench = compared()
    text = outputs(bench)[0]["text/plain"].splitlines()
    kept = [readouts("through-time", cell=cell, steps=20)[0].text for cell in START["cell"]]
    assert [line.split(";")[0] for line in text if line.startswith("- ")] == [
        f"- {name}: Kept per step: {value}" for name, value in zip(NAMES, kept, strict=True)
    ]
    still = bench.still()
    drawn, rest = still.split("<figcaption>")
    strips = [row["strip"]["count"] for row in bench.frame["rows"]]
    assert all(f">{words}<" in drawn for words in (*NAMES, *strips))
    for colour, dash in (("accent", ""), ("second", "stroke-dasharray: ")):
        assert f"fill: none; {dash}" in drawn
        assert f"stroke: var(--vgp-{colour}" in drawn
    assert "tanh RNN and GRU, " in rest
    assert '<th scope="col">GRU, lowest</th>' in rest
