"""Question banks: the format is checked, the shown questions are right, nothing is run."""

import json
import re
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

import vgplib as vgp
from vgplib.errors import BankError
from vgplib.lesson.quiz import read

BANKS = sorted((Path(__file__).parents[2] / "quizzes").glob("*.json"))
GOOD = {
    "id": "one",
    "type": "multiple_choice",
    "question": "What is $2^{10}$?",
    "answers": [
        {"answer": "1024", "correct": True, "feedback": "Yes."},
        {"answer": "20", "correct": False, "feedback": "You multiplied."},
    ],
}


def write(folder, bank):
    text = bank if isinstance(bank, str) else json.dumps(bank)
    (folder / "bank.json").write_text(text, encoding="utf-8")
    return folder


def changed(**keys):
    return [{**GOOD, **keys}]


@pytest.mark.parametrize(
    ("bank", "said"),
    [
        ("[{", "bank.json: not valid JSON"),
        ([], "a list of at least one question"),
        (changed(type="multichoice"), "question one: unknown type 'multichoice'"),
        (changed(qestion="?"), "question one: unknown key 'qestion'"),
        ([{k: v for k, v in GOOD.items() if k != "answers"}], "the key 'answers' is missing"),
        (changed(answers=GOOD["answers"][1:]), "no answer is marked correct"),
        (changed(answers=GOOD["answers"][:1] * 2), "exactly one correct answer"),
        (changed(answers=GOOD["answers"][:1]), "at least two answers"),
        (changed(answers=[{"answer": "1", "correct": True}]), "'1' has no feedback"),
        ([GOOD, GOOD], "question one: its id is used twice"),
        (changed(question="an unpaired $ sign"), "question one: .*no partner"),
        (changed(type="numeric"), "needs a 'value', a 'range'"),
        (
            changed(
                type="numeric",
                answers=[{"range": [3, 1], "correct": True, "feedback": "."}],
            ),
            r"a range is \[low, high\]",
        ),
    ],
)
def test_a_broken_bank_names_file_question_and_reason(tmp_path, bank, said):
    with pytest.raises(BankError, match=said):
        vgp.quiz("bank", folder=write(tmp_path, bank))


def test_a_missing_bank_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(BankError, match="there is no such question bank"):
        vgp.quiz("nowhere", folder=tmp_path)


def test_the_banks_lie_above_the_notebook(monkeypatch, tmp_path):
    (tmp_path / "quizzes").mkdir()
    write(tmp_path / "quizzes", [GOOD])
    (tmp_path / "chapters" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "chapters" / "deep")
    assert len(vgp.quiz("bank").spec["questions"]) == 1


def test_mathematics_becomes_a_tree_and_text_stays_text(tmp_path):
    evil = "<img src=x onerror=alert(1)> $x$"
    quiz = vgp.quiz("bank", folder=write(tmp_path, changed(question=evil)))
    text, math = quiz.spec["questions"][0]["question"]
    assert text == {"text": "<img src=x onerror=alert(1)> "}
    assert math["math"][0] == "math"
    page = quiz._repr_mimebundle_()[0]["text/html"]
    assert "<img" not in page.replace("\\u003c", "<").split("</script>")[1]


def test_without_scripts_the_answers_are_folded_away(tmp_path):
    page = vgp.quiz("bank", folder=write(tmp_path, [GOOD]))._repr_mimebundle_()[0]["text/html"]
    fallback = page.split("</script>")[1]
    details = fallback[fallback.index("<details>") :]
    assert "You multiplied." in details
    assert "You multiplied." not in fallback[: fallback.index("<details>")]


@pytest.mark.parametrize("path", BANKS, ids=lambda p: p.stem)
def test_a_chapter_has_six_questions_and_two_that_must_be_worked_out(path):
    bank = read(path)
    assert len(bank) >= 6
    assert sum(q["type"] == "numeric" for q in bank) >= 2


def outputs(path):
    """The text outputs of the chapter that a bank belongs to."""
    notebook = json.loads(
        (path.parents[1] / "chapters" / f"{path.stem}.ipynb").read_text(encoding="utf-8")
    )
    return [
        "".join(output["data"]["text/plain"])
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if "data" in output
    ]


@pytest.mark.parametrize("path", BANKS, ids=lambda p: p.stem)
def test_every_objective_is_asked_by_a_question(path):
    (objectives,) = [o for o in outputs(path) if o.startswith("After this chapter you can")]
    asked = {q["objective"] for q in read(path)}
    assert asked == set(range(objectives.count("\n- ")))


@pytest.mark.parametrize("path", BANKS, ids=lambda p: p.stem)
def test_the_line_under_the_title_counts_right(path):
    shown = outputs(path)
    names = tuple(f"{name}(" for name in vgp.experiments.EXPERIMENTS)
    benches = sum(output.startswith(names) for output in shown)
    assert re.fullmatch(rf"\d+ min · {benches} experiments · {len(read(path))} questions", shown[0])


def settled():
    for path in BANKS:
        for question in read(path):
            if "readout" in question.get("bench", {}):
                yield pytest.param(question, id=f"{path.stem}-{question['id']}")


@pytest.mark.parametrize("question", list(settled()))
def test_the_bench_gives_the_answer_that_counts_as_right(question):
    name, _, setting = question["bench"]["href"].removeprefix("#").partition("?")
    exp = vgp.experiments.experiment(re.sub(r"-\d+$", "", name))
    settings = {
        key: value if isinstance(exp.control(key).values[0], str) else float(value)
        for key, value in parse_qsl(setting)
    }
    measured = vgp.readouts(exp.name, **settings)[question["bench"]["readout"]].value
    (right,) = [a for a in question["answers"] if a.get("correct")]
    if "range" in right:
        assert right["range"][0] <= measured <= right["range"][1]
    else:
        assert measured == pytest.approx(right["value"], abs=question["tolerance"])


@pytest.mark.parametrize("path", BANKS, ids=lambda p: p.stem)
def test_a_right_number_is_not_also_a_wrong_one(path):
    """The first answer that matches is taken, so no two may overlap."""
    for question in read(path):
        if question["type"] != "numeric":
            continue
        slack = question.get("tolerance", 0)
        spans = [
            tuple(a["range"]) if "range" in a else (a["value"] - slack, a["value"] + slack)
            for a in question["answers"]
            if "range" in a or "value" in a
        ]
        spans.sort()
        for (_, end), (start, _) in zip(spans, spans[1:], strict=False):
            assert end < start, f"{question['id']}: answers overlap"
