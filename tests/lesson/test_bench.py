"""The bench as Python sees it: traits, table, off-grid answers, MIME bundle."""

import gzip
import json
import re

import ipywidgets
import pytest
import traitlets
from parts import outputs, write

import vgplib as vgp
from vgplib.errors import BankError
from vgplib.experiments import look
from vgplib.lesson import banks, bundle
from vgplib.lesson.bench import fill, table

BENCHES = [
    ("chain", None),
    ("backprop-by-hand", None),
    ("descent", None),
    ("error-signal", ["activation", "weight_scale", "depth"]),
    ("error-signal", ["activation", "initialiser", "depth"]),
    ("two-gradients", None),
    ("through-time", None),
    ("number-formats", None),
    ("update-ratio", None),
    ("freeze-test", None),
    ("dead-units", None),
    ("activation-gallery", None),
    ("activation-race", None),
    ("what-ails-it", None),
    ("try-a-remedy", None),
]
SAME = {"slope": 0.25, "weight": 1.0, "hops": 10}


def page(bench):
    """The state that the static page holds, and the HTML around it."""
    html = bundle.finished(bench.still(), fill)
    found = re.search(r'class="vgp-state">(.*?)</script>', html, re.DOTALL)
    return json.loads(found[1]), html


def test_the_table_holds_every_setting_in_the_order_of_the_controls():
    bench = vgp.bench("chain")
    exp = vgp.experiments.experiment("chain")
    assert table(bench.spec) == [look(exp, settings).to_json() for settings in exp.grid()]


def test_a_setting_that_is_not_shown_stays_as_given():
    bench = vgp.bench("chain", controls=["hops"], weight=2.0)
    exp = vgp.experiments.experiment("chain")
    assert bench.spec["fixed"] == {"slope": 0.25, "weight": 2.0}
    assert [c["name"] for c in bench.spec["controls"]] == ["hops"]
    assert table(bench.spec) == [
        look(exp, {"slope": 0.25, "weight": 2.0, "hops": hops}).to_json()
        for hops in exp.control("hops").values
    ]


SHOWN = ["activation", "weight_scale", "depth"]


@pytest.mark.parametrize(
    ("name", "controls", "start", "answer"),
    [
        ("error-signal", ["activation", "depth"], {"depth": 3}, {"activation": "tanh"}),
        ("error-signal", ["depth"], {"activation": "tanh", "initialiser": "pytorch"}, {}),
        ("error-signal", SHOWN, {"activation": "tanh", "depth": 10}, {"weight_scale": 2.0}),
        ("error-signal", SHOWN, {"depth": 15}, {"depth": 30}),
        ("update-ratio", ["network", "depth", "steps"], {}, {"network": "tanh"}),
        (
            "update-ratio",
            ["optimizer", "loss_factor", "steps"],
            {"steps": 1},
            {"loss_factor": 1e-3},
        ),
    ],
)
def test_the_axes_are_those_of_the_bench_and_have_no_room_for_what_it_does_not_show(
    name, controls, start, answer
):
    bench = vgp.bench(name, controls=controls, **start)
    depth = {"error-signal": 50, "update-ratio": 21}[name] if "depth" in controls else 9
    for frame in [*table(bench.spec), bench.frame]:
        assert frame["x"] == bench.frame["x"] and frame["y"] == bench.frame["y"]
        assert frame["x"]["domain"] == [-0.5, depth - 0.5] and frame["strip"]["slots"] == depth
    low, high = bench.frame["y"]["domain"]
    assert "weight_scale" in controls or "loss_factor" in controls or high < 10
    for settings in ({}, answer):
        bench.settings = {**bench.settings, **settings}
        values = [float(v) for v in bench.frame["series"][0]["y"]]
        assert low <= min(values) and max(values) <= high


