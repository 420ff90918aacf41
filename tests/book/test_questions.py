"""The page of questions: each has its answers, and a bench that shows what its proof says."""

import json
import re
from urllib.parse import parse_qsl, urljoin

import nbformat
import pytest
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import expect

from tools.environment import ROOT
from vgplib.lesson import banks

PAGE = "chapters/09-questions.html"
CARDS = banks.read(banks.folder() / "09-questions.json").cards


@pytest.fixture(scope="module")
def text() -> str:
    cells = nbformat.read(ROOT / PAGE.replace(".html", ".ipynb"), as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_the_notebook_asks_each_question_and_folds_its_answers_away(text):
    assert re.findall(r'id="card-([\w-]+)"', text) == [card.id for card in CARDS]
    assert f"{len(CARDS)} questions to answer aloud" in text
    assert len(re.findall(r"^## ", text, re.MULTILINE)) > 7  # by theme
    open_text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    for card in CARDS:
        assert f"### {card.question}\n" in open_text
        for answer in (card.short, card.long, card.trap):
            assert answer[:30] not in open_text


def shown(state: dict, setting: dict[str, str]) -> list[str]:
    """What a bench of a page reads out at a setting that a link names; every part must be known."""
    index = 0
    for control in state["spec"]["controls"]:
        values = control.get("values") or [option["value"] for option in control["options"]]
        now = state["settings"][control["name"]]
        value = setting.pop(control["name"], now[0] if isinstance(now, list) else now)
        index = index * len(values) + values.index(type(values[0])(value))
    assert setting == {}
    return [readout["text"] for readout in state["frames"][index]["readouts"]]


def test_what_a_proof_says_is_what_its_bench_reads_out(book):
    soup = BeautifulSoup((book / PAGE).read_text("utf-8"), "html.parser")
    proofs = [p for p in soup.select(".vgp-card p") if p.get_text().startswith("See it.")]
    assert len(proofs) == len(CARDS)
    for proof in proofs:
        page, _, fragment = urljoin(PAGE, _link(proof)["href"]).partition("#")
        name, _, query = fragment.partition("?")
        place = BeautifulSoup((book / page).read_text("utf-8"), "html.parser").find(id=name)
        state = json.loads(place.find("script").string)
        said = proof.get_text()
        assert f"Experiment {state['spec']['number']}:" in said
        readouts = shown(state, dict(parse_qsl(query)))
        assert any(re.search(rf"(?<![\d.]){re.escape(one)}(?![\d.]*\d)", said) for one in readouts)


def _link(proof: Tag) -> Tag:
    (link,) = [a for a in proof.find_all("a") if "?" in a["href"]]
    return link


def test_the_page_asks_its_questions_and_remembers(browser, site):
    tab = browser.new_page()
    tab.goto(f"{site}/{PAGE}")
    tab.get_by_role("button", name="Start round 1: 8 questions").click()
    asked = tab.get_by_role("dialog", name=CARDS[0].question)
    asked.get_by_role("button", name="Show the answer").click()
    expect(asked.get_by_text(CARDS[0].short[:40])).to_be_visible()
    asked.get_by_role("button", name="Nearly").click()
    tab.get_by_role("dialog", name=CARDS[1].question).get_by_text("Show the answer").click()
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("dialog")).to_have_count(0)
    tab.reload()
    expect(
        tab.get_by_text(f"{len(CARDS)} questions: 1 weak, {len(CARDS) - 1} new.")
    ).to_be_visible()
    tab.close()
