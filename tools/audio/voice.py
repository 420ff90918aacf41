"""A text becomes a recording: Festival speaks it, sentence by sentence, and LAME packs it.

Festival says when it begins each word, so nothing has to be found out from the sound.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.environment import Failure

VOICE = "cmu_us_slt_arctic_hts"
PAUSE = 0.25  # seconds between two sentences, on top of the voice's own
# MP3, since every browser plays it, those without licensed decoders too.
PACKED = ("--quiet", "-m", "m", "--resample", "24", "-b", "32", "-q", "2")
NEEDED = {"festival": "festival festvox-us-slt-hts", "lame": "lame"}

_SCRIPT = """
(voice_{voice})
(lex.add.entry '("jacobian" nil (((jh ax) 0) ((k ow) 1) ((b iy) 0) ((ax n) 0))))
(lex.add.entry '("orthogonal" nil (((ao r) 0) ((th aa) 1) ((g ax) 0) ((n ax l) 0))))
(define (say text file)
  (let ((utt (utt.synth (eval (list 'Utterance 'Text text)))) token)
    (utt.save.wave utt file 'riff)
    (set! token (utt.relation.first utt 'Token))
    (while token
      (format t "%f\\n" (item.feat (item.daughter1 token) 'word_start))
      (set! token (item.next token)))
    (format t "end\\n")))
"""


@dataclass(frozen=True)
class Recording:
    """A spoken text.

    Attributes:
        sound: The content of its file.
        seconds: How long it is.
        starts: For each word of the text the second at which it begins; they never fall.
    """

    sound: bytes
    seconds: float
    starts: list[float]


def ensure() -> None:
    """Look for the programs that speak.

    Raises:
        Failure: One is missing; the message says how to get it.
    """
    if missing := [packages for name, packages in NEEDED.items() if not shutil.which(name)]:
        raise Failure(f"Recording needs: sudo apt-get install {' '.join(missing)}")


def record(words: Sequence[str]) -> Recording:
    """Speak a text.

    Args:
        words: What is spoken for each word of the page, with its punctuation; it may be several
            words, or none.

    Raises:
        Failure: Festival failed, or read a text otherwise than it was written.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sentences = _sentences(words)
        told = _speak([" ".join(sentence).strip() for sentence in sentences], folder)
        starts: list[float] = []
        begin = 0.0
        frames = b""
        for k, (sentence, spoken) in enumerate(zip(sentences, told, strict=True)):
            times = iter(spoken)
            for said in sentence:
                own = [begin + next(times) for _ in said.split()]
                starts.append(round(own[0] if own else starts[-1] if starts else 0.0, 2))
            with wave.open(str(folder / f"{k}.wav"), "rb") as sound:
                about = sound.getparams()
                frames += sound.readframes(about.nframes)
            frames += bytes(int(PAUSE * about.framerate) * about.sampwidth)
            begin = len(frames) / about.sampwidth / about.framerate
        with wave.open(str(folder / "all.wav"), "wb") as whole:
            whole.setparams(about)
            whole.writeframes(frames)
        return Recording(_pack(folder / "all.wav"), round(begin, 2), starts)


def _pack(sound: Path) -> bytes:
    packed = sound.with_suffix(".mp3")
    subprocess.run(["lame", *PACKED, sound, packed], check=True)
    return packed.read_bytes()


def _sentences(words: Sequence[str]) -> list[list[str]]:
    sentences: list[list[str]] = [[]]
    ended = False
    for said in words:
        if said and ended:
            sentences.append([])
        sentences[-1].append(said)
        ended = said.endswith((".", "?", "!")) if said else ended
    return sentences


def _speak(sentences: list[str], folder: Path) -> list[list[float]]:
    """Speak sentences into ``0.wav``, ``1.wav``, ...; returns when each spoken word begins."""
    script = folder / "say.scm"
    calls = "".join(f'(say "{text}" "{k}.wav")\n' for k, text in enumerate(sentences))
    script.write_text(_SCRIPT.format(voice=VOICE) + calls, encoding="ascii")
    ran = subprocess.run(
        ["festival", "-b", script.name], cwd=folder, capture_output=True, text=True, check=False
    )
    told = [[float(t) for t in part.split()] for part in ran.stdout.split("end\n")[:-1]]
    counts = [len(text.split()) for text in sentences]
    if ran.returncode or [len(times) for times in told] != counts:
        raise Failure(f"Festival read otherwise than it was written: {sentences}\n{ran.stderr}")
    return told
