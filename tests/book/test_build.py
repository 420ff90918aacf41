"""The book builds without a warning, and plain Sphinx makes the same book of it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from toc import EVERY, LESSONS

from tools import book as building
from tools.environment import ROOT

BIN = Path(sys.executable).parent


def article(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    match = re.search(r'<article class="bd-article">.*</article>', text, re.DOTALL)
    assert match, f"{page} has no article"
    # What a cell measures anew each time (a duration, say) is tagged so: it may differ.
    cell = r'<div class="cell tag_nbval-ignore-output.*?(?=<section|<p>|</section>)'
    return re.sub(cell, "", match[0], flags=re.DOTALL)


def sphinx(source: Path, out: Path) -> subprocess.CompletedProcess:
    command = [BIN / "sphinx-build", "-W", "-n", "--keep-going", "-q", source, out]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_page_is_there(book):
    assert [page for page in EVERY if not (book / page).exists()] == []
    assert (book / "index.html").exists()


def test_plain_sphinx_makes_the_same_book(book, tmp_path):
    """Of what the notebooks gave when they were run for the book."""
    source = tmp_path / "source"
    source.mkdir()
    for name in building.INPUTS:
        path = ROOT / name
        if path.is_dir() and name != "vgplib":
            shutil.copytree(path, source / name)
        elif path.is_file():
            shutil.copy(path, source)
    shutil.copy(building.CONFIG, source / "_config.yml")
    config = [BIN / "jupyter-book", "config", "sphinx", source]
    subprocess.run(config, check=True, capture_output=True)

    built = sphinx(source, tmp_path / "html")

    assert built.returncode == 0, built.stderr
    for page in LESSONS:
        assert article(tmp_path / "html" / page) == article(book / page), page


CONF = """
    extensions = ["myst_parser", "sphinx_book_theme", "vgplib.lesson.book"]
    html_theme = "sphinx_book_theme"
    html_math_renderer = "mathml"
    myst_enable_extensions = ["dollarmath"]
"""


def test_of_what_was_read_before_only_what_changed_is_read_again(tmp_path):
    (tmp_path / "conf.py").write_text("\n".join(map(str.strip, CONF.splitlines())))
    (tmp_path / "index.md").write_text("# A page\n\n```{toctree}\nasked\n```\n")
    (tmp_path / "asked.md").write_text("# A page with a bank\n")
    bank = tmp_path / "quizzes" / "asked.json"
    bank.parent.mkdir()
    bank.write_text("{}")
    assert sphinx(tmp_path, tmp_path / "html").returncode == 0
    bank.write_text('{"questions": []}')
    command = [BIN / "sphinx-build", tmp_path, tmp_path / "html"]
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "0 added, 1 changed, 0 removed" in again.stdout


def test_a_formula_that_cannot_be_shown_fails_the_build(tmp_path):
    (tmp_path / "conf.py").write_text("\n".join(map(str.strip, CONF.splitlines())))
    formulas = ("$a^2 + b^2$", r"$\nosuchthing$", "$x_{$")
    (tmp_path / "index.md").write_text("\n\n".join(("# A page", *formulas)))

    built = sphinx(tmp_path, tmp_path / "html")

    assert built.returncode != 0
    assert re.findall(r"index.md:(\d+).*cannot convert the formula", built.stderr) == ["5", "7"]


def test_the_repository_has_the_files_that_a_visitor_looks_for():
    expected = {
        *("README.md", "LICENSE", "LICENSE-TEXT.md", "CONTRIBUTING.md", "CHANGELOG.md"),
        *("CITATION.cff", "Makefile", "pyproject.toml", "requirements.txt", ".gitignore"),
        *("_config.yml", "_toc.yml", "intro.md"),
        *("appendix", "benchmarks", "chapters", "quizzes", "tests", "tools", "vgplib"),
    }
    assert expected <= {path.name for path in ROOT.iterdir()}
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
