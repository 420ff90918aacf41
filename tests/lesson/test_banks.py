"""Question banks: one schema for predictions, claims, exercises and questions."""

import re
from urllib.parse import parse_qsl

import pytest
from parts import CHOICE, NUMBER, OTHERWISE, write

import vgplib as vgp
from vgplib.errors import BankError
from vgplib.lesson import banks

BANKS = sorted(banks.folder().glob("*.json"))
CHAPTERS = [path for path in BANKS if banks.read(path).claims]
GUESS = {
    "id": "guess",
    "question": "What is left?",
    "options": ["all", "little"],
    "answer": "little",
    "because": "You multiply.",
}
CLAIM = {"id": "said", "said": "Water is wet.", "verdict": "holds", "answer": "It is."}
CARD = {
    "id": "ask",
    "question": "Why?",
    "short": "So.",
    "long": "So it is.",
    "trap": "No.",
    "proof": "In [this](02-causes.ipynb#chain?hops=10) it's {{ 1 }}.",
}
TASK = {
    "id": "do",
    "answers": NUMBER["answers"],
    "solution": "x = 2",
    "why": "Two.",
    "room": "Expect 3.",
}
RIGHT = NUMBER["answers"][0]
THREE = {"value": 3, "code": "x = 3", "feedback": "One less."}
NAN, INFINITE = float("nan"), float("inf")


def test_a_good_bank_is_read_as_it_stands(tmp_path):
    path = write(
        tmp_path,
        predictions=[GUESS],
        claims=[CLAIM],
        exercises=[TASK],
        questions=[CHOICE, NUMBER],
        cards=[CARD],
    )
    bank = banks.read(path)
    assert [p.id for kind in banks.KINDS for p in getattr(bank, kind)] == [
        *("guess", "said", "do", "one", "two", "ask")
    ]


def without(part, *keys):
    return {k: v for k, v in part.items() if k not in keys}


BROKEN = [
    ("questions", CHOICE | {"type": "multichoice"}, "question one: .*'multichoice'"),
    ("questions", CHOICE | {"qestion": "?"}, "question one: qestion: .*not permitted"),
    ("questions", without(CHOICE, "answers"), "question one: answers: Field required"),
    ("questions", CHOICE | {"answers": CHOICE["answers"][1:] * 2}, "'20' is there twice"),
    ("questions", CHOICE | {"answers": CHOICE["answers"][:1]}, "at least 2 items"),
    ("questions", CHOICE | {"question": "an unpaired $ sign"}, "question one: .*no partner"),
    ("questions", CHOICE | {"question": ""}, "question one: question: .*at least 1 character"),
    ("questions", CHOICE | {"question": 7}, r"question one: question: .*string \(it is 7\)"),
    ("questions", CHOICE | {"hint": ["a"]}, "question one: hint: .*string"),
    ("questions", CHOICE | {"id": ["a"]}, "question number 1: id: .*string"),
    ("questions", CHOICE | {"id": ""}, "question number 1: id: .*at least 1 character"),
    ("questions", CHOICE | {"objective": -1}, "question one: objective: .*greater than or equal"),
    ("questions", CHOICE | {"section": {"href": "nowhere", "text": "x"}}, "section, href"),
    (
        "questions",
        CHOICE | {"bench": {"href": "#no-bench", "text": "x"}},
        "bench, href: unknown experiment 'no-bench'",
    ),
    (
        "questions",
        CHOICE | {"bench": {"href": "#through-time?cell=rnn,lsmt", "text": "x"}},
        "bench, href: unknown cell 'lsmt'",
    ),
    (
        "questions",
        CHOICE | {"bench": {"href": "#chain?hops=0", "text": "x"}},
        "hops must be at least 1",
    ),
    ("questions", NUMBER | {"tolerance": "1"}, r"question two: tolerance: .*\(it is '1'\)"),
    ("questions", NUMBER | {"tolerance": -1.0}, "question two: tolerance: "),
    ("questions", NUMBER | {"tolerance": NAN}, "question two: tolerance: "),
    ("questions", NUMBER | {"answers": [{"value": NAN, "feedback": "."}]}, "finite number"),
    ("questions", NUMBER | {"answers": [{"value": "2", "feedback": "."}]}, "answers, 1, value: "),
    ("questions", NUMBER | {"answers": [{"range": ["a", "b"], "feedback": "."}]}, "range, 1"),
    ("questions", NUMBER | {"answers": [{"range": [3, 1], "feedback": "."}]}, r"\[low, high\]"),
    ("questions", NUMBER | {"answers": [{"range": [0, INFINITE], "feedback": "."}]}, "finite"),
    (
        "questions",
        NUMBER | {"answers": [{"answer": "2", "feedback": "."}, OTHERWISE]},
        "value or range",
    ),
    (
        "questions",
        NUMBER | {"answers": [{"value": 2, "correct": True}]},
        "feedback: Field required",
    ),
    ("questions", NUMBER | {"answers": [OTHERWISE]}, "no answer is marked correct"),
    ("predictions", GUESS | {"answer": "much"}, "prediction guess: unknown answer 'much'"),
    ("predictions", without(GUESS, "because"), "prediction guess: because: Field required"),
    ("predictions", GUESS | {"readout": 1}, "either 'options' .* or a 'readout'"),
    ("predictions", GUESS | {"options": ["little", "little"]}, "'little' is there twice"),
    ("predictions", GUESS | {"show": {"hops": None}}, "prediction guess: show, hops"),
    ("predictions", GUESS | {"room": {"expect": "A."}}, "guess: room, ask: Field required"),
    ("predictions", GUESS | {"room": {"expect": "$", "ask": "B?"}}, "room, expect: .*no partner"),
    ("claims", CLAIM | {"verdict": "wrong"}, "claim said: verdict: .*'holds'"),
    ("claims", CLAIM | {"said": "$x$ is wet."}, "claim said: 'said' holds a formula"),
    ("exercises", TASK | {"answers": NUMBER["answers"][:1]}, "of the type 'default'"),
    ("exercises", TASK | {"answers": [RIGHT, without(THREE, "code"), OTHERWISE]}, "'code' is for"),
    ("exercises", TASK | {"answers": [RIGHT | {"code": "x = 2"}, OTHERWISE]}, "'code' is for"),
    ("exercises", TASK | {"answers": [RIGHT, OTHERWISE | {"code": "x = 0"}]}, "'code' is for"),
    (
        "exercises",
        TASK | {"answers": [RIGHT, THREE, THREE | {"value": 4}, OTHERWISE]},
        "'One less.'",
    ),
    ("exercises", without(TASK, "room"), "exercise do: room: Field required"),
    ("cards", without(CARD, "trap"), "card ask: trap: Field required"),
    ("cards", CARD | {"proof": "Look around."}, "card ask: proof: .*one link .* has 0"),
    ("cards", CARD | {"proof": "[a](#chain)"}, "card ask: proof: .*at a setting.* has 0"),
    ("cards", CARD | {"proof": "[a](b.ipynb#chain?hops=0)"}, "proof: hops must be at least 1"),
]


