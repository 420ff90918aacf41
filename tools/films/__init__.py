"""The course's short films, drawn of what was measured: one file a film.

``make films`` draws them into ``appendix/films/``. They are for maintainers: readers have the
films themselves. Drawing needs FFmpeg, which no reader needs: see ``encode``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.films.film import Film

NAMES = ("whisper-line", "jacobians", "skip-connection", "cliff")


def made(name: str) -> Film:
    """A film, with its numbers computed now: from the file that has its name."""
    return importlib.import_module(f"tools.films.{name.replace('-', '_')}").film()
