"""Reading a profile: what all views of a signal share."""

from __future__ import annotations

import numpy as np

from vgplib.experiments.view import LOUD, Axis, Readout, Series, Strip, Tone
from vgplib.numbers import count, figures

# The limits of all verdicts, on what a first layer gets of what the last one does. On small
# networks that learn the digits by 300 steps of gradient descent, a ratio of 0.04 or more trained,
# 1e-3 in part, 1e-4 or less never. Elsewhere (time steps, chains, growth) they are conventions.
# A layer counts as hearing the signal from FADING on, so that strip and verdict never disagree:
# the first layer hears it exactly where the verdict is not yet "Fading".
LEVEL = 3.0  # either way
FADING, VANISHED, GROWING, EXPLODED = 1 / LOUD, 1e-3, LOUD, 1e3

SEEDS = "Line: the middle one of five random starts; band: all five."
SEEDS_OF_MANY = "Lines: the middle one of five random starts; bands: all five."


def verdict(ratio: float) -> Readout:
    """What the ratio of the first layer's error signal to the last one's means, in words.

    Args:
        ratio: First over last; 0 and non-finite values have verdicts of their own.
    """

    def said(text: str, tone: Tone, note: str) -> Readout:
        return Readout("Verdict", text, tone=tone, note=note)

    if not np.isfinite(ratio):
        return said("Not finite", "bad", "the number format ran out")
    if ratio == 0:
        return said("Vanished: exactly 0", "bad", "nothing at all arrives")
    if ratio < VANISHED:
        return said("Vanished", "bad", "less than a thousandth arrives")
    if ratio < FADING:
        return said("Fading", "warn", "less than a fiftieth arrives")
    if ratio < 1 / LEVEL:
        return said("Fades a little", "plain", "a fiftieth to a third arrives")
    if ratio <= LEVEL:
        return said("Level", "good", "within a factor of three")
    if ratio <= GROWING:
        return said("Grows a little", "plain", "3 to 50 times as loud")
    if ratio <= EXPLODED:
        return said("Growing", "warn", "more than 50 times as loud")
    return said("Exploded", "bad", "more than 1000 times as loud")


def kept_per_layer(profile: np.ndarray) -> float:
    """The factor by which a signal changes per layer going back, from first over last.

    Args:
        profile: One value per layer (or time step), the first nearest the input.

    Returns:
        The geometric mean factor; its power over all the hops is exactly first over last.
    """
    hops = len(profile) - 1
    return float((profile[0] / profile[-1]) ** (1 / hops)) if hops else 1.0


def relative(profiles: np.ndarray) -> np.ndarray:
    """Each run over its own last value, which becomes 1; shape (seeds, layers)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return profiles / profiles[:, -1:]


def band(name: str, x: np.ndarray, runs: np.ndarray, role: str = "main") -> Series:
    """The median over the seeds as a line, their range as a band; ``runs``: (seeds, points)."""
    keep = thin(len(x))
    runs = runs[:, keep]
    with np.errstate(invalid="ignore"):
        return Series(
            name,
            x[keep].tolist(),
            np.median(runs, axis=0).tolist(),
            runs.min(axis=0).tolist(),
            runs.max(axis=0).tolist(),
            role=role,  # type: ignore[arg-type]
        )


def thin(points: int, most: int = 41) -> np.ndarray:
    """Which of many points to draw: all, or ``most`` at equal distances with both ends."""
    return np.unique(np.linspace(0, points - 1, min(points, most)).round().astype(int))


def back_axis(places: int, label: str = "layers back from the loss") -> Axis:
    """The horizontal axis of everything that runs back: 0 at the right, where the loss is.

    Args:
        places: How many layers (or steps) the largest setting has. Each stands in the middle of
            its cell of the strip.
        label: What is counted.
    """
    return Axis(label, (-0.5, places - 0.5), whole=True, reverse=True)


def back(places: int) -> np.ndarray:
    """How many places back from the loss each one stands, the first nearest the input."""
    return np.arange(places - 1, -1, -1)


def heard(
    profile: np.ndarray,
    things: str,
    slots: int,
    label: str = "Heard: at least 1/50 of the last",
    does: tuple[str, str] = ("still hear it", "still hears it"),
    ends: tuple[str, str] = ("input", "loss"),
    least: float = FADING,
) -> Strip:
    """The strip of a signal relative to the last place: who gets enough of it.

    Args:
        profile: One value per place, the first nearest the input; 1 is what the last one gets.
        things: What the places are, in the plural (``"layers"``).
        slots: How many places the largest setting has.
        label: What counts.
        does: What those who get it do, of many and of one.
        ends: What stands before the first place, and where the signal comes from.
        least: What is enough.
    """
    reached = int((profile >= least).sum())
    verb = does[1] if reached == 1 else does[0]
    words = f"{reached} of {count(len(profile), things)} {verb}"
    if loud := int((profile > LOUD).sum()):
        words += f", {loud} far too loudly" if loud < reached else ", all of them far too loudly"
    return Strip(label, profile.tolist(), words, slots, ends)


def signal_readouts(runs: np.ndarray, hop: str) -> tuple[Readout, Readout, Readout]:
    """What a relative signal keeps per hop, what is left at the first place, and what it means.

    Args:
        runs: Relative profiles, shape (seeds, places); see :func:`relative`.
        hop: What a hop leads over: ``"layer"`` or ``"step"``.
    """
    kept = float(np.median([kept_per_layer(run) for run in runs]))
    ratio = float(np.median(runs[:, 0]))
    return (
        Readout(f"Kept per {hop}", figures(kept, 3), kept),
        ratio_readout(f"Reaches {hop} 1", ratio),
        verdict(ratio),
    )


def ratio_readout(label: str, ratio: float) -> Readout:
    """A ratio as a readout, toned by its verdict."""
    return Readout(label, figures(ratio), ratio, verdict(ratio).tone)
