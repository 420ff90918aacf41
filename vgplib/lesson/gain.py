"""What a room has learned: ``python -m vgplib.lesson.gain before.csv after.csv``.

The answers to the concept inventory, before a course and after it, become a gain for each concept.
A file has a line for each person: ``who`` (a made-up name, the same both times), ``form`` (A or B),
and under 1 to 20 the letter of their answer; what is left blank counts as wrong.

The gain is Hake's normalised one: of what the room could still learn, the share that it learned,
(after - before) / (1 - before), with the room's shares of right answers (R. R. Hake, American
Journal of Physics 66, 64, 1998). Its interval comes from drawing the room's people anew, with
replacement: with few people it's wide, and that's the truth about few people.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vgplib.lesson.inventory import FORMS, LETTERS, items

DRAWS = 2000
SEED = 0
INSIDE = (2.5, 97.5)  # percentiles: 95 % of the draws
FEW = 10


def read(path: Path) -> dict[str, np.ndarray]:
    """For each person in a file, which of the questions they have right.

    Raises:
        ValueError: The file is missing, or something in it can't be read; the message names file
            and line, and says what is expected.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: save it as UTF-8 (in a spreadsheet: “CSV UTF-8”).") from None
    first = text.partition("\n")[0]
    lines = csv.DictReader(text.splitlines(), delimiter=";" if ";" in first else ",")
    wanted = ["who", "form", *(str(k) for k in range(1, len(items()) + 1))]
    if missing := [name for name in wanted if name not in (lines.fieldnames or ())]:
        raise ValueError(f"{path}: its first line has no {', '.join(missing)}.")
    found: dict[str, np.ndarray] = {}
    for line in lines:
        if not any(str(cell or "").strip() for cell in line.values()):
            continue  # an empty line
        place = f"{path}, line {lines.line_num}"
        who = (line["who"] or "").strip()
        if not who:
            raise ValueError(f"{place}: nobody's name is under “who”.")
        if who in found:
            raise ValueError(f"{place}: {who} is there twice.")
        found[who] = _right(line, place)
    if not found:
        raise ValueError(f"{path}: there are no answers in it.")
    return found


def _right(line: dict[str, str | None], place: str) -> np.ndarray:
    form = (line["form"] or "").strip().upper()
    if form not in FORMS:
        raise ValueError(f"{place}: the form is A or B, not {form!r}.")
    right = []
    for number, item in enumerate(items(), start=1):
        letter = (line[str(number)] or "").strip().lower()
        if letter and letter not in tuple(LETTERS):
            allowed = ", ".join(LETTERS)
            raise ValueError(f"{place}, question {number}: {allowed} or nothing, not {letter!r}.")
        right.append(letter == item.asked(form).right)
    return np.array(right)


def gain(before: np.ndarray, after: np.ndarray) -> tuple[float, tuple[float, float]]:
    """The normalised gain of a room, and its 95 % bootstrap interval.

    Args:
        before: Which answers were right, of shape (people, questions).
        after: The same people's, afterwards.

    Returns:
        The gain and the interval's ends; NaN where nobody had anything left to learn. Draws of
        people that leave nothing to learn have no gain, and the interval leaves them out.
    """
    people = len(before)
    drawn = np.random.default_rng(SEED).integers(people, size=(DRAWS, people))
    was, now = before.mean(axis=1), after.mean(axis=1)
    draws = _normalised(was[drawn].mean(axis=1), now[drawn].mean(axis=1))
    draws = draws[np.isfinite(draws)]
    ends = np.percentile(draws, INSIDE) if draws.size else (np.nan, np.nan)
    return float(_normalised(was.mean(), now.mean())), (float(ends[0]), float(ends[1]))


def _normalised(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    left = 1 - np.asarray(before)
    nothing = np.isclose(left, 0)
    return np.where(nothing, np.nan, (after - before) / np.where(nothing, 1, left))


def report(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> str:
    """The gain for each concept, and the shares of each question, as a text.

    Raises:
        ValueError: Fewer than two people answered both times.
    """
    both = [who for who in before if who in after]
    once = len(before) + len(after) - 2 * len(both)
    if len(both) < 2:
        raise ValueError(
            f"{len(both)} of the names are in both files, and it takes two people. Names are "
            f"compared letter by letter: {_some(before)} before, {_some(after)} after."
        )
    was, now = (np.array([answers[who] for who in both]) for answers in (before, after))
    lines = [f"{len(both)} people answered both times."]
    if once:
        lines.append(f"{once} answered only once, and are left out.")
    if len(both) < FEW:
        lines.append("That's few, so take the intervals seriously: they're wide.")
    lines += ["", f"{'':28}{'before':>8}{'after':>8}{'gain':>8}   95 % interval"]
    concepts = list(dict.fromkeys(item.concept for item in items()))
    for concept in [*concepts, "All twenty"]:
        of = [k for k, item in enumerate(items()) if concept in (item.concept, "All twenty")]
        lines.append(_line(concept, was[:, of], now[:, of]))
    lines += ["", "Question by question, right before and after:"]
    lines += [
        f"{k + 1:4}  {was[:, k].mean():6.0%}{now[:, k].mean():8.0%}   {item.row}"
        for k, item in enumerate(items())
    ]
    return "\n".join(lines)


def _line(concept: str, was: np.ndarray, now: np.ndarray) -> str:
    found, (low, high) = gain(was, now)
    said = f"{found:8.2f}   {low:.2f} to {high:.2f}"
    if np.isnan(found):
        said = "       –   nothing was left to learn"
    return f"{concept:28}{was.mean():8.0%}{now.mean():8.0%}{said}"


def _some(answers: dict[str, np.ndarray]) -> str:
    names = list(answers)
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m vgplib.lesson.gain",
        description="What a room has learned: a gain for each concept of the inventory.",
    )
    parser.add_argument("before", type=Path, help="the answers from before the course, as CSV")
    parser.add_argument("after", type=Path, help="the answers from after it")
    given = parser.parse_args(arguments)
    try:
        print(report(read(given.before), read(given.after)))
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
