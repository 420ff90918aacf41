"""The boxes of a chapter: objectives, analogy, claim, measured paragraph, summary, live cell."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from typing import Any

from vgplib import errors
from vgplib.lesson.bundle import show, unique
from vgplib.lesson.text import plain, segments, to_html

VERDICTS = {
    "holds": "Holds",
    "conditions": "Holds with conditions",
    "misleading": "Misleading",
    "false": "False",
}


class Box:
    """HTML for the page and the same words as plain text. Made by the functions below."""

    def __init__(self, markup: str, text: str) -> None:
        self._parts = {"text/plain": text, "text/html": markup}

    def __repr__(self) -> str:
        return self._parts["text/plain"]

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        return self._parts


def _rich(text: str) -> str:
    return to_html(segments(text))


def _box(kind: str, colour: str, inner: str) -> str:
    # In the book the style sheet says how a box looks; in a notebook there is none, so the
    # little that a box needs to be told from prose is written on it.
    style = f"border-left:3px solid var({colour[0]}, {colour[1]});padding:.4em 1em;margin:1em 0"
    return f'<div class="vgp {kind}" style="{style}">{inner}</div>'


def _wrap(text: str) -> str:
    return "\n".join(textwrap.wrap(plain(text), 88))


def _list(items: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{_rich(i)}</li>" for i in items) + "</ul>"


_ACCENT = ("--vgp-accent", "#0b6e99")
_COLOURS = {
    "holds": ("--vgp-good", "#1a7f45"),
    "conditions": _ACCENT,
    "misleading": ("--vgp-warn", "#8a6100"),
    "false": ("--vgp-bad", "#b42318"),
}


def objectives(*items: str) -> Box:
    """What a reader can do after the chapter; each item continues "After this chapter you can"."""
    head = "After this chapter you can"
    markup = f'<p class="vgp-box-title"><strong>{head}</strong></p>{_list(items)}'
    text = "\n".join([head + ":", *(f"- {plain(i)}" for i in items)])
    return Box(_box("vgp-objectives", _ACCENT, markup), text)


def analogy(title: str, text: str, *, breaks: Sequence[str]) -> Box:
    """A comparison with everyday life, and where it breaks: one told without the other misleads.

    Raises:
        ValueError: ``breaks`` is empty.
    """
    if not breaks:
        raise ValueError(f"the analogy {title!r} must say where it breaks.")
    markup = (
        f'<p class="vgp-box-title"><strong>Analogy: {_rich(title)}</strong></p><p>{_rich(text)}</p>'
        f'<p class="vgp-box-title"><strong>Where it breaks</strong></p>{_list(breaks)}'
    )
    lines = [f"Analogy: {plain(title)}", _wrap(text), "Where it breaks:"]
    lines += [f"- {plain(b)}" for b in breaks]
    return Box(_box("vgp-analogy", _ACCENT, markup), "\n".join(lines))


def claim(said: str, verdict: str, measured: str, *, see: str | None = None) -> Box:
    """A sentence that people repeat, its verdict and the measurement behind it.

    Args:
        said: The claim, in plain words.
        verdict: ``"holds"``, ``"conditions"``, ``"misleading"`` or ``"false"``.
        measured: The measurement, its numbers formatted from this cell's data.
        see: A link to the experiment that settles it: ``"[Experiment 2.2](#error-signal)"``.

    Raises:
        ValueError: The verdict is not one of the four.
    """
    errors.choose("verdict", verdict, VERDICTS)
    word = VERDICTS[verdict]
    link = f" {_rich(see)}" if see else ""
    markup = (
        f'<p class="vgp-verdict"><strong>Claim · {word}</strong></p>'
        f'<p class="vgp-said">“{_rich(said)}”</p><p>{_rich(measured)}{link}</p>'
    )
    kind = f"vgp-claim vgp-{verdict}"
    text = f"Claim ({word}): {plain(said)}\n{_wrap(measured)}"
    return Box(_box(kind, _COLOURS[verdict], markup), text)


def measured(text: str) -> Box:
    """A paragraph of the lesson whose numbers were formatted by the cell it stands in.

    After a bench that asks for a guess, the page tells it only when the guess is made.
    """
    return Box(f'<div class="vgp vgp-saw"><p>{_rich(text)}</p></div>', _wrap(text))


def short(text: str, limit: int = 150) -> Box:
    """The chapter in short.

    Raises:
        ValueError: It is not short: ``limit`` words or more.
    """
    words = len(plain(text).split())
    if words >= limit:
        raise ValueError(f"a summary has under {limit} words; this one has {words}.")
    markup = f'<p class="vgp-box-title"><strong>In short</strong></p><p>{_rich(text)}</p>'
    return Box(_box("vgp-short", _ACCENT, markup), f"In short: {_wrap(text)}")


def picture(figure: Any, says: str) -> Box:
    """A matplotlib figure in the page's colours, light and dark.

    Args:
        figure: The figure.
        says: What it shows, for those who do not see it, and as its caption.
    """
    from vgplib.drawing import figure_svg

    still = figure_svg(figure, plain(says), unique("picture"))
    markup = f'<figure class="vgp vgp-drawn">{still}<figcaption>{_rich(says)}</figcaption></figure>'
    return Box(markup, _wrap(says))


class InANotebook:
    """A live widget with the picture that stands for it where nothing is live."""

    def __init__(self, widget: Any, figure: Any, says: str) -> None:
        self._widget, self._figure, self._says = widget, figure, says

    def __repr__(self) -> str:
        return _wrap(self._says)

    def _ipython_display_(self) -> None:
        from vgplib.drawing import figure_svg

        note = "This cell is live in a notebook; here is the picture that it drew last."
        still = figure_svg(self._figure, plain(self._says), unique("live"))
        inner = (
            f'<p class="vgp-box-title"><strong>{note}</strong></p>{still}<p>{_rich(self._says)}</p>'
        )
        show(self._widget, _box("vgp-yours", _ACCENT, inner), repr(self))


def in_a_notebook(widget: Any, *, figure: Any, says: str) -> InANotebook:
    """Show a live widget in a notebook, and on a static page its last picture instead.

    Args:
        widget: Any ipywidget.
        figure: The matplotlib figure that stands for it on the page.
        says: What the picture shows, in a sentence with its numbers.
    """
    return InANotebook(widget, figure, says)


def meta(minutes: int, experiments: int, questions: int) -> Box:
    """The line under a chapter's title: time and counts."""
    line = f"{minutes} min · {experiments} experiments · {questions} questions"
    return Box(f'<p class="vgp-meta">{html.escape(line)}</p>', line)
