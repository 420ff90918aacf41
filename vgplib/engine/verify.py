"""Is an atlas what PyTorch measures here and now? The comparison, setting by setting.

What a network in chaos makes of rounding is chance, and differs between processors. How much of a
run that is, is measured as well: where kept and new numbers differ, the setting is measured again
as on other processors (:class:`vgplib.engine.rounding.OtherRounding`), and a number is held only as
far as those agree.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vgplib.engine import atlas
from vgplib.engine.experiment import Experiment, Settings
from vgplib.engine.rounding import OtherRounding
from vgplib.engine.runs import told

if TYPE_CHECKING:
    import xarray as xr

# Of numbers relative to the larger one; of shares, which count a few hundred things, as they are.
TOLERANCE, OF_SHARES = 1e-3, 0.01
OTHERS = 2  # imitated processors
MANY = 6  # of them, and all seeds, where these don't settle it: chaos may show late, or elsewhere
MARGIN = 10.0  # how much further than the imitated ones, at most, a real processor is away


@dataclass(frozen=True)
class Difference:
    """Where a setting's kept and new numbers of one kind differ most.

    Attributes:
        settings: The setting.
        variable: The name in the dataset.
        place: Dimension -> coordinate.
        kept: The number in the atlas.
        now: The number that was measured.
        apart: By how much they differ: relative to the larger, of a share as it is.
        allowed: Up to which that would have been no difference.
        count: How many of the setting's numbers of this kind differ by more than is allowed.
    """

    settings: Settings
    variable: str
    place: dict[str, Any]
    kept: float
    now: float
    apart: float
    allowed: float
    count: int

    def __str__(self) -> str:
        return (
            f"{told(self.settings)}: {self.variable} at {told(self.place) or 'its only place'} is "
            f"{self.now:.6g}, kept {self.kept:.6g}: it differs by {self.apart:.2g}, allowed "
            f"{self.allowed:.2g} ({self.count} such)"
        )


def differences(
    exp: Experiment, settings: Settings, folder: Path | None = None, seeds: int | None = None
) -> list[Difference]:
    """Measure one setting of the grid again, and compare it with the atlas.

    Args:
        exp: The experiment.
        settings: On its grid.
        folder: Where the atlas lies; by default the one that comes with the package.
        seeds: How many of the seeds to measure; by default all.

    Returns:
        One for each kind of number that differs by more than chance.

    Raises:
        AtlasError: The atlas is missing, damaged, or made by another version.
        ValueError: The atlas has other kinds or numbers of values than were measured.
    """
    kept = atlas.at(exp, settings, folder)
    few = exp
    if seeds is not None:
        few, kept = replace(exp, seeds=seeds), kept.isel(seed=slice(seeds))
    now = few.measure(**settings)
    if kept.sizes != now.sizes or set(kept.data_vars) != set(now.data_vars):
        raise ValueError(
            f"{exp.name} at {told(settings)} has {dict(now.sizes)} of {sorted(now.data_vars)}; "
            f"the atlas, {dict(kept.sizes)} of {sorted(kept.data_vars)}."
        )
    held = [name for name in now.data_vars if name not in exp.times]

    def compared(same: xr.Dataset, others: list[xr.Dataset]) -> list[Difference | None]:
        return [
            _worst(exp, settings, str(n), kept[n], now[n], [(same[n], o[n]) for o in others])
            for n in held
        ]

    if not any(compared(now, [])):
        return []
    same, others = now, [_rounded(few, settings, seed) for seed in range(OTHERS)]
    found = compared(same, others)
    if any(found):
        if few is not exp:
            same, others = exp.measure(**settings), []
        others += [_rounded(exp, settings, seed) for seed in range(len(others), MANY)]
        found = compared(same, others)
    return [difference for difference in found if difference]


def _rounded(exp: Experiment, settings: Settings, seed: int) -> xr.Dataset:
    with OtherRounding(seed):
        return exp.measure(**settings)


def _worst(
    exp: Experiment,
    settings: Settings,
    name: str,
    kept: xr.DataArray,
    now: xr.DataArray,
    rounded: Sequence[tuple[xr.DataArray, xr.DataArray]],
) -> Difference | None:
    """Where one kind of number differs most, if anywhere by more than is allowed.

    ``rounded`` pairs numbers with what an imitated processor makes of them, maybe for more seeds.
    """
    share = name in exp.shares
    apart = _apart(kept.values, now.values, share)
    allowed = np.full(apart.shape, OF_SHARES if share else TOLERANCE)
    for same, other in rounded:
        spread = MARGIN * _apart(same.values, other.values, share)
        if "seed" in now.dims:  # for all seeds as for the one that differs most
            spread = spread.max(axis=now.get_axis_num("seed"), keepdims=True)
        allowed = np.clip(spread, allowed, 1.0)
    beyond = np.where(apart > allowed, apart, 0.0)
    if not beyond.any():
        return None
    at = np.unravel_index(beyond.argmax(), beyond.shape)
    place = {
        str(d): now[d].values[i].item() if d in now.coords else int(i)
        for d, i in zip(now.dims, at, strict=True)
    }
    numbers = (float(v[at]) for v in (kept.values, now.values, apart, allowed))
    return Difference(settings, name, place, *numbers, int((beyond > 0).sum()))


def _apart(a: np.ndarray, b: np.ndarray, share: bool) -> np.ndarray:
    """By how much numbers differ: 0 where both are NaN or infinite, 1 where just one of them is."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        apart = np.abs(a - b) / (1.0 if share else np.maximum(np.abs(a), np.abs(b)))
    apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, apart)
    return np.where(np.isnan(apart), 1.0, np.minimum(apart, 1.0))


def verify(exp: Experiment, folder: Path | None = None, *, progress: bool = True) -> int:
    """Compare every setting of an experiment, and print what differs by how much.

    Args:
        exp: The experiment.
        folder: As for :func:`differences`.
        progress: Whether to show a progress bar.

    Returns:
        How many settings differ.

    Raises:
        AtlasError: As :func:`differences`.
        ValueError: As :func:`differences`.
    """
    from tqdm import tqdm

    wrong = 0
    bar = tqdm(exp.grid(), exp.name, exp.size(), unit="setting", disable=not progress)
    for settings in bar:
        found = differences(exp, settings, folder)
        wrong += bool(found)
        for difference in found:
            tqdm.write(f"{exp.name} at {difference}", file=sys.stdout)
    print(f"{exp.name}: {wrong or 'none'} of {exp.size()} settings differ")
    return wrong
