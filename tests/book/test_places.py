"""What a reader looks for is in the index, and is found by the words that one would type."""

import re

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from playwright.sync_api import expect

from tools.environment import ROOT
from vgplib.lesson import banks

GLOSSARY = (ROOT / "appendix" / "glossary.md").read_text("utf-8")
SOURCES = re.split(r"^- ", (ROOT / "appendix" / "bibliography.md").read_text("utf-8"), flags=re.M)[
    1:
]
NOTEBOOKS = [p for p in (ROOT / "chapters").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts]


@pytest.fixture(scope="module")
def index(book) -> BeautifulSoup:
    return BeautifulSoup((book / "appendix" / "index.html").read_text("utf-8"), "html.parser")


def links(index: BeautifulSoup, section: str) -> dict[str, str]:
    return {a["href"]: a.get_text() for a in index.select(f"section#{section} .vgp-index a")}


def test_each_term_leads_to_its_definition_and_to_a_few_sections(index):
    terms = dict(re.findall(r'^<a id="(.+)"></a>\n\n## (.+)$', GLOSSARY, re.MULTILINE))
    lines = index.select("section#terms .vgp-index li")
    assert len(lines) == len(terms) > 80
    used = 0
    for line in lines:
        first, *sections = line.select("a")
        assert first.get_text() == terms[first["href"].partition("glossary.html#")[2]]
        assert len(sections) <= 3
        assert all(re.match(r"\d[a-f]?: .", one.get_text()) for one in sections)
        used += bool(sections)
    assert used > 0.9 * len(lines)  # few terms are explained in the glossary alone
    assert "2: What survives ten hops?" in lines[0].get_text()
    letters = [a["href"] for a in index.select(".vgp-letters a")]
    assert letters == [f"#{h3['id']}" for h3 in index.select("section#terms h3")]
    assert {line.get_text()[0].upper() for line in lines} == {to[-1].upper() for to in letters}


def test_each_experiment_claim_and_source_is_there(index):
    numbers = set()
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                numbers |= set(re.findall(r'\bnumber="(\d\w?\.\d)"', cell.source))
    shown = {text.split()[0] for text in links(index, "experiments").values()}
    assert shown == numbers and len(numbers) > 40

    said = set(links(index, "what-people-say"))
    claims = {c.id for path in banks.folder().glob("*.json") for c in banks.read(path).claims}
    assert {to.partition("#claim-")[2] for to in said} == claims

    sources = {re.search(r'id="(\w+)"', source)[1] for source in SOURCES}
    people = links(index, "people-and-papers")
    assert {to.partition("bibliography.html#")[2] for to in people} == sources
    assert people["bibliography.html#he2015"] == "He et al. (2015)"
    assert people["bibliography.html#hanin2020"] == "Hanin & Nica (2020)"
    assert len(links(index, "questions-to-answer-aloud")) == 22


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source[7:20])
def test_a_source_can_be_had_and_says_what_to_look_for(source):
    address = r"\]\(https://(arxiv\.org/abs/\d|doi\.org/10\.)"
    elsewhere = (
        r"\]\(https://(proceedings\.mlr\.press|jmlr\.org|people\.idsia\.ch|ai\.stanford\.edu)/"
    )
    assert re.search(address, source) or re.search(elsewhere, source) or "neither DOI" in source
    assert re.search(r"\*Look for:\* \w.{20}", source)


def test_most_sources_have_a_lasting_address():
    assert sum(bool(re.search(r"arxiv\.org/abs|doi\.org", s)) for s in SOURCES) >= len(SOURCES) - 8


FOUND = {
    "vanishing": "Vanishing gradient Term",
    "He initialization": "He initialisation Term",
    "dead neurons": "Dead unit Term",
    "clip norm": "you clip it by norm",
    "forget gate": "Forget gate Term",
    "NaN": "Where does the NaN come from? Experiment",
    "why residual": "Residual networks were invented",
    "batchnorm": "Batch norm Term",
    "whisper": "2.1 The whisper line Experiment",
    "experiment 6.7": "6.7 Where does the NaN come from?",
    "loss plateau": "Plateau Term",
    "LSTM vs GRU": "A GRU is like an LSTM",
    "normalize": "Batch norm normalises activations",
    "Hochreiter": "Long short-term memory",
    "clipping helps": "Gradient clipping helps against vanishing gradients.",
    "Do transformers vanish?": "Do transformers have vanishing gradients?",
    "float16": "in float16",
    "saturated": "Saturation Term",
    "learning rate": "5.2 Which learning rate for which remedy?",
    "glorot": "Understanding the difficulty",
}


def test_a_search_leads_straight_to_terms_experiments_claims_questions_and_papers(browser, site):
    tab = browser.new_page()
    for asked, wanted in FOUND.items():
        tab.goto(f"{site}/search.html?q={asked.replace(' ', '+')}")
        places = tab.get_by_role("region", name="Straight to it")
        expect(places.locator("li", has_text=wanted).first).to_be_attached()
    expect(places.get_by_role("listitem").first).to_be_visible()
    # Sphinx's own list has the other spelling's pages as well.
    tab.goto(f"{site}/search.html?q=normalization")
    pages = tab.locator("#search-results")
    expect(
        pages.get_by_role("link", name="How a network learns").or_(pages.locator("a")).first
    ).to_be_visible()
    tab.goto(f"{site}/search.html?q=xyzzy")
    tab.get_by_text("did not match any documents").wait_for()
    assert tab.get_by_role("region", name="Straight to it").count() == 0
    tab.close()


@pytest.mark.parametrize("page", ["search.html?q=gradient", "appendix/index.html"])
def test_it_is_accessible_by_keyboard_and_on_a_phone(browser, site, page):
    tab = browser.new_page(viewport={"width": 320, "height": 640}, reduced_motion="reduce")
    tab.goto(f"{site}/{page}")
    if page.startswith("search"):
        tab.locator("#search-results .context").first.wait_for()
    lists = tab.locator(".vgp-found-places, .vgp-index").first
    link = lists.locator("li a").first
    link.focus()
    assert link.evaluate("(a) => getComputedStyle(a).outlineStyle !== 'none'")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    found = Axe().run(tab, options={"resultTypes": ["violations"]}).response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    for jump in tab.locator(".vgp-letters a").all():
        box = jump.bounding_box()
        assert min(box["width"], box["height"]) >= 24
    tab.close()
