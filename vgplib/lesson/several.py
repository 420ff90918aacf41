"""Several options of one choice, shown at once: as a control of a bench, and as one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vgplib.engine.experiment import Choice, Control, Settings, Slider

MOST = 4  # lines that a chart can tell apart by colour, dash and mark


@dataclass(frozen=True)
class Several(Choice):
    """A choice of which a bench shows one to four options together: a list of them."""

    @property
    def most(self) -> int:
        """How many can be chosen."""
        return min(MOST, len(self.options))

    def check(self, value: object) -> list[str]:  # type: ignore[override]
        """Return ``value``, an option or several, as a list.

        Raises:
            ValueError: One is no option or is named twice, or there are none or too many.
        """
        given = list(value) if isinstance(value, list | tuple) else [value]
        options = [Choice.check(self, one) for one in given]
        if twice := [one for k, one in enumerate(options) if one in options[:k]]:
            raise ValueError(f"{self.name} names {twice[0]!r} twice.")
        if not 1 <= len(options) <= self.most:
            raise ValueError(f"{self.name} takes 1 to {self.most} options, not {len(options)}.")
        return options

    def show(self, value: object) -> str:
        """The options as the reader sees them."""
        return " and ".join(self.options[one] for one in value)  # type: ignore[attr-defined]


def several(control: Control) -> Several:
    """A choice as one of which several options are shown at once.

    Raises:
        ValueError: It is a slider.
    """
    if isinstance(control, Slider):
        raise ValueError(f"compare is for choices, and {control.name!r} is a slider.")
    return Several(control.name, control.label, control.options)


def compared(settings: Settings) -> str | None:
    """The name of the choice that has several options here, if one has."""
    return next((name for name, value in settings.items() if isinstance(value, list)), None)


def apart(settings: Settings) -> list[Settings]:
    """The setting of each option that is shown: one alone where no choice has several."""
    name = compared(settings)
    return [{**settings, name: option} for option in settings[name]] if name else [settings]


def together(frames: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    """The frames of several options as one: a series and a row for each, on the first one's axes.

    Args:
        frames: A frame (:meth:`View.to_json`) for each option.
        names: What the reader calls the options.
    """
    rows = list(zip(names, frames, strict=True))
    kept = ("readouts", "strip", "film")
    return {
        **frames[0],
        "series": [{**_hero(frame), "name": name, "role": "main"} for name, frame in rows],
        "rows": [
            {"name": name, **{k: frame[k] for k in kept if k in frame}} for name, frame in rows
        ],
        "summary": " ".join(f"{name}: {frame['summary']}" for name, frame in rows),
    }


def _hero(frame: dict[str, Any]) -> dict[str, Any]:
    return next(series for series in frame["series"] if series["role"] != "theory")
