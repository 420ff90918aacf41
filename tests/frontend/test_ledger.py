"""The ledger of claims: filtered by what a line is and by its words, and linked as it is shown."""

from __future__ import annotations

import re

import pages
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

LINE = (
    '<tr><td><a id="said-{id}"></a>“{said}” <small>{source}</small></td>'
    "<td><strong>{verdict}</strong></td><td>Let’s see.</td><td>It’s <em>0.23</em>.</td></tr>"
)
HEAD = (
    "<thead><tr><th>What people say</th><th>Verdict</th><th>What’s true</th>"
    "<th>Measured here</th></tr></thead>"
)
CLAIMS = {
    "Activations": [
        ("relu", "ReLU needs normalisation.", "overview article", "Depends"),
        ("tanh", "Tanh is alike.", "interview page", "False"),
    ],
    "Gates": [("lstm", "LSTM keeps it.", "overview article", "Holds")],
}
VERDICT, SOURCE, CHAPTER = "Verdict", "Said by", "About"


def page_of(show, hash="", **options):
    def section(chapter, claims):
        lines = "".join(
            LINE.format(id=id, said=said, source=source, verdict=verdict)
            for id, said, source, verdict in claims
        )
        return (
            f'<section id="{chapter.lower()}"><h2>{chapter}<a href="#{chapter.lower()}">#</a></h2>'
            f'<div class="vgp-cards vgp-ledger"><table class="table">{HEAD}<tbody>{lines}</tbody>'
            "</table></div></section>"
        )

    return show(
        f'<link rel="stylesheet" href="{pages.BOOK_STYLE}"><main><article class="bd-article">'
        '<section><h1>All claims</h1><div id="ledger"></div>'
        f"{''.join(section(*pair) for pair in CLAIMS.items())}</section></article></main>",
        hash=hash,
        **options,
    )


def menu(page, name):
    return page.get_by_role("combobox", name=name, exact=True)


def shown(page) -> list[str]:
    return [
        re.search(r"“(\w+)", text)[1] for text in page.locator("tbody tr:visible").all_inner_texts()
    ]


def test_lines_are_filtered_counted_and_kept_in_the_address(show):
    page = page_of(show)
    told = page.get_by_role("status")
    expect(told).to_have_text("3 of 3 claims")
    expect(page.get_by_role("button", name="Show all")).to_be_hidden()

    menu(page, SOURCE).select_option("overview article")
    assert shown(page) == ["ReLU", "LSTM"]
    expect(told).to_have_text("2 of 3 claims")
    page.get_by_label("Words").press_sequentially("Keeps IT")
    assert shown(page) == ["LSTM"]
    expect(page.get_by_role("heading", name="Activations")).to_be_hidden()
    linked = page.url
    assert linked.endswith("#ledger?source=overview+article&words=Keeps+IT")

    page.get_by_role("button", name="Show all").press("Enter")
    assert shown(page) == ["ReLU", "Tanh", "LSTM"]
    assert page.evaluate("location.hash") == "#ledger"
    expect(page.get_by_label("Words")).to_be_focused()

    page.goto(linked)
    assert shown(page) == ["LSTM"]
    page.get_by_label("Words").fill("Normalization")  # as it's spelled elsewhere
    assert shown(page) == ["ReLU"]
    page.get_by_label("Words").fill("needsnorm")  # like "batchnorm" for "batch norm"
    assert shown(page) == ["ReLU"]
    page.get_by_label("Words").fill("nothing like it")
    expect(told).to_have_text("None of 3 claims")


def test_an_address_is_followed_and_a_line_that_it_names_is_not_hidden(show):
    page = page_of(show, hash="#ledger?verdict=False&chapter=nowhere")
    assert shown(page) == ["Tanh"]
    expect(menu(page, CHAPTER)).to_have_value("")
    expect(menu(page, VERDICT)).to_have_value("False")
    page.evaluate("location.hash = '#said-lstm'")
    expect(page.locator("tr:has(#said-lstm)")).to_be_visible()
    assert shown(page) == ["ReLU", "Tanh", "LSTM"]


def test_on_a_phone_each_claim_is_a_card_and_on_paper_there_is_no_filter(show):
    page = page_of(show)
    page.set_viewport_size({"width": 380, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    cells = page.locator("tbody tr").first.locator("td").all()
    tops = [cell.bounding_box()["y"] for cell in cells]
    assert tops == sorted(set(tops))
    found = Axe().run(page, options={"preload": False}).response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    page.emulate_media(media="print")
    expect(page.get_by_role("search")).to_be_hidden()
    assert shown(page) == ["ReLU", "Tanh", "LSTM"]


def test_without_a_script_the_table_stands_as_it_is(show):
    page = page_of(show, java_script_enabled=False)
    assert shown(page) == ["ReLU", "Tanh", "LSTM"]
    expect(page.get_by_role("search")).to_have_count(0)
