"""The bench: any experiment with controls, chart, readouts and a question asked first.

One widget for all experiments. In a kernel it is an ipywidget whose settings are traits; in
the book the same front end is mounted over a table of all settings on the grid; without any
script the picture, its description and its table say what the chart says.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import traitlets

from vgplib import errors
from vgplib.engine.experiment import Control, Experiment, Settings, Slider
from vgplib.experiments import experiment, look
from vgplib.lesson import banks, picture, prediction
from vgplib.lesson.bundle import unique
from vgplib.lesson.frames import frame, scale_of, table
from vgplib.lesson.several import Several, apart, several
from vgplib.lesson.text import plain, segments, to_html
from vgplib.lesson.widget import Widget


class Bench(Widget):
    """An experiment on the page. Made by :func:`bench`.

    Each shown setting is a trait of that name (``bench.depth = 20``; ``bench.observe``,
    ``traitlets.link``), and ``bench.controls[name]`` has a ``value`` trait, as
    ``ipywidgets.interactive_output`` wants it.
    """

    kind = traitlets.Unicode("bench").tag(sync=True)
    frames = traitlets.List().tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)
    frame = traitlets.Dict(None, allow_none=True).tag(sync=True)
    answers = traitlets.Dict(None, allow_none=True).tag(sync=True)
    status = traitlets.Dict({"state": "idle", "message": ""}).tag(sync=True)

    def __init__(self, exp: Experiment, shown: list[Control], spec: dict[str, Any]) -> None:
        fixed, start = spec["fixed"], spec["initial"]
        self._scale = scale_of(exp, spec)
        first = frame(exp, {**fixed, **start}, self._scale)
        super().__init__(spec=spec, settings=start, frame=first, answers=start)
        self._experiment, self._shown, self._fixed = exp, shown, fixed
        self._cell: dict | None = None
        self.controls = {c.name: Setting(c, start[c.name]) for c in shown}
        self.add_traits(**{c.name: _Value(c, start[c.name]) for c in shown})
        for control in shown:
            self.observe(self._set_from_trait, control.name)
            traitlets.link((self, control.name), (self.controls[control.name], "value"))
        self.observe(self._answer, "settings")
        self.on_msg(self._send_table)

    def _send_table(self, widget: Any, content: Any, buffers: Any) -> None:
        """Give a front end the whole table: one that is there asks, a run without one never."""
        if content == "table":
            self.frames = table(self.spec)

    def _set_from_trait(self, change: Any) -> None:
        self.settings = {**self.settings, change.name: change.new}

    def _answer(self, change: Any) -> None:
        """Answer a new setting: from the table if it is there, else by running PyTorch."""
        settings = change.new
        try:
            exp, full = self._experiment, {**self._fixed, **settings}
            wanted = [exp.check(one) for one in apart(full)]
            for name in settings:
                setattr(self, name, settings[name])
            if not (self.frames and all(map(exp.on_grid, wanted))):
                self.status = {"state": "busy", "message": ""}
                with self.hold_sync():
                    self.frame = frame(exp, full, self._scale)
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
        return frame(self._experiment, {**self._fixed, **self.settings}, self._scale)

    def __repr__(self) -> str:
        lines = [_titled(self.spec)]
        if guess := self.spec["predict"]:
            lines += [f"Predict first: {guess['words']}", *(f"- {o}" for o in guess["choices"])]
            lines.append("Run this cell to make your guess, then move the controls.")
        else:
            lines += [f"- {line}" for line in _read_out(self._frame_now())]
        return "\n".join(lines)

    def _ipython_display_(self) -> None:
        from IPython import get_ipython

        shell = get_ipython()
        self._cell = shell.get_parent() if hasattr(shell, "get_parent") else None
        super()._ipython_display_()

    def state(self) -> dict[str, Any]:
        """Besides, the setting, and what a kernel would fill in."""
        return super().state() | {
            "frames": [],
            "settings": self.settings,
            "frame": None,
            "answers": None,
            "status": {"state": "idle", "message": ""},
        }

    def fallback(self) -> str:
        """The question, then the picture folded away."""
        frame, spec = self._frame_now(), self.spec
        shown = ", ".join(
            f"{plain(control.label)}: {control.show(self.settings[control.name])}"
            for control in self._shown
        )
        title = _titled(spec)
        description = f"{title}. {shown}. {frame['summary']}"
        chart = (
            f"{picture.svg(frame, description, spec['id'])}"
            f"<figcaption><p>{html.escape(shown)}. {html.escape(frame['summary'])}</p>"
            f"<p>{to_html(spec['caption'])}</p></figcaption>"
            f"<details><summary>Data table</summary>{picture.table(frame, title)}</details>"
        )
        if guess := spec["predict"]:
            options = "".join(f"<li>{to_html(o)}</li>" for o in guess.get("options", ()))
            chart = (
                f'<p class="vgp-question"><strong>Predict first.</strong> '
                f"{to_html(guess['question'])}</p>{f'<ul>{options}</ul>' if options else ''}"
                f'<details class="vgp-shown"><summary>Show the chart</summary>{chart}</details>'
            )
        return (
            f'<figure class="vgp-fallback"><p class="vgp-title">{html.escape(title)}</p>'
            f"{chart}</figure>"
        )


def _titled(spec: dict[str, Any]) -> str:
    return f"Experiment {spec['number']} · {spec['title']}" if spec["number"] else spec["title"]


def _read_out(frame: dict[str, Any]) -> list[str]:
    """The readouts in words, one a line; of several options, a line for each."""

    def said(row: dict[str, Any]) -> list[str]:
        return [f"{r['label']}: {r['text']}" for r in row["readouts"]]

    if "rows" in frame:
        return [f"{row['name']}: {'; '.join(said(row))}" for row in frame["rows"]]
    return said(frame)


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
    options: Mapping[str, Sequence[str]] | None = None,
    compare: str | None = None,
    predict: str | None = None,
    **settings: Any,
) -> Bench:
    """Show an experiment.

    Args:
        name: The experiment's name, such as ``"error-signal"``.
        number: ``"2.1"``: written before the title.
        title: In place of the experiment's own title.
        controls: The settings that the reader can move, in order; by default all. The others
            stay as given.
        options: For a choice, what it offers here; by default all that it has.
        compare: A choice of which up to four options are shown at once: its setting is a list,
            ``compare="row", row=["nothing", "relu_he"]``. Each has a line, a strip and a row of
            figures of its own.
        predict: The id of a prediction in the question banks: it is asked before the chart
            shows.
        **settings: Where the controls start.

    Raises:
        ValueError: An unknown experiment, setting, value or prediction, or a control that is named
            twice; the message says what is allowed.
        vgplib.errors.BankError: The prediction's ``show`` is no setting of the bench's controls, or
            its figure is in words.
        vgplib.errors.AtlasError: The experiment's atlas is missing or damaged.
    """
    exp = experiment(name)
    shown = [exp.control(c) for c in controls] if controls else list(exp.controls)
    for choice, values in (options or {}).items():
        errors.choose("control of this bench", choice, {c.name for c in shown})
        shown = [_narrowed(c, values) if c.name == choice else c for c in shown]
    if compare:
        errors.choose("control of this bench", compare, [c.name for c in shown])
        shown = [several(c) if c.name == compare else c for c in shown]
    start = exp.check({key: value for key, value in settings.items() if key != compare})
    if twice := [c.name for k, c in enumerate(shown) if c in shown[:k]]:
        raise ValueError(f"the control {twice[0]!r} is named twice in {list(controls or ())}.")
    spec = spec_of(exp, shown, {**start, **settings}, number=number, title=title)
    if predict:
        guess = banks.find("predictions", predict)
        show = {**spec["initial"], **prediction.answering(guess, shown)}
        last = apart({**spec["fixed"], **show})[-1]
        answer = look(exp, exp.check(last)).to_json()
        spec["predict"] = prediction.asked(guess, show, answer)
    return Bench(exp, shown, spec)


def spec_of(
    exp: Experiment,
    shown: Sequence[Control],
    start: Settings,
    *,
    number: str | None = None,
    title: str | None = None,
) -> dict[str, Any]:
    """What the front end is told of a bench, as :func:`bench` has it; it asks nothing first."""
    names = {control.name for control in shown}
    return {
        "id": unique(exp.name),
        "experiment": exp.name,
        "number": number,
        "title": title or exp.title,
        "source": _source(exp),
        "controls": [_control(c) for c in shown],
        "initial": {c.name: c.check(start[c.name]) for c in shown},
        "fixed": {k: v for k, v in start.items() if k not in names},
        "predict": None,
        "caption": segments(exp.caption),
    }


def _narrowed(control: Control, options: Sequence[str]) -> Control:
    """A choice with some of its options, in the order given."""
    if isinstance(control, Slider):
        raise ValueError(f"options are for choices, and {control.name!r} is a slider.")
    return replace(control, options={v: control.show(control.check(v)) for v in options})


def _source(exp: Experiment) -> str:
    if exp.seeds == 1:
        return "computed by PyTorch"
    return f"measured in PyTorch, {exp.seeds} random starts"


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
    choice = {"name": control.name, "label": label, "kind": "choice", "options": options}
    most = {"most": control.most} if isinstance(control, Several) else {}
    return choice | most


def fill(state: dict[str, Any]) -> None:
    """Give the state of a bench on a page its table, and a clinic those of its two benches.

    The states of other parts stay as they are.
    """
    if state["kind"] == "bench":
        state["frames"] = table(state["spec"])
    elif state["kind"] == "clinic":
        state["frames"] = [table(room) for room in state["spec"]["rooms"]]
