"""Every page works alone: no network, no errors, no dead links, light and dark, for everyone."""

import json
import re
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import sheet
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from toc import EVERY, LESSONS

import vgplib as vgp
from benchmarks import pages as weight
from tools.environment import ROOT

AXE = Axe()


@pytest.fixture(params=["http", "file"])
def address(request, book: Path) -> str:
    """Where the book is: on a server, or as files that were opened."""
    return request.getfixturevalue("site") if request.param == "http" else book.as_uri()


@pytest.mark.parametrize("page", EVERY)
def test_a_page_asks_for_nothing_from_elsewhere_and_has_no_errors(browser, address, page):
    tab = browser.new_page()
    asked, wrong = [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("requestfailed", lambda request: wrong.append(f"not loaded: {request.url}"))
    tab.on("response", lambda r: wrong.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on(
        "console",
        lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None,
    )
    tab.goto(f"{address}/{page}", wait_until="networkidle")
    tab.close()

    outside = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert outside == []
    assert wrong == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", EVERY)
def test_a_page_is_accessible(browser, site, page, theme):
    context = browser.new_context(
        color_scheme=theme, reduced_motion="reduce", device_scale_factor=0.5
    )
    tab = context.new_page()
    tab.goto(f"{site}/{page}")
    assert tab.evaluate("document.documentElement.dataset.theme") == theme
    sheet.add(tab, page, theme)
    # All that differs in the dark is the colours.
    only = {"runOnly": ["color-contrast"]} if theme == "dark" else {}
    found = AXE.run(tab, options={"resultTypes": ["violations"], **only}).response["violations"]
    context.close()

    serious = [
        f"{rule['id']}: {rule['help']}\n" + "\n".join(node["html"] for node in rule["nodes"])
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]
    assert serious == [], "\n\n".join(serious)


# What a reader may unfold: answers, guesses, notes.
UNFOLD = """() => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  for (const skip of document.querySelectorAll(".vgp-predict .vgp-plain")) skip.click();
}"""
# The formulas whose end cannot be scrolled to.
CUT = """() => [...document.querySelectorAll("div.math")].filter((box) => {
  box.scrollLeft = 1e4;
  return box.lastElementChild.getBoundingClientRect().right > box.getBoundingClientRect().right + 1;
}).map((box) => box.textContent)"""
# The words of controls and readouts that do not fit, or that leave the box they stand in.
CLIPPED = """() => [...document.querySelectorAll(`article :is(button, summary, output, legend,
  dt, dd, .vgp-title, .vgp-label, .vgp-choice, .vgp-pick, .vgp-option, .vgp-strip-head)`)]
  .filter((part) => {
    const box = part.closest(".vgp-bench, .vgp-quiz, .vgp-clinic, .vgp-claim, .vgp-chooser");
    if (!box || !part.checkVisibility()) return false;
    const { overflowX, overflowY } = getComputedStyle(part);
    const words = new Range();
    words.selectNodeContents(part);
    return words.getBoundingClientRect().right > box.getBoundingClientRect().right + 1
      || (overflowX !== "visible" && part.scrollWidth > part.clientWidth + 1)
      || (overflowY !== "visible" && part.scrollHeight > part.clientHeight + 1);
  }).map((part) => part.textContent)"""
DOUBLE = "212.5%"  # of the reader's type; a page's is 106.25%


@pytest.mark.parametrize("page", LESSONS)
def test_a_page_fits_phones_tablets_and_laptops_and_large_type(browser, site, page):
    context = browser.new_context(viewport={"width": 380, "height": 800}, device_scale_factor=0.5)
    tab = context.new_page()
    tab.add_init_script("addEventListener('error', (e) => (window.wrong ??= []).push(e.message))")
    tab.goto(f"{site}/{page}")
    sheet.add(tab, page, "phone")
    tab.evaluate(UNFOLD)
    over, cut = {}, {}
    looks = [(width, "") for width in (320, 380, 640, 768, 1280)]  # 640: a laptop's page at 200 %
    for width, size in (*looks, (1280, DOUBLE)):
        tab.set_viewport_size({"width": width, "height": 800})
        tab.evaluate("(size) => (document.documentElement.style.fontSize = size)", size)
        over[width, size] = tab.evaluate("document.documentElement.scrollWidth") - width
        cut[width, size] = tab.evaluate(CUT) + tab.evaluate(CLIPPED)
    wrong = tab.evaluate("window.wrong ?? []")
    context.close()
    assert wrong == []
    assert max(over.values()) <= 0, over
    assert not any(cut.values()), cut


def targets(soup: BeautifulSoup) -> set[str]:
    """Every address that a page names: in its elements, and in the data of benches and quizzes."""
    found = {tag[name] for name in ("href", "src") for tag in soup.find_all(attrs={name: True})}

    def walk(value) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("href"), str):
                found.add(value["href"])
            value = list(value.values())
        for child in value if isinstance(value, list) else []:
            walk(child)

    for state in soup.find_all("script", class_="vgp-state"):
        walk(json.loads(state.string))
    return found


def test_links_within_the_book_lead_somewhere(book):
    soups = {
        path.relative_to(book).as_posix(): BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for path in book.rglob("*.html")
    }
    names = {
        page: {tag[key] for key in ("id", "name") for tag in soup.find_all(attrs={key: True})}
        for page, soup in soups.items()
    }
    dead = []
    for page in EVERY:
        for target in targets(soups[page]):
            parts = urlsplit(urljoin(f"//book/{page}", target))
            path = unquote(parts.path).lstrip("/")
            place = unquote(parts.fragment).split("?")[0]
            if parts.scheme or parts.netloc != "book":
                continue
            if not (book / path).is_file() or (place and place not in names.get(path, ())):
                dead.append(f"{page} -> {target}")
    assert dead == []


def test_every_page_is_in_the_list_and_leads_to_its_neighbours(book):
    for place, page in enumerate(LESSONS):
        soup = BeautifulSoup((book / page).read_text("utf-8"), "html.parser")

        def led(links, here=page):
            return [urlsplit(urljoin(f"//book/{here}", a["href"])).path[1:] for a in links]

        assert set(LESSONS[1:]) - {page} <= set(led(soup.select("nav.bd-links a[href]"))), page
        for way, neighbour in (("left-prev", place - 1), ("right-next", place + 1)):
            there = [LESSONS[neighbour]] if neighbour in range(len(LESSONS)) else []
            assert led(soup.select(f".prev-next-area a.{way}")) == there, (page, way)


@pytest.mark.parametrize("page", LESSONS)
def test_a_first_visit_is_light(browser, site, book, page):
    sizes = weight.weigh(browser, site, book, page)
    assert weight.rest(sizes) <= weight.LIMIT, sizes
    assert sum(sizes.values()) <= weight.WHOLE, sizes


def test_search_finds_a_page(browser, address):
    tab = browser.new_page()
    wrong = []
    tab.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    tab.goto(f"{address}/{LESSONS[0]}")
    tab.keyboard.press("Control+k")
    tab.keyboard.type("gradients")
    tab.keyboard.press("Enter")
    tab.get_by_text("Search finished").wait_for()
    assert tab.locator("#search-results li a").count() > 0
    tab.close()
    assert wrong == []


def test_the_theme_button_changes_the_theme(browser, site):
    tab = browser.new_page(color_scheme="light")
    tab.goto(f"{site}/{LESSONS[0]}")
    button = tab.get_by_role("button", name="Color mode")
    button.focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    assert (
        button.evaluate("(e) => e.matches(':focus-visible') && getComputedStyle(e).outlineStyle")
        == "solid"
    )
    tab.reload()
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    tab.close()


@pytest.mark.parametrize("width", [1280, 380])
def test_the_list_of_chapters_opens_and_closes(browser, site, width):
    tab = browser.new_page(viewport={"width": width, "height": 800})
    tab.goto(f"{site}/{LESSONS[1]}")
    chapters = tab.get_by_role("navigation", name="Main")
    wide = width > 1000
    assert chapters.is_visible() == wide
    tab.locator(".bd-header-article .primary-toggle").click()
    chapters.wait_for(state="hidden" if wide else "visible")
    tab.close()


@pytest.mark.parametrize("page", LESSONS)
def test_a_notebook_says_when_it_ran_and_with_what(book, page):
    soup = BeautifulSoup((book / page).read_text("utf-8"), "html.parser")
    told = [line.get_text() for line in soup.select("article .vgp-ran")]
    if (ROOT / page).with_suffix(".ipynb").exists():
        (line,) = told
        assert re.fullmatch(
            r"As a notebook, this page ran in \d+ s on \d+ [A-Z][a-z]+ \d{4}, "
            rf"with Python 3\.\d+\.\d+, PyTorch {version('torch').partition('+')[0]} "
            rf"and vgplib {vgp.__version__}\.",
            line,
        )
    else:
        assert told == []


def test_the_list_of_runs_has_each_notebook(book):
    soup = BeautifulSoup((book / "appendix" / "status.html").read_text("utf-8"), "html.parser")
    listed = {link["href"].partition("#")[0] for link in soup.select("article table a")}
    notebooks = {page for page in LESSONS if (ROOT / page).with_suffix(".ipynb").exists()}
    assert {urljoin("appendix/", to).removeprefix("/") for to in listed} == notebooks
