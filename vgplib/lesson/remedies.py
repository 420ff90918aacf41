"""All remedies at a glance: where on the signal's way they act, and what each brings and costs."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from vgplib.experiments import readouts
from vgplib.experiments.remedies import FACTORS, REMEDIES, reaching_layer_1
from vgplib.experiments.remedy_costs import of_all
from vgplib.lesson.figure import Picture

if TYPE_CHECKING:
    import pandas as pd

ARRIVES, RIGHT = "arrives, %", "right, %"
WIDTH, HEIGHT = 660, 236
LAYER, GAP, TOP, TALL = 118, 30, 92, 84  # of a layer: width, distance, upper edge, height
LEFT = 152  # where the first layer begins: before it, the gradient and the step


def remedy_map() -> Picture:
    """The picture: each factor is a link to the line of that name (``#map-slope``) in the table."""
    layers = [LEFT + k * (LAYER + GAP) for k in range(3)]
    middle = TOP + TALL / 2
    end = layers[-1] + LAYER
    parts = [
        *(_layer(x) for x in layers),
        *(_arrow(x, x - GAP + 2, middle) for x in layers),
        _arrow(end + GAP, end + 2, middle),
        f'<text x="{end + GAP + 4}" y="{middle + 5}">loss</text>',
        # The way around the layer in the middle.
        f'<path class="vgp-way" d="M {layers[2] - 14} {middle - 8} C {layers[2] - 14} 26, '
        f'{layers[1] - 16} 26, {layers[1] - 16} {middle - 8}"/>',
        f'<path class="vgp-way" d="M {layers[0]} {TOP + TALL + 14} v 8 H {end} v -8"/>',
    ]
    # Links of HTML, over the drawing: JupyterLab shows no output that holds a link in an SVG.
    links = [
        _factor("path", layers[1] + LAYER / 2, 22),
        _factor("gate", layers[1] + LAYER / 2, 60),
        _factor("number", (layers[0] + end) / 2, TOP + TALL + 42),
        _factor("slope", layers[0] + LAYER / 2, TOP + 26),
        _factor("weights", layers[0] + LAYER / 2, TOP + 60),
        _factor("format", 74, middle - 22),
        _factor("step", 74, middle + 24),
    ]
    label = (
        "The error signal runs from the loss at the right to layer 1 at the left. In every layer "
        "it is multiplied by the weight scale and the slope."
    )
    svg = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(label)}">'
        f"{''.join(parts)}</svg>"
    )
    names = ", ".join(name for name, _ in FACTORS.values())
    drawn = f'<div class="vgp vgp-map"><div>{svg}{"".join(links)}</div></div>'
    return Picture(_STYLE + drawn, f"{label} Places: {names}.")


def remedy_table() -> pd.DataFrame:
    """What each remedy brings and costs, from the atlases.

    Returns:
        One row a remedy: how much of the last layer's signal reaches layer 1 before training, and
        the test digits that it gets right, both in per cent (the middle ones of five random
        starts); parameters, time of a step and memory, as multiples of the network's without it;
        and where it fails.

    Raises:
        AtlasError: An atlas is missing, damaged or out of date.
    """
    import pandas as pd

    rows = {}
    reaches = reaching_layer_1()
    for name, cost in of_all().items():
        remedy = REMEDIES[name]
        right = round(100 * readouts("training-race", row=name)[0].value)
        numbers = [round(cost[kind], 1) for kind in ("parameters", "time", "memory")]
        share = float(f"{100 * reaches[name]:.2g}")
        share = int(share) if share >= 10 else share
        rows[remedy.recipe.label] = [share, right, *numbers, remedy.fails]
    columns = [ARRIVES, RIGHT, "parameters", "time", "memory", "where it fails"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    # Each with its own digits: pandas would give all of them as many as the smallest needs.
    table[ARRIVES] = pd.Series({label: row[0] for label, row in rows.items()}, dtype=object)
    return table.rename_axis(columns="remedy")


def _layer(x: float) -> str:
    return f'<rect class="vgp-layer" x="{x}" y="{TOP}" width="{LAYER}" height="{TALL}" rx="8"/>'


def _arrow(start: float, end: float, y: float) -> str:
    return f'<path class="vgp-way" d="M {start} {y} H {end} m 6 -5 l -6 5 l 6 5"/>'


def _factor(key: str, x: float, y: float) -> str:
    """A factor's name in a frame: a link to its line in the table."""
    name, what = FACTORS[key]
    name = name.removeprefix("the ").removeprefix("a ")
    return (
        f'<a href="#map-{key}" aria-label="{html.escape(f"{name}: {what}")}" '
        f'style="left: {100 * x / WIDTH:.1f}%; top: {100 * y / HEIGHT:.1f}%">{name}</a>'
    )


_STYLE = """<style>
.vgp-map { container-type: inline-size; max-width: 46rem; font-family: system-ui, sans-serif }
.vgp-map > div { position: relative; font-size: clamp(9px, 2.1cqw, 14px) }
.vgp-map svg { display: block; width: 100%; height: auto; font-size: 14px }
.vgp-map .vgp-layer { fill: var(--vgp-panel, #f5f7fb); stroke: var(--vgp-line, #c5ccd6) }
.vgp-map .vgp-way { fill: none; stroke: var(--vgp-muted, #566072); stroke-width: 1.5 }
.vgp-map text { fill: var(--vgp-ink, #1b2430) }
.vgp-map a {
  position: absolute; transform: translate(-50%, -50%); padding: .15em .4em;
  border: 1px solid currentColor; border-radius: 1em; white-space: nowrap;
  color: var(--vgp-accent, #0b6e99); background: var(--vgp-bg, #fff);
}
.vgp-map a:is(:hover, :focus-visible) { outline: 2px solid currentColor; outline-offset: 1px }
</style>"""
