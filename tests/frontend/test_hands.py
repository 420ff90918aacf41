"""A show of hands: typed in, drawn beside the answer, kept in one tab as long as it is open."""

from __future__ import annotations

import pages
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

ARTICLE = '<main><article class="bd-article"><h1>A chapter</h1></article></main>'
CLAIM = (
    '<details class="vgp-claim" id="claim-one"><summary>“Depth is harmless.”</summary>'
    "<p><strong>False.</strong> Factors multiply.</p></details>"
)
BALLOT = (
    '<div class="vgp-ballot" id="vote-one"><p><strong>Vote first.</strong> Deeper?</p>'
    "<ul><li>deeper</li><li>wider</li></ul></div>"
)
CHOICE = pages.bench(predict=pages.PREDICT)
FIGURE = pages.bench(predict=pages.PREDICT_NUMBER)
OWN = {"color_scheme": "light"}  # a tab of its own: what is kept in it ends with it


@pytest.fixture
def hands(show):
    """``hands(part, ...)`` is the first show of hands on a page that holds these parts."""

    def opened(*parts, view="?hands", **options):
        page = show(ARTICLE, *parts, hash=view, **{**OWN, **options})
        page.locator(".vgp-hands > summary").first.click()
        return page.locator(".vgp-hands").first

    return opened


def count(place, *numbers):
    for field, hands in zip(place.get_by_role("spinbutton").all(), numbers, strict=True):
        field.fill(str(hands))


def press(place, name):
    place.get_by_role("button", name=name, exact=True).click()


def rows(place):
    """The words of each row, without spaces at the ends."""
    return [" ".join(row.inner_text().split()) for row in place.locator("tbody tr").all()]


def widths(place, kind="vgp-solid"):
    """How much of its place each bar fills, in percent."""
    return place.locator(f".{kind}").evaluate_all(
        "(bars) => bars.map((b) => Math.round((100 * b.offsetWidth) / b.parentElement.offsetWidth))"
    )


def test_a_reader_is_offered_none(show):
    page = show(ARTICLE, CHOICE, CLAIM, BALLOT, **OWN)
    expect(page.locator(".vgp-predict")).to_be_visible()
    expect(page.locator(".vgp-hands")).to_have_count(0)


def test_counts_become_bars_beside_the_answer(hands):
    place = hands(CHOICE)
    count(place, 5, 12, 3)
    expect(place.locator(".vgp-tally-bars").first).to_be_hidden()
    expect(place.get_by_text("✓")).to_have_count(0)
    press(place, "Reveal")
    assert rows(place) == [
        "it halves − + 25 %",
        "it squares ✓ the answer − + 60 %",
        "it stays − + 15 %",
    ]
    assert widths(place) == pytest.approx([25, 60, 15], abs=1)
    expect(place.get_by_role("status")).to_have_text("20 hands. The answer: it squares.")
    place.get_by_role("button", name="One more hand for: it halves").click()  # one was overlooked
    expect(place.get_by_role("status")).to_have_text("21 hands. The answer: it squares.")
    press(place, "Hide")
    expect(place.get_by_text("✓")).to_have_count(0)


def test_the_tab_for_the_room_has_no_notes_and_the_instructor_s_has_both(show):
    note = {"expect": [{"text": "it halves"}], "ask": [{"text": "why?"}]}
    noted = pages.bench(predict=pages.PREDICT | {"room": note})
    page = show(ARTICLE, noted, hash="?instructor", **OWN)
    expect(page.locator(".vgp-room")).to_have_count(1)
    expect(page.locator(".vgp-hands")).to_have_count(1)
    with page.expect_popup() as opened:
        page.get_by_role("link", name="one that counts hands").click()
    projected = opened.value
    expect(projected.get_by_role("complementary", name="Show of hands")).to_be_visible()
    expect(projected.locator(".vgp-hands")).to_have_count(1)
    expect(projected.locator(".vgp-room")).to_have_count(0)
    projected.get_by_role("button", name="Put it away").click()
    expect(projected.locator(".vgp-hands")).to_have_count(0)
    assert projected.url.endswith("page.html")


def test_a_vote_that_is_taken_again_stands_beside_the_first(hands):
    place = hands(CHOICE)
    count(place, 8, 2, 0)
    press(place, "Vote again")
    expect(place.get_by_role("spinbutton").first).to_be_focused()
    count(place, 1, 9, 0)
    press(place, "Reveal")
    assert rows(place)[:2] == [
        "it halves 8 80 % − + 10 %",
        "it squares ✓ the answer 2 20 % − + 90 %",
    ]
    assert widths(place, "vgp-pale")[:2] == pytest.approx([80, 20], abs=1)
    assert widths(place)[:2] == pytest.approx([10, 90], abs=1)
    press(place, "Clear")
    press(place, "Reveal")
    expect(place.get_by_role("status")).to_have_text("0 hands. The answer: it squares.")
    expect(place.get_by_role("columnheader", name="First vote")).to_have_count(0)


def test_numbers_that_are_called_out_stand_in_order_with_what_was_measured(hands):
    place = hands(FIGURE)
    guess = place.get_by_label("A guess that you hear")
    for said in ("0.001", "1e-20", "10^-3", "0.5"):
        guess.fill(said)
        guess.press("Enter")
    expect(guess).to_be_focused()
    assert [row.split(" ")[0] for row in rows(place)] == ["1e-20", "0.001", "0.5"]
    expect(place.get_by_role("spinbutton", name="Hands for: 0.001")).to_have_value("2")
    press(place, "Reveal")
    assert [row.split(" −")[0] for row in rows(place)] == [
        "1e-20",
        "5.1 × 10⁻¹⁹ ✓ measured",
        "0.001",
        "0.5",
    ]
    expect(place.get_by_role("status").last).to_have_text("4 hands. Measured: 5.1 × 10⁻¹⁹.")


