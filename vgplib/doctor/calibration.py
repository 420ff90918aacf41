"""How often the doctor was right, on models whose condition is known.

``python -m benchmarks.doctor --write`` measures it again.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    """The counts of each set of models, as ``benchmarks.doctor`` wrote them."""
    return json.loads(FIGURES.read_text(encoding="utf-8"))


def calibration() -> pd.DataFrame:
    """How often the doctor is right: one column for each set of models.

    *Calibrated on* are the models that the rules were made with; *held out* are others, which were
    made without a look at the rules, and for which no rule was changed. Shares have 95 % confidence intervals.
    """
    import pandas as pd

    columns = {}
    for name, found in figures().items():
        sick, healthy = found["sick"], found["healthy"]
        well = healthy - found["alarms"]
        columns[name] = {
            "sick models found": interval(found["found"], sick),
            "their condition named": interval(found["named"], sick),
            "healthy models left in peace": interval(well, healthy),
            "balanced accuracy": f"{(found['found'] / sick + well / healthy) / 2:.3f}",
        }
    return pd.DataFrame(columns)
