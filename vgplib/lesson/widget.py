"""What the one front end shows, whatever it is: alive in a notebook, still elsewhere."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from vgplib.lesson.bundle import DIST, island, show


class Widget(anywidget.AnyWidget):
    """Something on a page. Each kind has words for it, and HTML that does without a script.

    Attributes:
        kind: Which part of the front end shows it.
        spec: What that needs to know; its ``id`` is the element's.
        live: Whether a kernel answers.
    """

    _esm = DIST / "vgp.esm.js"
    _css = DIST / "vgp.css"

    kind = traitlets.Unicode().tag(sync=True)
    spec = traitlets.Dict().tag(sync=True)
    live = traitlets.Bool(True).tag(sync=True)

    def __repr__(self) -> str:
        raise NotImplementedError

    def fallback(self) -> str:
        """It as HTML, where no script runs."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """What the front end's model holds on a page of the book."""
        return {"kind": self.kind, "spec": self.spec, "live": False}

    def still(self) -> str:
        """It as HTML, which a script may bring to life, for places without a kernel."""
        return island(self.kind, self.spec["id"], self.state(), self.fallback())

    def _ipython_display_(self) -> None:
        show(self, self.still(), repr(self))
