"""The bench: any experiment with controls, chart, readouts and a question asked first.

One widget for all experiments. In a kernel it is an ipywidget whose settings are traits; in
the book the same front end is mounted over a table of all settings on the grid; without any
script the picture, its description and its table say what the chart says.
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from vgplib import errors
from vgplib.engine.experiment import Control, Experiment, Settings, Slider
from vgplib.experiments import experiment, look
from vgplib.lesson import picture
from vgplib.lesson.bundle import DIST, island, live_parts, unique
from vgplib.lesson.text import plain, segments, to_html


class Bench(anywidget.AnyWidget):
    """An experiment on the page. Made by :func:`bench`.

    Each shown setting is a trait of that name (``bench.depth = 20``; ``bench.observe``,
    ``traitlets.link``), and ``bench.controls[name]`` has a ``value`` trait, as
    ``ipywidgets.interactive_output`` wants it.
    """

    _esm = DIST / "vgp.esm.js"
    _css = DIST / "vgp.css"

    kind = traitlets.Unicode("bench").tag(sync=True)
    spec = traitlets.Dict().tag(sync=True)
    frames = traitlets.List().tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)
    live = traitlets.Bool(True).tag(sync=True)
    frame = traitlets.Dict(None, allow_none=True).tag(sync=True)
    answers = traitlets.Dict(None, allow_none=True).tag(sync=True)
    status = traitlets.Dict({"state": "idle", "message": ""}).tag(sync=True)

    def __init__(self, exp: Experiment, shown: list[Control], spec: dict[str, Any]) -> None:
        fixed, start = spec["fixed"], spec["initial"]
        super().__init__(spec=spec, frames=_frames(exp, shown, fixed), settings=start)
        self._experiment, self._shown, self._fixed = exp, shown, fixed
        self._cell: dict | None = None
        self.controls = {c.name: Setting(c, start[c.name]) for c in shown}
        self.add_traits(**{c.name: _Value(c, start[c.name]) for c in shown})
        for control in shown:
            self.observe(self._set_from_trait, control.name)
            traitlets.link((self, control.name), (self.controls[control.name], "value"))
        self.observe(self._answer, "settings")
        full = exp.check({**fixed, **start})
        if not exp.on_grid(full):  # the table cannot show it, so it is answered from the start
            self.frame, self.answers = look(exp, full).to_json(), start

    def _set_from_trait(self, change: Any) -> None:
        self.settings = {**self.settings, change.name: change.new}

    def _answer(self, change: Any) -> None:
        """Answer a new setting: from the table if it is there, else by running PyTorch."""
        settings = change.new
        try:
            full = self._experiment.check({**self._fixed, **settings})
            for name in settings:
                setattr(self, name, settings[name])
            if not self._experiment.on_grid(full):
                self.status = {"state": "busy", "message": ""}
                with self.hold_sync():
                    self.frame = look(self._experiment, full).to_json()
                    self.answers = settings
            self.status = {"state": "idle", "message": ""}
        except Exception as problem:
            self.status = {"state": "error", "message": f"{type(problem).__name__}: {problem}"}
            self._show_in_cell()

    def _show_in_cell(self) -> None:
        """Print the traceback below the bench: a control's move has no cell of its own."""
        from IPython import get_ipython

        if self._cell is None:  # never shown in a notebook: the error is raised where it happens
            raise
        shell = get_ipython()
        now = shell.get_parent()
        shell.set_parent(self._cell)
        shell.showtraceback()
        shell.set_parent(now)

    def _frame_now(self) -> dict[str, Any]:
        if self.answers == self.settings:  # measured already: once is enough
            return self.frame
        full = self._experiment.check({**self._fixed, **self.settings})
        return look(self._experiment, full).to_json()

    def __repr__(self) -> str:
        full = self._experiment.check({**self._fixed, **self.settings})
        said = ", ".join(f"{k}={v!r}" for k, v in full.items())
        lines = [f"{r['label']}: {r['text']}" for r in self._frame_now()["readouts"]]
        return "\n".join([f"{self._experiment.name}({said})", *(f"  {line}" for line in lines)])

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        from IPython import get_ipython

        shell = get_ipython()
        self._cell = shell.get_parent() if hasattr(shell, "get_parent") else None
        return live_parts(self, {"text/plain": repr(self), "text/html": self._static()})

    def _static(self) -> str:
        frame, spec = self._frame_now(), self.spec
        shown = ", ".join(
            f"{plain(control.label)}: {control.show(self.settings[control.name])}"
            for control in self._shown
        )
        title = (
            f"Experiment {spec['number']} · {spec['title']}" if spec["number"] else spec["title"]
        )
        description = f"{title}. {shown}. {frame['summary']}"
        question = (
            f'<p class="vgp-question">{to_html(spec["predict"]["question"])}</p>'
            if spec["predict"]
            else ""
        )
        fallback = (
            f'<figure class="vgp-fallback"><p class="vgp-title">{html.escape(title)}</p>{question}'
            f"{picture.svg(frame, description, spec['id'])}"
            f"<figcaption><p>{html.escape(shown)}. {html.escape(frame['summary'])}</p>"
            f"<p>{to_html(spec['caption'])}</p></figcaption>"
            f"<details><summary>Data table</summary>"
            f"{picture.table(frame, title)}</details></figure>"
        )
        state = {
            "kind": "bench",
            "spec": spec,
            "frames": self.frames,
            "settings": self.settings,
            "live": False,
            "frame": None,
            "answers": None,
            "status": {"state": "idle", "message": ""},
        }
        return island("bench", spec["id"], state, fallback)


