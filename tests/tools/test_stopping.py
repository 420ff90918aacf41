"""Ctrl+C ends a command with the status 130, and leaves nothing that harms the next one."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from jupyter_cache import get_cache
from nbformat.v4 import new_code_cell, new_notebook

from tools import environment
from tools.environment import ROOT


def wait_for(condition, seconds=60.0):
    """Wait until a condition holds; fail where it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def stop(process):
    """Ctrl+C, as a terminal sends it to all that runs there; what was said, and the status."""
    with contextlib.suppress(ProcessLookupError):  # it has ended before
        os.killpg(process.pid, signal.SIGINT)
    words, _ = process.communicate(timeout=60)
    assert "Traceback" not in words, words
    return words, process.returncode


def test_serving_stops(command):
    process = command("serve")
    address = next(line.split()[-1] for line in process.stdout if "The course is at" in line)
    with urllib.request.urlopen(f"{address}/index.html") as page:
        assert page.read() == b"here"
    words, status = stop(process)
    assert words.endswith("Stopped.\n")
    assert status == 130


def test_half_an_environment_is_not_left(course, command):
    """The next command would take it for a whole one, and find no pip in it."""
    (course / ".venv" / "course-stamp").unlink()
    (course / ".venv").rmdir()
    process = command("build")
    wait_for((course / ".venv" / "pyvenv.cfg").exists)
    assert stop(process)[1] == 130
    assert not (course / ".venv").exists()


def test_a_stopped_clean_leaves_nothing_that_is_taken_for_whole(course, command):
    """Here it is stopped by a folder that another user may not empty."""
    for path in (course, course / ".venv", course / "_build"):
        path.chmod(0o777)
    (course / "_build" / "html").chmod(0o555)
    words, _ = command("clean", "--as-nobody").communicate(timeout=60)
    assert "cannot be written to" in words
    assert (course / "_build" / "html" / "index.html").exists()
    assert not (course / "_build" / "book-stamp").exists()


STUBBORN = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("here", flush=True)
time.sleep(60)
"""


def test_no_process_outlives_a_stopped_command(monkeypatch):
    monkeypatch.setattr(environment, "GRACE", 0.2)
    command = [sys.executable, "-c", STUBBORN]
    with (
        pytest.raises(KeyboardInterrupt),
        environment.running(command, stdout=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdout.readline() == "here\n"
        raise KeyboardInterrupt
    assert process.returncode is not None


def test_notebooks_that_run_are_stopped_with_their_kernels_and_not_kept(course):
    code = (
        "import os, pathlib, time\n"
        "pathlib.Path('half').write_text(str(os.getpid()))\n"
        "pathlib.Path('half').rename('kernel')\n"
        "time.sleep(60)"
    )
    nbformat.write(new_notebook(cells=[new_code_cell(code)]), course / "intro.ipynb")
    (course / "_toc.yml").write_text("root: intro\nparts: []\n")
    (course / "_config.yml").write_text("execute: {timeout: 60}\n")
    (course / "kept").mkdir()
    start = (
        "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.argv[1:] = ['kept']; runpy.run_module('tools.executed', run_name='__main__')"
    )
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.Popen(
        [sys.executable, "-c", start],
        cwd=course,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: (course / "kernel").exists() or process.poll() is not None)
    words, status = stop(process)
    assert status == 130, words
    assert get_cache(course / "kept").list_cache_records() == []
    kernel = int((course / "kernel").read_text())
    wait_for(lambda: not is_running(kernel), seconds=20)


def test_half_a_wheel_is_not_taken_for_whole(tmp_path):
    start = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pathlib import Path; from tools import book; book._make_wheel(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", start, str(tmp_path / "whole")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, **quiet) as process:
        wait_for((tmp_path / "half").exists)  # pip makes the folder before the wheel
        os.killpg(process.pid, signal.SIGINT)
    assert process.returncode != 0
    assert not (tmp_path / "whole").exists()


def is_running(pid):
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(done.stdout.strip()) and not done.stdout.startswith("Z")
