"""The product of Jacobians: one layer, ten layers of two units, thirty layers of real networks."""

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
from vgplib.networks import FeedForward, gaussian
from vgplib.numbers import figures

TEN, TURN = 10, math.radians(36)
# Sigmoid's steepest slope is a quarter. With these weights a layer keeps 1/√2, 1 and √2.
WEIGHTS = (4 / math.sqrt(2), 4.0, 4 * math.sqrt(2))
COLOURS = ("accent", "good", "second")
NAMES = ("× 0.71", "× 1", "× 1.41")
SCALES = (1.0, 1.41, 2.0)  # of ReLU's weights in the atlas: they keep as much
PANELS = (220, 640, 1060)  # the middles of three pictures side by side


def one_layer() -> list[np.ndarray]:
    """The error signal of a layer of two tanh units, on its way back through it.

    Returns:
        The signal that comes, of length 1; after the weights; and after the slopes, too.
    """
    net = FeedForward(2, 2, 2, "tanh", gain=1.5, seed=29)
    z = net.hidden[0](gaussian(1, 2, seed=0)[0])
    h = torch.tanh(z)
    sums = net.hidden[1](h)
    come = torch.tensor([1.0, 0.0], dtype=torch.float64)
    weighed, sloped = torch.autograd.grad(sums @ come, [h, z])
    return [part.numpy() for part in (come, weighed, sloped)]


def ten_layers(weight: float) -> np.ndarray:
    """The error signal at each of ten sigmoid layers, and what comes: shape (11, 2), last first.

    The units stand where a sigmoid is steepest, and each layer's weights turn and stretch.
    """
    turned = weight * torch.tensor(
        [[math.cos(TURN), math.sin(TURN)], [-math.sin(TURN), math.cos(TURN)]], dtype=torch.float64
    )
    states = [torch.full((2,), 0.5, dtype=torch.float64, requires_grad=True)]
    for _ in range(TEN):
        states.append(torch.sigmoid(turned @ (states[-1] - 0.5)))
    signals = torch.autograd.grad(states[-1][0], states)
    return torch.stack(signals).numpy()[::-1]


def film() -> Film:
    """The film, of networks of its own and of the atlas of the error signal."""
    layer = one_layer()
    walks = [ten_layers(weight) for weight in WEIGHTS]
    left = [np.linalg.norm(walk[-1]) for walk in walks]
    exp = experiment("error-signal")
    measured = []
    for scale in SCALES:
        runs = at(exp, {**exp.start, "activation": "relu", "weight_scale": scale})["signal"].values
        measured.append(np.median(runs / runs[:, -1:], axis=0))

    one, ten = functools.partial(_one, layer), functools.partial(_ten, walks)
    lines = functools.partial(_lines, measured)
    ends = [float(profile[0]) for profile in measured]
    lengths = [float(np.linalg.norm(part)) for part in layer]
    shown = [figures(value, 2) for value in left]
    beats = (
        Beat(
            "Back through one layer",
            "Here's the error signal of a layer with two units: an arrow.",
            "An arrow of length 1, pointing to the right.",
            lambda axes, t: one(axes, 0),
            5,
        ),
        Beat(
            "The weights turn and stretch it",
            "On its way back, the weights come first. They turn it, and stretch it.",
            f"The arrow turns, and its length becomes {figures(lengths[1])}.",
            lambda axes, t: one(axes, stage.eased(t)),
            6,
            2,
        ),
        Beat(
            "The slopes shrink it",
            "Then come the slopes of the activation. They're 1 at most here, so they shrink it.",
            f"The arrow gets shorter: {figures(lengths[2])}.",
            lambda axes, t: one(axes, 1 + stage.eased(t)),
            6,
            2,
        ),
        Beat(
            "Ten layers: how long is it then?",
            "Ten layers. Each leaves 0.71 of its length, or all of it, or makes it 1.41 times as "
            "long.",
            "Three arrows of length 1, side by side, named × 0.71, × 1 and × 1.41.",
            lambda axes, t: ten(axes, 0),
            7,
        ),
        Beat(
            "Ten layers: how long is it then?",
            "How long is each arrow after ten of them? Make a guess.",
            "The same picture.",
            lambda axes, t: ten(axes, 0, asks=True),
            6,
        ),
        Beat(
            "Ten multiplications",
            "Each layer multiplies what the last one left.",
            "The arrows turn step by step. The first shrinks to a dot, the second keeps its "
            "length, the third grows out of the picture.",
            lambda axes, t: ten(axes, TEN * t),
            10,
            9,
        ),
        Beat(
            "A little below 1, a little above",
            f"{shown[0]} is left of the first. The last is {shown[2]} times as long. Only 1 "
            "keeps it.",
            f"Their lengths: {', '.join(shown[:2])} and {shown[2]}.",
            lambda axes, t: ten(axes, TEN),
            6,
        ),
        Beat(
            "Thirty layers: what shape?",
            "Three networks of thirty ReLU layers, measured. What shape will their lines have?",
            "An empty chart. Each grid line is a thousand times the one below. Three lines start "
            "at layer 30, at the right.",
            lambda axes, t: lines(axes, 0),
            7,
        ),
        Beat(
            "Straight lines: the same factor each time",
            "Nearly straight! And each grid line here is a thousand times the one below.",
            "The lines run to the left. One falls, one stays level, one rises.",
            lambda axes, t: lines(axes, t),
            8,
            5,
        ),
        Beat(
            "Vanishing, exploding: one product",
            "A straight line there is a product. Below 1 it vanishes, above 1 it explodes.",
            f"At layer 1 the lines stand at {figures(ends[0], 1)}, {figures(ends[1], 1)} and "
            f"{float(f'{ends[2]:.1g}'):,.0f}.",
            lambda axes, t: lines(axes, 1),
            7,
        ),
    )
    numbers = {
        "one layer": lengths,
        "ten layers": [float(value) for value in left],
        "thirty layers": ends,
    }
    return Film("jacobians", beats, 4, numbers)