@pytest.mark.parametrize(("kind", "part", "said"), BROKEN)
def test_a_broken_entry_is_named_with_its_file_and_the_reason(tmp_path, kind, part, said):
    with pytest.raises(BankError, match=f"^bank.json, .*{said}"):
        banks.read(write(tmp_path, **{kind: [part]}))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[{", "bank.json: not valid JSON"),
        (b"[]", "bank.json: .*dictionary"),
        ('{"claims": "é"}'.encode("latin-1"), "bank.json: the file is not UTF-8"),
        (b'{"qestions": []}', "bank.json: qestions: "),
    ],
)
def test_a_file_that_is_no_bank_is_named(tmp_path, content, said):
    (tmp_path / "bank.json").write_bytes(content)
    with pytest.raises(BankError, match=f"^{said}"):
        banks.read(tmp_path / "bank.json")


def test_an_id_stands_once_and_a_missing_bank_names_those_there_are(tmp_path):
    with pytest.raises(BankError, match="question one: its id is used twice"):
        banks.read(write(tmp_path, questions=[CHOICE, CHOICE]))
    with pytest.raises(BankError, match=r"no such question bank; there are: bank\."):
        banks.read(tmp_path / "nowhere.json")


@pytest.mark.parametrize("kind", ["predictions", "claims", "exercises", "cards"])
def test_ids_are_found_whichever_bank_they_are_in_so_they_differ(kind):
    names = [part.id for path in BANKS for part in getattr(banks.read(path), kind)]
    assert sorted(names) == sorted(set(names))
    for name in names:
        assert banks.find(kind, name).id == name
    with pytest.raises(ValueError, match=f"unknown {kind[:-1]} 'nowhere'"):
        banks.find(kind, "nowhere")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_chapter_has_six_questions_and_two_that_must_be_worked_out(path):
    questions = banks.read(path).questions
    assert len(questions) >= 6
    assert sum(q.type == "numeric" for q in questions) >= 2


