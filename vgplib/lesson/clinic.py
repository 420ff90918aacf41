"""The clinic: twelve unlabelled patients to examine, diagnose and treat.

All that it can show was measured ahead of time, so that it needs a kernel for nothing: the same
front end serves page and notebook. What ails a patient is told once it is solved or given up;
without a script it stands folded away at the end.
"""

from __future__ import annotations

import html
import re
from string import ascii_uppercase
from typing import Any

import traitlets

from vgplib import errors
from vgplib.errors import BankError
from vgplib.experiments import diagnoses, experiment, readouts
from vgplib.experiments.patients import PATIENTS, TREATMENTS
from vgplib.lesson import banks
from vgplib.lesson.bench import spec_of, table
from vgplib.lesson.bundle import unique
from vgplib.lesson.text import plain, segments, to_html
from vgplib.lesson.widget import Widget

_NAME = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_HEADS = ("patient", "loss", "right, training and test", "signal, first / last")
_HEADS += ("units: worst layer", "updates: slowest to fastest")


class Clinic(Widget):
    """The twelve patients on the page. Made by :func:`clinic`."""

    kind = traitlets.Unicode("clinic").tag(sync=True)
    frames = traitlets.List().tag(sync=True)

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__(spec=spec)
        self.on_msg(self._send_tables)

    def _send_tables(self, widget: Any, content: Any, buffers: Any) -> None:
        """Give a front end what it shows: one that is there asks, a run without one never."""
        if content == "table":
            self.frames = [table(room) for room in self.spec["rooms"]]

    def __repr__(self) -> str:
        rows = zip(ascii_uppercase, self.spec["patients"], strict=False)
        lines = [f"{_titled(self.spec)}. Run this cell to examine them."]
        for letter, patient in rows:
            words = _evidence(patient["id"])
            said = [f"{head} {word}" for head, word in zip(_HEADS[1:], words, strict=True)]
            lines.append(f"- {letter}: {'; '.join(said)}")
        return "\n".join(lines)

    def state(self) -> dict[str, Any]:
        """Besides, the tables, which the book fills in."""
        return super().state() | {"frames": []}

    def fallback(self) -> str:
        """The patients and what ails them, as HTML."""
        return _fallback(self.spec)


def clinic(*, number: str | None = None, seed: int | str | None = None) -> Clinic:
    """Show the twelve patients: examine one, commit to a diagnosis, treat it.

    Args:
        number: ``"7.1"``: written before the title.
        seed: Deals the letters out anew, as ``?seed=7`` does in a page's address; by default they
            stand in one order for all.

    Raises:
        vgplib.errors.BankError: A patient's story is missing, or names what was not measured.
        vgplib.errors.AtlasError: An atlas is missing or damaged.
    """
    rooms = [experiment(name) for name in ("what-ails-it", "try-a-remedy")]
    return Clinic(
        {
            "id": unique("clinic"),
            "number": number,
            "title": f"{len(PATIENTS)} patients",
            "seed": None if seed is None else str(seed),
            "rooms": [spec_of(room, room.controls, room.check({})) for room in rooms],
            "diagnoses": [
                {"value": name, "label": label} for name, (label, _) in diagnoses.DIAGNOSES.items()
            ],
            "patients": [_patient(name) for name in PATIENTS],
        }
    )


def _patient(name: str) -> dict[str, Any]:
    """What the front end is told of a patient: the truth, too, which it keeps to itself."""
    return {
        "id": name,
        "truth": diagnoses.TRUTH[name],
        "said": {of: words for of, (_, words) in diagnoses.judged(name).items()},
        "story": segments(_told(name)),
    }


def _told(name: str) -> str:
    """A patient's story with its measured numbers in place."""
    facts = diagnoses.facts(name)

    def measured(found: re.Match[str]) -> str:
        try:
            return facts[errors.choose("fact", found[1], facts)]
        except ValueError as problem:
            raise BankError(f"patient {name}, story: {problem}") from None

    return _NAME.sub(measured, banks.find("patients", name).story)


def _titled(spec: dict[str, Any]) -> str:
    title = spec["title"]
    return f"Experiment {spec['number']} · {title}" if spec["number"] else title


def _evidence(name: str) -> tuple[str, ...]:
    """A patient's evidence as one figure a kind, for places that show no chart."""
    facts = diagnoses.facts(name)
    kind = "dead" if PATIENTS[name].activation == "relu" else "flat"
    return (
        f"{facts['start']} → {facts['end']}",
        f"{facts['train']}, {facts['test']}",
        facts["ratio"],
        f"{facts['flat']} {kind}",
        f"{facts['slowest']} to {facts['fastest']}",
    )


def _fallback(spec: dict[str, Any]) -> str:
    """Evidence as a table, then each patient's illness folded away: for no script and for print."""
    labels = {one["value"]: one["label"] for one in spec["diagnoses"]}
    rows, folds = [], []
    for letter, patient in zip(ascii_uppercase, spec["patients"], strict=False):
        cells = "".join(f"<td>{html.escape(word)}</td>" for word in _evidence(patient["id"]))
        rows.append(f'<tr><th scope="row">{letter}</th>{cells}</tr>')
        tried = "".join(
            f"<li>{html.escape(label)}: {html.escape(_outcome(patient['id'], remedy))}</li>"
            for remedy, (label, _) in TREATMENTS.items()
            if remedy != "nothing"
        )
        folds.append(
            f"<details><summary>Patient {letter}</summary>"
            f"<p><strong>{html.escape(labels[patient['truth']].capitalize())}.</strong> "
            f"{to_html(patient['story'])}</p><ul>{tried}</ul></details>"
        )
    heads = "".join(f'<th scope="col">{head}</th>' for head in _HEADS)
    return (
        f'<section class="vgp-fallback"><p class="vgp-title">{html.escape(_titled(spec))}</p>'
        "<p>The evidence in figures: loss at the start and the end, all else but the accuracies "
        "before the first step. Write down what you think ails each patient, and how sure you "
        "are. Then unfold it.</p>"
        f'<div style="overflow-x: auto" tabindex="0" role="region" aria-label="The evidence">'
        f'<table class="vgp-table"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody>'
        f"</table></div>{''.join(folds)}</section>"
    )


def _outcome(name: str, remedy: str) -> str:
    """What a remedy did, in words: ``"10 % → 95 %, cures it"``."""
    _, right, verdict = readouts("try-a-remedy", case=name, remedy=remedy)
    return f"{right.text} right. {plain(verdict.text)}."
