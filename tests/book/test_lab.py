"""The bench in a real JupyterLab: the same widget, and settings that only PyTorch can answer."""

import contextlib
import re
from collections.abc import Iterator

import nbformat
import pytest
from lab import jupyterlab, opened
from playwright.sync_api import Browser, Locator, Page, expect

CELLS = [
    "import vgplib as vgp\n"
    'bench = vgp.bench("error-signal", controls=["activation", "depth"])\n'
    "bench",
    # The second bench's run refuses one setting, as a learner's own experiment might.
    "exp = vgp.experiments.experiment('chain')\n"
    "whole = exp.run\n"
    "def run(**settings):\n"
    "    if settings['hops'] == 7:\n"
    "        raise RuntimeError('the seventh hop is closed')\n"
    "    return whole(**settings)\n"
    "object.__setattr__(exp, 'run', run)\n"
    'chain = vgp.bench("chain", controls=["hops"], hops=5)\n'
    "chain",
    # A learner's own drawing: slow at one setting, and broken at another.
    "import time\n"
    "import matplotlib.pyplot as plt\n"
    'mine = vgp.bench("error-signal", controls=["depth"], depth=30)\n'
    "def draw(depth):\n"
    "    figure, axes = plt.subplots()\n"
    "    axes.set_title(f'drawn for {depth}')\n"
    "    if depth == 28:\n"
    "        raise ValueError('twenty-eight is closed')\n"
    "    if depth == 27:\n"
    "        time.sleep(3)\n"
    "    return figure\n"
    "vgp.beside(mine, draw, says='A title.')",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab with one notebook."""
    home = tmp_path_factory.mktemp("lab")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, home / "live.ipynb")
    with jupyterlab(home) as address:
        yield address


@pytest.fixture(scope="module")
def lab(server: str, browser: Browser) -> Iterator[Page]:
    """The notebook, opened and run."""
    page = browser.new_page(viewport={"width": 1300, "height": 1600})
    opened(page, server, "live.ipynb")
    for number in range(len(CELLS)):
        run(page, number)
    expect(page.locator(".vgp-bench")).to_have_count(3, timeout=120_000)
    yield page
    page.close()


def run(page: Page, number: int) -> None:
    """Run a cell: again where JupyterLab, still starting its kernel, forgot that it was asked."""
    prompt = cell(page, number).locator(".jp-InputPrompt")
    for patience in (20_000, 40_000, 60_000):
        cell(page, number).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        with contextlib.suppress(AssertionError):
            expect(prompt).to_have_text(re.compile(r"\d"), timeout=patience)
            return
    raise AssertionError(f"cell {number} never ran")


def cell(lab: Page, number: int) -> Locator:
    return lab.locator(".jp-CodeCell").nth(number)


def slider(bench: Locator) -> Locator:
    return bench.get_by_role("slider")


def picture(bench: Locator) -> str:
    return bench.locator(".vgp-plot").evaluate("svg => svg.outerHTML")


def ask(bench: Locator, text: str) -> None:
    """Move the slider by keyboard until it shows ``text``."""
    for key, most in (("ArrowLeft", 60), ("ArrowRight", 120)):
        for _ in range(most):
            if bench.locator("output").inner_text() == text:
                return
            slider(bench).press(key)
    raise AssertionError(f"the slider never showed {text!r}")


def test_a_setting_of_the_atlas_is_shown_at_once(lab: Page) -> None:
    bench = cell(lab, 0).locator(".vgp-bench")
    before = picture(bench)
    bench.get_by_role("radio", name="tanh").check()
    assert picture(bench) != before
    expect(bench.locator(".vgp-busy")).to_be_empty()


def test_a_setting_that_is_not_in_the_atlas_is_answered_by_pytorch(lab: Page) -> None:
    bench = cell(lab, 0).locator(".vgp-bench")
    before = picture(bench)
    ask(bench, "29 layers")
    expect(bench).to_have_attribute("aria-busy", "true", timeout=1_000)
    expect(bench.locator(".vgp-busy")).to_have_text(re.compile("PyTorch is computing"))
    expect(bench).to_have_attribute("aria-busy", "false", timeout=30_000)
    assert picture(bench) != before
    assert "29 layers" in bench.locator(".vgp-plot").get_attribute("aria-label")


def test_code_moves_the_bench(lab: Page) -> None:
    bench = cell(lab, 0).locator(".vgp-bench")
    lab.locator(".jp-CodeCell").last.locator(".cm-content").click()
    lab.keyboard.type("bench.depth = 10; print(bench.settings)")
    lab.keyboard.press("Shift+Enter")
    expect(bench.locator("output")).to_have_text("10 layers", timeout=30_000)


def test_a_learners_own_drawing_follows_the_bench_above_it(lab: Page) -> None:
    where = cell(lab, 2)
    bench = where.locator(".vgp-bench")
    assert (
        bench.bounding_box()["width"] > 0.95 * where.locator(".vgp-beside").bounding_box()["width"]
    )
    for term in bench.locator("dt").all():  # each beside its figure, and not broken into words
        assert term.bounding_box()["height"] < 30
    drawn = where.locator(".vgp-beside .vgp-still")
    expect(drawn).to_contain_text("drawn for 30")
    expect(where.locator(".vgp-yours")).to_be_hidden()  # the picture for the page
    ask(bench, "29 layers")
    expect(drawn).to_contain_text("drawn for 29", timeout=30_000)
    ask(bench, "28 layers")
    told = where.locator(".vgp-beside [data-mime-type*=error], .vgp-beside .jp-RenderedText")
    expect(told).to_contain_text("twenty-eight is closed", timeout=30_000)
    assert "interactive_output" not in told.inner_text()  # from the learner's own code on
    ask(bench, "27 layers")
    expect(where.get_by_text("Running your function…")).to_be_visible(timeout=30_000)
    expect(drawn).to_contain_text("drawn for 27", timeout=30_000)
    expect(where.get_by_text("Running your function…")).to_have_count(0)
    expect(where.locator("img")).to_have_count(0)  # nothing is shown a second time


def test_an_error_shows_in_the_bench_and_in_the_cell_and_the_bench_goes_on(lab: Page) -> None:
    where = cell(lab, 1)
    bench = where.locator(".vgp-bench")
    for _ in range(2):  # the same error a second time is told again
        ask(bench, "7 hops")
        expect(bench.get_by_role("alert")).to_have_text(
            "RuntimeError: the seventh hop is closed", timeout=30_000
        )
        expect(where.locator(".jp-OutputArea")).to_contain_text("the seventh hop is closed")
        expect(where.locator(".jp-OutputArea")).to_contain_text("Traceback", timeout=10_000)
        ask(bench, "8 hops")
        expect(bench.get_by_role("alert")).to_be_empty(timeout=30_000)
        expect(bench.locator(".vgp-figures")).to_contain_text("Left after 8 hops")


def test_a_kernel_that_was_killed_is_told_and_the_table_goes_on(lab: Page) -> None:
    """The last test here: the kernel is gone after it."""
    bench = cell(lab, 1).locator(".vgp-bench")
    lab.locator(".jp-CodeCell").last.locator(".cm-content").click()
    lab.keyboard.press("ControlOrMeta+a")
    lab.keyboard.type("import os; os._exit(1)")
    lab.keyboard.press("Shift+Enter")
    expect(bench.get_by_role("alert")).to_contain_text("The kernel is gone", timeout=60_000)
    expect(bench).to_have_attribute("aria-busy", "false")
    lab.locator(".jp-Dialog button").last.click(timeout=30_000)  # JupyterLab tells it, too
    slider(bench).press("Home")
    expect(bench.locator("output")).to_have_text("1 hop")
    expect(bench.locator(".vgp-figures")).to_contain_text("Left after 1 hop")
    slider(bench).press("ArrowRight")  # from here on along the table
    expect(bench.locator("output")).to_have_text("2 hops")
