"""What the chooser can recommend: each with its reason, its cost, its code, and what shows it.

The code of each stands alone: it makes a ``model`` and runs as it is, with data made up where
there is a step of training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

# What has to be changed for it, from the least to the most; kind: the activation or the cell.
Level = Literal["nothing", "training", "start", "network", "kind"]
LEVELS: tuple[Level, ...] = ("nothing", "training", "start", "network", "kind")


@dataclass(frozen=True)
class Advice:
    """Something to do for a model that does not learn as it should.

    Attributes:
        label: What to do.
        level: What has to be changed for it.
        why: The reason, and where it fails, in a sentence or two.
        settings: What to start from; ``{rate}`` is the learning rate that the search chose.
        code: Lines of PyTorch that run.
        page: The page that tells about it: a file in ``chapters/``, without its ending.
        row: Its name in ``REMEDIES``, from which its cost is known; else ``cost`` says it.
        cost: In words.
        shown: The experiment that shows that it helps, and the setting there; None where none does.
        rates: The search that chose its learning rate, and the setting there.
    """

    label: str
    level: Level
    why: str
    settings: str
    code: str
    page: str
    row: str | None = None
    cost: str = ""
    shown: tuple[str, dict[str, Any]] | None = None
    rates: tuple[str, dict[str, Any]] | None = None


def race(row: str) -> dict[str, Any]:
    """What a row of the training race says of a remedy: its cost, what shows it, its rate."""
    return {
        "row": row,
        "shown": ("training-race", {"row": row}),
        "rates": ("remedy-rates", {"row": row}),
    }


IMPORTS = "import torch\nfrom torch import nn\n\n"
RATE = "Gradient descent with momentum 0.9; look for a learning rate around {rate}."
