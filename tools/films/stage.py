"""What the films are drawn with: a canvas in pixels, and the course's colours in large type."""

from __future__ import annotations

from typing import Any

from vgplib.drawing import LIGHT

WIDTH, HEIGHT = 1280, 720
RATE = 25  # pictures a second
DPI = 100
# Nothing is drawn below this height: there the captions stand.
FOOT = 120
SMALLEST = 36  # pixels of type: about 10 on a phone that's held upright


def figure() -> Any:
    """An empty figure of a film's size."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    empty = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=LIGHT["bg"])
    FigureCanvasAgg(empty)
    return empty


def canvas(on: Any, title: str) -> Any:
    """Clear a figure, and give it axes whose units are pixels, with a title at their top."""
    on.clear()
    axes = on.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(0, HEIGHT)
    axes.set_axis_off()
    write(axes, WIDTH / 2, 660, title, size=50, weight="bold")
    return axes


def write(axes: Any, x: float, y: float, words: str, size: float = SMALLEST, **look: Any) -> None:
    """Write words, centred on a place unless told otherwise; ``color`` is a name in ``LIGHT``."""
    style = {"ha": "center", "va": "center", **look}
    style["color"] = LIGHT[style.get("color", "ink")]
    axes.text(x, y, words, fontsize=size * 72 / DPI, **style)


def chart(axes: Any, box: tuple[float, float, float, float], **limits: Any) -> Any:
    """Axes of their own at a place of the canvas: left, bottom, width and height in pixels."""
    left, bottom, width, height = box
    place = (left / WIDTH, bottom / HEIGHT, width / WIDTH, height / HEIGHT)
    inner = axes.figure.add_axes(place, **limits)
    inner.tick_params(length=0, pad=12, labelsize=SMALLEST * 72 / DPI, labelcolor=LIGHT["muted"])
    inner.grid(axis="y", color=LIGHT["line"], linewidth=2)
    inner.set_axisbelow(True)
    inner.spines[:].set_visible(False)
    inner.patch.set_alpha(0)
    inner.minorticks_off()
    return inner


def eased(progress: float) -> float:
    """A progress that starts and ends gently."""
    return progress * progress * (3 - 2 * progress)
