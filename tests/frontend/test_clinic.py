"""The clinic in a real browser: nothing is told before it is solved or given up."""

import json

import pages
import pytest

CALLED = ["ant", "bee", "cat", "dog", "elk"]
TRUTH = {"ant": "dead", "bee": "healthy", "cat": "dead", "dog": "healthy", "elk": "healthy"}
LABELS = {"dead": "dead units", "healthy": "healthy"}
LOOKS, REMEDIES = ["loss", "units"], ["nothing", "clip"]


def choice(name: str, options: list[str]) -> dict:
    listed = [{"value": o, "label": o} for o in options]
    return {"name": name, "label": [{"text": name}], "kind": "choice", "options": listed}


def room(id: str, other: dict) -> dict:
    case = choice("case", CALLED)
    spec = pages.bench(id, controls=[case, other], number=None, caption=[])["spec"]
    return spec | {"initial": {c["name"]: c["options"][0]["value"] for c in (case, other)}}


def frame(words: str) -> dict:
    return pages.two_frame() | {
        "readouts": [{"label": f"r{k}", "text": f"{words} {k}", "tone": "plain"} for k in range(3)],
        "summary": f"{words}.",
    }


def clinic(seed: str | None = None) -> dict:
    spec = {
        "id": "clinic",
        "number": "7.1",
        "title": "5 patients",
        "seed": seed,
        "rooms": [
            room("what-ails-it", choice("evidence", LOOKS)),
            room("try-a-remedy", choice("remedy", REMEDIES)),
        ],
        "diagnoses": [{"value": v, "label": label} for v, label in LABELS.items()],
        "patients": [
            {
                "id": name,
                "truth": TRUTH[name],
                "said": {v: f"{name} speaks of {v}" for v in LABELS},
                "story": [{"text": f"The story of {name}."}],
            }
            for name in CALLED
        ],
    }
    tables = [[frame(f"{name} {what}") for name in CALLED for what in o] for o in (LOOKS, REMEDIES)]
    return {"kind": "clinic", "spec": spec, "frames": tables, "live": False}


@pytest.fixture
def page(show):
    return show(clinic())


def go_to(page, letter: str) -> None:
    page.locator(f".vgp-waiting input[aria-label^='Patient {letter}']").check()


def commit(page, said: str, sure: str) -> None:
    form = page.locator(".vgp-diagnosis")
    form.get_by_role("radio", name=said, exact=True).check()
    form.get_by_role("radio", name=sure, exact=True).check()
    form.get_by_role("button", name="Commit").click()


def tally(page) -> list[str]:
    return page.locator(".vgp-calibration dd").all_inner_texts()


def accessible(page) -> str:
    return page.locator("body").aria_snapshot()


def test_before_an_answer_neither_text_nor_accessible_tree_tells_anything(page):
    for letter in "ABCDE":
        go_to(page, letter)
        for told in (page.locator("body").inner_text(), accessible(page)):
            assert "story" not in told and "speaks" not in told
            assert "nothing 0" not in told and "treatment" not in told
    assert page.get_by_text("Commit to a diagnosis, and the pharmacy opens.").is_visible()
    assert page.locator(".vgp-score").inner_text() == "0 of 5 solved"


def test_a_right_diagnosis_tells_the_story_and_opens_the_treatment(page):
    go_to(page, "C")
    assert "cat loss 0" in page.locator("dd").all_inner_texts()
    commit(page, "healthy", "a guess")
    assert page.get_by_text("Healthy: that's not it.").is_visible()
    assert page.get_by_text("The evidence says: cat speaks of healthy.").is_visible()
    assert page.get_by_text("The story of cat.").count() == 0
    page.get_by_role("radio", name="clip").check()  # the treatment is open, and tells nothing yet
    assert "cat clip 0" in page.locator("dd").all_inner_texts()
    commit(page, "dead units", "certain")
    assert page.get_by_text("Dead units: that's it.").is_visible()
    assert page.get_by_text("The story of cat.").is_visible()
    assert page.locator(".vgp-score").inner_text() == "1 of 5 solved"
    assert page.get_by_role("radio", name="Patient C, solved").is_checked()
    assert not page.get_by_role("button", name="Commit").is_visible()
    # The first answer counts: a guess, and wrong.
    assert tally(page) == ["0 of 1", "none yet", "none yet"]
    go_to(page, "B")
    assert page.get_by_text("The story of").count() == 0
    assert page.locator(".vgp-diagnosis").get_by_role("radio", checked=True).count() == 0


