"""How numbers are written: for JSON, and for readers."""

from __future__ import annotations

import math

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def figures(value: float, digits: int = 2) -> str:
    """A number as a reader likes it: ``0.23``, ``14``, ``4.9 × 10⁻¹⁹``, ``0``, ``not finite``.

    Args:
        value: Any float.
        digits: Significant digits, at least 1.
    """
    if not math.isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if -3 <= power <= 4:
        text = f"{float(f'{mantissa}e{power}'):.{max(digits - 1 - power, 0)}f}"
    else:  # no-break spaces: a number stays on one line
        text = f"{mantissa}\u00a0×\u00a010{str(power).translate(_SUPERSCRIPT)}"
    return text.replace("-", "−")


def short(value: float) -> str:
    """A number that someone chose, without the zeros nobody typed: ``1.41``, ``65536``, ``10⁹``."""
    if value == int(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    if 1e-4 <= abs(value) < 1e6:
        return f"{value:.3g}"
    return figures(value, 1).removeprefix("1\u00a0×\u00a0")


def count(number: float, things: str) -> str:
    """How many of what: ``"1 hop"``, ``"10 hops"``; ``things`` is the plural, with an s."""
    return f"{short(number)} {things[:-1] if number == 1 else things}"


def percent(share: float) -> str:
    """A share in whole percent: ``"96 %"``."""
    return f"{100 * share:.0f}\u00a0%" if math.isfinite(share) else "–"


def apart(first: float, second: float, most: int = 5) -> tuple[str, str]:
    """Two numbers with as many digits as tell them apart: ``("1.42", "1.38")``.

    Args:
        first: Any float.
        second: Another.
        most: Significant digits at most; what is equal up to there is written alike.
    """
    for digits in range(2, most + 1):
        texts = figures(first, digits), figures(second, digits)
        if texts[0] != texts[1]:
            return texts
    return figures(first), figures(second)


def number(value: float, digits: int = 3) -> float | int | str:
    """A float as JSON can hold it: a few significant digits; ``"nan"``, ``"inf"``, ``"-inf"``."""
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    short = float(f"{value:.{digits}g}")
    if math.isinf(short):  # the largest floats, rounded up
        return value
    return int(short) if short == int(short) and abs(short) < 1e6 else short
