"""A film as data: its beats, what is said and seen in each, and the captions and words of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

GAP = 0.1  # seconds between two captions, so that a change is seen


@dataclass(frozen=True)
class Beat:
    """One thing that a film says, and the picture for it.

    Attributes:
        title: A line in large type above the picture; it carries the idea where captions are off.
        says: The caption: what somebody at a whiteboard would say.
        shows: What is seen, for those who don't see it.
        draw: ``draw(canvas, progress)`` draws into axes whose units are pixels; ``progress`` goes
            from 0 to 1 while the picture moves.
        seconds: How long it takes.
        moving: For how long of that the picture moves, from the start on.
    """

    title: str
    says: str
    shows: str
    draw: Callable[[Any, float], None]
    seconds: float
    moving: float = 0.0


@dataclass(frozen=True)
class Film:
    """A film.

    Attributes:
        name: Of its files.
        beats: In their order.
        poster: The beat whose last picture stands for the film; it tells no answer.
        numbers: What was computed for it and is shown in it: name -> numbers.
    """

    name: str
    beats: tuple[Beat, ...]
    poster: int
    numbers: dict[str, list[float]]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return sum(beat.seconds for beat in self.beats)

    def timed(self) -> Iterator[tuple[float, Beat]]:
        """Each beat, after the second at which it starts."""
        start = 0.0
        for beat in self.beats:
            yield start, beat
            start += beat.seconds

    def captions(self) -> str:
        """The captions as WebVTT."""
        cues = (
            f"{_clock(start)} --> {_clock(start + beat.seconds - GAP)}\n{beat.says}\n"
            for start, beat in self.timed()
        )
        return "\n".join(["WEBVTT\n", *cues])

    def transcript(self) -> str:
        """What is said and seen, as a Markdown list."""
        return "".join(
            f"- **{int(start) // 60}:{int(start) % 60:02}** {beat.says} *[{beat.shows}]*\n"
            for start, beat in self.timed()
        )


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02}:{seconds % 60:06.3f}"
