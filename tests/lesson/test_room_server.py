"""The room's server, with real connections: thirty at once, and those who mean no good."""

import asyncio
import contextlib
import tomllib
from pathlib import Path

import pytest
from room_client import WAIT, Client, in_a_room
from tornado.httpclient import HTTPClientError

from vgplib.lesson.room import hub as hubs
from vgplib.lesson.room.limits import Bucket
from vgplib.lesson.room.server import (
    FULL,
    HASTY,
    LONGEST,
    PAGES,
    PATIENCE,
    SHARED,
    SOURCES,
    UNKNOWN,
)

ROOT = Path(__file__).parents[2]


def voted(count):
    return lambda state: state.get("voted") == count


def answered(state):
    return "problem" in state


@in_a_room
async def test_thirty_vote_at_once_and_each_counts_once(room):
    screen = await room.screen()
    phones = await asyncio.gather(*(room.phone() for _ in range(30)))
    await screen.hear(lambda state: state["joined"] == 30)
    await screen.send(do="ask", id="a/one")
    for phone in phones:
        assert (await phone.hear(lambda state: state["asked"]))["open"]
    await asyncio.gather(*(phone.send(guess=k % 3) for k, phone in enumerate(phones)))
    await screen.hear(voted(30))
    await phones[0].send(guess=2)  # instead of 0
    await phones[0].hear(lambda state: state["said"] == 2)
    await screen.send(do="show", what="answer")
    seen = [await one.hear(lambda state: state["shown"] == "answer") for one in (screen, phones[7])]
    for state in seen:
        assert [row["count"] for row in state["tally"]] == [9, 10, 11]
        assert [row["right"] for row in state["tally"]] == [False, False, True]


@in_a_room
async def test_nothing_tells_the_votes_or_the_answer_before_they_are_shown(room):
    screen, phone = await room.screen(), await room.phone()
    await screen.send(do="ask", id="a/one")
    await phone.hear(lambda state: state["open"])
    await phone.send(guess=2)
    await screen.hear(voted(1))
    assert all(state["tally"] is None for state in [*screen.heard, *phone.heard])
    await screen.send(do="show", what="votes")
    state = await screen.hear(lambda state: state["shown"])
    assert [row["count"] for row in state["tally"]] == [0, 0, 1]
    await phone.send(guess=0)
    state = await screen.hear(lambda state: state["tally"][0]["count"])  # live from now on
    assert not any(row["right"] for row in state["tally"])


@in_a_room
async def test_a_participant_cannot_lead_the_room(room):
    phone = await room.phone()
    await phone.send(do="ask", id="a/one")
    assert "problem" in await phone.hear(answered)
    wrong = await phone.get("/?key=guessed")
    assert (wrong.code, wrong.headers["Location"]) == (302, "/join")
    assert (await phone.get("/")).headers["Location"] == "/join"
    phone.cookies["screen"] = phone.cookies["seat"]  # signed, but for another purpose
    await phone.connect("/screen")
    with contextlib.suppress(Exception):
        await phone.send(do="ask", id="a/one")  # before it can hear that it may not
    assert await phone.hear() is None
    assert phone.line.close_code == UNKNOWN
    assert room.hub.votes.question is None


@in_a_room
async def test_the_key_leaves_the_address_and_opens_the_screen(room):
    client = Client(room.address)
    answer = await client.get(f"/?key={room.hub.key}")
    assert (answer.code, answer.headers["Location"]) == (302, "/")
    screen = await client.get("/")
    assert screen.code == 200 and room.hub.key not in screen.body.decode()


@in_a_room
async def test_two_tabs_of_one_browser_are_one_seat(room):
    screen, phone = await room.screen(), await room.phone()
    other = Client(room.address)
    other.cookies = phone.cookies
    await other.connect()
    await screen.send(do="ask", id="a/one")
    await other.hear(lambda state: state["open"])
    await phone.send(guess=0)
    assert (await other.hear(lambda state: state["said"] is not None))["said"] == 0
    await other.send(guess=1)
    await phone.hear(lambda state: state.get("said") == 1)
    assert (await screen.hear(voted(1)))["joined"] == 1
    assert room.hub.votes.count == 1


@in_a_room
async def test_what_was_said_stays_when_the_phone_loses_the_wi_fi(room):
    screen, phone = await room.screen(), await room.phone()
    await screen.send(do="ask", id="a/one")
    await phone.hear(lambda state: state["open"])
    await phone.send(guess=1)
    await screen.hear(voted(1))
    phone.line.close()
    await screen.hear(lambda state: state["joined"] == 0)
    await phone.connect()
    assert (await phone.hear())["said"] == 1


