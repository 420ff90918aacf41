"""Speak what the pages read aloud, where its text changed: ``python -m tools.audio``.

With ``--errors``, record nothing, and say how much of each recording an offline recogniser
(pocketsphinx) understands otherwise.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from tools.audio import recogniser, texts, voice
from tools.audio.texts import Reading
from tools.environment import Failure

TABLE = "words.json"  # beside the recordings of a chapter: of which text each is, and its words
LARGEST = 300_000  # bytes of a recording


def main(arguments: list[str]) -> int:
    """Record, or check; returns the exit status."""
    try:
        if "--errors" in arguments:
            recogniser.report(texts.readings())
        else:
            voice.ensure()
            _record(texts.readings())
    except Failure as problem:
        print(problem)
        return 1
    return 0


def problems(readings: Iterable[Reading]) -> list[str]:
    """The recordings that are not of their text, or too large, each as a sentence."""
    readings = list(readings)
    found = []
    for chapter, group in groupby(readings, key=lambda reading: reading.chapter):
        table = _table(chapter)
        for reading in group:
            name = _name(reading.file)
            kept = table.pop(reading.place, None)
            if not kept or not reading.file.exists():
                found.append(f"{name} is missing.")
            elif kept["text"] != reading.hash or len(kept["starts"]) != len(reading.words):
                found.append(f"{name} speaks another text than its page has.")
            elif reading.file.stat().st_size > LARGEST:
                found.append(f"{name} is larger than {LARGEST:,} bytes.")
    return found + [f"{_name(path)} belongs to no page." for path in _left(readings)]


def _left(readings: Iterable[Reading]) -> list[Path]:
    """The files that belong to none of these texts."""
    wanted = {reading.file for reading in readings}
    wanted |= {file.with_name(TABLE) for file in wanted}
    return sorted(set(texts.FOLDER.glob("*/*")) - wanted)


def _record(readings: list[Reading]) -> None:
    for path in _left(readings):
        path.unlink()
    size = 0
    for chapter, group in groupby(readings, key=lambda reading: reading.chapter):
        before, after = _table(chapter), {}
        for reading in group:
            after[reading.place] = _kept(reading, before.get(reading.place))
            size += reading.file.stat().st_size
        lines = ",\n".join(f'"{place}": {json.dumps(one)}' for place, one in after.items())
        path = texts.FOLDER / chapter / TABLE
        path.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    print(f"    {len(readings)} recordings, {size / 1e6:.1f} MB")


def _kept(reading: Reading, before: dict[str, Any] | None) -> dict[str, Any]:
    """What the table says of a recording, which is made where there is none of this text."""
    if before and before["text"] == reading.hash and reading.file.exists():
        return before
    made = voice.record(reading.words)
    reading.file.parent.mkdir(parents=True, exist_ok=True)
    reading.file.write_bytes(made.sound)
    print(f"    {_name(reading.file)}: {made.seconds:.0f} s", flush=True)
    return {"text": reading.hash, "seconds": made.seconds, "starts": made.starts}


def _name(path: Path) -> str:
    return path.relative_to(texts.FOLDER.parent).as_posix()


def _table(chapter: str) -> dict[str, Any]:
    path = texts.FOLDER / chapter / TABLE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
