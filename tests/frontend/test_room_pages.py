"""The room's two pages in real browsers: a vote from end to end, by keyboard, on a phone."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from vgplib.lesson.room.hub import Hub
from vgplib.lesson.room.questions import Question
from vgplib.lesson.room.server import serving

HOSTILE = "<img src=x onerror=alert(1)>"
CHOICE = Question(
    "a/one", "a", f"What is left of $x^2$? {HOSTILE}", ("half", f"nothing {HOSTILE}"), answer=1
)
NUMBER = Question("a/two", "a", "How much is left?", log=True)


class Served:
    """A room that is served by a thread of its own."""

    def __init__(self):
        self.hub, self._loop, self._up = Hub([CHOICE, NUMBER]), None, threading.Event()
        self.port = 0

    def __enter__(self):
        self._thread = threading.Thread(target=asyncio.run, args=[self._serve()])
        self._thread.start()
        assert self._up.wait(20)
        self.address = f"http://127.0.0.1:{self.port}"
        return self

    async def _serve(self):
        self._loop, self._down = asyncio.get_running_loop(), asyncio.Event()
        async with serving(self.hub, "127.0.0.1", self.port) as self.port:
            self._up.set()
            await self._down.wait()

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._down.set)
        self._thread.join(20)
        self._up.clear()


@pytest.fixture
def room():
    with Served() as served:
        yield served


@pytest.fixture
def visit(browser):
    """``visit(address, ...)`` opens a browser of its own there; its page must stay in order."""
    trouble = []
    with contextlib.ExitStack() as opened:

        def visited(address, **options):
            page = opened.enter_context(browser.new_context(**options)).new_page()
            page.set_default_timeout(15_000)
            page.on("console", lambda m: heard(m.type, m.text))
            page.on("pageerror", lambda error: trouble.append(str(error)))
            page.on("dialog", lambda dialog: (trouble.append("a dialog"), dialog.dismiss()))
            page.on(
                "request",
                lambda r: None if "//127.0.0.1:" in r.url else trouble.append(r.url),
            )
            page.goto(address)
            return page

        def heard(kind, text):
            # A browser says so by itself where a server is gone.
            if kind == "error" and "ERR_CONNECTION_REFUSED" not in text:
                trouble.append(text)

        yield visited
    assert trouble == []


@pytest.fixture
def screen(room, visit):
    return visit(f"{room.address}/?key={room.hub.key}")


def press(page, name):
    page.get_by_role("button", name=name).click()


def opened(screen, question):
    screen.get_by_label("Question", exact=True).select_option(question)
    press(screen, "Open it")


def test_a_vote_from_the_qr_code_to_the_answer(room, screen, visit):
    expect(screen).to_have_url(f"{room.address}/")
    code = screen.get_by_role("img", name=f"QR code of {room.address}/join")
    assert code.evaluate("(image) => image.naturalWidth") > 0
    phones = [visit(room.address), visit(room.address, viewport={"width": 320, "height": 640})]
    expect(screen.get_by_text("2 have joined.")).to_be_visible()
    expect(phones[0].get_by_role("status")).to_have_text("You are in. Wait for the first question.")
    opened(screen, "a/one")
    for phone, option in zip(phones, ("half", "nothing"), strict=True):
        expect(phone.get_by_role("status")).to_contain_text("A question is open")
        phone.get_by_role("radio", name=option).check()
        press(phone, "Send my guess")
        expect(phone.get_by_role("status")).to_contain_text("Your guess is in.")
    expect(screen.get_by_text("2 of 2 have voted.")).to_be_visible()
    expect(screen.get_by_role("table")).to_have_count(0)
    phones[0].get_by_role("radio", name="nothing").check()
    press(phones[0], "Send my guess")
    press(screen, "Show the votes")
    row = screen.get_by_role("row", name="nothing")
    expect(row).to_contain_text("2 100 %")
    expect(screen.get_by_text("✓")).to_have_count(0)
    press(screen, "Show the answer")
    for page in (screen, *phones):
        expect(page.get_by_role("row", name="nothing")).to_contain_text("✓ the answer")
        expect(page.get_by_text(HOSTILE).first).to_be_visible()  # as words, not as markup
        assert page.locator("img[src=x]").count() == 0
        assert page.locator("math").count() > 0
    expect(phones[0].get_by_role("button", name="Send my guess")).to_be_disabled()


def test_numbers_are_guessed_twice_and_both_votes_are_shown(room, screen, visit):
    phone = visit(f"{room.address}/join")
    opened(screen, "a/two")
    guess = phone.get_by_label("My guess")
    for wrong in ("lots", "-1"):
        guess.fill(wrong)
        press(phone, "Send my guess")
        expect(phone.get_by_role("status")).to_contain_text("above 0")
        expect(guess).to_have_attribute("aria-invalid", "true")
    for said in ("3 × 10⁻⁶", "1/50"):
        guess.fill(said)
        press(phone, "Send my guess")
        expect(screen.get_by_text("1 of 1 have voted.")).to_be_visible()
        if said == "1/50":
            break
        for name in ("Open it", "Vote again"):  # not while people vote: their guesses would be lost
            expect(screen.get_by_role("button", name=name)).to_be_disabled()
        press(screen, "Close the vote")
        press(screen, "Vote again")
        expect(guess).to_have_value("")
    press(screen, "Show the votes")
    rows = screen.locator("tbody tr")
    expect(rows.first).to_contain_text("10⁻⁶ to 10⁻⁵ 1 100 % 0 0 %", use_inner_text=True)
    expect(rows.last).to_contain_text("0.01 to 0.1 0 0 % 1 100 %", use_inner_text=True)
    expect(screen.get_by_text("The measured number is in the chapter.")).to_be_visible()


def test_it_goes_by_keyboard_alone(room, screen, visit):
    phone = visit(f"{room.address}/join")
    screen.get_by_label("Question", exact=True).focus()
    for key in ("Tab", "Enter"):
        screen.keyboard.press(key)
    phone.get_by_role("radio").first.wait_for()
    for key in ("Tab", "ArrowDown", "ArrowDown", "ArrowUp", "Tab", "Enter"):
        phone.keyboard.press(key)
    expect(screen.get_by_text("1 of 1 have voted.")).to_be_visible()
    for key in ("Tab", "Enter"):  # closes the vote, and keeps the focus where it was pressed
        screen.keyboard.press(key)
    expect(screen.get_by_text("The vote is closed.")).to_be_visible()
    expect(screen.get_by_role("button", name="Close the vote")).to_be_focused()
    for key in ("Tab", "Enter", "Tab", "Enter"):
        screen.keyboard.press(key)
    expect(screen.locator("#told")).to_contain_text("the answer: 1.")


def test_a_phone_finds_back_to_a_room_that_was_opened_anew(room, screen, visit):
    phone = visit(f"{room.address}/join")
    expect(screen.get_by_text("1 has joined.")).to_be_visible()
    screen.goto("about:blank")
    room.__exit__()
    expect(phone.get_by_role("alert")).to_contain_text("Trying again")
    room.__enter__()
    expect(phone.locator("#trouble")).to_have_text("", timeout=15_000)
    opened(visit(f"{room.address}/?key={room.hub.key}"), "a/one")
    expect(phone.get_by_role("radio").first).to_be_visible()


def test_both_pages_are_accessible_and_fit_a_phone(room, screen, visit):
    narrow = {"viewport": {"width": 320, "height": 640}}
    phone = visit(f"{room.address}/join", **narrow)
    small = visit(f"{room.address}/?key={room.hub.key}", **narrow)
    opened(screen, "a/one")
    phone.get_by_role("radio").first.check()
    press(phone, "Send my guess")
    expect(screen.get_by_text("1 of 1 have voted.")).to_be_visible()
    for scheme, shown in (("light", False), ("dark", True)):
        if shown:
            press(screen, "Show the answer")
            expect(phone.get_by_role("table")).to_be_visible()
        for page in (phone, small):
            page.emulate_media(color_scheme=scheme)
            expect(page.locator("html")).to_have_attribute("data-theme", scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= 320
            found = Axe().run(page, options={"preload": False}).response["violations"]
            assert [rule["id"] for rule in found] == []
