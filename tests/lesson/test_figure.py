"""A figure says in words what it shows, and a learner's own drawing follows a bench."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure
from parts import outputs

import vgplib as vgp


@pytest.fixture(autouse=True)
def nothing_is_open():
    """What other tests of this process left open is none of these tests' business."""
    plt.close("all")


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


def draw(hops):
    """As a learner writes it: by pyplot, which would show what is left open once more."""
    if hops == 3:
        plt.subplots()
        raise ValueError("three is closed")
    if hops == 5:
        return None
    figure, axes = plt.subplots()
    axes.plot(range(hops))
    axes.set_title(f"{hops} hops")
    return figure


def test_a_drawing_beside_a_bench_has_its_first_picture_for_the_page():
    bench = vgp.bench("chain", controls=["hops"], hops=10)
    # Two outputs: what is drawn while the cell runs would make nbclient talk back, and hang.
    still, live = outputs(vgp.beside(bench, draw, says="A line of $2^3$, <b>."))
    assert still["text/plain"] == "A line of 2³, <b>."
    assert 'aria-label="A line of 2³, &lt;b&gt;."' in still["text/html"]
    assert "10 hops" in still["text/html"]
    assert "Run in a notebook, this cell comes alive" in still["text/html"]
    assert f'id="{bench.spec["id"]}"' in still["text/html"]  # the bench hides it by that
    assert "application/vnd.jupyter.widget-view+json" in live
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("start", "problem", "said"),
    [
        (3, ValueError, "three is closed"),
        (5, TypeError, "draw must return a matplotlib figure, not None; .* `return figure`"),
    ],
)
def test_a_drawing_that_fails_at_first_is_the_cells_own_error(start, problem, said):
    bench = vgp.bench("chain", controls=["hops"], hops=start)
    with pytest.raises(problem, match=said):
        vgp.beside(bench, draw, says="Nothing.")
    assert plt.get_fignums() == []
