"""How much of the recordings an offline recogniser understands: a check for what no ear heard.

Pocketsphinx with its general English model; its errors compare one voice, or one way to say a
word, with another. It does not know names such as ReLU.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.audio.texts import Reading
from tools.environment import ROOT, Failure

PROGRAMS = {
    "pocketsphinx_continuous": "pocketsphinx pocketsphinx-en-us",
    "lame": "lame",
    "sox": "sox",
}
RATE = "16000"  # hertz, as its model was trained


def report(readings: list[Reading]) -> None:
    """Print the share of words that were understood otherwise, for each recording and for all.

    Raises:
        Failure: A program is missing; the message says how to get it.
    """
    if missing := [packages for name, packages in PROGRAMS.items() if not shutil.which(name)]:
        raise Failure(f"The check needs: sudo apt-get install {' '.join(missing)}")
    wrong = total = 0
    for reading in readings:
        said = re.findall(r"[a-z']+", " ".join(reading.words).lower())
        missed = distance(said, understood(reading.file))
        wrong, total = wrong + missed, total + len(said)
        name = reading.file.relative_to(ROOT).as_posix()
        print(f"    {name}: {missed / len(said):.2f}", flush=True)
    print(f"    all: {wrong / total:.2f} of {total} words")


def understood(file: Path) -> list[str]:
    """The words that the recogniser hears in a recording."""
    with tempfile.TemporaryDirectory() as place:
        plain, slow = Path(place, "plain.wav"), Path(place, "slow.wav")
        subprocess.run(["lame", "--quiet", "--decode", file, plain], check=True)
        subprocess.run(["sox", plain, "-r", RATE, slow], check=True)
        ran = subprocess.run(
            ["pocketsphinx_continuous", "-infile", slow, "-logfn", "/dev/null"],
            capture_output=True,
            text=True,
            check=True,
        )
    return ran.stdout.lower().split()


def distance(one: list[str], other: list[str]) -> int:
    """The fewest words to change, add or leave out to make one list of the other."""
    row = list(range(len(other) + 1))
    for i, word in enumerate(one, start=1):
        before, row[0] = row[0], i
        for j, heard in enumerate(other, start=1):
            before, row[j] = row[j], min(before + (word != heard), row[j] + 1, row[j - 1] + 1)
    return row[-1]
