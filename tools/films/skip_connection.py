"""A way around each of thirty sigmoid layers, closed at first and then opened."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch

from tools.films import stage
from tools.films.film import Beat, Film
from vgplib.drawing import LIGHT
from vgplib.engine.atlas import at
from vgplib.experiments import experiment
from vgplib.experiments.reading import FADING
from vgplib.experiments.residual import BATCH, WIDTH
from vgplib.experiments.view import LOUD
from vgplib.networks import Deep, gaussian
from vgplib.numbers import figures, percent

DEPTH, SEEDS = 30, 5
STOPS = 41  # openings that are measured, from closed to open


def profile(opening: float) -> np.ndarray:
    """The error signal at each layer, over that of the last: the median of five networks.

    They are those of the experiment ``residual``; a share ``opening`` of what goes into a layer
    goes around it. At 0 they are its plain networks, at 1 those with skip connections.
    """
    found = []
    for seed in range(SEEDS):
        net = Deep(WIDTH, WIDTH, DEPTH, "sigmoid", "xavier", seed=seed).requires_grad_(False)
        h = torch.sigmoid(net.hidden[0](gaussian(BATCH, WIDTH, seed=1000 + seed)))
        states = [h.requires_grad_()]
        for layer in net.hidden[1:]:
            states.append(opening * states[-1] + torch.sigmoid(layer(states[-1])))
        v = gaussian(1, WIDTH, seed=2000 + seed)
        signals = torch.autograd.grad((states[-1] * v).sum(dim=1).mean(), states)
        sizes = np.array([signal.norm().item() for signal in signals])
        found.append(sizes / sizes[-1])
    return np.median(found, axis=0)


def film() -> Film:
    """The film, of networks of its own and of the atlas of ``residual``."""
    profiles = np.array([profile(opening) for opening in np.linspace(0, 1, STOPS)])
    exp = experiment("residual")
    runs = at(exp, {**exp.start, "path": "skip", "activation": "relu"})["signal"].values
    relu = np.median(runs / runs[:, -1:], axis=0)
    times = f"{float(f'{relu[0]:.1g}'):,.0f}"
    first = [float(profiles[k, 0]) for k in (0, STOPS // 2, -1)]
    counts = [_heard(profiles[k]) for k in (0, STOPS // 2, -1)]

    draw = functools.partial(_draw, profiles)
    beats = (
        Beat(
            "Thirty sigmoid layers",
            "Thirty sigmoid layers. The error signal starts at layer 30 and goes back to layer 1.",
            "A strip of thirty cells, from layer 1 to layer 30; the last is filled. Below, a chart "
            "in powers of ten with one dot at layer 30. Beside it, a layer as a box.",
            lambda axes, t: draw(axes, 0, shown=0),
            6,
        ),
        Beat(
            "Who hears it?",
            f"Only {counts[0]} of them hear it. The others get less than a fiftieth.",
            f"A line falls to the left, to {figures(first[0], 1)}. Of the strip, "
            f"{counts[0]} cells are filled, each less than the next.",
            lambda axes, t: draw(axes, 0, shown=t),
            7,
            4,
        ),
        Beat(
            "What if there's a way around?",
            "Now we build a way around each layer. It's closed at first, and we'll open it slowly.",
            "Beside the box appears a dashed way around it.",
            lambda axes, t: draw(axes, 0, around=True),
            7,
        ),
        Beat(
            "Half open: how many will hear it?",
            "With the ways half open, how many of the thirty will hear it? Make a guess.",
            "The same picture.",
            lambda axes, t: draw(axes, 0, around=True),
            7,
        ),
        Beat(
            "Half open",
            f"Just {counts[1]}. A half of a half of a half, and so on, is next to nothing as well.",
            f"The way around gets thicker. The line rises to {figures(first[1], 1)} at layer 1; "
            f"{counts[1]} cells are filled.",
            lambda axes, t: draw(axes, 0.5 * t, around=True),
            8,
            4,
        ),
        Beat(
            "All the way open",
            f"And now all the way: {counts[2]} of {DEPTH} hear it.",
            "The line rises until it's level, and the whole strip fills.",
            lambda axes, t: draw(axes, 0.5 + 0.5 * t, around=True),
            9,
            6,
        ),
        Beat(
            "J becomes 1 + J",
            "A layer multiplies the signal by a small number. With the way around: by 1 plus that.",
            f"Layer 1 gets {figures(first[2])} times what layer 30 gets. Under the box: 1 + J.",
            lambda axes, t: draw(axes, 1, around=True, formula=True),
            7,
        ),
        Beat(
            "Too much of a good thing?",
            "Careful: ReLU layers with He's weights keep it all. What will 1 plus that do?",
            "The same picture.",
            lambda axes, t: draw(axes, 1, around=True, formula=True),
            7,
        ),
        Beat(
            f"ReLU: {times} times as loud",
            "It explodes. So people keep the branches small, or put norms into them.",
            f"A second line rises to the left: with ReLU, layer 1 gets {times} times what layer 30 "
            "gets. The strip is full; where it's too loud, towards layer 1, in another colour.",
            lambda axes, t: draw(axes, 1, shown=t, around=True, formula=True, relu=relu),
            8,
            3,
        ),
    )
    numbers = {"layer 1": first, "heard": [float(n) for n in counts], "relu": [float(relu[0])]}
    return Film("skip-connection", beats, 3, numbers)


def _heard(signal: np.ndarray) -> int:
    return int((signal >= FADING).sum())


def _draw(
    profiles: np.ndarray,
    axes: Any,
    opening: float,
    shown: float = 1,
    around: bool = False,
    formula: bool = False,
    relu: np.ndarray | None = None,
) -> None:
    """Strip, chart and block; of the last profile, a share ``shown`` from layer 30 on."""
    place = opening * (STOPS - 1)
    low, high = profiles[math.floor(place)], profiles[math.ceil(place)]
    signal = np.exp(np.log(low) + (np.log(high) - np.log(low)) * (place % 1))
    limits = {"xlim": (0.5, DEPTH + 0.5), "ylim": (1e-20, 1e8), "yscale": "log"}
    inner = stage.chart(axes, (190, 140, 600, 340), **limits)
    inner.set_xticks([])
    inner.set_yticks([1e-20, 1e-10, 1], ["10⁻²⁰", "10⁻¹⁰", "1"])
    inner.text(30, 1e-19, "error signal", size=27, ha="right", color=LIGHT["muted"])
    if relu is None:
        _line(inner, signal, shown, "accent")
        _strip(axes, signal, shown)
    else:
        _line(inner, signal, 1, "accent")
        _line(inner, relu, shown, "bad")
        inner.text(27, 1e3, "ReLU", size=30, ha="right", weight="bold", color=LIGHT["bad"])
        _strip(axes, relu, shown)
    _block(axes, opening, around, formula)


def _line(inner: Any, signal: np.ndarray, shown: float, colour: str) -> None:
    layers = np.arange(1, DEPTH + 1)
    start = DEPTH - (DEPTH - 1) * shown
    seen = np.concatenate([[start], layers[layers > start]])
    values = np.exp(np.interp(seen, layers, np.log(signal)))
    inner.plot(seen, values, color=LIGHT[colour], linewidth=7, solid_capstyle="round")
    inner.plot(DEPTH, 1, "o", color=LIGHT[colour], markersize=14)


def _strip(axes: Any, signal: np.ndarray, shown: float) -> None:
    """A cell for each layer, filled as far as it hears; in another colour where it's too loud."""
    layers = np.arange(1, DEPTH + 1)
    reached = layers >= DEPTH - (DEPTH - 1) * shown - 1e-9
    lefts = 60 + (layers - 1) * 38.8
    look = {"bottom": 545, "align": "edge"}
    axes.bar(lefts, 56, 34, color=LIGHT["panel"], ec=LIGHT["line"], **look)
    colours = [LIGHT["second" if value > LOUD else "accent"] for value in signal]
    axes.bar(lefts, np.where(reached, 56 * np.minimum(signal, 1), 0), 34, color=colours, **look)
    stage.write(axes, 60, 515, "layer 1", color="muted", ha="left")
    stage.write(axes, 1220, 515, "layer 30", color="muted", ha="right")
    loud = int((signal[reached] > LOUD).sum())
    heard = f"{_heard(signal[reached])} of {DEPTH} hear it"
    stage.write(axes, 640, 515, f"too loud in {loud}" if loud else heard, weight="bold")


