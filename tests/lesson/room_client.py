"""A room that is open, and clients with real connections to it."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

from vgplib.lesson.room.hub import Hub
from vgplib.lesson.room.questions import Question
from vgplib.lesson.room.server import serving

CHOICE = Question("a/one", "a", "What is left?", ("half", "a quarter", "nothing"), answer=2)
NUMBER = Question("a/two", "a", "How much is left?", log=True)
WAIT = 20  # seconds that a machine with much else to do may take


def apart(function, *arguments):
    """Call it in a thread of its own: in this one, a browser's loop may be running."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(function, *arguments).result()


class Client:
    """One browser: its cookies, and its line to the room."""

    def __init__(self, address):
        self.address, self.cookies, self.line, self.heard = address, {}, None, []

    async def get(self, path, **options):
        cookie = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        request = HTTPRequest(
            f"http://{self.address}{path}", headers=cookie, follow_redirects=False, **options
        )
        answer = await AsyncHTTPClient().fetch(request, raise_error=False)
        for given in answer.headers.get_list("Set-Cookie"):
            name, _, value = given.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    async def connect(self, path="/seat", **headers):
        headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        request = HTTPRequest(f"ws://{self.address}{path}", headers=headers)
        self.line = await websocket_connect(request)
        return self

    async def send(self, **message):
        await self.line.write_message(json.dumps(message))

    async def hear(self, wanted=lambda state: True):
        """The first state from now on that is as wanted; None when the line was closed."""
        while (text := await asyncio.wait_for(self.line.read_message(), WAIT)) is not None:
            self.heard.append(json.loads(text))
            if wanted(self.heard[-1]):
                return self.heard[-1]
        return None


class Room:
    """A room that is open, and ways into it."""

    def __init__(self, hub, address):
        self.hub, self.address = hub, address

    async def phone(self):
        client = Client(self.address)
        await client.get("/join")
        await client.connect()
        await client.hear()
        return client

    async def screen(self):
        client = Client(self.address)
        await client.get(f"/?key={self.hub.key}")
        await client.connect("/screen")
        await client.hear()
        return client


def in_a_room(scenario):
    """A test that is given a room with two questions."""

    def test():
        async def run():
            hub = Hub([CHOICE, NUMBER])
            async with serving(hub, "127.0.0.1", 0) as port:
                await scenario(Room(hub, f"127.0.0.1:{port}"))

        apart(asyncio.run, run())

    test.__name__ = scenario.__name__
    return test
