"""The book on paper: each page is where the contents say, and no link leads to a server."""

import pytest
from pypdf import PdfReader

from tools import pdf

PAGES = [
    ("", [("intro", "")]),
    ("Appendix", [("appendix/bibliography", ""), ("chapters/02-reach", "2b")]),
]


@pytest.fixture(scope="module")
def printed(book, browser, tmp_path_factory):
    to = tmp_path_factory.mktemp("paper") / "three.pdf"
    count = pdf.make(browser, PAGES, to)
    found = PdfReader(to)
    assert len(found.pages) == count
    return found


def test_the_contents_say_where_each_page_begins_and_so_does_the_outline(printed):
    lines = printed.pages[1].extract_text().splitlines()
    starts = [printed.get_destination_page_number(entry) for entry in printed.outline]
    assert [entry.title for entry in printed.outline][1:] == ["Bibliography", "2b"]
    for entry, start in zip(printed.outline, starts, strict=True):
        text = printed.pages[start].extract_text().splitlines()
        assert text[-1].strip() == str(start + 1)  # its own number, at its foot
        told = next(k for k, line in enumerate(lines) if line.startswith(entry.title))
        assert str(start + 1) in lines[told : told + 2] or lines[told].endswith(str(start + 1))


def test_links_lead_within_the_file_or_out_of_the_book_and_are_told(printed):
    outside, inside = set(), 0
    for page in printed.pages:
        for link in page.get("/Annots", ()):
            link = link.get_object()
            inside += "/Dest" in link
            outside.add(str(link.get("/A", {}).get("/URI", "")))
    assert inside and not any("127.0.0.1" in address for address in outside)
    words = "".join(page.extract_text() for page in printed.pages)
    papers = [address for address in outside if "arxiv.org" in address]
    assert papers and all(address in words.replace("\n", "") for address in papers)
