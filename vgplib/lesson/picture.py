"""A view as a picture, a description and a table: what stands where no script runs."""

from __future__ import annotations

import html
import itertools
import math
from typing import Any

from vgplib.drawing import LIGHT, figure_svg
from vgplib.experiments.view import LOUD
from vgplib.numbers import figures

_ROLE = {"main": LIGHT["accent"], "second": LIGHT["second"], "theory": LIGHT["muted"]}
# Theory alone is dashed; colour and marks tell two measured lines apart.
_STYLE = {"main": "-", "second": "s-", "theory": "--"}
# Several options: told apart by colour, dash and mark, as in the front end's styles.js.
_SEATS = (("accent", "o-"), ("second", "s--"), ("good", "^:"), ("ink", "D-."))
_LEFT, _WIDTH = 0.11, 0.86  # of the picture: where strips and chart stand


def svg(frame: dict[str, Any], label: str, salt: str) -> str:
    """Draw a frame (:meth:`View.to_json`) with matplotlib, as inline SVG.

    Args:
        frame: The view as data.
        label: The picture's description, for screen readers.
        salt: Makes ids within the SVG unique on the page.
    """
    from matplotlib.figure import Figure

    strips = [row for row in frame.get("rows", [frame]) if "strip" in row]
    many = len(strips) > 1
    pitch, thick, head = (0.36, 0.13, 0.66) if many else (0.55, 0.26, 0.51)  # inches
    height = 3.34 + head + pitch * len(strips) if strips else 3.6
    figure = Figure(figsize=(7, height))
    _draw(figure.add_axes((_LEFT, 0.57 / height, _WIDTH, 2.72 / height)), frame)
    for k, row in enumerate(strips):
        foot = height - head - pitch * k
        axes = figure.add_axes((_LEFT, foot / height, _WIDTH, thick / height))
        above = 1 + 0.05 / thick
        _draw_strip(axes, row["strip"], above)
        name = row["name"] if many else row["strip"]["label"]
        axes.text(0.07 * many, above, name, **_muted(axes))
        if many:
            colour, style = _SEATS[k]
            across = {"transform": axes.transAxes, "clip_on": False, "markevery": [1]}
            level = [above + 0.045 / thick] * 3
            axes.plot([0, 0.03, 0.06], level, style, color=LIGHT[colour], markersize=4, **across)
        if many and k == 0:
            axes.text(0, 1 + 0.22 / thick, row["strip"]["label"], **_muted(axes))
        if k == len(strips) - 1:
            first, last = row["strip"]["ends"]
            axes.text(1, -0.04 / thick, f"{first}  ←  {last}", **_muted(axes), ha="right", va="top")
    return figure_svg(figure, label, salt)


def _muted(axes: Any) -> dict[str, Any]:
    return {"color": LIGHT["muted"], "fontsize": 9, "transform": axes.transAxes}


def _draw_strip(axes: Any, strip: dict[str, Any], above: float) -> None:
    """One cell a place, the last at the right, filled on a linear scale; its count is above."""
    cells = [float(v) for v in strip["cells"]]
    places = range(strip["slots"] - len(cells), strip["slots"])
    colours = [LIGHT["second"] if v > LOUD else LIGHT["accent"] for v in cells]
    axes.bar(places, 1, 0.86, color=LIGHT["panel"], edgecolor=LIGHT["line"], linewidth=0.5)
    axes.bar(places, [min(v, 1.0) for v in cells], 0.86, color=colours)
    axes.set_xlim(-0.5, strip["slots"] - 0.5)
    axes.set_ylim(0, 1)
    axes.set_axis_off()
    bold = _muted(axes) | {"color": LIGHT["ink"], "weight": "bold"}
    axes.text(1, above, strip["count"], **bold, ha="right")


