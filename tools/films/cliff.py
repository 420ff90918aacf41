"""A walk that meets a cliff in the loss, without clipping and with it."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch

from tools.films import stage
from tools.films.film import Beat, Film
from vgplib.drawing import LIGHT
from vgplib.engine.atlas import at
from vgplib.experiments import experiment
from vgplib.experiments.clipping_cliff import losses, walk
from vgplib.numbers import figures

LIMIT, RATE = 0.3, 0.1
WEIGHTS = np.linspace(4.3, 4.7, 121)
OUTPUTS = np.linspace(0.27, 0.78, 41)  # of the network, on the wall: where it changes at once
REACH = 0.14  # of the map, to either side of the wall


def landscape() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, biases and losses on a grid that follows the wall, so that its face is smooth."""
    shape = (len(OUTPUTS), len(WEIGHTS))
    weight = torch.tensor(np.broadcast_to(WEIGHTS, shape).copy())
    low, high = np.full(shape, -3.0), np.full(shape, -1.5)
    for _ in range(50):  # the output grows with the bias: halve until it is found
        middle = (low + high) / 2
        _, states = losses(weight, torch.tensor(middle))
        above = torch.sigmoid(states[-1]).numpy() > OUTPUTS[:, None]
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    aside = REACH * np.linspace(0, 1, 41)[1:, None] ** 2
    bias = np.concatenate([(low[0] - aside)[::-1], low, low[-1] + aside])
    weight = np.broadcast_to(WEIGHTS, bias.shape)
    loss = losses(torch.tensor(weight.copy()), torch.tensor(bias))[0].numpy()
    return weight, bias, loss


def film() -> Film:
    """The film, of the atlas of ``clipping-cliff`` and of its walks."""
    exp = experiment("clipping-cliff")
    setting = {**exp.start, "limit": LIMIT, "rate": RATE}
    free, held = (at(exp, {**setting, "clip": clip}).isel(seed=0) for clip in ("none", "norm"))
    gradient = free["gradient"].values
    wall = int(gradient.argmax())
    steeper = float(f"{gradient[wall] / np.median(gradient[:wall]):.1g}")
    away, longest = float(free["longest"]), float(held["longest"])

    width = figures(WEIGHTS[-1] - WEIGHTS[0], 1)

    scene = functools.cache(_Scene)
    lost = functools.partial(_walked, scene, "none")
    safe = functools.partial(_walked, scene, "norm")
    beats = (
        Beat(
            "A loss with a cliff",
            "A tiny network with two numbers to learn: a weight and a bias. Height is the loss.",
            "A landscape: a high plain at the back, a low one in front, and a sheer cliff between.",
            lambda axes, t: scene().draw(axes),
            6,
        ),
        Beat(
            "Gradient descent walks downhill",
            "Gradient descent starts up here, and walks downhill. Soon it drops over the edge.",
            "A ball on the high plain. It steps to the edge, and down to the low plain.",
            lambda axes, t: lost(axes, 6 * t),
            7,
            5,
        ),
        Beat(
            "It hops up and down …",
            f"It hops up and down a few times. Then step {wall} ends right on the wall.",
            "The ball goes back to the edge, up and down again, and stops halfway up the cliff.",
            lambda axes, t: lost(axes, 6 + (wall - 6) * t),
            8,
            6,
        ),
        Beat(
            "Where does the next step go?",
            f"Here the gradient is {steeper:,.0f} times as long as it was. Where does the next "
            "step go?",
            "The ball on the cliff, and a question mark.",
            lambda axes, t: lost(axes, wall, asks=True),
            7,
        ),
        Beat(
            "Gone",
            f"Out of the picture! It's {figures(away)} long, on a map {width} wide. Out there it's "
            "flat: no way back.",
            "The ball shoots over the low plain and out of the picture. Its straight way remains.",
            lambda axes, t: lost(axes, wall + t),
            7,
            1,
        ),
        Beat(
            f"Once more, clipped at {LIMIT}",
            f"From the same place, but a gradient longer than {LIMIT} is shortened to {LIMIT}. "
            "That's clipping.",
            "The ball is back at its start.",
            lambda axes, t: safe(axes, 0),
            7,
        ),
        Beat(
            "What will happen at the cliff?",
            "What will happen at the cliff this time? Make a guess.",
            "The same picture, and a question mark.",
            lambda axes, t: safe(axes, 0, asks=True),
            6,
        ),
        Beat(
            "Eighty clipped steps",
            "It hops over the edge and back, again and again, and moves along the wall.",
            "The ball zigzags over the edge, along the cliff, to the right.",
            lambda axes, t: safe(axes, 80 * t),
            13,
            12,
        ),
        Beat(
            f"No step is longer than {figures(longest, 1)}",
            f"It's still here. No step is longer than {figures(longest, 1)}: it's rate times "
            "limit.",
            "The whole zigzag path, all of it on the map.",
            lambda axes, t: safe(axes, 80),
            6,
        ),
        Beat(
            "The cliff is still there",
            "Clipping didn't take the cliff away. It only made the step shorter.",
            "The picture stays.",
            lambda axes, t: safe(axes, 80),
            5,
        ),
    )
    numbers = {
        "gradient on the wall": [float(gradient[wall]), steeper],
        "longest step": [away, longest],
        "loss": [*free["loss"].values[: wall + 2].tolist(), *held["loss"].values.tolist()],
    }
    return Film("cliff", beats, 3, numbers)


