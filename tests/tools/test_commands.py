"""The commands say what they do, and what to do when they cannot."""

import ast
import json
import re
import socket
import subprocess
import sys
import urllib.request

import pytest

from tools import book, browser, commands, environment
from tools.environment import ROOT, Failure


def test_course_py_starts_on_an_old_python_and_says_what_is_needed():
    source = (ROOT / "tools" / "course.py").read_text()
    ast.parse(source, feature_version=(3, 8))
    old = (
        "import runpy, shutil, sys; sys.version_info = (3, 8, 1); shutil.which = lambda name: None;"
        "runpy.run_path('tools/course.py', run_name='__main__')"
    )
    run = subprocess.run([sys.executable, "-c", old], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1
    assert "needs Python 3.11 or newer; this is 3.8" in run.stderr


def test_every_make_target_is_a_command():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.search(r"COMMANDS := (.*)", makefile)[1].split()
    assert sorted(targets) == sorted(command.__name__ for command in commands.COMMANDS)


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"]])
def test_without_a_command_the_commands_are_listed(arguments, capsys):
    commands.main(arguments)
    assert re.search("serve .*\n.*test ", capsys.readouterr().out)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["biuld"], "There is no command 'biuld'. Did you mean 'build'?"),
        (["Serve"], "There is no command 'Serve'. Did you mean 'serve'?"),
        (["xyz"], "There is no command 'xyz'.\n"),
        (["serve", "more"], "serve takes no arguments: leave out 'more'"),
    ],
)
def test_a_wrong_call_is_named_with_what_is_nearest(arguments, words, capsys):
    with pytest.raises(SystemExit) as ended:
        commands.main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_make_names_an_unknown_command_too():
    run = subprocess.run(["make", "notebook"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 2
    assert "There is no command 'notebook'. Did you mean 'notebooks'?" in run.stderr


def test_what_stands_behind_atlas_is_for_it(monkeypatch):
    ran = []
    monkeypatch.setattr(commands, "SET_UP", ("Setting up", lambda: None))
    monkeypatch.setattr(commands, "_python", lambda *command: ran.append(command))
    commands.main(["atlas", "--verify", "chain"])
    assert ran == [("-m", "vgplib.engine.atlas", "--verify", "chain")]


def test_steps_are_numbered_and_a_failure_is_a_sentence(monkeypatch, capsys):
    def fail():
        raise Failure("Do this.")

    def command():
        commands._steps(("First", lambda: None), ("Second", fail))

    monkeypatch.setattr(commands, "COMMANDS", (command,))
    with pytest.raises(SystemExit, match="Do this"):
        commands.main(["command"])
    assert capsys.readouterr().out == "1/2 First ...\n2/2 Second ...\n"


def test_a_fingerprint_changes_with_content_and_names(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    (tmp_path / "a").write_text("1")
    first = environment.fingerprint(tmp_path)
    (tmp_path / "a").write_text("2")
    second = environment.fingerprint(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    third = environment.fingerprint(tmp_path)
    assert len({first, second, third}) == 3
    (tmp_path / "look").mkdir()
    (tmp_path / "look" / "page.css").write_text("")
    assert environment.fingerprint(tmp_path) != third
    assert environment.fingerprint(tmp_path, without={"look"}) == third


def test_too_little_room_is_said_before_anything_is_made(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "VENV", tmp_path / "venv")
    monkeypatch.setattr(environment, "STAMP", tmp_path / "venv" / "stamp")
    monkeypatch.setattr(environment, "ROOM", 10**18)
    with pytest.raises(Failure, match="GB free on this disk"):
        environment.ensure()
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("Failed to establish a new connection: NewConnectionError(x)", "Check the network"),
        ("ERROR: No matching distribution found for torch==2.13.0", "pinned package"),
        ("OSError: [Errno 13] Permission denied: '/x/.venv/lib'", "may not write"),
        ("something else", "last words"),
    ],
)
def test_pip_that_fails_is_explained(words, advice):
    with pytest.raises(Failure, match=advice) as failure:
        environment.install([sys.executable, "-c", f"print({words!r}); raise SystemExit(1)"])
    assert words in str(failure.value)


def test_a_taken_port_is_replaced(tmp_path, capsys):
    (tmp_path / "index.html").write_text("here")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with book.serving(tmp_path, port) as address:
            assert urllib.request.urlopen(f"{address}/index.html").read() == b"here"
            assert not address.endswith(f":{port}")
    assert "is taken" in capsys.readouterr().out


def test_without_a_browser_the_advice_names_a_way(monkeypatch):
    monkeypatch.setattr(browser, "find", lambda kind: None)
    monkeypatch.setattr(browser, "_install", lambda kind: None)
    for kind in (browser.CHROMIUM, browser.FIREFOX):
        with pytest.raises(Failure, match=f"no {kind.name}"):
            browser.options(kind)
        with pytest.raises(Failure, match=f"Install {kind.advice}, or set {kind.variable}"):
            browser.ensure(kind)


def test_requirements_pin_everything_and_name_no_place():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pins = [line.split("#")[0].strip() for line in lines if line and not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.]+(; .*)?", pin)] == []


def test_the_bundles_lock_names_no_place():
    lock = json.loads((commands.FRONTEND / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
