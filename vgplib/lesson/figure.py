"""A lesson's own figures: in the page's colours, and in place of a cell that is live elsewhere."""

from __future__ import annotations

import html
from typing import Any

from vgplib.drawing import figure_svg
from vgplib.lesson.bundle import show, unique
from vgplib.lesson.text import plain, segments, to_html


class Picture:
    """A figure as HTML, and its words. Made by :func:`picture`."""

    def __init__(self, markup: str, words: str) -> None:
        self._parts = {"text/plain": words, "text/html": markup}

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
    return Picture(f'<figure class="vgp vgp-drawn">{still}{caption}</figure>', plain(says))


class InANotebook:
    """A live widget with the picture that stands for it where nothing is live."""

    def __init__(self, widget: Any, figure: Any, says: str) -> None:
        self._widget, self._figure, self._says = widget, figure, says

    def __repr__(self) -> str:
        return plain(self._says)

    def _ipython_display_(self) -> None:
        show(self._widget, self.still(), repr(self))

    def still(self) -> str:
        """The picture as HTML, with a word on where it comes alive."""
        words = repr(self)
        return (
            '<figure class="vgp vgp-yours">'
            "<p><strong>This cell comes alive in a notebook.</strong> This is what it drew.</p>"
            f"{figure_svg(self._figure, words, unique('live'))}"
            f"<figcaption>{html.escape(words)}</figcaption></figure>"
        )


def in_a_notebook(widget: Any, *, figure: Any, says: str) -> InANotebook:
    """Show a live widget in a notebook, and on a static page its last picture instead.

    Args:
        widget: Any ipywidget.
        figure: The matplotlib figure that stands for it on the page.
        says: What the picture shows, in a sentence with its numbers.
    """
    return InANotebook(widget, figure, says)
