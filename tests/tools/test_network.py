"""Without a network the set-up soon says so, and a slow one only takes longer."""

import os
import socket
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tools import environment
from tools.environment import Failure

NAME = "nothing_of_the_kind-1.0-py3-none-any.whl"


@pytest.fixture
def index(monkeypatch):
    """A function that lets pip know one index alone, and no cache."""
    for name in [name for name in os.environ if name.startswith("PIP_") or "PROXY" in name.upper()]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    return lambda port: monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")


def install(folder):
    command = [sys.executable, *environment.PIP, "--target", str(folder), "nothing-of-the-kind"]
    environment.install(command)


def test_an_index_that_cannot_be_reached_is_said_at_once_and_given_up_soon(index, tmp_path, capsys):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        index(closed.getsockname()[1])
        start = time.monotonic()
        with pytest.raises(Failure, match="The package index cannot be reached. Check the network"):
            install(tmp_path)
    assert "the package index cannot be reached; trying again" in capsys.readouterr().out
    assert time.monotonic() - start < 15  # 2 s here; pip by itself takes 8 s more


def test_a_missing_network_is_told_before_an_environment_is_made(index, tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "STAMP", tmp_path / ".venv" / "stamp")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        index(closed.getsockname()[1])
        with pytest.raises(Failure, match="The package index cannot be reached"):
            environment._set_up()
    assert not (tmp_path / ".venv").exists()


def test_a_slow_index_is_waited_for_and_that_is_said(index, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(environment, "PATIENCE", 0.2)
    wheel = tmp_path / NAME
    with zipfile.ZipFile(wheel, "w") as file:
        info = "nothing_of_the_kind-1.0.dist-info"
        file.writestr("nothing_of_the_kind.py", "found = True\n")
        file.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: nothing_of_the_kind\nVersion: 1.0\n"
        )
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", "")

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(0.5)
            page = f'<a href="/{NAME}">{NAME}</a>'.encode()
            is_wheel = self.path.endswith(".whl")
            self.send_response(200)
            self.send_header("Content-Type", "application/zip" if is_wheel else "text/html")
            self.end_headers()
            self.wfile.write(wheel.read_bytes() if is_wheel else page)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    index(server.server_address[1])
    try:
        install(tmp_path / "there")
    finally:
        server.shutdown()
        server.server_close()
    assert (tmp_path / "there" / "nothing_of_the_kind.py").exists()
    assert "no answer yet from the package index; waiting for it" in capsys.readouterr().out