def test_where_an_option_stands_tells_nobody_that_it_is_right():
    """In no bank all at one place, and over all banks no place holds most of the right ones."""
    places = {}
    for path in BANKS:
        choices = [q.answers for q in banks.read(path).questions if q.type == "multiple_choice"]
        places[path.stem] = [[a.correct for a in answers].index(True) for answers in choices]
    alike = [name for name, found in places.items() if len(found) > 2 and len(set(found)) == 1]
    assert alike == []
    found = [place for those in places.values() for place in those]
    assert max(map(found.count, found)) <= len(found) / 2


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_room_s_answers_are_told_in_three_sentences_and_its_argument_is_a_question(path):
    for guess in banks.read(path).predictions:
        assert len(re.findall(r"[.!?](?=\s|$)", guess.room.expect)) <= 3, guess.id
        assert guess.room.ask.endswith("?") and len(guess.room.ask.split()) <= 35, guess.id
        # What is emphasised is what a room says: wrong answers, in the options' words.
        assert guess.answer is None or f"*{guess.answer}*" not in guess.room.expect, guess.id


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_claim_is_three_sentences_and_two_numbers_at_most(path):
    for claim in banks.read(path).claims:
        text = re.sub(r"\$[^$]*\$|\[[^\]]*\]\([^)]*\)", " ", claim.answer)
        assert len(re.findall(r"[.!?](?=\s|$)", text)) <= 3, claim.id
        # Of two digits or more, and no years: "layer 1" and "1997" are names.
        numbers = re.findall(r"\{\{.*?\}\}|(?<![\w.])(?!(?:19|20)\d\d\b)\d[\d.,]*\d", text)
        assert len(numbers) <= 2, claim.id


def test_an_answer_can_be_said_in_half_a_minute_and_a_longer_one_in_two():
    """At 150 words a minute."""
    cards = [card for path in BANKS for card in banks.read(path).cards]
    assert len(cards) >= 18
    for card in cards:
        short, long, trap = (
            len(re.sub(r"\{\{.*?\}\}|\[|\]\([^)]*\)|\$", "", text).split())
            for text in (card.short, card.long, card.trap)
        )
        assert 40 <= short <= 80 < long <= 250 and trap <= 50, card.id


def settled():
    for path in BANKS:
        for question in banks.read(path).questions:
            if question.bench and question.bench.readout is not None:
                yield pytest.param(question, id=f"{path.stem}-{question.id}")


@pytest.mark.parametrize("question", list(settled()))
def test_the_bench_gives_the_answer_that_counts_as_right(question):
    name, _, setting = question.bench.href.removeprefix("#").partition("?")
    exp = vgp.experiments.experiment(re.sub(r"-\d+$", "", name))
    settings = {
        key: value if isinstance(exp.control(key).values[0], str) else float(value)
        for key, value in parse_qsl(setting)
        if key != "ask"
    }
    measured = vgp.readouts(exp.name, **settings)[question.bench.readout].value
    (right,) = [a for a in question.answers if a.correct]
    if right.range:
        assert right.range[0] <= measured <= right.range[1]
    else:
        assert measured == pytest.approx(right.value, abs=question.tolerance)


def typed():
    for path in BANKS:
        bank = banks.read(path)
        for part in [*bank.exercises, *(q for q in bank.questions if q.type == "numeric")]:
            yield pytest.param(part, id=f"{path.stem}-{part.id}")


@pytest.mark.parametrize("part", list(typed()))
def test_a_right_number_is_not_also_a_wrong_one(part):
    """The first answer that matches is taken, so no two may overlap."""
    slack = getattr(part, "tolerance", None) or 0
    spans = [
        a.range or (a.value - slack, a.value + slack) for a in part.answers if a.type != "default"
    ]
    spans.sort()
    for (_, end), (start, _) in zip(spans, spans[1:], strict=False):
        assert end <= start, "answers overlap"


@pytest.mark.parametrize("path", [p for p in BANKS if banks.read(p).votes], ids=lambda p: p.stem)
def test_each_vote_is_asked_before_the_evidence_and_after_it_and_one_may_say_it_depends(path):
    text = next(path.parent.parent.glob(f"chapters/**/{path.stem}.md")).read_text("utf-8")
    for vote in banks.read(path).votes:
        assert vote.options[-1].startswith("it depends")
        before = text.index(f'{{{{ vote("{vote.id}") }}}}')
        after = text.index(f'{{{{ vote_again("{vote.id}") }}}}')
        assert text[before:after].count("vgp.bench(") == 1
