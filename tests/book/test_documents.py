"""Each lesson is a document: as a file, in a real JupyterLab, and as nbconvert's HTML."""

import ast
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from lab import jupyterlab, opened, run_all
from nbconvert import HTMLExporter
from playwright.sync_api import expect

from tools import notebooks
from tools.environment import ROOT
from vgplib.lesson import banks, schema
from vgplib.lesson.text import plain

LESSONS = [path.with_suffix(".ipynb") for path in notebooks.paths()]
RAW = re.compile(r"\{(?:term|cite|ref|doc|numref|eq)[:a-z]*\}|\{\{|^:::|^```\{", re.MULTILINE)
FOLDED = re.compile(r"<details.*?</details>", re.DOTALL)


def bank(path: Path) -> schema.Bank:
    """What a lesson asks; nothing where it has no bank."""
    place = banks.folder() / f"{path.stem}.json"
    return banks.read(place) if place.exists() else banks.Bank()


CHAPTERS = [path for path in LESSONS if bank(path).claims]
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def cells(path: Path, kind: str) -> list:
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == kind]


def prose(path: Path) -> str:
    return "\n\n".join(cell.source for cell in cells(path, "markdown"))


def asked(path: Path) -> list[schema.Prediction]:
    """The predictions that a lesson's benches ask."""
    source = "\n".join(cell.source for cell in cells(path, "code"))
    return [banks.find("predictions", name) for name in re.findall(r'predict="([\w-]+)"', source)]


@each_lesson
def test_a_notebook_holds_no_raw_markup_and_no_prose_in_strings(path):
    assert RAW.findall(prose(path)) == []
    for cell in cells(path, "code"):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if "needs vgplib" in node.value:  # the import's own words
                    continue
                assert len(re.findall(r"[A-Za-z][a-z'’-]+", node.value)) < 12, node.value


@each_lesson
def test_no_answer_stands_before_the_guess(path):
    """What is told after a guess is folded away, and the guess's own answer is in no cell."""
    texts = [cell.source for cell in cells(path, "markdown")]
    outputs = [
        output.get("text") or output.data.get("text/plain", "")
        for cell in cells(path, "code")
        for output in cell.outputs
    ]
    for guess in asked(path):
        for text in [*texts, *outputs]:
            assert guess.because not in text
            assert plain(guess.because) not in text
    for claim in bank(path).claims:
        (place,) = [text for text in texts if f'id="claim-{claim.id}"' in text]
        assert re.sub(r"\{\{.*", "", claim.answer)[:40] not in FOLDED.sub("", place)


@each_chapter
def test_the_line_under_the_title_counts_right(path):
    title, line = prose(path).split("\n\n")[:2]
    source = "\n".join(cell.source for cell in cells(path, "code"))
    benches, questions = source.count("number="), len(bank(path).questions)
    plural = f"{benches} experiment{'s' if benches != 1 else ''}"
    assert title.startswith("# ")
    assert re.fullmatch(rf"(\d+) min · {plural} · {questions} questions", line), line
    assert int(line.split()[0]) <= 50


@each_chapter
def test_every_objective_is_asked_by_a_question(path):
    (listed,) = re.findall(r"By the end you can\n\n((?:- .*\n?(?:  .*\n?)*)+)", prose(path))
    promised = len(re.findall(r"^- ", listed, re.MULTILINE))
    assert {q.objective for q in bank(path).questions} - {None} == set(range(promised))


@each_chapter
def test_a_chapter_has_what_each_chapter_has(path):
    text, given = prose(path), bank(path)
    heads = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert {"Things people say", "Check yourself", "In short", "Go further"} <= set(heads)
    assert 4 <= text.count('class="vgp-claim"') <= 5
    assert text.count('class="vgp-solution"') == len(given.exercises) == 2
    short = re.search(r"^## In short\n\n(.*?)(?=\n## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert len(plain(short[1]).split()) < 150


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab over a copy of the lessons."""
    home = tmp_path_factory.mktemp("lab")
    for path in LESSONS:
        place = home / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    with jupyterlab(home) as address:
        yield address


@each_lesson
def test_in_jupyterlab_it_reads_and_runs_as_a_document(browser, lab, path, request):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    request.addfinalizer(page.close)
    opened(page, lab, path.relative_to(ROOT).as_posix())
    page.wait_for_timeout(300)
    assert RAW.findall(shown(page)) == []
    # All cells are in the page at once from here on, wherever the view stands.
    run_all(page)
    for cell in page.locator(".jp-CodeCell").all():
        cell.scroll_into_view_if_needed()
    expect(page.locator("[data-mime-type='application/vnd.jupyter.stderr']")).to_have_count(0)
    expect(page.locator("[data-mime-type='application/vnd.jupyter.error']")).to_have_count(0)
    assert RAW.findall(shown(page)) == []
    benches = page.locator(".vgp-bench")
    expect(benches).to_have_count(
        sum(len(re.findall(r"vgp\.(?:bench|clinic)\(", c.source)) for c in cells(path, "code"))
    )
    questions = page.locator(".vgp-predict")
    expect(questions).to_have_count(len(asked(path)))
    for guess, question in zip(asked(path), questions.all(), strict=True):
        expect(question).to_contain_text(guess.question.split("$")[0].split("*")[0][:40])
    for folded in page.locator(".jp-RenderedMarkdown details").all():
        assert folded.get_attribute("open") is None
    if request.node.callspec.id == CHAPTERS[0].stem:
        saved_and_opened_again(page, lab, path)


def shown(page) -> str:
    return "\n".join(page.locator(".jp-RenderedMarkdown").all_inner_texts())


def saved_and_opened_again(page, lab: str, path: Path) -> None:
    """Without its kernel, a saved notebook shows each bench's still picture, and no complaint."""
    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    for session in page.request.get(f"{lab}/api/sessions").json():
        page.request.delete(f"{lab}/api/sessions/{session['id']}")
    opened(page, lab, path.relative_to(ROOT).as_posix())
    expect(page.locator("figure.vgp-fallback").first).to_be_visible()
    for complaint in page.get_by_text("model not found").all():
        expect(complaint).to_be_hidden()


@each_lesson
def test_nbconvert_makes_a_document_of_it(book, path):
    """Of the executed copy that a page offers: the question comes before the chart."""
    copy = book / "_sources" / path.relative_to(ROOT)
    html, _ = HTMLExporter().from_filename(copy)
    page = BeautifulSoup(html, "html.parser")
    for code in page.find_all(["style", "script", "pre"]):
        code.decompose()
    assert RAW.findall(page.get_text()) == []
    assert "model not found" not in page.get_text()
    figures = page.select("figure.vgp-fallback")
    lines = "\n".join(cell.source for cell in cells(path, "code")).splitlines()
    assert len(figures) == sum(line.startswith("vgp.bench(") for line in lines)
    guesses = [figure for figure in figures if figure.select(".vgp-question")]
    assert len(guesses) == len(asked(path))
    for figure in guesses:
        names = [tag.name for tag in figure.find_all(["p", "details", "svg"])]
        assert names.index("details") < names.index("svg")
        assert figure.find("details").find_previous("p", class_="vgp-question")
