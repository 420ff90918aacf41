"""What a reader takes along: executed notebooks, the package, and ways to run them elsewhere."""

import shutil
import subprocess
import zipfile

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from test_build import BIN
from toc import LESSONS

from tools import address
from tools.environment import ROOT, Failure
from vgplib.lesson.room.server import SHARED

NOTEBOOKS = [page for page in LESSONS if (ROOT / page).with_suffix(".ipynb").exists()]
SOMEWHERE = "https://github.com/Someone/course"
MOST = 1_000_000  # bytes of a downloaded notebook


def _ways(page: str) -> dict[str, str]:
    """The menu above a page: the words of each entry -> where it leads."""
    menu = BeautifulSoup(page, "html.parser").find(id="vgp-run")
    return {link.text: link["href"] for link in menu.find_all("a")} if menu else {}


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_a_page_offers_its_notebook_as_it_ran(book, page):
    ways = _ways((book / page).read_text("utf-8"))
    assert list(ways) == ["Download this notebook", "Download vgplib"]
    path = (book / page).parent / ways["Download this notebook"]
    text = path.read_text("utf-8")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)

    committed = nbformat.read((ROOT / page).with_suffix(".ipynb"), as_version=4)
    assert [c.source for c in notebook.cells] == [c.source for c in committed.cells]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    before = [cell for cell in committed.cells if cell.cell_type == "code"]
    assert [bool(cell.outputs) for cell in code] == [bool(cell.outputs) for cell in before]
    shown = [o.data for c in code for o in c.outputs if "data" in o]
    pictures = "".join(data.get("text/html", "") for data in shown).count("<svg")
    assert pictures >= sum("vgp.bench(" in cell.source for cell in code)
    assert "widget" not in "".join([*notebook.metadata, *(k for data in shown for k in data)])
    assert str(ROOT) not in text
    assert len(text.encode()) <= MOST


def test_the_published_wheel_holds_all_that_a_notebook_needs(book):
    folder = book / address.WHEELS
    (name,) = [path.name for path in folder.iterdir()]
    with zipfile.ZipFile(folder / name) as wheel:
        inside = set(wheel.namelist())
    needed = {
        file.relative_to(ROOT).as_posix()
        for pattern in ("**/*.py", "engine/atlases/*.nc", "engine/atlases/SHA256SUMS")
        + ("lesson/frontend/dist/*", "lesson/room/pages/*", "doctor/*.json")
        for file in (ROOT / "vgplib").glob(pattern)
    }
    needed |= {f"vgplib/lesson/frontend/src/{name}" for name in SHARED}
    needed |= {f"vgplib/quizzes/{bank.name}" for bank in (ROOT / "quizzes").glob("*.json")}
    assert needed - inside == set()
    extra = {name for name in inside - needed if "dist-info" not in name}
    assert [name for name in extra if "node_modules" in name or "/src/" in name] == []
    for page in NOTEBOOKS:
        link = _ways((book / page).read_text("utf-8"))["Download vgplib"]
        assert ((book / page).parent / link).resolve() == (folder / name).resolve()


@pytest.mark.parametrize(
    ("repository", "pages"),
    [
        ("", None),
        (SOMEWHERE, "https://someone.github.io/course"),
        (f"{SOMEWHERE}.git", "https://someone.github.io/course"),
        ("https://github.com/Someone/someone.github.io/", "https://someone.github.io"),
    ],
)
def test_the_address_of_the_pages_follows_from_the_repository(repository, pages):
    assert address.pages(repository) == pages


def test_an_address_that_is_no_repository_is_refused():
    with pytest.raises(Failure, match="'github.com/a'.*https://github.com/OWNER/NAME"):
        address.pages("github.com/a")


def test_with_an_address_pages_can_be_opened_in_colab_and_binder(tmp_path):
    """Tried on a book of two pages with the course's own configuration."""
    source = tmp_path / "source"
    deep = source / "chapters" / "remedies"
    deep.mkdir(parents=True)
    text = (ROOT / "_config.yml").read_text("utf-8")
    config = yaml.safe_load(text)
    config["execute"]["execute_notebooks"] = "off"
    config["sphinx"]["config"]["html_theme_options"]["repository_url"] = SOMEWHERE
    (source / "_config.yml").write_text(yaml.safe_dump(config))
    (source / "_toc.yml").write_text(
        "format: jb-book\nroot: intro\nchapters:\n- file: chapters/remedies/gating\n"
    )
    cells = [nbformat.v4.new_markdown_cell("# A page")]
    for path in (source / "intro.ipynb", deep / "gating.ipynb"):
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    (source / "intro.md").write_text("# Its source, which is no page\n")
    shutil.copytree(ROOT / "chapters" / "images", source / "chapters" / "images")

    command = [BIN / "jupyter-book", "build", source, "-n", "-W", "--keep-going"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)

    assert built.returncode == 0, built.stdout + built.stderr
    for name in ("intro", "chapters/remedies/gating"):
        page = (source / "_build" / "html" / f"{name}.html").read_text("utf-8")
        assert "<h1>A page" in page
        ways = _ways(page)
        assert ways["Open in Colab"] == (
            f"https://colab.research.google.com/github/Someone/course/blob/main/{name}.ipynb"
        )
        assert ways["Open in Binder"] == (
            f"https://mybinder.org/v2/gh/Someone/course/main?urlpath=lab/tree/{name}.ipynb"
        )
