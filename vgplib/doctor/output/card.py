"""A diagnosis as an HTML card: the picture, the findings with their proof, and what to do."""

from __future__ import annotations

import itertools
from html import escape
from typing import TYPE_CHECKING

from vgplib.doctor.output import words
from vgplib.doctor.output.card_style import style
from vgplib.doctor.output.profile import Profile, described, plot, profile
from vgplib.drawing import figure_svg

if TYPE_CHECKING:
    from vgplib.doctor.conditions.condition import Finding, Remedy
    from vgplib.doctor.diagnosis import Diagnosis

_ROWS = 60  # of the data table; to_dict() has every layer
_NAMES = 300  # characters of names before they are folded away
_cards = itertools.count(1)


def card(diagnosis: Diagnosis, level: int = 3) -> str:
    """The diagnosis as one HTML element that needs nothing else: no script, no request.

    What comes from the model, its names above all, is escaped.

    Args:
        diagnosis: What to show.
        level: Of its heading, 1 to 5; its parts have the next.
    """
    verdict = words.verdict(diagnosis)
    kind = "vgp-healthy" if diagnosis.healthy else "vgp-sick"
    parts = [
        f'<article class="vgp-doctor {kind}" aria-label="{_text("Diagnosis. " + verdict)}">',
        f"<style>{style()}</style>",
        _heading(level, verdict),
        f"<p>{_text(words.checked(diagnosis))}</p>",
        *(f"<p>Note: {_text(note)}</p>" for note in diagnosis.notes),
    ]
    if shown := profile(diagnosis):
        parts.append(_figure(diagnosis, shown))
    written: dict[str, int] = {}
    for number, finding in enumerate(diagnosis.findings, start=1):
        parts.append(_finding(finding, number, level + 1, written))
    if diagnosis.remedies:
        parts.append(
            "<p><code>diagnosis.try_remedies()</code> applies each remedy to a copy of the model "
            "and shows what it changed.</p>"
        )
    return "\n".join([*parts, "</article>"])


def page(diagnosis: Diagnosis) -> str:
    """The card as a whole HTML page."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(words.verdict(diagnosis))}</title>\n"
        "<style>:root { color-scheme: light dark; } body { margin: 1rem auto; max-width: 54rem; "
        "padding: 0 1rem; }</style>\n</head>\n<body>\n<main>\n"
        f"{card(diagnosis, level=1)}\n</main>\n</body>\n</html>\n"
    )


def _figure(diagnosis: Diagnosis, shown: Profile) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout="constrained")
    plot(diagnosis, figure.add_subplot())
    label = f"Chart of the signal by {shown.along}"
    return (
        f"<figure>{figure_svg(figure, label, f'doctor-{next(_cards)}')}"
        f"<figcaption>{_text(described(shown))}</figcaption></figure>"
        f"<details><summary>The picture as a table</summary>{_profile_table(shown)}</details>"
    )


def _profile_table(shown: Profile) -> str:
    count = len(shown.places)
    step = -(-count // _ROWS)
    caption = "The signal" if step == 1 else f"The signal: 1 row in {step}"
    head = [shown.along, *shown.lines, "where it is"]
    rows = [
        [
            shown.places[i],
            *(words.value(float(values[i])) for values in shown.lines.values()),
            "yes" if i in shown.marked else "",
        ]
        for i in range(0, count, step)
    ]
    return _table(caption, head, rows)


def _finding(finding: Finding, number: int, level: int, written: dict[str, int]) -> str:
    """One finding; ``written`` says under which finding a remedy's code stands already."""
    parts = [
        _heading(level, f"{number}. {finding.condition} ({finding.severity})"),
        f"<p>{_text(finding.explanation)}</p>",
        "<dl>",
        *([_entry("Cause", _text(finding.cause))] if finding.cause else []),
        _entry("Where", _where(finding)),
        _entry("Read", _text(f"{words.chapter(finding.lesson)} ({finding.lesson})")),
        "</dl>",
    ]
    if finding.evidence:
        rows = [list(row) for row in words.proof(finding)]
        parts.append(_table("Evidence", ["what was measured", "value"], rows))
    if finding.remedies:
        items = "".join(_remedy(remedy, number, written) for remedy in finding.remedies)
        parts.append(f"<p>What to do, the most likely first:</p><ol>{items}</ol>")
    return "\n".join(parts)


def _where(finding: Finding) -> str:
    if not finding.where:
        return "the whole model"
    every = ", ".join(f"<code>{_text(name)}</code>" for name in finding.where)
    if sum(map(len, finding.where)) <= _NAMES:
        return every
    brief = _text(words.places(finding.where, 80))
    return f"<details><summary>{brief}</summary>{every}</details>"


def _remedy(remedy: Remedy, number: int, written: dict[str, int]) -> str:
    told = f"<strong>{_text(remedy.name)}</strong>: {_text(remedy.why)}"
    if not remedy.code:
        return f"<li>{told}</li>"
    place = written.setdefault(remedy.code, number)
    if place != number:
        return f"<li>{told} Its code stands under {place}.</li>"
    code = f"<pre><code>{escape(remedy.code)}</code></pre>"
    return f"<li>{told}<details><summary>The code</summary>{code}</details></li>"


def _table(caption: str, head: list[str], rows: list[list[str]]) -> str:
    heads = "".join(f'<th scope="col">{_text(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{_text(first)}</th>'
        + "".join(f"<td>{_text(cell)}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return (
        f"<table><caption>{_text(caption)}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _entry(term: str, markup: str) -> str:
    return f"<dt>{term}</dt><dd>{markup}</dd>"


def _heading(level: int, said: str) -> str:
    return f"<h{level}>{_text(said)}</h{level}>"


def _text(said: str) -> str:
    return escape(words.plain(said))