def _block(axes: Any, opening: float, around: bool, formula: bool) -> None:
    """A layer as a box, the signal's way through it, and the way around it."""
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

    tip = {"arrowstyle": "-|>", "mutation_scale": 28, "shrinkA": 0, "shrinkB": 0}
    through = {"color": LIGHT["ink"], "linewidth": 5}
    box = FancyBboxPatch((955, 280), 170, 90, boxstyle="round,pad=0,rounding_size=14")
    box.set(facecolor=LIGHT["panel"], edgecolor=LIGHT["ink"], linewidth=4)
    for ends in (((1245, 325), (1130, 325)), ((950, 325), (835, 325))):
        axes.add_patch(FancyArrowPatch(*ends, **tip, **through))
    axes.add_patch(box)
    stage.write(axes, 1040, 325, "layer", size=40)
    if around:
        arc = {"connectionstyle": "arc3,rad=0.75", "color": LIGHT["second"]}
        look = {"linewidth": 3 + 9 * opening, "linestyle": "--" if opening == 0 else "-"}
        axes.add_patch(FancyArrowPatch((1215, 335), (865, 335), **tip, **arc, **look))
        words = f"open: {percent(opening)}" if opening else "closed"
        stage.write(axes, 1040, 245, words, size=40, color="second", weight="bold")
    if formula:
        stage.write(axes, 1040, 175, "J → 1 + J", size=52, weight="bold")