class _Value(traitlets.TraitType):
    """A trait that takes what its control takes, and refuses the rest with the control's words."""

    def __init__(self, control: Control, start: Any) -> None:
        super().__init__(start)
        self._control = control

    def validate(self, obj: Any, value: Any) -> Any:
        return self._control.check(value)


class Setting(traitlets.HasTraits):
    """One setting of a bench, with the ``value`` that ipywidgets' helpers read."""

    def __init__(self, control: Control, start: Any) -> None:
        super().__init__()
        self.add_traits(value=_Value(control, start))


def bench(
    name: str,
    *,
    number: str | None = None,
    title: str | None = None,
    controls: Sequence[str] | None = None,
    predict: dict[str, Any] | None = None,
    **settings: Any,
) -> Bench:
    """Show an experiment.

    Args:
        name: The experiment's name, such as ``"error-signal"``.
        number: ``"2.1"``: written before the title.
        title: In place of the experiment's own title.
        controls: The settings that the reader can move, in order; by default all. The others
            stay as given.
        predict: A question that is asked before the chart shows. Either ``question``,
            ``options``, ``answer`` (the right option, word for word) and ``because``; or
            ``question``, ``readout`` (0, 1 or 2: the figure to guess), optionally ``log`` and
            ``unit``, and ``because``. Texts may hold ``$mathematics$``.
        **settings: Where the controls start.

    Raises:
        ValueError: An unknown experiment, setting or value; the message says what is allowed.
        vgplib.errors.AtlasError: The experiment's atlas is missing or damaged.
    """
    exp = experiment(name)
    start = exp.check(settings)
    shown = [exp.control(c) for c in controls] if controls else list(exp.controls)
    spec = {
        "id": unique(name),
        "experiment": name,
        "number": number,
        "title": title or exp.title,
        "source": _source(exp),
        "controls": [_control(c) for c in shown],
        "initial": {c.name: start.pop(c.name) for c in shown},
        "fixed": start,
        "predict": _predict(predict) if predict else None,
        "caption": segments(exp.caption),
    }
    return Bench(exp, shown, spec)


def _source(exp: Experiment) -> str:
    if exp.seeds == 1:
        return "computed by PyTorch"
    return f"measured in PyTorch, range of {exp.seeds} seeds"


def _control(control: Control) -> dict[str, Any]:
    label = segments(control.label)
    if isinstance(control, Slider):
        return {
            "name": control.name,
            "label": label,
            "kind": "slider",
            "values": list(control.values),
            "labels": [control.show(v) for v in control.values],
            "unit": control.unit,
            "whole": control.whole,
            "log": control.log,
            "step": control.step,
        }
    options = [{"value": v, "label": text} for v, text in control.options.items()]
    return {"name": control.name, "label": label, "kind": "choice", "options": options}


def _predict(given: dict[str, Any]) -> dict[str, Any]:
    """The question in the front end's form; :class:`ValueError` if its answer is no option."""
    out: dict[str, Any] = {
        "question": segments(given["question"]),
        "because": segments(given["because"]),
    }
    if "options" in given:
        errors.choose("answer", given["answer"], given["options"])
        out["options"] = [segments(o) for o in given["options"]]
        out["answer"] = list(given["options"]).index(given["answer"])
    else:
        keys = ("readout", "log", "unit")
        out["numeric"] = {"log": False, "unit": ""} | {k: given[k] for k in keys if k in given}
    return out


def _frames(exp: Experiment, shown: list[Control], fixed: Settings) -> list[dict[str, Any]]:
    """One frame per setting of the shown controls' grid, the last control fastest."""
    names = [c.name for c in shown]
    settings = (
        exp.check({**fixed, **dict(zip(names, values, strict=True))})
        for values in itertools.product(*(c.values for c in shown))
    )
    return [look(exp, s).to_json() for s in settings]
