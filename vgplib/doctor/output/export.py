"""A diagnosis for other programs: as data for JSON, and as a page in a file."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vgplib.doctor.output.card import page

if TYPE_CHECKING:
    import xarray as xr

    from vgplib.doctor.diagnosis import Diagnosis


def as_dict(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis as what ``json.dumps`` takes; see :meth:`Diagnosis.to_dict`."""
    return {
        "format": 1,
        "healthy": diagnosis.healthy,
        "conditions": list(dict.fromkeys(f.condition for f in diagnosis.findings)),
        "findings": [
            {
                "condition": finding.condition,
                "severity": finding.severity,
                "where": list(finding.where),
                "cause": finding.cause,
                "evidence": _plain(finding.evidence),
                "explanation": finding.explanation,
                "lesson": finding.lesson,
                "remedies": [
                    {"key": r.key, "name": r.name, "why": r.why, "code": r.code}
                    for r in finding.remedies
                ],
            }
            for finding in diagnosis.findings
        ],
        "losses": _plain(diagnosis.losses),
        "notes": list(diagnosis.notes),
        "measured": None if diagnosis.measured is None else _measured(diagnosis.measured),
    }


def write_page(diagnosis: Diagnosis, path: str | os.PathLike[str]) -> None:
    """Write the card as a whole page; a file that was there stays until the new one is whole.

    Raises:
        OSError: The folder is missing or cannot be written to.
    """
    path = check_path(path)
    # A lone surrogate, which a name may hold, is no UTF-8: its escape is written.
    content = page(diagnosis).encode("utf-8", "backslashreplace")
    part = path.with_name(f".{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_path(path: str | os.PathLike[str]) -> Path:
    """Return a path that a file can have; say what is wrong with any other.

    Raises:
        OSError: Its folder is missing, or it is a folder.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"cannot write {path}: there is no folder {path.parent}. Make it first: "
            f"mkdir -p {path.parent}"
        )
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a folder. Name a file in it.")
    return path


def _measured(data: xr.Dataset) -> dict[str, Any]:
    """The dataset as it is: ``layer``, ``parameter`` and ``recurrent`` as lists of rows."""
    out: dict[str, Any] = {"attrs": _plain(data.attrs)}
    for dimension in ("layer", "parameter", "recurrent"):
        if dimension in data.dims:
            own = {
                str(name): values.values.tolist()
                for name, values in data.variables.items()
                if values.dims[:1] == (dimension,)
            }
            rows = zip(*own.values(), strict=True)
            out[dimension] = [_plain(dict(zip(own, row, strict=True))) for row in rows]
    return out


def _plain(value: Any) -> Any:
    """What JSON can hold: numbers that are not finite as the words that ``float()`` reads."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if hasattr(value, "item"):  # a number of NumPy or PyTorch
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