def test_a_diagnosis_needs_both_parts(page):
    page.get_by_role("button", name="Commit").click()
    assert page.get_by_text("Choose a diagnosis.").is_visible()
    page.locator(".vgp-diagnosis").get_by_role("radio", name="healthy").check()
    page.get_by_role("button", name="Commit").click()
    assert page.get_by_text("Say how sure you are, too.").is_visible()
    assert page.locator(".vgp-score").inner_text() == "0 of 5 solved"


def test_whoever_gives_up_is_told_and_it_does_not_count_as_solved(page):
    page.get_by_role("button", name="I give up: tell me").click()
    assert page.get_by_text("You gave this one up. Here's what it has:").is_visible()
    assert page.get_by_text("The story of ant.").is_visible()
    assert page.locator(".vgp-score").inner_text() == "0 of 5 solved, 1 given up"
    assert tally(page) == ["none yet"] * 3


def test_the_tally_says_how_far_certain_can_be_trusted(page):
    for letter, said in zip(
        "ABCD", ["dead units", "healthy", "healthy", "dead units"], strict=True
    ):
        go_to(page, letter)
        commit(page, said, "certain")
    assert tally(page) == ["none yet", "none yet", "2 of 4"]
    assert page.get_by_text("You're certain more often than you're right.").is_visible()
    page.get_by_role("button", name="Start the clinic anew").click()
    assert tally(page) == ["none yet"] * 3
    assert page.locator(".vgp-score").inner_text() == "0 of 5 solved"
    assert page.get_by_text("The story of").count() == 0


def test_what_was_said_outlives_a_reload_and_travels_with_the_progress(show, tmp_path):
    page = show(clinic(), pages.quiz())
    commit(page, "dead units", "fairly sure")
    go_to(page, "B")
    page.get_by_role("button", name="I give up: tell me").click()
    page.reload()
    assert page.locator(".vgp-clinic .vgp-score").inner_text() == "1 of 5 solved, 1 given up"
    assert page.get_by_text("The story of ant.").is_visible()
    assert tally(page) == ["none yet", "1 of 1", "none yet"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Export progress").click()
    path = tmp_path / "progress.json"
    download.value.save_as(path)
    kept = {
        "ant": {"tries": [{"said": "dead", "sure": "fairly"}], "up": False},
        "bee": {"tries": [], "up": True},
    }
    assert json.loads(path.read_text())["patients"] == kept
    page.get_by_role("button", name="Start the clinic anew").click()
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_text("Progress imported.").wait_for()
    assert page.locator(".vgp-clinic .vgp-score").inner_text() == "1 of 5 solved, 1 given up"
    path.write_text(json.dumps({"version": 1, "patients": {"ant": {"tries": [3], "up": False}}}))
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_text("This file holds no progress.").wait_for()
    assert page.locator(".vgp-clinic .vgp-score").inner_text() == "1 of 5 solved, 1 given up"


def order(page) -> list[str]:
    """Which patient stands behind each letter."""
    found = []
    for letter in "ABCDE":
        go_to(page, letter)
        found.append(page.locator("dd").first.inner_text().split()[0])
    return found


def test_a_seed_in_the_address_deals_the_letters_out_anew_and_alike_for_all(page):
    assert order(page) == CALLED
    address = page.url
    page.goto(f"{address}?seed=monday")
    first = order(page)
    assert first != CALLED and sorted(first) == CALLED
    page.reload()
    assert order(page) == first
    assert page.get_by_text("Order drawn by seed monday").is_visible()
    commit(page, LABELS[TRUTH[first[4]]], "certain")
    assert page.get_by_text(f"The story of {first[4]}.").is_visible()
    assert page.get_by_role("radio", name="Patient E, solved").count() == 1
    page.goto(f"{address}?seed=tuesday")
    other = order(page)
    assert other != first
    letter = "ABCDE"[other.index(first[4])]  # what was solved stays solved, by any letter
    assert page.get_by_role("radio", name=f"Patient {letter}, solved").count() == 1


def test_the_keyboard_alone_can_solve_a_patient(page):
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("radio", name="Patient B").is_checked()
    page.locator(".vgp-diagnosis").get_by_role("radio", name="dead units").focus()
    page.keyboard.press("ArrowRight")  # to the next, which chooses it
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.get_by_text("Healthy: that's it.").is_visible()
    assert tally(page) == ["none yet", "1 of 1", "none yet"]
    assert page.evaluate("document.activeElement.textContent").startswith("Healthy: that's it.")


def test_on_a_phone_nothing_is_wider_than_the_window(show):
    page = show(clinic())
    page.set_viewport_size({"width": 380, "height": 800})
    page.get_by_role("button", name="I give up: tell me").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
