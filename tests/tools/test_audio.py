"""What the pages read aloud: words for everything, and recordings that belong to their text."""

import re
import wave

import pytest

from tools.audio import __main__ as audio
from tools.audio import recogniser, spoken, texts, voice
from tools.environment import ROOT, Failure
from vgplib.lesson import banks


@pytest.mark.parametrize(
    ("latex", "words"),
    [
        (r"\sigma_w^2", "sigma W squared"),
        (r"1 + e^{\text{bias}}", "one plus E to the bias"),
        (r"6 \times 10^{-8}", "six times ten to the minus eight"),
        (r"\frac{\partial L}{\partial z}", "partial L over partial Z"),
        (r"\sqrt{2}\,a", "the square root of two ay"),
        (r"\hat{y} \le 1", "Y hat is at most one"),
        (r"f'(x) \approx \tanh x", "F prime X is about tan H X"),
        (r"W^{\mathsf T}\delta", "W transpose delta"),
        (r"\prod_{l=1}^{L} J_l", "the product from L equals one to L of J L"),
        (r"x^3 \to \infty", "X cubed to infinity"),
    ],
)
def test_a_formula_is_spoken_in_words(latex, words):
    assert spoken.formula(latex) == words


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ("about 1.8 × 10⁻⁶ of it", "about one point eight times ten to the minus six of it"),
        ("10^-5, or −0.082.", "ten to the minus five, or minus zero point zero eight two."),
        ("3 % of 1,250", "three percent of one thousand two hundred fifty"),
        ("Experiment 5a.1: 20–30 layers", "Experiment five ay point one: twenty to thirty layers"),
        ("near ±1. Adam’s ε,", "near plus or minus one. Adam's epsilon,"),
        ("A ReLU's σ_w², not tanh", "a ray loo's sigma W squared, not tan H"),
        ("`torch.nn.Linear(x, y=2)` runs", "torch dot N N dot Linear X, Y equals two, runs"),
        ("`python -m vgplib`", "python dash M V G P lib"),
        ("fan-in of a 100-layer net", "fan in of a one hundred layer net"),
        ("the last (it bends) → “out”.", "the last, it bends, to out."),
        ("the [*second* half](02.ipynb)", "the second half"),
        ("lasts $x^2$, or ($y$).", "lasts X squared, or, Y."),
    ],
)
def test_numbers_signs_names_and_code_are_spoken_in_words(shown, words):
    assert " ".join(texts.words(shown)) == words


def test_each_word_of_the_page_has_its_own_spoken_form_in_order():
    markdown = "Two *plain words*\nand $1 + e^{x}$ steps.\n\nThen `f(a, b)` – no more."
    assert texts.words(markdown) == [
        *("Two", "plain", "words", "and", "one plus E to the X", "steps."),
        *("Then", "F ay,", "b,", "", "no", "more."),
    ]


def test_the_voice_gets_letters_and_punctuation_alone():
    for reading in texts.readings():
        for word in reading.words:
            assert re.fullmatch(r"[A-Za-z' ]+[.,;:?!]?", word), (reading.chapter, word)


def test_each_chapter_in_short_and_each_short_answer_is_read_aloud():
    found = [(one.chapter, one.place) for one in texts.readings()]
    chapters = {path.stem for path in (ROOT / "chapters").rglob("[0-9a-z]*.md")}
    assert {chapter for chapter, place in found if place == "in-short"} == chapters
    cards = banks.read(banks.folder() / "09-questions.json").cards
    asked = [place for chapter, place in found if place != "in-short"]
    assert asked == [f"card-{card.id}" for card in cards]


def test_every_recording_is_of_the_text_that_its_page_has():
    assert audio.problems(texts.readings()) == [], "Texts have changed: run make audio."


def test_a_changed_text_a_lost_file_and_one_too_many_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "FOLDER", tmp_path / "audio")
    monkeypatch.setattr(
        voice, "record", lambda words: voice.Recording(b"sound", 1.0, [0.0] * len(words))
    )
    one, other = (texts.Reading("02", place, ("a", "b")) for place in ("in-short", "card-x"))
    audio._record([one, other])
    assert audio.problems([one, other]) == []
    changed = texts.Reading("02", "in-short", ("a", "c"))
    assert audio.problems([changed, other]) == [
        "audio/02/in-short.mp3 speaks another text than its page has."
    ]
    assert audio.problems([one]) == ["audio/02/card-x.mp3 belongs to no page."]
    other.file.unlink()
    assert audio.problems([one, other]) == ["audio/02/card-x.mp3 is missing."]
    audio._record([changed])
    assert audio.problems([changed]) == []
    one.file.write_bytes(bytes(audio.LARGEST + 1))
    assert audio.problems([changed]) == ["audio/02/in-short.mp3 is larger than 300,000 bytes."]


def test_only_a_changed_text_is_recorded_again(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "FOLDER", tmp_path / "audio")
    recorded = []

    def record(words):
        recorded.append(words)
        return voice.Recording(b"sound", 1.0, [0.0] * len(words))

    monkeypatch.setattr(voice, "record", record)
    one, other = (texts.Reading("02", place, ("a", "b")) for place in ("in-short", "card-x"))
    audio._record([one, other])
    audio._record([one, texts.Reading("02", "card-x", ("c",))])
    assert recorded == [("a", "b"), ("a", "b"), ("c",)]


def test_words_begin_where_the_sentences_before_them_have_ended(tmp_path, monkeypatch):
    """Of a voice that says each spoken word in a second."""

    def speak(sentences, folder):
        counts = [len(sentence.split()) for sentence in sentences]
        for k, count in enumerate(counts):
            with wave.open(str(folder / f"{k}.wav"), "wb") as sound:
                sound.setparams((1, 2, 100, 0, "NONE", ""))
                sound.writeframes(bytes(2 * 100 * count))
        return [[float(t) for t in range(count)] for count in counts]

    monkeypatch.setattr(voice, "_speak", speak)
    monkeypatch.setattr(voice, "_pack", lambda sound: b"packed")
    made = voice.record(["L S T M", "", "gates.", "Then", "", "one plus", "two?", ""])
    gap = voice.PAUSE
    assert made.starts == [0, 0, 4, 5 + gap, 5 + gap, 6 + gap, 8 + gap, 8 + gap]
    assert made.seconds == 9 + 2 * gap
    assert made.sound == b"packed"


def test_a_missing_voice_is_a_sentence(monkeypatch):
    monkeypatch.setattr(voice.shutil, "which", lambda name: None)
    with pytest.raises(Failure, match="sudo apt-get install festival festvox-us-slt-hts lame"):
        voice.ensure()


def test_errors_are_counted_by_the_fewest_changes():
    assert recogniser.distance("the loss falls".split(), "a loss that falls".split()) == 2
    assert recogniser.distance([], ["x", "y"]) == 2
