"""The room from a shell: what it says, what it keeps, how it ends, and words for every misuse."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from room_client import WAIT, Client, apart

from vgplib.lesson.room import network
from vgplib.lesson.room.__main__ import main

ROOT = Path(__file__).parents[2]


# Ctrl+C is ignored in what a script starts in the background, as these tests may be.
START = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("vgplib.lesson.room", run_name="__main__", alter_sys=True)
"""


@contextlib.contextmanager
def command(folder, *arguments):
    """The command in a folder of its own: the process, and the lines it said."""
    environment = os.environ | {"HOME": str(folder), "PYTHONUNBUFFERED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", START, "--address", "127.0.0.1", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process, [process.stdout.readline() for _ in range(4)]
    finally:
        process.kill()
        process.communicate()


def test_the_command_says_the_addresses_keeps_nothing_and_stops_with_a_word(tmp_path):
    with command(tmp_path, "02-causes", "--port", "0") as (process, lines):
        address = re.search(r"http://(127\.0\.0\.1:\d+)/\?key=\S{20,}", lines[0])[1]
        assert f"http://{address}\n" in lines[1]
        assert "Ctrl+C" in lines[3]

        async def visit():
            phone = Client(address)
            await phone.get("/join")
            await phone.get("/nowhere")
            await phone.connect()
            await phone.hear()

        apart(asyncio.run, visit())
        with socket.create_connection(address.split(":")) as line:
            line.sendall(b"no HTTP at all\r\n\r\n")
            line.recv(1024)
        process.send_signal(signal.SIGINT)
        said, complaints = process.communicate(timeout=WAIT)
    assert process.returncode == 130
    assert said.strip() == "Stopped. Nothing was kept."
    assert complaints == ""
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_named_with_the_option(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert apart(main, ["--address", "127.0.0.1", "--port", str(port)]) == 2
    assert f"Port {port} is taken. Name another: --port " in capsys.readouterr().err


def test_an_unknown_chapter_and_a_foreign_address_are_told(capsys):
    assert apart(main, ["02-reason"]) == 2
    assert "'02-causes'" in capsys.readouterr().err
    assert apart(main, ["--address", "192.0.2.1", "--port", "0"]) == 2
    assert "192.0.2.1 is no address of this machine" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_what_is_no_port_is_told_so(port, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([f"--port={port}"])
    assert f"a port is a number up to 65535, not '{port}'" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["tornado", "segno"])
def test_what_is_not_installed_is_named(missing, monkeypatch, capsys):
    for name in [*sys.modules]:
        if name.partition(".")[0] == missing:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules, "vgplib.lesson.room.server")
    assert apart(main, ["--address", "127.0.0.1", "--port", "0"]) == 2
    assert capsys.readouterr().err == (
        f"The room needs {missing}, which is not installed: pip install tornado segno\n"
    )


def test_this_machine_s_address_in_its_network_is_one_that_it_has():
    found = network.local_address()
    if found is not None:  # a machine in no network has none
        with socket.create_server((found, 0)) as server:
            assert not server.getsockname()[0].startswith("127.")
