"""A prediction as a bench asks it: in the front end's form, with the setting that answers it."""

from __future__ import annotations

import re
from typing import Any

from vgplib import errors
from vgplib.engine.experiment import Control, Slider
from vgplib.errors import BankError
from vgplib.lesson import schema
from vgplib.lesson.text import plain, segments
from vgplib.numbers import figures

_NUMBER = re.compile(r"(?P<mantissa>−?\d[\d.]*)(?:\s×\s10(?P<power>[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?")
_PLAIN = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def answering(guess: schema.Prediction, shown: list[Control]) -> dict[str, Any]:
    """The setting that answers a prediction, as far as it says one.

    Raises:
        BankError: It names what is no control of this bench, a value that its control does not
            take, or one off the grid, which a page's table does not hold.
    """
    controls = {control.name: control for control in shown}
    out = {}
    try:
        for name, value in guess.show.items():
            control = controls[errors.choose("control of this bench", name, controls)]
            out[name] = control.check(value)
            if isinstance(control, Slider) and out[name] not in control.values:
                values = ", ".join(f"{v:g}" for v in control.values)
                raise ValueError(f"{name} is {value:g}, which no page can show; it can: {values}.")
    except ValueError as problem:
        raise BankError(f"prediction {guess.id}, show: {problem}") from None
    return out


def asked(given: schema.Prediction, show: dict[str, Any], frame: dict[str, Any]) -> dict[str, Any]:
    """The question in the front end's form, and as the words that a terminal shows.

    Args:
        given: The prediction.
        show: The setting that answers it.
        frame: What is seen there.

    Raises:
        BankError: The figure to guess is none: the readout is in words.
    """
    options = given.options or []
    out: dict[str, Any] = {
        "id": given.id,
        "question": segments(given.question),
        "because": segments(given.because),
        "show": show,
        "words": plain(given.question),
        "choices": [plain(o) for o in options],
    }
    if room := given.room:
        out["room"] = {"expect": segments(room.expect), "ask": segments(room.ask)}
    if options:
        out["options"] = [segments(o) for o in options]
        out["answer"] = options.index(str(given.answer))
    else:
        readout = frame["readouts"][given.readout]
        if "value" not in readout:
            numbers = [k for k, r in enumerate(frame["readouts"]) if "value" in r]
            raise BankError(
                f"prediction {given.id}, readout: {given.readout} is in words "
                f"({readout['text']!r}); numbers are: {', '.join(map(str, numbers)) or 'none'}."
            )
        percent = readout.get("percent", False)
        text = _written(float(readout["value"]) * (100 if percent else 1), readout["text"])
        measured = {"value": readout["value"], "text": text, "percent": percent}
        out["numeric"] = {**measured, "log": given.log, "unit": given.unit}
    return out


def _written(value: float, text: str) -> str:
    """A measured number as its readout has it: ``"16000"``, or ``"1640"`` in "after 1640 steps"."""
    for number in _NUMBER.finditer(text):
        mantissa, power = number["mantissa"].replace("−", "-"), number["power"] or "0"
        written = float(mantissa) * 10.0 ** int(power.translate(_PLAIN))
        if abs(written - value) <= 0.06 * abs(value):  # apart by no more than rounding
            return number[0]
    return figures(value)