def test_a_bench_offers_some_options_of_a_choice():
    three = {"activation": ["sigmoid", "tanh", "relu"]}
    bench = vgp.bench("error-signal", controls=["activation"], options=three)
    (control,) = bench.spec["controls"]
    assert [option["label"] for option in control["options"]] == ["sigmoid", "tanh", "ReLU"]
    assert len(table(bench.spec)) == 3
    with pytest.raises(ValueError, match="gelu"):
        bench.activation = "gelu"
    for options, start, said in [
        ({"activation": ["sigmoid"]}, {"activation": "tanh"}, "'tanh'.*Allowed: 'sigmoid'"),
        ({"activation": ["step"]}, {}, "unknown activation 'step'"),
        ({"depth": ["5"]}, {}, "options are for choices, and 'depth' is a slider"),
        ({"initialiser": ["he"]}, {}, "unknown control of this bench 'initialiser'"),
    ]:
        with pytest.raises(ValueError, match=said):
            vgp.bench("error-signal", controls=["activation", "depth"], options=options, **start)


def test_a_kernel_sends_the_table_when_a_front_end_asks_and_one_table_serves_all():
    first, second = vgp.bench("chain"), vgp.bench("chain", hops=20)
    assert first.frames == []
    for bench in (first, second):
        bench._handle_custom_msg("table", [])
        assert bench.frames == table(first.spec)
    assert table(first.spec) is table(second.spec)


def test_before_the_table_is_there_every_move_is_answered():
    bench = vgp.bench("chain")
    bench.settings = {**SAME, "hops": 20}
    assert bench.answers == {**SAME, "hops": 20}
    assert bench.frame["readouts"][1]["value"] == pytest.approx(0.25**20, rel=1e-2)


def test_a_setting_is_a_trait_that_can_be_set_observed_and_linked():
    bench = vgp.bench("chain")
    slider = ipywidgets.IntSlider(min=1, max=50)
    traitlets.link((bench, "hops"), (slider, "value"))
    seen = []
    bench.observe(lambda change: seen.append(change.new), "hops")

    bench.hops = 20
    assert (slider.value, bench.settings["hops"], bench.controls["hops"].value) == (20, 20, 20)
    bench.settings = {**bench.settings, "hops": 30}  # as the front end does it
    assert (slider.value, bench.hops) == (30, 30)
    slider.value = 5
    assert (bench.hops, bench.settings["hops"]) == (5, 5)
    assert seen == [20, 30, 5]


def test_the_controls_can_be_passed_to_interactive_output():
    bench = vgp.bench("chain")
    calls = []
    ipywidgets.interactive_output(
        lambda slope, weight, hops: calls.append((slope, weight, hops)), bench.controls
    )
    bench.hops = 20
    assert calls[-1] == (0.25, 1.0, 20)


@pytest.mark.parametrize(("name", "bad"), [("hops", 0), ("hops", 2.5), ("weight", float("nan"))])
def test_a_bad_value_set_from_python_is_refused_and_changes_nothing(name, bad):
    bench = vgp.bench("chain")
    with pytest.raises(ValueError, match=name):
        setattr(bench, name, bad)
    assert bench.settings == SAME
    assert getattr(bench, name) == SAME[name]
    assert bench.controls[name].value == SAME[name]


def test_a_setting_off_the_grid_is_answered_by_pytorch():
    bench = vgp.bench("chain")
    bench.settings = {**SAME, "hops": 7}
    assert bench.status == {"state": "idle", "message": ""}
    assert bench.answers == {**SAME, "hops": 7}
    assert bench.frame["readouts"][1]["value"] == pytest.approx(0.25**7, rel=1e-2)


def test_a_start_off_the_grid_is_measured_once_and_shown(monkeypatch):
    exp = vgp.experiments.experiment("chain")
    runs = []
    whole = exp.run
    monkeypatch.setitem(exp.__dict__, "run", lambda **s: runs.append(s) or whole(**s))
    bench = vgp.bench("chain", hops=7)
    still, _ = outputs(bench)
    assert len(runs) == exp.seeds
    assert bench.answers == bench.settings == {**SAME, "hops": 7}
    assert "Left after 7 hops" in still["text/plain"]


