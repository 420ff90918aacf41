"""The ledger: every claim has its line, and each line its number, its bench and its way back."""

import re
from collections import Counter

import nbformat
import pytest
from pydantic import ValidationError

import vgplib as vgp
from tools import ledger
from tools.environment import ROOT
from vgplib.lesson import banks

PAGE = "\n".join(
    cell.source
    for cell in nbformat.read(ledger.PAGE, as_version=4).cells
    if cell.cell_type == "markdown"
)
LINES = {m[1]: m[0] for m in re.finditer(r'^\| <a id="said-([\w-]+)".*$', PAGE, re.MULTILINE)}
ROWS = ledger.rows()
BENCH = re.compile(
    r"\(\.\./chapters/(?:remedies/)?([\w-]+)\.ipynb#(?!claim-|check-|published-|do-the-papers)([^)]+)\)"
)
GOOD = ROWS[0].model_dump(exclude_none=True)


def test_every_claim_of_the_three_sources_has_one_line():
    assert Counter(row.source for row in ROWS) == {"overview": 48, "interview": 17, "lesson": 20}
    assert list(LINES) == [row.id for row in ROWS]
    assert len(re.findall("Not measured", PAGE)) == sum(row.measured is None for row in ROWS) < 12


@pytest.mark.parametrize("row", [row for row in ROWS if row.bench], ids=lambda row: row.id)
def test_whoever_follows_a_line_finds_its_number_there(row):
    readouts = ledger.bench(row.bench)["readouts"]
    for place in re.findall(r"\{\{ shown\[(\d)\] \}\}", row.measured):
        shown = eval(readouts, {"vgp": vgp})[int(place)]
        assert f" {shown.text}" in LINES[row.id]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_line_is_three_sentences_and_two_numbers_at_most(row):
    text = f"{row.truth} {row.measured or row.why}"
    text = re.sub(r"\$[^$]*\$|\[[^\]]*\]\([^)]*\)", " ", text)
    assert len(re.findall(r"[.!?](?=\s|$)", re.sub(r"\{\{.*?\}\}", "0", text))) <= 3
    assert len(re.findall(r"\{\{.*?\}\}|(?<![\w.])(?!(?:19|20)\d\d\b)\d[\d.,]*\d", text)) <= 2


def test_claims_of_chapters_and_their_lines_agree_and_lead_to_each_other():
    named = [row for row in ROWS if row.claim]
    assert len({row.claim for row in named}) == len(named) >= 15
    for row in named:
        assert row.verdict == banks.find("claims", row.claim).verdict, row.id
        (back,) = re.findall(rf"\(\.\./(chapters/\S+)\.ipynb#claim-{row.claim}\)", LINES[row.id])
        source = ROOT / f"{back}.md"
        assert f'claim("{row.claim}")' in source.read_text("utf-8")
        cells = nbformat.read(source.with_suffix(".ipynb"), as_version=4).cells
        (claim,) = [c.source for c in cells if f'id="claim-{row.claim}"' in c.source]
        link = ledger.link(row.claim, source.parent)
        assert link.endswith(f"appendix/claims.ipynb#said-{row.id})") and link in claim


@pytest.mark.parametrize("name", ["claims", "reproductions"])
def test_links_to_benches_lead_to_settings_that_these_have(name):
    text = (ROOT / "appendix" / f"{name}.ipynb").read_text("utf-8")
    places = {f"{chapter}#{below}" for chapter, below in BENCH.findall(text)}
    assert len(places) > 10
    for place in places:
        assert ledger.bench(place)["number"]


def test_a_paper_s_line_leads_to_the_section_or_bench_and_not_to_a_page_s_head():
    text = (ROOT / "appendix" / "reproductions.ipynb").read_text("utf-8")
    links = re.findall(r"\]\(\.\./chapters/([^)]+)\)", text)
    assert len(links) > 25
    assert [link for link in links if "#" not in link] == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"verdict": "misleading"}, "'holds', 'depends' or 'false'"),
        ({"why": "No."}, "either 'measured' or 'why'"),
        ({"bench": None}, "'shown' needs a 'bench'"),
        ({"truth": "a | b"}, "can't hold"),
        ({"source": "a book"}, "'overview', 'interview' or 'lesson'"),
    ],
)
def test_a_line_that_breaks_the_schema_is_named(row, said):
    with pytest.raises(ValidationError, match=said):
        ledger.Row.model_validate(GOOD | row)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("01-causes#chain", "unknown chapter '01-causes'"),
        ("02-causes#chian", "unknown bench of 02-causes 'chian'"),
        ("02-causes#error-signal?initialiser=he", "unknown control of .*'initialiser'"),
        ("02-causes#error-signal?activation=gelu", "the bench has no activation gelu"),
        ("02-causes#chain?hops=11", "the bench has no hops 11"),
    ],
)
def test_a_link_to_a_bench_that_is_not_there_is_named(place, said):
    with pytest.raises(ValueError, match=said):
        ledger.bench(place)


def test_a_part_of_the_ledger_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="unknown part of the ledger 'chapter 1'"):
        ledger.table("chapter 1")
