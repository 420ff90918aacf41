"""Links are written as a notebook follows them, and come out right in the book."""

import re
import shutil

import nbformat
from lab import jupyterlab, opened
from playwright.sync_api import expect
from test_build import sphinx

from tools.environment import ROOT

CONF = """
extensions = ["myst_nb", "sphinx_book_theme", "vgplib.lesson.book"]
html_theme = "sphinx_book_theme"
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
"""
PAGE = """
# A page

[error signal](appendix/glossary.md#error-signal) [He](appendix/bibliography.md#he2015)
[here](#chain?hops=10&ask) [there](other.md#chain?hops=10)

<div id="chain"><a href="appendix/glossary.md#tanh">tanh</a> <a href="nosuch.md">no page</a></div>

```{toctree}
:hidden:

other
appendix/glossary
appendix/bibliography
```
"""
OTHER = """
# Another, with two slips

<div id="chain"></div>

[error signal](appendix/glossary.md#eror) [He](appendix/bibliography.md#he)
"""


def test_links_to_files_lead_to_pages_and_a_missing_place_fails_the_build(tmp_path):
    source = tmp_path / "source"
    (source / "appendix").mkdir(parents=True)
    for name in ("glossary.md", "bibliography.md"):
        shutil.copy(ROOT / "appendix" / name, source / "appendix")
    (source / "conf.py").write_text(CONF)
    (source / "index.md").write_text(PAGE)
    (source / "other.md").write_text(OTHER)

    built = sphinx(source, tmp_path / "html")

    assert built.returncode != 0
    assert re.findall(r"WARNING: (.*)", built.stderr) == [
        "local id not found in doc 'appendix/glossary': 'eror' [myst.xref_missing]",
        "local id not found in doc 'appendix/bibliography': 'he' [myst.xref_missing]",
    ]
    page = (tmp_path / "html" / "index.html").read_text("utf-8")
    article = re.search(r"<article.*</article>", page, re.DOTALL)[0]
    assert re.findall(r'href="([^"]*)"', article)[1:] == [
        "appendix/glossary.html#error-signal",
        "appendix/bibliography.html#he2015",
        "#chain?hops=10&amp;ask",
        "other.html#chain?hops=10",
        "appendix/glossary.html#tanh",
        "nosuch.md",
    ]
    tips = re.findall(r'popover="manual" id="term-([\w-]+)"><p>(.{20})', article)
    assert tips == [("error-signal", "How the loss would c"), ("tanh", "The hyperbolic tange")]


def test_each_term_has_the_anchor_by_which_jupyterlab_finds_it():
    text = (ROOT / "appendix" / "glossary.md").read_text("utf-8")
    terms = re.findall(r"^## (.+)$", text, re.MULTILINE)
    anchors = re.findall(r'^<a id="(.+)"></a>\n\n## ', text, re.MULTILINE)
    assert anchors == [term.lower().replace(" ", "-") for term in terms]
    assert terms == sorted(terms, key=str.lower)


def test_a_term_shows_its_definition_to_pointer_and_keyboard(browser, site):
    tab = browser.new_page(viewport={"width": 380, "height": 700})
    tab.goto(f"{site}/chapters/02-causes.html")
    link = tab.locator("article a[href$='glossary.html#error-signal']").first
    tip = tab.locator("#term-error-signal")
    expect(link).to_have_accessible_description(re.compile("^How the loss would change"))
    expect(tip).to_be_hidden()

    link.hover()
    expect(tip).to_be_visible()
    tip.hover()  # the pointer may rest on it
    tab.wait_for_timeout(600)
    expect(tip).to_be_visible()
    tab.mouse.move(1, 1)
    expect(tip).to_be_hidden()

    tab.keyboard.press("Tab")  # from here on, focus is the keyboard's
    link.focus()
    expect(tip).to_be_visible()
    box, line = tip.bounding_box(), link.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 380
    assert box["y"] >= line["y"] + line["height"] or box["y"] + box["height"] <= line["y"]
    tab.mouse.move(200, 300)  # no reason to go: the link still has the focus
    tab.wait_for_timeout(600)
    expect(tip).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    expect(link).to_be_focused()
    tab.close()


def test_a_term_is_explained_in_the_appendix_too_and_escape_takes_it_from_the_pointer(
    browser, site
):
    tab = browser.new_page(viewport={"width": 1280, "height": 700})
    tab.goto(f"{site}/appendix/notation.html")
    link = tab.locator("article a[href='glossary.html#weight-scale']").first
    tip = tab.locator("#term-weight-scale")
    expect(link).to_have_accessible_description(re.compile("."))
    link.hover()
    expect(tip).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    tab.close()


def test_jupyterlab_opens_the_glossary_at_the_term_and_the_bibliography_at_the_source(
    browser, tmp_path
):
    shutil.copytree(ROOT / "appendix", tmp_path / "appendix")
    (tmp_path / "chapters").mkdir()
    links = (
        "[this](../appendix/glossary.md#xavier-initialisation)",
        "[that](../appendix/bibliography.md#zhang2017)",
    )
    cells = [nbformat.v4.new_markdown_cell(link) for link in links]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    nbformat.write(notebook, tmp_path / "chapters" / "a.ipynb")
    tab = browser.new_page(viewport={"width": 1200, "height": 700})
    with jupyterlab(tmp_path) as server:
        opened(tab, server, "chapters/a.ipynb")
        tab.locator(".jp-RenderedMarkdown a", has_text="this").click()
        term = tab.get_by_role("heading", name="Xavier initialisation")
        expect(term).to_be_in_viewport(timeout=60_000)
        tab.get_by_role("tab", name="a.ipynb").click()
        tab.locator(".jp-RenderedMarkdown a", has_text="that").click()
        source = tab.get_by_text("Zhang, Bengio, Hardt, Recht & Vinyals (2017).")
        expect(source).to_be_in_viewport(timeout=60_000)
    tab.close()