def test_an_error_in_a_run_is_told_and_the_bench_works_afterwards(monkeypatch, capsys):
    bench = vgp.bench("chain")
    real = bench._experiment.run

    def broken(**settings):
        raise RuntimeError("the seventh hop is closed")

    object.__setattr__(bench._experiment, "run", broken)
    try:
        with pytest.raises(RuntimeError):  # outside of a notebook it is raised where it happens
            bench.settings = {**SAME, "hops": 7}
    finally:
        object.__setattr__(bench._experiment, "run", real)
    assert bench.status == {"state": "error", "message": "RuntimeError: the seventh hop is closed"}
    bench.settings = {**SAME, "hops": 8}
    assert bench.status["state"] == "idle"
    assert bench.answers["hops"] == 8


def test_one_output_stays_in_the_file_and_the_other_is_the_widget():
    still, live = outputs(vgp.bench("chain"))
    assert set(still) == {"text/plain", "text/html"}
    assert live["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert live["text/html"] == ""  # a book, which prefers it, shows the first output alone
    assert still["text/plain"].splitlines() == [
        "The whisper line",
        "- Factor per hop: 0.250",
        "- Left after 10 hops: 9.5\u00a0×\u00a010⁻⁷",
        "- Verdict: Vanished",
    ]


def test_plain_text_is_broken_between_words_under_its_bullet():
    words = "- a line of words that goes on " + "and on " * 20
    lines = bundle.wrapped(f"A title\n\n{words}\n12. next").splitlines()
    assert (lines[:2], lines[-1]) == (["A title", ""], "12. next")
    assert [line[:4] for line in lines[2:-1]] == ["- a ", "  on", "  an"]
    assert max(map(len, lines)) <= 76
    assert " ".join(" ".join(lines[2:-1]).split()) == words.strip()


@pytest.mark.parametrize(("name", "controls"), BENCHES)
def test_an_output_in_a_notebook_is_at_most_150_kb(name, controls):
    still, _ = outputs(vgp.bench(name, controls=controls))
    assert len(json.dumps(still, ensure_ascii=False).encode()) <= 150_000


def test_a_bench_that_asks_first_tells_its_answer_nowhere_before():
    prediction = banks.read(banks.folder() / "02-causes.json").predictions[0]
    bench = vgp.bench("chain", predict=prediction.id)
    still, _ = outputs(bench)
    assert "9.5\u00a0×\u00a010⁻⁷" not in still["text/plain"]
    assert "Predict first" in still["text/plain"]
    shown = still["text/html"].split("</script>")[1]
    assert shown.index("Predict first") < shown.index("<details")
    assert "9.5\u00a0×\u00a010⁻⁷" not in shown[: shown.index("<details")]


@pytest.fixture
def guess(tmp_path, monkeypatch):
    """A function that writes a bank with one prediction, named "guess"."""
    monkeypatch.setattr(banks, "folder", lambda: tmp_path)
    words = {"id": "guess", "question": "How much?", "because": "You multiply."}
    return lambda **keys: write(tmp_path, predictions=[words | keys])


def test_a_figure_to_guess_is_read_off_where_the_answer_is_shown(guess):
    guess(readout=1, log=True, show={"hops": 20})
    asked = vgp.bench("chain", predict="guess", weight=2.0).spec["predict"]
    assert asked["show"] == {"slope": 0.25, "weight": 2.0, "hops": 20}
    assert asked["numeric"]["value"] == pytest.approx(0.5**20, rel=1e-2)
    guess(readout=1, log=True)
    asked = vgp.bench("chain", predict="guess", hops=5).spec["predict"]
    assert asked["numeric"]["value"] == pytest.approx(0.25**5, rel=1e-2)


def test_the_answer_has_the_digits_of_the_readout_beside_it(guess):
    for bench, readout, show in [
        ("chain", 1, {"hops": 20}),  # 9.1 × 10⁻¹³
        ("error-signal", 0, {"depth": 50}),  # three digits
        ("normalisation", 1, {}),
        ("pretraining", 1, {"shows": "accuracy"}),  # in percent
    ]:
        guess(readout=readout, log=True, show=show)
        made = vgp.bench(bench, predict="guess", **show)
        text = made.spec["predict"]["numeric"]["text"]
        assert re.fullmatch(rf"{re.escape(text)}(\s\D*)?", made.frame["readouts"][readout]["text"])


def test_an_instructor_s_note_is_on_no_paper_and_in_no_terminal(guess):
    guess(options=["a", "b"], answer="a", room={"expect": "*B*, of course.", "ask": "Why B?"})
    bench = vgp.bench("chain", predict="guess")
    note = bench.spec["predict"]["room"]
    assert note["expect"] == [{"em": "B"}, {"text": ", of course."}]
    assert note["ask"] == [{"text": "Why B?"}]
    without_script = re.sub(r"<script.*?</script>", "", bench.still(), flags=re.DOTALL)
    assert "of course" not in repr(bench) + without_script and "Why B?" not in without_script


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"show": {"depth": 3}}, "show: unknown control of this bench 'depth'.* Allowed: 'hops'"),
        ({"show": {"slope": 0.5}}, "show: unknown control of this bench 'slope'"),  # not shown
        ({"show": {"hops": 0}}, "show: hops must be at least 1"),
        ({"show": {"hops": 7}}, "show: hops is 7, which no page can show; it can: 1, 2, 5, 10"),
        ({"readout": 2}, "readout: 2 is in words .'Vanished'.; numbers are: 0, 1"),
    ],
)
def test_a_prediction_that_this_bench_cannot_settle_is_refused(guess, keys, said):
    guess(**{"readout": 0} | keys)
    with pytest.raises(BankError, match=f"prediction guess, {said}"):
        vgp.bench("chain", controls=["hops"], predict="guess")


