"""The diagnosis: what was found, and all that can be asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vgplib.doctor.conditions import CONDITIONS
from vgplib.doctor.conditions.condition import Finding, Remedy
from vgplib.doctor.copies import Snapshot

if TYPE_CHECKING:
    import os

    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Diagnosis:
    """What :func:`~vgplib.doctor.examine.examine` found.

    Attributes:
        findings: Most severe first; empty for a healthy model.
        measured: What :func:`vgp.measure` saw at the weights the model came with.
        losses: The loss at those weights, and after each step that was tried.
        snapshot: A copy of the model, its loss and its optimizer, for :meth:`try_remedies`.
        notes: What could not be tried, and why.
        asked: The conditions that were looked for.
    """

    findings: tuple[Finding, ...]
    measured: xr.Dataset | None
    losses: tuple[float, ...]
    snapshot: Snapshot | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    asked: frozenset[str] = frozenset(CONDITIONS)

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def conditions(self) -> frozenset[str]:
        """The names of all that is wrong."""
        return frozenset(finding.condition for finding in self.findings)

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """Every remedy once, those of the most severe finding first."""
        return tuple({r.key: r for f in self.findings for r in f.remedies}.values())

    def try_remedies(self) -> pd.DataFrame:
        """Apply each remedy to a copy, measure again and train a little: a table, best first."""
        from vgplib.doctor.trials.trying import try_remedies

        return try_remedies(self)

    def __str__(self) -> str:
        from vgplib.doctor.output.words import text

        return text(self)

    __repr__ = __str__  # what a notebook's text output and a prompt show

    def _repr_html_(self) -> str:
        from vgplib.doctor.output.card import card

        return card(self)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the card that a notebook shows as a page of its own, which asks for nothing else.

        Args:
            path: The file; one that is there is replaced, when the new one is whole.

        Raises:
            OSError: The folder is missing, ``path`` is a folder, or it cannot be written.
        """
        from vgplib.doctor.output.export import write_page

        write_page(self, path)

    def to_dict(self) -> dict[str, Any]:
        """All of it as dicts, lists, strings and numbers, for ``json.dumps``.

        Returns:
            - ``format``: 1; it changes when the meaning of a key does.
            - ``healthy``: bool; ``conditions``: list of names, that of the worst finding first.
            - ``findings``: list of dicts with ``condition``, ``severity``, ``where`` (list of
              names), ``cause``, ``evidence`` (name -> number), ``explanation``, ``lesson``, and
              ``remedies`` (list of dicts with ``key``, ``name``, ``why``, ``code``).
            - ``losses``: list of numbers; ``notes``: list of sentences.
            - ``measured``: None if nothing could be, else a dict with ``attrs``, and with the
              variables of :func:`vgp.measure` by their names in a list of one dict for each
              ``layer``, each ``parameter``, and, if there are any, each ``recurrent`` layer
              (there ``step_signal`` is a list).

            A number that is not finite is the string ``"nan"``, ``"inf"`` or ``"-inf"``, which
            ``float()`` reads; in ``measured``, ``"nan"`` stands for what cannot be known.
        """
        from vgplib.doctor.output.export import as_dict

        return as_dict(self)

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the signal by layer, or by time step if the main finding is about time.

        Args:
            axes: Where; by default a new figure of ``matplotlib.pyplot``.

        Raises:
            ValueError: Nothing could be measured.
        """
        from vgplib.doctor.output.profile import plot

        return plot(self, axes)
