"""``python -m tools.films [NAME ...]``: draw the films, or those that are named."""

from __future__ import annotations

import sys

from tools.environment import Failure
from tools.films import NAMES, encode, made


def main(names: list[str]) -> None:
    """Draw films and say how heavy each is; an unknown name is told."""
    if unknown := set(names) - set(NAMES):
        raise SystemExit(f"There is no film {min(unknown)!r}; there are: {', '.join(NAMES)}.")
    try:
        encode.ffmpeg()  # before minutes of drawing
        for name in names or NAMES:
            film = made(name)
            encode.write(film)
            size = (encode.FOLDER / f"{name}.mp4").stat().st_size
            print(f"    {name}: {film.seconds:.0f} s, {size / 1e6:.2f} MB", flush=True)
    except Failure as failure:
        raise SystemExit(str(failure)) from None


if __name__ == "__main__":
    main(sys.argv[1:])
