"""Folders that may not be written to are named before anything changes, and builds take turns."""

import errno
import os
import subprocess
import sys
import threading
import time

import pytest

from tools import book, commands, environment, folders
from tools.environment import ROOT


def ended(process):
    """What a command said, and its exit status."""
    words, _ = process.communicate(timeout=60)
    assert "Traceback" not in words
    return words, process.returncode


def files(course):
    return sorted(p for p in course.rglob("*") if "__pycache__" not in p.parts)


def test_a_course_that_is_built_needs_no_folder_to_write_to(course, command):
    for path in (course / "_build", course / ".venv", course):
        path.chmod(0o555)
    words, status = ended(command("build", "--as-nobody"))
    assert status == 0
    assert "up to date" in words


@pytest.mark.parametrize("place", ["_build", "_build/html"])
def test_a_build_that_may_not_write_names_the_folder_and_changes_nothing(course, command, place):
    (course / "chapters").mkdir()
    (course / "chapters" / "new.md").write_text("# Something to build\n")
    before = files(course)
    for path in (course / "_build", course / "_build" / "html"):
        path.chmod(0o777)
    (course / place).chmod(0o555)
    words, status = ended(command("build", "--as-nobody"))
    assert status == 1
    assert f"{course / place} cannot be written to; it belongs to" in words
    assert "copy the course to a folder of your own" in words
    assert files(course) == before


def test_an_environment_that_may_not_be_written_is_named(course, command):
    (course / "requirements.txt").write_text("something-new==1.0\n")
    (course / ".venv").chmod(0o555)
    words, status = ended(command("serve", "--as-nobody"))
    assert status == 1
    assert f"{course / '.venv'} cannot be written to" in words


@pytest.mark.parametrize(
    "number, words",
    [
        (errno.EACCES, "/place cannot be written to; it belongs to .* Take it over"),
        (errno.EROFS, "/place cannot be written to: its disk is mounted read-only"),
        (errno.ENOSPC, "The disk is full"),
    ],
)
def test_what_is_found_out_on_the_way_is_a_sentence_too(number, words, monkeypatch):
    def command():
        raise OSError(number, os.strerror(number), "/place")

    monkeypatch.setattr(commands, "COMMANDS", (command,))
    with pytest.raises(SystemExit, match=words):
        commands.main(["command"])


def test_another_problem_of_the_system_is_not_taken_for_one_of_these(monkeypatch):
    def command():
        raise FileNotFoundError(errno.ENOENT, "No such file", "/place")

    monkeypatch.setattr(commands, "COMMANDS", (command,))
    with pytest.raises(FileNotFoundError):
        commands.main(["command"])


@pytest.mark.parametrize(
    "module, does, work, done",
    [
        (book, book.build, "_build", "up to date"),
        (environment, environment.ensure, "_set_up", "ready"),
    ],
)
def test_of_two_at_once_the_second_waits_and_finds_it_done(
    module, does, work, done, monkeypatch, tmp_path, capsys
):
    stamp, calls = tmp_path / "stamp", []

    def slow(*_):
        calls.append(1)
        time.sleep(0.5)
        stamp.write_text("made")

    monkeypatch.setattr(environment, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(environment, "VENV", tmp_path)
    monkeypatch.setattr(module, "STAMP", stamp)
    monkeypatch.setattr(module, "wanted", lambda: "made")
    monkeypatch.setattr(module, work, slow)
    monkeypatch.setattr(book, "PAGES", tmp_path)
    monkeypatch.setattr(book, "BUILD", tmp_path)
    both = [threading.Thread(target=does) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert calls == [1]
    assert capsys.readouterr().out.splitlines() == [f"    {environment.WAITING}", f"    {done}"]


def test_a_lock_is_free_when_the_process_that_held_it_was_killed(tmp_path, capsys):
    path = tmp_path / "lock"
    code = (
        "import sys, time; from pathlib import Path; from tools import folders\n"
        "with folders.alone(Path(sys.argv[1]), ''): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        threading.Timer(0.5, holder.kill).start()
        with folders.alone(path, "waiting"):
            assert holder.wait() != 0
    assert capsys.readouterr().out == "    waiting\n"
