"""What there is to repeat holds each chapter's questions, with links that name their page."""

import vgplib as vgp
from tools.environment import ROOT
from vgplib.lesson import banks


def test_each_question_of_each_chapter_can_be_repeated_and_its_links_lead_to_a_page():
    quizzes = vgp.repeat("../chapters").spec["quizzes"]  # no notebooks there, seen from here
    assert [quiz["title"] for quiz in quizzes] == [quiz["chapter"] for quiz in quizzes]
    asked = {(quiz["chapter"], q["id"]) for quiz in quizzes for q in quiz["questions"]}
    assert asked == {
        (path.stem, question.id)
        for path in banks.folder().glob("*.json")
        for question in banks.read(path).questions
    }
    for quiz in quizzes:
        for href in hrefs(quiz):
            file = href.partition("#")[0]
            assert "://" in href or (ROOT / "appendix" / file).resolve().is_file(), href
        own = [
            q[key]["href"] for q in quiz["questions"] for key in ("section", "bench") if key in q
        ]
        assert all(href.startswith(f"{quiz['href']}#") for href in own)


def test_a_chapter_is_named_as_its_notebook_is(monkeypatch):
    monkeypatch.chdir(ROOT / "appendix")
    titles = {quiz["chapter"]: quiz["title"] for quiz in vgp.repeat("../chapters").spec["quizzes"]}
    assert titles["02-causes"] == "Why gradients vanish"
    assert titles["gating"] == "What a gate keeps"
    assert not titles.keys() & set(titles.values())


def hrefs(given):
    """All addresses in a state, at any depth."""
    if isinstance(given, dict):
        own = [given["href"]] if "href" in given else []
        return own + hrefs(list(given.values()))
    return [href for part in given for href in hrefs(part)] if isinstance(given, list) else []