def _arrow(
    axes: Any, start: tuple[float, float], way: np.ndarray, colour: str, frame: Any = None
) -> None:
    """An arrow, cut off at a frame; one that is too short for a head is a dot."""
    from matplotlib.patches import FancyArrowPatch

    x, y = start[0] + way[0], start[1] + way[1]
    if np.hypot(*way) < 24:
        axes.plot(x, y, "o", color=LIGHT[colour], markersize=10)
        return
    look = {"arrowstyle": "-|>", "mutation_scale": 34, "shrinkA": 0, "shrinkB": 0}
    arrow = FancyArrowPatch(start, (x, y), color=LIGHT[colour], linewidth=9, **look)
    axes.add_patch(arrow)
    if frame:
        arrow.set_clip_path(frame)


def _between(stops: list[np.ndarray] | np.ndarray, place: float) -> np.ndarray:
    """A vector between two stops: it turns and stretches, it doesn't cut the corner."""
    k = min(int(place), len(stops) - 2)
    share = place - k
    here, there = complex(*stops[k]), complex(*stops[k + 1])
    turned = there / here
    way = here * abs(turned) ** share * np.exp(1j * share * np.angle(turned))
    return np.array([way.real, way.imag])


def _one(stops: list[np.ndarray], axes: Any, place: float) -> None:
    from matplotlib.patches import Circle

    start, unit = (360, 310), 170
    axes.add_patch(Circle(start, unit, fill=False, edgecolor=LIGHT["line"], linewidth=3))
    for k in range(math.ceil(place)):
        _arrow(axes, start, unit * stops[k], "line")
    way = _between(stops, place)
    _arrow(axes, start, unit * way, "accent")
    stage.write(axes, 740, 490, "length", color="muted", ha="left")
    stage.write(axes, 740, 420, figures(float(np.hypot(*way))), size=80, weight="bold", ha="left")
    for k, words in enumerate(("weights", "slopes")):
        done = place > k
        look = {"color": "ink" if done else "muted", "weight": "bold" if done else "normal"}
        stage.write(axes, 740, 290 - 60 * k, f"{k + 1}. × {words}", size=44, ha="left", **look)


def _ten(walks: list[np.ndarray], axes: Any, place: float, asks: bool = False) -> None:
    from matplotlib.patches import Rectangle

    unit, middle = 95, 360
    for x, walk, colour, name in zip(PANELS, walks, COLOURS, NAMES, strict=True):
        frame = Rectangle((x - 195, middle - 170), 390, 340)
        frame.set(facecolor=LIGHT["panel"], edgecolor=LIGHT["line"], linewidth=3)
        axes.add_patch(frame)
        trail = np.array([_between(walk, p) for p in np.linspace(0, place, 1 + int(12 * place))])
        spots = (unit * trail + (x, middle)).T
        (line,) = axes.plot(*spots, color=LIGHT[colour], linewidth=4, alpha=0.4)
        line.set_clip_path(frame)
        way = _between(walk, place)
        _arrow(axes, (x, middle), unit * way, colour, frame)
        stage.write(axes, x, 572, name, size=46, color=colour, weight="bold")
        length = "?" if asks else figures(float(np.hypot(*way)))
        stage.write(axes, x, 218, length, size=54, weight="bold")
    stage.write(axes, 640, 148, f"layers passed: {int(place)}", color="muted")


def _lines(measured: list[np.ndarray], axes: Any, shown: float) -> None:
    inner = stage.chart(axes, (250, 215, 940, 380), xlim=(1, 30), ylim=(1e-6, 1e6), yscale="log")
    inner.set_xticks([1, 10, 20, 30])
    inner.set_yticks([1e-6, 1e-3, 1, 1e3, 1e6], ["10⁻⁶", "0.001", "1", "1000", "10⁶"])
    stage.write(axes, 710, 138, "layer", color="muted")
    for profile, colour, name in zip(measured, COLOURS, NAMES, strict=True):
        layers = np.arange(1, len(profile) + 1)
        first = 30 - 29 * shown
        seen = np.concatenate([[first], layers[layers > first]])
        values = np.exp(np.interp(seen, layers, np.log(profile)))
        inner.plot(seen, values, color=LIGHT[colour], linewidth=7, solid_capstyle="round")
        if shown == 0:
            inner.plot(30, 1, "o", color=LIGHT["ink"], markersize=16, clip_on=False)
        if shown == 1:
            look = {"color": LIGHT[colour], "weight": "bold", "size": 40 * 72 / stage.DPI}
            inner.text(7, profile[6] * 6, name, ha="center", **look)
