"""A lesson's own figures: in the page's colours, and a learner's own beside a bench."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vgplib.drawing import figure_svg
from vgplib.lesson.bundle import show, unique, wrapped
from vgplib.lesson.text import plain, segments, to_html

if TYPE_CHECKING:
    from vgplib.lesson.bench import Bench


class Picture:
    """A figure as HTML, and its words. Made by :func:`picture`."""

    def __init__(self, markup: str, words: str) -> None:
        self._parts = {"text/plain": wrapped(words), "text/html": markup}

    def __repr__(self) -> str:
        return self._parts["text/plain"]

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        return self._parts


def picture(figure: Any, says: str) -> Picture:
    """A matplotlib figure in the page's colours, light and dark.

    Args:
        figure: The figure.
        says: What it shows, for those who do not see it, and as its caption.
    """
    still = figure_svg(figure, plain(says), unique("picture"))
    caption = f"<figcaption>{to_html(segments(says))}</figcaption>"
    return Picture(_drawn(still + caption), plain(says))


class Beside:
    """A bench with a learner's own drawing below it. Made by :func:`beside`."""

    def __init__(self, bench: Bench, draw: Callable[..., Any], says: str) -> None:
        self._bench, self._draw, self._says = bench, draw, says
        self._first = self._svg(unique("beside"))

    def _svg(self, salt: str) -> str:
        """The drawing at the bench's present setting."""
        from matplotlib import pyplot as plt
        from matplotlib.figure import Figure

        settings = {name: control.value for name, control in self._bench.controls.items()}
        there = set(plt.get_fignums())
        try:
            figure = self._draw(**settings)
            if not isinstance(figure, Figure):
                raise TypeError(
                    f"{self._draw.__name__} must return a matplotlib figure, not {figure!r}; "
                    "let it end with `return figure`."
                )
            return figure_svg(figure, plain(self._says), salt)
        finally:  # the notebook would show what is left open a second time
            for number in set(plt.get_fignums()) - there:
                plt.close(number)

    def __repr__(self) -> str:
        return plain(self._says)

    def _ipython_display_(self) -> None:
        show(self._live(), self.still(), repr(self))

    def _live(self) -> Any:
        """The widget: an error in ``draw`` is told where its picture would be."""
        import ipywidgets
        from IPython.display import HTML, clear_output, display

        hint = ipywidgets.HTML()
        salt = unique("beside")
        # The first picture comes with the widget. Drawn into it while the cell runs, as
        # `interactive_output` does, it makes nbclient, which builds the book, answer the kernel;
        # and if the cell's own reply comes at that moment, nbclient never looks at it
        # (github.com/jupyter/nbclient/issues/312).
        first = {"text/html": _drawn(self._first), "text/plain": ""}
        drawing = ipywidgets.Output(
            outputs=({"output_type": "display_data", "data": first, "metadata": {}},)
        )

        def redraw(change: Any) -> None:
            del change
            hint.value = _DRAWING
            with drawing:
                clear_output(wait=True)
                try:
                    display(HTML(_drawn(self._svg(salt))))
                except Exception as problem:
                    _tell(problem)
            hint.value = ""

        for control in self._bench.controls.values():
            control.observe(redraw, "value")
        box = ipywidgets.VBox([self._bench, hint, drawing])
        box.add_class("vgp-beside")
        return box

    def still(self) -> str:
        """The first picture as HTML, with a word on where it comes alive.

        It has the bench's id: the front end hides what has it when that bench comes alive.
        """
        return (
            f'<figure class="vgp vgp-yours" id="{self._bench.spec["id"]}">'
            "<p><strong>Run in a notebook, this cell comes alive:</strong> you move the controls, "
            f"and change the code. This is what it draws at first.</p>{self._first}"
            f"<figcaption>{to_html(segments(self._says))}</figcaption></figure>"
        )


def _drawn(content: str) -> str:
    return f'<figure class="vgp vgp-drawn">{content}</figure>'


def _tell(problem: Exception) -> None:
    """Print the traceback here, from the learner's own code on."""
    from IPython import get_ipython

    trace = problem.__traceback__
    while trace and trace.tb_next and trace.tb_frame.f_globals.get("__name__") == __name__:
        trace = trace.tb_next
    get_ipython().showtraceback((type(problem), problem, trace))


_DRAWING = '<p class="vgp-drawing" role="status">Running your function…</p>'


def beside(bench: Bench, draw: Callable[..., Any], *, says: str) -> Beside:
    """Show a bench, and below it a drawing of one's own that follows its controls.

    Args:
        bench: Any bench.
        draw: ``draw(depth=20)`` returns a matplotlib figure; it is called anew on each move, with
            a keyword for each of the bench's controls.
        says: What the first picture shows, in a sentence: the book, where no kernel runs, has
            that picture alone.

    Raises:
        TypeError: ``draw`` returns no figure, or takes other keywords.
    """
    return Beside(bench, draw, says)
