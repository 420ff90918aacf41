"""A view as a picture, a description and a table: what stands where no script runs."""

from __future__ import annotations

import html
import math
from typing import Any

from vgplib.drawing import LIGHT, figure_svg

_ROLE = {"main": LIGHT["accent"], "second": LIGHT["second"], "theory": LIGHT["muted"]}


def svg(frame: dict[str, Any], label: str, salt: str) -> str:
    """Draw a frame (:meth:`View.to_json`) with matplotlib, as inline SVG.

    Args:
        frame: The view as data.
        label: The picture's description, for screen readers.
        salt: Makes ids within the SVG unique on the page.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6))
    _draw(figure.add_axes((0.11, 0.15, 0.86, 0.74)), frame)
    return figure_svg(figure, label, salt)


def _draw(axes: Any, frame: dict[str, Any]) -> None:
    x, y = frame["x"], frame["y"]
    low, high = y["domain"]
    if y.get("log"):
        axes.set_yscale("log")
    for series in frame["series"]:
        colour = _ROLE[series["role"]]
        values = [_place(v, y) for v in series["y"]]
        if series["kind"] == "bar":
            shift = 0.2 if series["role"] == "second" else -0.2
            axes.bar(
                [v + shift for v in series["x"]], values, 0.36, color=colour, label=series["name"]
            )
            continue
        if "low" in series:
            ends = ([_place(v, y) for v in series[k]] for k in ("low", "high"))
            axes.fill_between(series["x"], *ends, color=colour, alpha=0.18, linewidth=0)
        style = {"main": "-", "second": "-.", "theory": "--"}[series["role"]]
        axes.plot(series["x"], values, style, color=colour, linewidth=2, label=series["name"])
    if "names" in x:
        axes.set_xticks(range(len(x["names"])), x["names"])
    else:
        axes.set_xlim(*x["domain"])
    axes.set_ylim(low, high)
    axes.set_xlabel(x["label"], loc="right", color=LIGHT["muted"])
    axes.set_title(y["label"], loc="left", fontsize=10, color=LIGHT["muted"])
    axes.grid(axis="y", color=LIGHT["line"])
    axes.set_axisbelow(True)
    axes.tick_params(colors=LIGHT["muted"], length=0, which="both")
    axes.spines[:].set_visible(False)
    if len(frame["series"]) > 1:
        axes.legend(frameon=False, labelcolor=LIGHT["ink"], loc="best")


def _place(value: float | str, axis: dict[str, Any]) -> float:
    """Where a value stands: 0 and what lies below at the floor, what is not finite at the top."""
    low, high = axis["domain"]
    number = float(value)
    if not math.isfinite(number):
        return low if number == -math.inf else high
    return min(max(number, low), high)


def table(frame: dict[str, Any], caption: str) -> str:
    """The frame's series as an HTML table, one after the other in the columns."""
    heads = [frame["x"]["label"]]
    columns: list[dict[float, Any]] = []
    for series in frame["series"]:
        for key, note in (("y", ""), ("low", ", lowest"), ("high", ", highest")):
            if key in series:
                heads.append(series["name"] + note)
                columns.append(dict(zip(series["x"], series[key], strict=True)))
    places = sorted({x for column in columns for x in column})
    names = frame["x"].get("names")
    rows = [
        [names[int(x)] if names else x, *(column.get(x, "") for column in columns)] for x in places
    ]
    head = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in heads)
    body = "".join(
        f'<tr><th scope="row">{html.escape(str(row[0]))}</th>'
        + "".join(f"<td>{html.escape(str(value))}</td>" for value in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f"<table><caption>{html.escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
