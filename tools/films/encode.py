"""From pictures to files: the film as H.264, its poster, its captions and its words.

FFmpeg does the encoding. It is looked for on the PATH, and in the package imageio-ffmpeg, which
brings one: ``pip install imageio-ffmpeg==0.8.1``. Readers need neither.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.environment import ROOT, Failure, fingerprint
from tools.films import stage
from tools.films.film import Beat, Film
from vgplib.drawing import LIGHT

FOLDER = ROOT / "appendix" / "films"
HERE = ROOT / "tools" / "films"
SHARED = (HERE / "film.py", HERE / "stage.py")
POSTER = (800, 450)


def ffmpeg() -> str:
    """The path of an FFmpeg.

    Raises:
        Failure: There is none.
    """
    if found := shutil.which("ffmpeg"):
        return found
    if importlib.util.find_spec("imageio_ffmpeg"):
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    raise Failure(
        "Films need FFmpeg. Install it (on Debian and Ubuntu: sudo apt-get install ffmpeg), or "
        "give the environment one: .venv/bin/pip install imageio-ffmpeg==0.8.1"
    )


def made_of(film: Film) -> dict[str, Any]:
    """What a film was made of: a fingerprint of its drawing, its colours and its numbers."""
    own = HERE / f"{film.name.replace('-', '_')}.py"
    return {"drawing": fingerprint(own, *SHARED), "colours": LIGHT, "numbers": film.numbers}


def write(film: Film, folder: Path = FOLDER) -> None:
    """Write all files of a film: mp4, webp, vtt, md and json.

    Raises:
        Failure: There is no FFmpeg, or it fails.
    """
    folder.mkdir(exist_ok=True)
    _encode(film, folder / f"{film.name}.mp4")
    _poster(film, folder / f"{film.name}.webp")
    (folder / f"{film.name}.vtt").write_text(film.captions(), "utf-8")
    (folder / f"{film.name}.md").write_text(film.transcript(), "utf-8")
    (folder / f"{film.name}.json").write_text(json.dumps(made_of(film), indent=1) + "\n", "utf-8")


def paint(figure: Any, beat: Beat, progress: float) -> None:
    """Draw one picture of a beat."""
    beat.draw(stage.canvas(figure, beat.title), progress)
    figure.canvas.draw()


def _pictures(film: Film) -> Iterator[bytes]:
    """Each picture as raw RGBA; one that stands still is drawn once."""
    figure = stage.figure()
    for beat in film.beats:
        moving, whole = round(beat.moving * stage.RATE), round(beat.seconds * stage.RATE)
        for k in range(1, moving):
            paint(figure, beat, k / moving)
            yield bytes(figure.canvas.buffer_rgba())
        paint(figure, beat, 1.0)
        still = bytes(figure.canvas.buffer_rgba())
        for _ in range(whole - max(moving - 1, 0)):
            yield still


def _encode(film: Film, path: Path) -> None:
    bt709 = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    command = [ffmpeg(), "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgba"]
    command += ["-s", f"{stage.WIDTH}x{stage.HEIGHT}", "-r", str(stage.RATE), "-i", "-"]
    command += ["-vf", "scale=out_color_matrix=bt709:out_range=tv", *bt709]
    command += ["-c:v", "libx264", "-preset", "slow", "-tune", "animation", "-crf", "22"]
    command += ["-pix_fmt", "yuv420p", "-g", "125", "-fflags", "+bitexact", "-flags:v", "+bitexact"]
    command += ["-movflags", "+faststart", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for picture in _pictures(film):
            process.stdin.write(picture)
    if process.returncode:
        raise Failure(f"FFmpeg failed on {path.name}; its words are above.")


def _poster(film: Film, path: Path) -> None:
    from PIL import Image

    figure = stage.figure()
    paint(figure, film.beats[film.poster], 1.0)
    picture = Image.fromarray(_rgb(figure)).resize(POSTER, Image.Resampling.LANCZOS)
    picture.save(path, quality=60, method=6)


def _rgb(figure: Any) -> Any:
    import numpy as np

    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3]
