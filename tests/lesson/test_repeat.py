"""What there is to repeat holds each chapter's questions, with links that name their page."""

import vgplib as vgp
from tools.environment import ROOT
from vgplib.lesson import banks


def test_each_question_of_each_chapter_can_be_repeated_and_its_links_lead_to_a_page():
    quizzes = vgp.repeat("../chapters").spec["quizzes"]
    asked = {(quiz["chapter"], q["id"]) for quiz in quizzes for q in quiz["questions"]}
    assert asked == {
        (path.stem, question.id)
        for path in banks.folder().glob("*.json")
        for question in banks.read(path).questions
    }
    for quiz in quizzes:
        assert (ROOT / "appendix" / quiz["href"]).resolve().exists()
        links = [
            q[key]["href"] for q in quiz["questions"] for key in ("section", "bench") if key in q
        ]
        assert all(link.startswith(f"{quiz['href']}#") for link in links)
