"""A diagnosis as data and as a file: complete, and nothing lost."""

import json

import numpy as np
import pytest

from tests.doctor.cards import hand_made, twelve_sigmoids


@pytest.fixture(scope="module")
def sick():
    return twelve_sigmoids()


def test_the_data_is_json_with_every_number_as_it_was(sick):
    told = sick.to_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert list(told) == [
        *("format", "healthy", "conditions", "findings", "losses", "notes", "measured"),
    ]
    assert set(told["conditions"]) == sick.conditions
    assert told["losses"] == list(sick.losses)
    for row, finding in zip(told["findings"], sick.findings, strict=True):
        assert row["where"] == list(finding.where)
        assert {k: float(v) for k, v in row["evidence"].items()} == finding.evidence
        assert [r["code"] for r in row["remedies"]] == [r.code for r in finding.remedies]
    layers = told["measured"]["layer"]
    assert [row["name"] for row in layers] == list(sick.measured.name.values)
    # float() reads "nan" too; without an optimizer nothing is known of updates.
    for name in ("signal", "update_ratio"):
        np.testing.assert_array_equal([float(row[name]) for row in layers], sick.measured[name])
    assert {row["update_ratio"] for row in layers} == {"nan"}


def test_numbers_that_are_not_finite_are_words_in_the_data():
    evidence = hand_made(["a"], None).to_dict()["findings"][0]["evidence"]
    assert evidence == {"first over last": 1e-18, "blown": "inf", "unknown": "nan"}


def test_a_page_replaces_the_old_one_when_it_is_whole(sick, tmp_path):
    path = tmp_path / "page.html"
    path.write_text("old")
    with path.open() as reader:
        sick.to_html(path)
        assert reader.read() == "old"  # the old file was not written into
    assert path.read_text().startswith("<!doctype html>")
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_a_page_without_a_folder_says_how_to_make_it(sick, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere.*mkdir -p"):
        sick.to_html(tmp_path / "nowhere" / "page.html")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        sick.to_html(tmp_path)
