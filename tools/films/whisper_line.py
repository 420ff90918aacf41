"""A message that ten people pass on, then the error signal in ten sigmoid layers."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tools.films import stage
from tools.films.film import Beat, Film
from vgplib.drawing import LIGHT
from vgplib.engine.atlas import at
from vgplib.experiments import experiment
from vgplib.numbers import figures, percent

KEPT, PEOPLE = 0.75, 10
PLACES = np.linspace(1205, 75, PEOPLE + 1)  # the first speaks; the line goes to the left
FLOOR, TALL = 150, 200  # of the bars


def film() -> Film:
    """The film, of two atlases."""
    chain = at(experiment("chain"), {"slope": KEPT, "weight": 1.0, "hops": PEOPLE})
    said = chain["signal"].values[0, ::-1]  # from the one who speaks on
    exp = experiment("error-signal")
    layers = at(exp, {**exp.start, "activation": "sigmoid", "depth": PEOPLE})["signal"].values
    signal = np.median(layers / layers[:, -1:], axis=0)[::-1]
    one_in = float(f"{1 / signal[-1]:.2g}")

    people = functools.partial(_people, said)
    stack = functools.partial(_layers, signal)
    beats = (
        Beat(
            "A whisper goes down a line",
            "Somebody whispers a message, and ten people pass it on.",
            "Eleven people in a row. The one at the right speaks; a full bar stands below.",
            lambda axes, t: people(axes, 0),
            5,
        ),
        Beat(
            "Each passes on three quarters",
            "Each of them passes on three quarters of what they hear. The rest gets lost.",
            "A dot moves one person to the left. The bar there is three quarters as high.",
            lambda axes, t: people(axes, stage.eased(t)),
            6,
            2,
        ),
        Beat(
            "How much comes out at the end?",
            "How much comes out at the other end? Make a guess.",
            "A question mark over the tenth person, at the far left.",
            lambda axes, t: people(axes, 1, asks=True),
            6,
        ),
        Beat(
            "¾ of ¾ of ¾ …",
            "Three quarters of three quarters of three quarters, and so on.",
            "The dot moves on to the left. Each bar is a little lower than the one before it.",
            lambda axes, t: people(axes, 1 + 9 * t),
            8,
            7,
        ),
        Beat(
            f"{percent(said[-1])} comes out",
            f"Just {percent(said[-1])}. And nobody did anything wrong: everyone passed on most "
            "of it.",
            f"Over the tenth person: {percent(said[-1])}. The bar there is almost gone.",
            lambda axes, t: people(axes, PEOPLE),
            6,
        ),
        Beat(
            "Ten sigmoid layers, measured",
            "Now the same in a network. The error signal starts at the loss and goes back.",
            "Ten layers in a row, layer 10 at the right, next to the loss. It has a full bar.",
            lambda axes, t: stack(axes, 0),
            6,
        ),
        Beat(
            "How many layers will have a bar?",
            "How many of these ten layers will hear something that you can see? Make a guess.",
            "The same picture, and a question mark over layer 1, at the far left.",
            lambda axes, t: stack(axes, 0, asks=True),
            7,
        ),
        Beat(
            "Three bars, and then nothing",
            "A layer passes back about a quarter. So three bars, and then nothing you can see.",
            "A dot moves to the left. Layers 10, 9 and 8 have bars; from layer 7 on there are none "
            "to be seen.",
            lambda axes, t: stack(axes, 9 * t),
            8,
            6,
        ),
        Beat(
            f"Layer 1: one part in {one_in:,.0f}",
            f"Layer 1 gets one part in {one_in:,.0f} of what layer 10 got.",
            f"Over layer 1: {figures(signal[-1])}.",
            lambda axes, t: stack(axes, 9, ends=True),
            6,
        ),
        Beat(
            "A share of a share of a share …",
            "Layer 1 isn't broken. It hears next to nothing, so it hardly learns.",
            "The picture stays.",
            lambda axes, t: stack(axes, 9, ends=True),
            6,
        ),
    )
    return Film("whisper-line", beats, 2, {"people": said.tolist(), "layers": signal.tolist()})


def _people(said: np.ndarray, axes: Any, reached: float, asks: bool = False) -> None:
    from matplotlib.patches import Circle, FancyBboxPatch

    for place, x in enumerate(PLACES):
        colour = LIGHT["accent" if place <= reached else "line"]
        axes.add_patch(Circle((x, 474), 26, color=colour))
        body = FancyBboxPatch((x - 34, 376), 68, 66, boxstyle="round,pad=0,rounding_size=30")
        body.set(facecolor=colour, edgecolor="none")
        axes.add_patch(body)
    _bars(axes, PLACES, said, reached)
    _percent(axes, PLACES, said, {round(reached)} | ({0} if reached > 2 else set()))
    if asks:
        stage.write(axes, PLACES[-1], 545, "?", size=64, color="second", weight="bold")


def _layers(
    signal: np.ndarray, axes: Any, reached: float, asks: bool = False, ends: bool = False
) -> None:
    from matplotlib.patches import FancyBboxPatch

    stage.write(axes, PLACES[0], 430, "loss", color="muted")
    places = PLACES[1:]
    for place, x in enumerate(places):
        colour = LIGHT["accent" if place <= reached else "muted"]
        box = FancyBboxPatch((x - 38, 372), 76, 120, boxstyle="round,pad=0,rounding_size=12")
        box.set(facecolor=LIGHT["panel"], edgecolor=colour, linewidth=4)
        axes.add_patch(box)
        stage.write(axes, x, 430, str(PEOPLE - place))
    _bars(axes, places, signal, reached)
    _percent(axes, places, signal, {1, 2, 3} & set(range(int(reached) + 1)) or {0})
    if asks:
        stage.write(axes, places[-1], 545, "?", size=64, color="second", weight="bold")
    if ends:
        stage.write(axes, 35, 555, figures(signal[-1]), color="second", weight="bold", ha="left")


def _bars(axes: Any, places: np.ndarray, values: np.ndarray, reached: float) -> None:
    """A bar for each place that the message has reached, and a dot that carries it."""
    axes.plot([30, 1250], [FLOOR, FLOOR], color=LIGHT["line"], linewidth=3)
    grown = np.clip(reached - np.arange(len(places)) + 1, 0, 1)
    axes.bar(places, TALL * values * grown, 64, bottom=FLOOR, color=LIGHT["accent"])
    on_its_way = reached % 1 > 0
    if on_its_way:
        x = np.interp(reached, np.arange(len(places)), places)
        axes.plot(x, 515, "o", color=LIGHT["second"], markersize=16)


def _percent(axes: Any, places: np.ndarray, values: np.ndarray, which: set[int]) -> None:
    for place in which:
        stage.write(axes, places[place], 555, percent(values[place]), weight="bold")
