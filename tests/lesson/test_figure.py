"""A figure says in words what it shows, and stands for a live cell where nothing is live."""

import ipywidgets
import pytest
from matplotlib.figure import Figure
from parts import outputs

import vgplib as vgp


@pytest.fixture
def line():
    figure = Figure()
    figure.add_subplot().plot([1, 2])
    return figure


def test_a_picture_has_its_words_as_name_and_as_caption(line):
    shown = vgp.picture(line, "From 1 to $2^3$, <b>.")._repr_mimebundle_()
    assert shown["text/plain"] == "From 1 to 2³, <b>."
    assert 'aria-label="From 1 to 2³, &lt;b&gt;."' in shown["text/html"]
    caption = shown["text/html"].partition("<figcaption>")[2]
    assert "<msup><mn>2</mn>" in caption
    assert "<b>" not in caption


def test_a_live_cell_has_a_picture_for_the_page(line):
    made = vgp.in_a_notebook(ipywidgets.IntSlider(), figure=line, says="A line from 1 to 2.")
    still, live = outputs(made)
    assert still["text/plain"] == "A line from 1 to 2."
    assert 'aria-label="A line from 1 to 2."' in still["text/html"]
    assert "comes alive in a notebook" in still["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in live
