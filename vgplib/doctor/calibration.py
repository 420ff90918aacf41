"""How often the doctor was right, on models whose condition is known.

``python -m benchmarks.doctor --write`` measures it again.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vgplib.doctor.conditions import CONDITIONS

if TYPE_CHECKING:
    import pandas as pd

FIGURES = Path(__file__).with_name("calibration.json")


def interval(hits: int, of: int) -> str:
    """A share with its 95 % confidence interval, after Wilson 1927."""
    z, share = 1.96, hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    low, high = max(middle - half, 0), min(middle + half, 1)
    return f"{hits} of {of}, {100 * share:.0f} % ({100 * low:.0f} to {100 * high:.0f} %)"


def figures() -> dict[str, dict[str, Any]]:
    """The counts: ``now``, of all wards, and at ``first sight`` of each that came later.

    Those at first sight belong to the commit that stands beside them, and are not measured again.
    """
    return json.loads(FIGURES.read_text(encoding="utf-8"))


def calibration() -> pd.DataFrame:
    """How often the doctor is right, on models whose condition is known.

    Each column is a group of models that were made without a look at the rules, and says what came
    out at first sight of them, before what was missed there was mended. Shares have 95 % confidence
    intervals.
    """
    import pandas as pd

    columns = {}
    for name, found in figures()["first sight"].items():
        sick, healthy = found["sick"], found["healthy"]
        well = healthy - found["alarms"]
        columns[f"{name}, at first sight"] = {
            "sick models found": interval(found["found"], sick),
            "their condition named": interval(found["named"], sick),
            "their cause told": interval(*found["causes"]) if "causes" in found else "",
            "healthy models left in peace": interval(well, healthy),
            "balanced accuracy": f"{(found['found'] / sick + well / healthy) / 2:.3f}",
        }
    return pd.DataFrame(columns)


def rules() -> pd.DataFrame:
    """The rules as a table: condition, evidence, threshold, source, calibration.

    The calibration says in how many of the models that have it, of all that are known, the
    condition was named, and in how many others it was told without being there.
    """
    import pandas as pd

    counts = figures()["now"]["conditions"]
    rows = []
    for condition in CONDITIONS.values():
        named, of, wrongly = counts[condition.name]
        calibration = f"{named} of {of}; wrongly {wrongly}"
        told = condition.looks_at, condition.threshold, condition.source
        rows.append((condition.name, *told, calibration))
    columns = ["condition", "evidence", "threshold", "source", "calibration"]
    return pd.DataFrame(rows, columns=columns).set_index("condition")