@pytest.mark.parametrize(
    ("said", "why"), [("-1", "above 0"), ("lots", "above 0"), ("1,000", "1000")]
)
def test_what_is_no_guess_is_not_added(hands, said, why):
    place = hands(FIGURE)
    guess = place.get_by_label("A guess that you hear")
    guess.fill(said)
    guess.press("Enter")
    expect(place.get_by_role("status").first).to_contain_text(why)
    expect(guess).to_have_attribute("aria-invalid", "true")
    expect(guess).to_have_value(said)
    assert rows(place) == []


def test_hands_are_counted_on_claims_and_on_questions_nobody_can_mark(show):
    page = show(ARTICLE, CLAIM, BALLOT, hash="?hands", **OWN)
    claim, ballot = page.locator(".vgp-hands").all()
    for place in (claim, ballot):
        place.locator("summary").click()
    count(claim, 1, 2, 3)
    expect(page.locator(".vgp-settled")).to_be_hidden()
    press(claim, "Reveal")
    expect(claim.get_by_role("status")).to_have_text("6 hands. The answer: False.")
    count(ballot, 3, 1)
    press(ballot, "Reveal")
    expect(ballot.get_by_role("status")).to_have_text("4 hands.")


@pytest.mark.parametrize(("typed", "kept"), [("-3", "0"), ("5000", "999"), ("2.7", "2"), ("", "0")])
def test_a_count_is_a_whole_number_of_hands(hands, typed, kept):
    place = hands(CHOICE)
    field = place.get_by_role("spinbutton").first
    field.fill("4")
    field.fill(typed)
    field.blur()
    expect(field).to_have_value(kept)


def test_it_goes_by_keyboard_alone(hands):
    place = hands(CHOICE)
    page = place.page
    place.locator("summary").focus()
    page.keyboard.press("Tab")
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")  # from field to field: the buttons beside it do what the arrows do
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(place.get_by_role("button", name="Hide")).to_be_focused()
    expect(place.get_by_role("status")).to_have_text("4 hands. The answer: it squares.")
    assert widths(place) == pytest.approx([75, 25, 0], abs=1)


def test_the_buttons_beside_a_count_change_it_by_one(hands):
    place = hands(CHOICE)
    more = place.get_by_role("button", name="One more hand for: it stays")
    more.click()
    more.click()
    place.get_by_role("button", name="One hand fewer for: it stays").click()
    place.get_by_role("button", name="One hand fewer for: it halves").click()
    values = [field.input_value() for field in place.get_by_role("spinbutton").all()]
    assert values == ["0", "0", "1"]


def test_counts_stay_over_a_reload_and_end_with_the_tab(hands):
    place = hands(CHOICE)
    count(place, 1, 2, 3)
    page = place.page
    page.reload()
    page.locator(".vgp-hands > summary").click()
    expect(place.get_by_role("spinbutton").last).to_have_value("3")
    assert "hands" not in page.evaluate("JSON.stringify({...localStorage})")
    with page.expect_popup() as opened:
        page.evaluate("() => void open(location.href, '_blank', 'noopener')")
    opened.value.locator(".vgp-hands > summary").click()
    expect(opened.value.get_by_role("spinbutton").last).to_have_value("0")


def test_where_nothing_can_be_kept_it_counts_all_the_same(hands):
    forbidden = (
        "Object.defineProperty(window, 'sessionStorage', { get() { throw new Error('no'); } })"
    )
    place = hands(CHOICE, before=forbidden)
    count(place, 1, 0, 1)
    press(place, "Reveal")
    expect(place.get_by_role("status")).to_have_text("2 hands. The answer: it squares.")


def test_it_is_not_printed(hands):
    place = hands(CHOICE)
    place.page.emulate_media(media="print")
    expect(place).to_be_hidden()


@pytest.mark.parametrize(("bench", "scheme"), [(CHOICE, "light"), (FIGURE, "dark")])
def test_it_is_accessible_and_fits_a_phone(hands, scheme, bench):
    place = hands(bench, CLAIM, color_scheme=scheme)
    page = place.page
    page.evaluate(f"document.documentElement.dataset.theme = '{scheme}'")
    if bench is FIGURE:
        place.get_by_label("A guess that you hear").fill("0.01")
        press(place, "Add")
    place.get_by_role("spinbutton").first.fill("700")
    press(place, "Vote again")
    press(place, "Reveal")
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    table = place.get_by_role("table").bounding_box()
    assert table["x"] + table["width"] <= place.bounding_box()["x"] + place.bounding_box()["width"]
    found = Axe().run(page, options={"preload": False}).response["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []


def test_in_the_reader_s_own_colours_the_right_bar_differs_from_the_others(hands):
    place = hands(CHOICE, forced_colors="active")
    count(place, 5, 5, 5)
    press(place, "Reveal")
    background = "(bars) => bars.map((bar) => getComputedStyle(bar).backgroundColor)"
    wrong, right, other = place.locator(".vgp-solid").evaluate_all(background)
    assert wrong == other != right
