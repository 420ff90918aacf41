"""Sizes of memory: ``"2GiB"`` as a number of bytes, and bytes as text."""

from __future__ import annotations

import re

from vgplib import errors

UNITS = {
    **{"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12},
    **{"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40},
}


def parse(memory: int | str) -> int:
    """A size as a number of bytes.

    Args:
        memory: A number of bytes, or a number with a unit: ``"2GiB"``, ``"512 MB"``.

    Raises:
        ValueError: It is neither, or below one byte; the message lists the units.
    """
    if not isinstance(memory, str):
        return errors.whole("memory", memory)
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([A-Za-z]+)\s*", memory)
    known = {unit.lower(): size for unit, size in UNITS.items()}
    if not found or found[2].lower() not in known:
        raise ValueError(
            f"memory must be a number of bytes or a size such as '2GiB', not {memory!r}. "
            f"Units: {', '.join(UNITS)}."
        )
    return errors.whole("memory", int(float(found[1]) * known[found[2].lower()]))


def show(size: float) -> str:
    """A number of bytes with the unit that suits it: ``"1.5 GiB"``."""
    units = ("B", "KiB", "MiB", "GiB", "TiB")
    unit = next((u for u in reversed(units) if size >= UNITS[u]), "B")
    return f"{size / UNITS[unit]:.4g} {unit}"
