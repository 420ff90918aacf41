"""Reading a profile: what all views of a signal share."""

from __future__ import annotations

import numpy as np

from vgplib.experiments.view import Readout, Series
from vgplib.numbers import figures

# FADING and VANISHED are calibrated on small networks that learn digits by 300 steps of gradient
# descent: with a ratio of 0.04 or more they trained, at 1e-3 in part, at 1e-4 or less never.
# GROWING and EXPLODED are conventions. For time steps and chains all four are labels.
FADING, VANISHED, GROWING, EXPLODED = 4e-2, 1e-3, 2e1, 1e3


def verdict(ratio: float) -> Readout:
    """What the ratio of the first layer's error signal to the last one's means, in words.

    Args:
        ratio: First over last; 0 and non-finite values have verdicts of their own.
    """
    if not np.isfinite(ratio):
        return Readout("Verdict", "Not finite", tone="bad")
    if ratio == 0:
        return Readout("Verdict", "Vanished: exactly 0", tone="bad")
    if ratio < VANISHED:
        return Readout("Verdict", "Vanished", tone="bad")
    if ratio < FADING:
        return Readout("Verdict", "Fading", tone="warn")
    if ratio <= GROWING:
        return Readout("Verdict", "Healthy", tone="good")
    if ratio <= EXPLODED:
        return Readout("Verdict", "Growing", tone="warn")
    return Readout("Verdict", "Exploded", tone="bad")


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


def decades(*values: np.ndarray, least: float = 2) -> tuple[float, float]:
    """The ends of a log axis: whole powers of ten around all finite positive values.

    Args:
        *values: Anything that is drawn.
        least: How many powers of ten the axis spans at least.
    """
    flat = np.concatenate([np.ravel(v) for v in values])
    flat = flat[np.isfinite(flat) & (flat > 0)]
    if not flat.size:
        return 1e-1, 1e1
    low, high = np.floor(np.log10(flat.min()) + 1e-9), np.ceil(np.log10(flat.max()) - 1e-9)
    missing = max(0.0, least - (high - low))
    low, high = low - np.ceil(missing / 2), high + np.floor(missing / 2)
    return float(10.0**low), float(10.0**high)


def signal_readouts(runs: np.ndarray, hop: str) -> tuple[Readout, Readout, Readout]:
    """What a relative signal keeps per hop, what is left at the first place, and what it means.

    Args:
        runs: Relative profiles, shape (seeds, places); see :func:`relative`.
        hop: What a hop leads over: ``"layer"`` or ``"step"``.
    """
    kept = float(np.median([kept_per_layer(run) for run in runs]))
    ratio = float(np.median(runs[:, 0]))
    return (
        Readout(f"Signal kept per {hop}", figures(kept, 3), kept),
        ratio_readout(f"First {hop} vs last", ratio),
        verdict(ratio),
    )


def ratio_readout(label: str, ratio: float) -> Readout:
    """A ratio as a readout, toned by its verdict."""
    return Readout(label, figures(ratio), ratio, verdict(ratio).tone)