class _Scene:
    """The landscape as a picture, drawn once, and where a place of it stands in the picture."""

    def __init__(self) -> None:
        from matplotlib.colors import LightSource, LinearSegmentedColormap

        weight, bias, loss = landscape()
        figure = stage.figure()
        axes = figure.add_axes((-0.1, -0.13, 1.2, 1.2), projection="3d", proj_type="ortho")
        colours = LinearSegmentedColormap.from_list("loss", [LIGHT["accent"], LIGHT["line"]])
        axes.plot_surface(
            *(weight, bias, loss),
            rstride=1,
            cstride=1,
            facecolors=colours(loss / loss.max()),
            lightsource=LightSource(300, 50),
            linewidth=0,
            antialiased=False,
        ).set_clip_on(False)
        axes.view_init(36, 64)
        axes.set_box_aspect((1.7, 1, 0.5), zoom=1.25)
        axes.set_axis_off()
        figure.canvas.draw()
        self._picture = np.asarray(figure.canvas.buffer_rgba()).copy()
        self._view, self._pixels = axes.get_proj(), axes.transData

    def places(self, points: np.ndarray) -> np.ndarray:
        """Where points of the landscape are in the picture, in pixels from the lower left.

        Args:
            points: Weight, bias and loss of each, shape (points, 3).
        """
        from mpl_toolkits.mplot3d.proj3d import proj_transform

        x, y, _ = proj_transform(*points.T, self._view)
        return self._pixels.transform(np.stack([x, y], axis=1))

    def draw(self, axes: Any) -> None:
        """Draw it on a canvas, and say which side is high."""
        axes.imshow(self._picture, extent=(0, stage.WIDTH, 0, stage.HEIGHT), zorder=-1)
        stage.write(axes, 850, 515, "high loss")
        stage.write(axes, 1012, 270, "low loss", color="bg")


def _walked(scene: Any, clip: str, axes: Any, step: float, asks: bool = False) -> None:
    """The landscape and a walk on it, up to a step; the last may be on its way."""
    land = scene()
    land.draw(axes)
    walked = walk(clip, LIMIT, RATE)
    points = np.column_stack([walked["place"][:, 0], walked["loss"][:, 0]])
    stops = land.places(points[: int(step) + 2])
    done, ahead = stops[: int(step) + 1], stops[int(step) + 1 :]
    if share := step % 1:
        done = np.concatenate([done, done[-1:] + share * (ahead - done[-1:])])
    axes.plot(*done.T, color=LIGHT["bg"], linewidth=7, zorder=1)
    axes.plot(*done.T, color=LIGHT["second"], linewidth=4, zorder=1)
    look = {"markersize": 26, "markeredgecolor": LIGHT["bg"], "markeredgewidth": 3}
    axes.plot(*done[-1], "o", color=LIGHT["second"], **look)
    stage.write(axes, 1250, 590, f"step {int(step)}", weight="bold", ha="right")
    if asks:
        x, y = done[-1]
        stage.write(axes, x + 60, y + 60, "?", size=90, color="second", weight="bold")
