"""A diagnosis in at most ten lines of plain text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vgplib.doctor.conditions import CONDITIONS
from vgplib.numbers import figures

if TYPE_CHECKING:
    from vgplib.doctor.conditions.condition import Finding
    from vgplib.doctor.diagnosis import Diagnosis

WIDTH = 76  # what a page of the course has room for
_LABEL = 8


def text(diagnosis: Diagnosis) -> str:
    """What ``print(diagnosis)`` shows: verdict, place, evidence, what to do first, where to read.

    Lines are at most 76 characters long, unless a name alone is longer: names stay whole.
    """
    notes = _lines("Note", plain("; ".join(diagnosis.notes)), 1) if diagnosis.notes else []
    if diagnosis.healthy:
        seen = textwrap.wrap(checked(diagnosis), WIDTH)
        return "\n".join([verdict(diagnosis), *seen, *notes])
    first, *others = diagnosis.findings
    lines = [verdict(diagnosis), *_lines("What", _what(first), 2)]
    lines.append(f"{'Where':{_LABEL}}{places(first.where, WIDTH - _LABEL)}")
    lines += _lines("Seen in", "; ".join(f"{k} {v}" for k, v in proof(first)), 1 if notes else 2)
    if first.remedies:
        remedy = first.remedies[0]
        lines += _lines("First", plain(f"{remedy.name}: {remedy.why}"), 2)
    if others:
        also = [f"{o.condition} ({o.severity})" for o in others]
        lines.append(f"{'Also':{_LABEL}}{places(also, WIDTH - _LABEL)}")
    then = "; diagnosis.try_remedies() tries what helps" if first.remedies else ""
    return "\n".join([*lines, *notes, f"{'Read':{_LABEL}}{chapter(first.lesson)}{then}"])


def verdict(diagnosis: Diagnosis) -> str:
    """The diagnosis in one line, its main condition first."""
    if diagnosis.healthy:
        if diagnosis.asked < set(CONDITIONS):
            return f"Healthy so far: neither {' nor '.join(sorted(diagnosis.asked))} was found."
        return f"Healthy: none of the {len(CONDITIONS)} conditions was found."
    first = diagnosis.findings[0]
    more = len(diagnosis.findings) - 1
    rest = f", and {more} more finding{'s' if more > 1 else ''}" if more else ""
    return f"Sick: {first.condition} ({first.severity}){rest}."


def checked(diagnosis: Diagnosis) -> str:
    """What the diagnosis rests on: how much was measured, and the loss over the steps tried."""
    data, losses = diagnosis.measured, diagnosis.losses
    if data is None:
        return (
            "Looked at the training steps that were kept; vgp.examine asks for more conditions."
            if diagnosis.asked < set(CONDITIONS)
            else "No layer could be measured."
        )
    layers, parameters = data.sizes["layer"], data.sizes["parameter"]
    seen = f"{_count(layers, 'layer')} and {_count(parameters, 'parameter')}"
    steps = len(losses) - 1
    if steps < 1:
        return (
            f"Looked at {seen}; the loss is {value(losses[0] if losses else data.attrs['loss'])}."
        )
    trend = f"in {_count(steps, 'step')} the loss went from {value(losses[0])}"
    return f"Looked at {seen}; {trend} to {value(losses[-1])}."


def places(names: Sequence[str], room: int) -> str:
    """As many names as fit into ``room`` characters, at least one, "and 12 more".

    Without any name it is "the whole model".
    """
    if not names:
        return "the whole model"
    told = [plain(name) for name in names]
    for shown in range(len(told), 1, -1):
        said = _up_to(told, shown)
        if len(said) <= room:
            return said
    return _up_to(told, 1)


def proof(finding: Finding) -> list[tuple[str, str]]:
    """The evidence as (name, number) to read."""
    return [(words(name), value(number)) for name, number in finding.evidence.items()]


def value(number: float) -> str:
    """A number of the evidence: whole ones as they are, the others to three digits."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "infinite" if number > 0 else "−infinite"
    if number == int(number) and abs(number) < 1e6:
        return f"{number:.0f}".replace("-", "−")
    mantissa, space, power = figures(number, 3).partition("\u00a0")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + space + power


def words(name: str) -> str:
    """A name of the evidence as words: ``signal_ratio`` is "signal ratio"."""
    return plain(name).replace("_", " ")


def plain(name: str) -> str:
    r"""A name as it can be shown: what is not printable as its escape, such as ``\n``."""
    return "".join(c if c.isprintable() or c == "\u00a0" else repr(c)[1:-1] for c in name)


def chapter(lesson: str) -> str:
    """Where a lesson stands: ``chapters/03-symptoms`` is "chapter 3, symptoms"."""
    number, _, title = lesson.rpartition("/")[2].partition("-")
    return f"chapter {number.lstrip('0')}, {title.replace('-', ' ')}"


def _what(finding: Finding) -> str:
    cause = f" Cause: {finding.cause}." if finding.cause else ""
    return finding.explanation + cause


def _up_to(names: list[str], shown: int) -> str:
    if shown == len(names):
        return f"{', '.join(names[:-1])} and {names[-1]}" if shown > 1 else names[0]
    return f"{', '.join(names[:shown])} and {len(names) - shown} more"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _lines(label: str, said: str, most: int) -> list[str]:
    """A labelled text on one line or two, cut with "…" where it is longer."""
    return textwrap.wrap(
        said,
        WIDTH,
        initial_indent=f"{label:{_LABEL}}",
        subsequent_indent=" " * _LABEL,
        max_lines=most,
        placeholder=" …",
        break_long_words=False,
        break_on_hyphens=False,
    )
