"""What writes the code of a remedy needs: the case, and how names are written down."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from vgplib.doctor.evidence.parts import MATRICES, Part, parts, readout

IMPORTS = "import torch\nfrom torch import nn\n"  # that code to paste begins with
_WIDTH = 88  # of a line of code


class NotApplicable(Exception):
    """A remedy cannot be applied by itself.

    Attributes:
        reason: Why, in a few words.
        code: What to do by hand: Python that runs, or comments; "" if there is no use in it.
    """

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


@dataclass(frozen=True)
class Case:
    """What a remedy is written for.

    Attributes:
        model: The sick model; writing a remedy leaves it as it was.
        loss: As for ``vgp.measure``, or None if it is not known.
        condition: What is wrong: a key of ``CONDITIONS``.
        cause: Why, one of ``CAUSES``, or "".
        where: Names of modules or parameters.
        optimizer: Over the model's parameters, or None if it is not known.
    """

    model: nn.Module
    loss: Callable[[nn.Module], Any] | None
    condition: str
    cause: str
    where: tuple[str, ...]
    optimizer: torch.optim.Optimizer | None = None

    @cached_property
    def layers(self) -> list[Part]:
        """The model's layers in the order in which they run."""
        return parts(self.model, self.loss)

    @cached_property
    def parts(self) -> list[Part]:
        """Those of them that training changes: a remedy leaves alone what is not to learn."""
        return [part for part in self.layers if self._is_trained(part)]

    @cached_property
    def readout(self) -> Part | None:
        """The last layer, which gives the answer."""
        return readout(self.layers)

    @cached_property
    def _trained(self) -> set[str]:
        wanted = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        groups = self.optimizer.param_groups if self.optimizer is not None else ()
        held = {id(p) for group in groups for p in group["params"]}
        # An optimizer over a copy of the model tells nothing of this one.
        return {n for n, p in wanted.items() if id(p) in held} or set(wanted)

    def _is_trained(self, part: Part) -> bool:
        own = [name for name in (part.weight, part.bias) if name]
        inside = f"{part.module}." if part.module else ""
        return any(n in own or (inside and n.startswith(inside)) for n in self._trained)

    @cached_property
    def hidden(self) -> list[Part]:
        """The linear and convolutional layers before the read-out that an activation follows."""
        return [
            part
            for part in self.parts
            if part.kind in MATRICES and part.activation and part is not self.readout
        ]

    def is_sick(self, part: Part) -> bool:
        """Whether the finding names the layer, its parameters or its activation."""
        own = [n for n in (part.module, part.weight, part.bias, part.activation_module) if n]
        return any(
            a == b or a.startswith(f"{b}.") or b.startswith(f"{a}.")
            for a in own
            for b in self.where
        )


def listed(names: Sequence[str]) -> str:
    """Names as a Python list, by a rule if they differ in one number only: to stand in a loop."""
    rule = _rule(names)
    if rule:
        return rule
    text = "[" + ", ".join(f'"{name}"' for name in names) + "]"
    if len(text) <= _WIDTH - len("for name in :"):
        return text
    lines, line = [], "   "
    for name in names:
        if len(line) + len(name) + 4 > _WIDTH:
            lines.append(line)
            line = "   "
        line += f' "{name}",'
    return "\n".join(["[", *lines, line, "]"])


def _rule(names: Sequence[str]) -> str:
    """``[f"net.{i}.weight" for i in range(0, 12, 2)]``, or "" if the names follow no such rule."""
    if len(names) < 4:
        return ""
    split = [re.split(r"(\d+)", name) for name in names]
    if any(len(words) != len(split[0]) for words in split):
        return ""
    differ = [i for i in range(len(split[0])) if len({words[i] for words in split}) > 1]
    if len(differ) != 1 or not all(words[differ[0]].isdigit() for words in split):
        return ""
    numbers = [int(words[differ[0]]) for words in split]
    step = numbers[1] - numbers[0]
    if step < 1 or any(b - a != step for a, b in zip(numbers, numbers[1:], strict=False)):
        return ""
    before, after = "".join(split[0][: differ[0]]), "".join(split[0][differ[0] + 1 :])
    if "{" in before + after:
        return ""
    span = f"{numbers[0]}, {numbers[-1] + 1}"
    span += f", {step}" if step > 1 else ""
    return f'[f"{before}{{i}}{after}" for i in range({span})]'


def loop(names: Sequence[str], *body: str, head: str = "name") -> str:
    """A loop over names; the lines of its body are indented."""
    return "\n".join([f"for {head} in {listed(names)}:", *(f"    {line}" for line in body)])


REPLACE = (
    'parent, _, leaf = name.rpartition(".")',
    "setattr(model.get_submodule(parent), leaf, {new})",
)


def replaced(names: Sequence[str], new: str, *before: str) -> str:
    """A loop that puts ``new``, an expression, in the place of the modules of those names."""
    return loop(names, *before, *(line.format(new=new) for line in REPLACE))


# New parameters have to be handed to the optimizer, if there is one yet.
HAND_OVER = "if optimizer:\n    optimizer.add_param_group({'params': new})".replace("'", '"')
