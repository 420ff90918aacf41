"""The start from a stick: sets up from what lies beside it, once, and keeps changed notebooks."""

import importlib.util
import subprocess
import sys
import sysconfig

import pytest

from tools.environment import ROOT


@pytest.fixture
def start(tmp_path, monkeypatch):
    """The script, on a stick with one notebook, and with a home of its own."""
    monkeypatch.setenv("VGP_HOME", str(tmp_path / "home"))
    spec = importlib.util.spec_from_file_location("start", ROOT / "tools" / "stick" / "start.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.STICK = tmp_path / "stick"
    (script.STICK / "wheels").mkdir(parents=True)
    made_for = f"{sys.version_info[0]}.{sys.version_info[1]} {sysconfig.get_platform()}\n"
    (script.STICK / "wheels" / "made-for.txt").write_text(made_for)
    (script.STICK / "notebooks" / "chapters").mkdir(parents=True)
    (script.STICK / "notebooks" / "chapters" / "first.ipynb").write_text("as it came")
    return script


def test_packages_for_another_machine_are_refused_and_the_pages_offered(start):
    assert start.problem() is None
    (start.STICK / "wheels" / "made-for.txt").write_text("3.9 win-amd64\n")
    assert "for Python 3.9 on win-amd64" in start.problem()
    assert str(start.STICK / "site" / "index.html") in start.problem()


def test_a_notebook_that_a_learner_changed_is_kept(start):
    copy = start.copy_notebooks() / "chapters" / "first.ipynb"
    assert copy.read_text() == "as it came"
    copy.write_text("changed")
    (start.STICK / "notebooks" / "second.ipynb").write_text("new")
    start.copy_notebooks()
    assert copy.read_text() == "changed"
    assert (start.HOME / "notebooks" / "second.ipynb").read_text() == "new"


def test_packages_are_installed_from_the_stick_once(start, book, capfd):
    (wheel,) = (book / "dist").glob("*.whl")
    (start.STICK / "wheels" / wheel.name).write_bytes(wheel.read_bytes())
    python = start.set_up()
    listed = [str(python), "-m", "pip", "list", "--disable-pip-version-check"]
    assert "vgplib" in subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    assert "Setting up" in capfd.readouterr().out
    assert start.set_up() == python
    assert capfd.readouterr().out == ""