@in_a_room
async def test_one_that_is_too_fast_is_slowed_down_then_sent_away_and_others_are_not(room):
    screen, fast, calm = await room.screen(), await room.phone(), await room.phone()
    await screen.send(do="ask", id="a/one")
    await calm.hear(lambda state: state["open"])
    for k in range(PATIENCE + 30):
        await fast.send(guess=k % 3)
    assert "Too fast" in (await fast.hear(answered))["problem"]
    assert await fast.hear(lambda state: False) is None
    assert fast.line.close_code == HASTY
    await calm.send(guess=1)
    assert (await calm.hear(lambda state: state.get("said") is not None))["said"] == 1


@in_a_room
async def test_all_together_are_slowed_down_too(room):
    screen, phones = await room.screen(), [await room.phone(), await room.phone()]
    await screen.send(do="ask", id="a/one")
    await phones[1].hear(lambda state: state["open"])
    room.hub.messages = Bucket(burst=1, rate=0)
    await phones[0].send(guess=1)
    await phones[0].hear(lambda state: state.get("said") == 1)
    await phones[1].send(guess=1)
    assert "Too fast" in (await phones[1].hear(answered))["problem"]
    room.hub.requests = Bucket(burst=1, rate=0)
    client = Client(room.address)
    assert [(await client.get("/join")).code for _ in range(2)] == [200, 429]


def test_a_full_room_takes_nobody_else(monkeypatch):
    monkeypatch.setattr(hubs, "MOST", 2)

    @in_a_room
    async def scenario(room):
        await room.phone()
        second = await room.phone()
        late = Client(room.address)
        await late.get("/join")
        await late.connect()
        assert await late.hear() is None
        assert late.line.close_code == FULL
        second.line.close()
        await second.hear(lambda state: False)
        await late.connect()
        assert (await late.hear())["asked"] is None

    scenario()


@in_a_room
async def test_one_seat_has_a_few_tabs_and_no_more(room):
    phone = await room.phone()
    lines = [await phone.connect() and phone.line for _ in range(hubs.TABS)]
    assert await asyncio.wait_for(lines[-2].read_message(), WAIT)
    assert await asyncio.wait_for(lines[-1].read_message(), WAIT) is None
    assert lines[-1].close_code == FULL


@in_a_room
async def test_nonsense_is_told_so_and_counts_nothing(room):
    screen = await room.screen()
    await screen.send(do="ask", id="a/two")
    for nonsense in ("", "{", "[1]", "7", '{"guess": NaN}', '{"guess": "<b>1</b>"}', "[" * 400):
        phone = await room.phone()
        await phone.line.write_message(nonsense)
        assert await phone.hear(answered), nonsense
        phone.line.close()
    for order in ({"do": "ask", "id": "no/such"}, {"do": "show", "what": "all"}, {"do": []}, {}):
        await screen.send(**order)
        assert await screen.hear(answered), order
    assert room.hub.votes.count == 0
    assert room.hub.votes.open


@in_a_room
async def test_what_is_too_long_is_not_read(room):
    phone = await room.phone()
    await phone.send(guess="x" * LONGEST)
    assert await phone.hear(answered) is None
    with contextlib.suppress(HTTPClientError):
        answer = await phone.get("/join", method="POST", body="x" * 10 * LONGEST)
        assert answer.code in (400, 405, 413, 599)
    assert (await room.phone()).heard


@in_a_room
async def test_another_site_s_page_is_refused(room):
    phone = await room.phone()
    with pytest.raises(HTTPClientError, match="403"):
        await phone.connect(Origin="http://elsewhere.example")


@in_a_room
async def test_pages_ask_nothing_of_others_and_give_no_other_file(room):
    client = Client(room.address)
    for path in (
        "/join",
        "/files/join.js",
        "/files/tally.js",
        "/code.svg",
        "/nowhere",
        "/files/bench.js",
    ):
        answer = await client.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "http" not in policy and "unsafe" not in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.code == (404 if path in ("/nowhere", "/files/bench.js") else 200)
    for path in (
        "/files/screen.html",
        "/files/..%2fserver.py",
        "/files/../server.py",
        "/server.py",
    ):
        assert (await client.get(path)).code == 404
    attributes = (await Client(room.address).get("/join")).headers["Set-Cookie"].lower()
    assert "httponly" in attributes and "samesite=strict" in attributes
    assert "expires" not in attributes and "max-age" not in attributes  # ends with the browser


def test_all_that_the_pages_need_is_installed_with_the_package():
    given = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = given["tool"]["setuptools"]["package-data"]["vgplib.lesson"]
    lesson = ROOT / "vgplib" / "lesson"
    installed = {path for pattern in patterns for path in lesson.glob(pattern)}
    assert {SOURCES / name for name in SHARED} | set(PAGES.iterdir()) <= installed


def test_what_an_earlier_room_gave_is_worth_nothing_in_the_next():
    kept = []

    @in_a_room
    async def earlier(room):
        phone = await room.phone()
        kept.append(phone.cookies)

    @in_a_room
    async def later(room):
        phone = Client(room.address)
        phone.cookies = kept[0]
        await phone.connect()
        assert await phone.hear() is None
        assert phone.line.close_code == UNKNOWN

    earlier()
    later()
