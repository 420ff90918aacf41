"""A real JupyterLab, on this machine alone, for the tests that open notebooks in it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page


@contextlib.contextmanager
def jupyterlab(home: Path) -> Iterator[str]:
    """Serve a folder's notebooks; yields the address, without a slash at its end."""
    runtime = home / "runtime"
    settings = {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "IPYTHONDIR": str(home / "ipython"),
        # The kernel's code can import what this process can.
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1", "--port=0"]
    command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={home}", "--allow-root"]
    command += ["--ServerApp.disable_check_xsrf=True"]  # so that a test may stop a kernel
    with (
        (home / "log.txt").open("w") as log,
        subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log) as process,
    ):
        try:
            yield _address(process, runtime, home / "log.txt")
        finally:
            process.terminate()


def _address(process: subprocess.Popen, runtime: Path, log: Path) -> str:
    for _ in range(600):
        for file in runtime.glob("jpserver-*.json"):
            with contextlib.suppress(json.JSONDecodeError):  # it is there before it is written
                return json.loads(file.read_text())["url"].rstrip("/")
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


def opened(page: Page, server: str, notebook: str) -> None:
    """Open a notebook in the whole window, and wait until it is there."""
    page.goto(f"{server}/lab/tree/{notebook}?reset")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=120_000)
    # Until its kernel has started, the notebook would ask which one to take.
    page.locator(".jp-Toolbar-kernelName", has_text="Python 3").wait_for(timeout=120_000)
    _idle(page)


def run_all(page: Page) -> None:
    """Run all cells, and wait until the last one has run."""
    _choose(page, "Edit", "Clear Outputs of All Cells")  # and their counts: those are of the file
    _choose(page, "Run", "Run All Cells")
    # A cell whose code is folded away keeps its count to itself.
    counts = page.locator(".jp-CodeCell:not(:has(.jp-Placeholder)) .jp-InputPrompt")
    if counts.count():
        last = counts.last.element_handle()
        page.wait_for_function(
            r"(prompt) => /\d/.test(prompt.textContent)", arg=last, timeout=120_000
        )
    _idle(page)


def _choose(page: Page, menu: str, item: str) -> None:
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.get_by_text(item, exact=True).click()


def _idle(page: Page) -> None:
    page.locator("[data-status=idle].jp-Notebook-ExecutionIndicator").wait_for(timeout=120_000)
