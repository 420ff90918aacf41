"""Which of the notebooks that were run still stand: ``python -m tools.executed FOLDER``.

It runs in the course's environment, which has jupyter-cache; that keeps what each notebook's code
gave. Its questions come from a bank, of which the code tells only the name.
"""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path

from tools.environment import ROOT


def forget_changed_banks(folder: Path, banks: Path = ROOT / "quizzes") -> None:
    """Forget those notebooks whose bank is not the one they were run with.

    Args:
        folder: Where jupyter-cache keeps what was run; the banks it was run with are noted there.
        banks: Where the banks are; a notebook's has its name.
    """
    note = folder / "banks.json"
    before = json.loads(note.read_text("utf-8")) if note.exists() else {}
    now = {path.stem: sha256(path.read_bytes()).hexdigest() for path in banks.glob("*.json")}
    if now == before:
        return
    from jupyter_cache import get_cache  # it takes its time

    cache = get_cache(folder)
    for record in cache.list_cache_records():
        name = Path(record.uri).stem
        if before.get(name) != now.get(name):
            cache.remove_cache(record.pk)
    note.write_text(json.dumps(now), "utf-8")


if __name__ == "__main__":
    forget_changed_banks(Path(sys.argv[1]))