def test_without_scripts_there_are_a_picture_its_description_and_its_table():
    state, html = page(vgp.bench("chain", number="2.1"))
    assert state["live"] is False
    assert state["settings"] == SAME
    label = re.search(r'<svg role="img" aria-label="([^"]+)"', html)[1]
    assert "Experiment 2.1" in label
    assert "9.5 × 10⁻⁷" in label
    cells = re.findall(r"<td>([^<]*)</td>", html)
    assert len(cells) == 11
    assert float(cells[-1]) == pytest.approx(0.25**10, rel=1e-2)
    assert html.count("<th scope=") == 2 + 11


def test_no_data_can_end_the_script_element_or_become_markup():
    evil = "</script><img src=x onerror=alert(1)>"
    _, html = page(vgp.bench("chain", title=evil))
    assert html.count("</script>") == 1
    assert "<img" not in html.split("</script>")[1]


def test_each_bench_on_a_page_has_its_own_id():
    first, second = (vgp.bench("chain").spec["id"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize(("name", "controls"), BENCHES)
def test_the_table_of_a_bench_is_small(name, controls):
    # As its pages do: thirteen activations at all depths are more than a page should carry.
    few = {"activation": ["sigmoid", "tanh", "relu"]} if name == "error-signal" else None
    bench = vgp.bench(name, controls=controls, options=few)
    frames = json.dumps(table(bench.spec), ensure_ascii=False)
    assert len(gzip.compress(frames.encode())) <= 60_000


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"depht": 3}, "Did you mean 'depth'"),
        ({"depth": 0}, "depth must be at least 2"),
        ({"weight_scale": float("nan")}, "weight_scale must be a finite number"),
        ({"activation": "sigmiod"}, "Did you mean 'sigmoid'"),
        ({"controls": ["depths"]}, "Did you mean 'depth'"),
        ({"controls": ["depth", "depth"]}, "'depth' is named twice"),
        ({"predict": "no-such-guess"}, "unknown prediction 'no-such-guess'"),
    ],
)
def test_a_bad_call_says_what_is_allowed(given, said):
    with pytest.raises(ValueError, match=said):
        vgp.bench("error-signal", **given)