def _draw(axes: Any, frame: dict[str, Any]) -> None:
    x, y = frame["x"], frame["y"]
    low, high = y["domain"]
    foot = _foot(y)
    if y.get("log"):
        axes.set_yscale("log")
    if "names" in x:
        axes.set_xticks(range(len(x["names"])), x["names"])
    else:
        axes.set_xlim(*(reversed(x["domain"]) if x.get("reverse") else x["domain"]))
    axes.set_ylim(foot, high)
    for k, series in enumerate(frame["series"]):
        role, style = series["role"], _STYLE[series["role"]]
        colour, width, shift = _ROLE[role], 0.36, 0.2 if role == "second" else -0.2
        if rows := len(frame.get("rows", ())):
            colour, style = LIGHT[_SEATS[k][0]], _SEATS[k][1]
            width, shift = 0.76 / rows, 0.76 / rows * (k - (rows - 1) / 2)
        if series["kind"] == "bar":
            places = [v + shift for v in series["x"]]
            values = [_place(v, y) for v in series["y"]]
            axes.bar(places, values, width, color=colour, label=series["name"])
            for spot, height, value in zip(places, values, map(float, series["y"]), strict=True):
                if not math.isfinite(value):  # the bar ends where the axis does
                    words = {"ha": "center", "va": "top", "fontsize": 8, "weight": "bold"}
                    axes.text(
                        spot,
                        height,
                        "NaN" if math.isnan(value) else "Inf",
                        color=LIGHT["bg"],
                        **words,
                    )
            continue
        if "low" in series:
            ends = ([_place(v, y) for v in series[end]] for end in ("low", "high"))
            axes.fill_between(series["x"], *ends, color=colour, alpha=0.18, linewidth=0)
        values = [_height(v, y) for v in series["y"]]
        look = {"color": colour, "linewidth": 2, "markersize": 4, "label": series["name"]}
        look["zorder"] = 3 if role == "theory" else 2  # dashes show on a line, not under it
        look["markevery"] = max(1, len(values) // 8) if rows else None
        axes.plot(series["x"], values, style, **look)
        if role != "theory":
            _point_outside(axes, series, y, colour)
            _mark_ends(axes, series, values, y, colour)
    if foot < low:
        axes.axhline(foot, color=LIGHT["muted"], linewidth=1, linestyle=":")
        where = axes.get_yaxis_transform()
        axes.text(0, foot, f"{y['floor']} ", transform=where, ha="right", color=LIGHT["muted"])
        axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high])
    arrow = "← {}" if x.get("reverse") else "{}"
    axes.set_xlabel(arrow.format(x["label"]), loc="right", color=LIGHT["muted"])
    axes.set_title(y["label"], loc="left", fontsize=10, color=LIGHT["muted"])
    axes.grid(axis="y", color=LIGHT["line"])
    axes.set_axisbelow(True)
    axes.tick_params(colors=LIGHT["muted"], length=0, which="both")
    axes.spines[:].set_visible(False)
    if len(frame["series"]) > 1 and not any("strip" in row for row in frame.get("rows", ())):
        axes.legend(frameon=False, labelcolor=LIGHT["ink"], loc="best")


def _point_outside(axes: Any, series: dict[str, Any], y: dict[str, Any], colour: str) -> None:
    """Where a line leaves the axis, an arrow and the number that is farthest out."""
    values = [float(v) for v in series["y"]]
    for side in (-1, 1):
        out = [k for k, v in enumerate(values) if math.isfinite(v) and _side(v, y) == side]
        if not out:
            continue
        nearest = min(out, key=series["x"].__getitem__)
        far = (min if side < 0 else max)(values[k] for k in out)
        axes.annotate(
            f"{'↓ down' if side < 0 else '↑ up'} to {figures(far)}",
            (series["x"][nearest], y["domain"][side > 0]),
            xytext=(-8, -11 * side - 4),
            textcoords="offset points",
            ha="right",
            color=colour,
            weight="bold",
        )


def _mark_ends(
    axes: Any, series: dict[str, Any], heights: list[float], y: dict[str, Any], colour: str
) -> None:
    """Where what follows a point is not finite, its line ends in a cross."""
    low, high = _foot(y), y["domain"][1]
    finite = [math.isfinite(v) for v in heights]
    for k, (here, there) in enumerate(itertools.pairwise(finite)):
        if here and not there:
            spot = (series["x"][k], min(max(heights[k], low), high))
            axes.plot(*spot, "X", color=colour, markersize=8)
            words = {"textcoords": "offset points", "color": colour, "weight": "bold"}
            axes.annotate("not finite", spot, xytext=(8, -3), **words)


def _foot(axis: dict[str, Any]) -> float:
    """The end of the drawn axis: below its domain where exact zeros have a line of their own."""
    low, high = axis["domain"]
    return low * (low / high) ** 0.1 if axis.get("log") and "floor" in axis else low


def _side(value: float, axis: dict[str, Any]) -> int:
    """-1 below the axis, 1 above it (what is not finite, too), 0 on it."""
    low, high = axis["domain"]
    if value == 0 and "floor" in axis:
        return 0
    if not math.isfinite(value):
        return -1 if value == -math.inf else 1
    return -1 if value < low else int(value > high)


def _height(value: float | str, axis: dict[str, Any]) -> float:
    """Where a line goes, beyond the axis too: there it is cut off; what is not finite ends it."""
    low, high = axis["domain"]
    number, log = float(value), axis.get("log")
    if number == 0 and "floor" in axis:
        return _foot(axis)
    if not math.isfinite(number):
        return math.nan
    return number if number > 0 or not log else low * low / high


def _place(value: float | str, axis: dict[str, Any]) -> float:
    """Where a value stands: what the axis cannot show at its end, exact zeros on their line."""
    low, high = axis["domain"]
    number = float(value)
    if number == 0 and "floor" in axis:
        return _foot(axis)
    side = _side(number, axis)
    return low if side < 0 else high if side > 0 else number


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
