"""The book's films: their files beside the page, and captions that show without a server, too."""

from __future__ import annotations

import re
import shutil
from base64 import b64encode
from pathlib import Path

FOLDER = "appendix/films"
PUBLISHED = (".mp4", ".webp", ".vtt")
_TRACK = re.compile(r'(<track [^>]*?src=")([^":]+\.vtt)(?=")')


def captioned(body: str, folder: Path) -> str:
    """A page with the captions of its films inside.

    A browser reads a track from a server, and from no file that was opened.

    Args:
        body: The page's HTML.
        folder: That of its source, from which it names its files.
    """

    def inside(track: re.Match[str]) -> str:
        text = b64encode((folder / track[2]).read_bytes()).decode()
        return f"{track[1]}data:text/vtt;base64,{text}"

    return _TRACK.sub(inside, body)


def publish(source: Path, pages: Path) -> None:
    """Copy what the films' page names: the films, their posters and captions.

    Args:
        source: The folder of the book's sources; it need not have films.
        pages: The folder of its pages.
    """
    for file in sorted((source / FOLDER).glob("*")):
        if file.suffix in PUBLISHED:
            (pages / FOLDER).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, pages / FOLDER)
