"""The clinic: evidence for all, answers for those who have solved or given up."""

import html
import json
import re

import pytest
from parts import outputs, write

import vgplib as vgp
from vgplib.errors import BankError
from vgplib.experiments import diagnoses
from vgplib.experiments.patients import PATIENTS, TREATMENTS
from vgplib.lesson import banks, bundle
from vgplib.lesson.bench import fill

LABELS = {name: label for name, (label, _) in diagnoses.DIAGNOSES.items()}


@pytest.fixture(scope="module")
def made():
    return vgp.clinic(number="7.1")


def parts(made):
    """The state on a page, and what stands beside it for those without a script."""
    page = bundle.finished(made.still(), fill)
    found = re.search(r'class="vgp-state">(.*?)</script>(.*)', page, re.DOTALL)
    return json.loads(found[1]), found[2]


def test_a_page_holds_a_chart_for_each_patient_and_look_and_for_each_remedy(made):
    state, _ = parts(made)
    examined, treated = state["frames"]
    assert len(examined) == len(PATIENTS) * 5
    assert len(treated) == len(PATIENTS) * len(TREATMENTS)
    assert [room["controls"][0]["name"] for room in state["spec"]["rooms"]] == ["case", "case"]


def test_a_front_end_is_told_the_truth_and_what_the_evidence_says_to_each_diagnosis(made):
    for patient in made.spec["patients"]:
        assert patient["truth"] == diagnoses.TRUTH[patient["id"]]
        assert list(patient["said"]) == list(LABELS)
        assert "{{" not in json.dumps(patient["story"])


def test_without_a_script_the_evidence_comes_first_and_each_illness_is_folded_away(made):
    _, page = parts(made)
    open_part = re.sub(r"<details>.*?</details>", "", page)
    assert page.count("<details>") == len(PATIENTS) == open_part.count('<th scope="row">')
    for label in LABELS.values():
        assert label not in html.unescape(open_part).lower()
    for letter, name in zip("ABCDEFGHIJKL", PATIENTS, strict=True):
        fold = page.split(f"<summary>Patient {letter}</summary>")[1].split("</details>")[0]
        assert LABELS[diagnoses.TRUTH[name]].capitalize() in fold


def test_as_text_it_gives_figures_and_no_diagnosis(made):
    text = outputs(made)[0]["text/plain"]
    assert text.startswith("Experiment 7.1 · 12 patients. Run this cell to examine them.")
    assert len(re.findall(r"^- [A-L]: ", text, re.MULTILINE)) == len(PATIENTS)
    assert not [label for label in LABELS.values() if label in text]
    assert not [name for name in PATIENTS if name in text]


def test_a_story_that_names_what_was_not_measured_says_what_was(tmp_path, monkeypatch):
    monkeypatch.setattr(banks, "folder", lambda: tmp_path)
    stories = [{"id": name, "story": "Only {{ test }} right."} for name in PATIENTS]
    stories[3]["story"] = "It has {{ fevr }}."
    write(tmp_path, patients=stories)
    with pytest.raises(BankError, match="patient robin, story: unknown fact 'fevr'"):
        vgp.clinic()
    write(tmp_path, patients=[{"id": "dodo", "story": "Gone."}])
    with pytest.raises(BankError, match="unknown patient 'dodo'"):
        vgp.clinic()


def test_a_seed_of_any_kind_is_handed_on_as_text():
    assert vgp.clinic(seed=7).spec["seed"] == "7"
    assert vgp.clinic().spec["seed"] is None
