"""Boxes say the same as HTML and as plain text, and refuse what would mislead."""

import pytest

import vgplib as vgp


def parts(box):
    found = box._repr_mimebundle_()
    return found["text/plain"], found["text/html"]


@pytest.mark.parametrize(
    ("verdict", "word"),
    [
        ("holds", "Holds"),
        ("conditions", "Holds with conditions"),
        ("misleading", "Misleading"),
        ("false", "False"),
    ],
)
def test_a_claim_says_its_verdict_in_words(verdict, word):
    text, html = parts(vgp.claim("Water is wet.", verdict, "Measured: 3 of 3 fingers."))
    assert text == f"Claim ({word}): Water is wet.\nMeasured: 3 of 3 fingers."
    assert f"Claim · {word}" in html
    assert f"vgp-{verdict}" in html


def test_a_claim_has_one_of_four_verdicts():
    with pytest.raises(ValueError, match=r"unknown verdict 'wrong'.*'holds', 'conditions'"):
        vgp.claim("x", "wrong", "y")


def test_an_analogy_must_say_where_it_breaks():
    with pytest.raises(ValueError, match="must say where it breaks"):
        vgp.analogy("fog", "You walk downhill.", breaks=[])
    text, html = parts(vgp.analogy("fog", "You walk downhill.", breaks=["It is no hill."]))
    assert "Where it breaks" in text
    assert "<li>It is no hill.</li>" in html


def test_a_summary_is_short():
    assert "In short" in parts(vgp.short("word " * 149))[0]
    with pytest.raises(ValueError, match="this one has 150"):
        vgp.short("word " * 150)


def test_a_measured_paragraph_says_the_same_in_html_and_in_plain_text():
    text, html = parts(vgp.measured("It keeps **0.24** of $x$."))
    assert text == "It keeps 0.24 of x."
    assert "<strong>0.24</strong>" in html
    assert "<math" in html


def test_a_picture_has_its_words_as_name_and_as_caption():
    from matplotlib.figure import Figure

    figure = Figure()
    figure.add_subplot().plot([1, 2])
    text, html = parts(vgp.picture(figure, "A line from 1 to 2."))
    assert text == "A line from 1 to 2."
    assert 'aria-label="A line from 1 to 2."' in html
    assert "<figcaption>A line from 1 to 2.</figcaption>" in html


def test_text_is_never_markup():
    for box in (
        vgp.claim("<script>", "holds", "<img>"),
        vgp.objectives("<script>"),
        vgp.short("<script>"),
    ):
        html = parts(box)[1]
        assert "<script>" not in html
        assert "&lt;script&gt;" in html


def test_a_live_cell_has_a_picture_for_the_page():
    import ipywidgets
    from matplotlib.figure import Figure

    figure = Figure()
    figure.add_subplot().plot([1, 2])
    shown = vgp.in_a_notebook(ipywidgets.IntSlider(), figure=figure, says="A line from 1 to 2.")
    data, _ = shown._repr_mimebundle_()
    assert data["text/plain"] == "A line from 1 to 2."
    assert 'aria-label="A line from 1 to 2."' in data["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in data
