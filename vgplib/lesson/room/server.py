"""The server: two pages, and a line to each that is open."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import io
import json
import logging
import secrets
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import segno
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from vgplib.lesson.room.hub import Hub
from vgplib.lesson.room.limits import Bucket

PAGES = Path(__file__).parent / "pages"
SOURCES = Path(__file__).parents[1] / "frontend" / "src"
SHARED = ("dom.js", "numbers.js", "tally.js", "text.js", "tally.css", "theme.css")
TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript"}
LONGEST = 512  # bytes of a message
PATIENCE = 50  # messages too many before a connection is closed
# What the pages do on a code.
UNKNOWN, FULL, HASTY = 4001, 4002, 4003

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class _Quiet(RequestHandler):
    """Says nothing of who asked: not in a log, and to no other site."""

    @property
    def hub(self) -> Hub:
        return self.application.settings["hub"]

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("X-Content-Type-Options", "nosniff")

    def prepare(self) -> None:
        if not self.hub.requests.take():
            self.set_header("Retry-After", "2")
            self.send_error(429)

    def write_error(self, status_code: int, **_: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        words = {404: "There is no such page here.", 429: "Too many at once: try again."}
        self.finish(words.get(status_code, "That did not work."))

    def log_exception(self, kind: Any, problem: Any, trace: Any) -> None:
        if not isinstance(problem, HTTPError | WebSocketClosedError):
            traceback.print_exception(kind, problem, trace)  # Tornado would name who asked

    def give(self, name: str) -> None:
        path = (SOURCES if name in SHARED else PAGES) / name
        self.set_header("Content-Type", f"{TYPES[path.suffix]}; charset=utf-8")
        self.finish(path.read_bytes())

    def keep(self, name: str, value: str) -> None:
        """Let the browser show this with each request until it is closed."""
        self.set_signed_cookie(name, value, expires_days=None, httponly=True, samesite="Strict")

    def kept(self, name: str) -> str | None:
        value = self.get_signed_cookie(name)
        return value.decode() if value else None


class _Screen(_Quiet):
    """The instructor's page. Whoever has no key is taken to the room's."""

    def get(self) -> None:
        key = self.get_query_argument("key", None)
        if key is not None:
            if hmac.compare_digest(key.encode(), self.hub.key.encode()):
                self.keep("screen", "on")
                self.redirect("/")  # the screen is projected, with its address
            else:
                self.redirect("/join")
        elif self.kept("screen"):
            self.give("screen.html")
        else:
            self.redirect("/join")


class _Join(_Quiet):
    """The page for each phone, which gets a seat."""

    def get(self) -> None:
        if not self.kept("seat"):
            self.keep("seat", secrets.token_urlsafe(12))
        self.give("join.html")


class _File(_Quiet):
    """A script or a style of the pages."""

    def get(self, name: str) -> None:
        if name in SHARED or name in {path.name for path in PAGES.glob("*.[cj]s*")}:
            self.give(name)
        else:
            self.send_error(404)


class _Code(_Quiet):
    """The address to join at, as a QR code."""

    def get(self) -> None:
        self.set_header("Content-Type", "image/svg+xml")
        self.finish(self.application.settings["code"])


class _Missing(_Quiet):
    """Every other address."""

    def prepare(self) -> None:
        super().prepare()
        if not self._finished:
            self.send_error(404)


class _Socket(_Quiet, WebSocketHandler):
    """A line to a page that is open."""

    def open(self) -> None:
        self.rate, self.hasty = Bucket(burst=10, rate=2), 0
        self.refused = self.enter()
        if self.refused:
            self.close(self.refused)

    def on_message(self, message: str | bytes) -> None:
        if self.refused:
            return  # it may still talk until it has heard
        if not (self.rate.take() and self.hub.messages.take()):
            self.hasty += 1
            if self.hasty > PATIENCE:
                self.close(HASTY)
            else:
                self.tell({"problem": "Too fast: wait a moment, then send it again."})
            return
        try:
            given = json.loads(message)
            if not isinstance(given, dict):
                raise ValueError("A message is a JSON object.")
            self.take(given)
        except ValueError as problem:
            self.tell({"problem": str(problem)})

    def tell(self, state: dict[str, Any]) -> None:
        with contextlib.suppress(WebSocketClosedError):
            self.write_message(json.dumps(state))

    def enter(self) -> int:
        """Come into the room; returns why not, as a code, or 0."""
        raise NotImplementedError

    def take(self, given: dict[str, Any]) -> None:
        """Do what a message says.

        Raises:
            ValueError: It says nothing that can be done.
        """
        raise NotImplementedError


class _ScreenSocket(_Socket):
    def enter(self) -> int:
        if not self.kept("screen"):
            return UNKNOWN
        self.hub.light_up(self)
        return 0

    def take(self, given: dict[str, Any]) -> None:
        self.hub.direct(given)

    def on_close(self) -> None:
        self.hub.go_dark(self)


class _SeatSocket(_Socket):
    seat = ""

    def enter(self) -> int:
        self.seat = self.kept("seat") or ""
        if not self.seat:
            return UNKNOWN
        return 0 if self.hub.sit_down(self.seat, self) else FULL

    def take(self, given: dict[str, Any]) -> None:
        self.hub.guess(self.seat, given.get("guess"))

    def on_close(self) -> None:
        self.hub.stand_up(self.seat, self)


def _code(address: str) -> bytes:
    """An address as a QR code, an SVG."""
    out = io.BytesIO()
    code = segno.make(address, micro=False)
    code.save(out, kind="svg", border=4, light="#fff", omitsize=True)
    return out.getvalue()


@contextlib.asynccontextmanager
async def serving(hub: Hub, address: str, port: int) -> AsyncIterator[int]:
    """Serve a room while the block runs.

    Args:
        hub: The room.
        address: The address to listen at.
        port: The port; 0 takes a free one.

    Yields:
        The port.

    Raises:
        OSError: The port is taken, or the address is not this machine's.
    """
    for name in ("tornado.access", "tornado.application", "tornado.general"):
        logging.getLogger(name).disabled = True  # their lines name the addresses of who asked
    app = Application(
        [
            ("/", _Screen),
            ("/join", _Join),
            ("/code.svg", _Code),
            ("/files/([a-z.]+)", _File),
            ("/screen", _ScreenSocket),
            ("/seat", _SeatSocket),
        ],
        default_handler_class=_Missing,
        hub=hub,
        cookie_secret=secrets.token_bytes(32),  # what an earlier room gave is worth nothing here
        websocket_max_message_size=LONGEST,
        websocket_ping_interval=20,
    )
    server = HTTPServer(
        app, max_header_size=8192, max_body_size=LONGEST, idle_connection_timeout=60, body_timeout=5
    )
    sockets = bind_sockets(port, address)
    taken = sockets[0].getsockname()[1]
    app.settings["code"] = _code(f"http://{address}:{taken}/join")
    server.add_sockets(sockets)
    try:
        yield taken
    finally:
        server.stop()
        await asyncio.wait_for(server.close_all_connections(), timeout=5)
