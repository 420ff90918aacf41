"""Vanishing and exploding gradients: measured, explained, shown.

A lesson needs one import, ``import vgplib as vgp``, and these names:

====================  ==============================================================
``vgp.bench``         an experiment with controls, chart and verdict
``vgp.quiz``          the questions of a chapter
``vgp.repeat``        the questions that were missed, of all chapters
``vgp.clinic``        twelve unlabelled patients to examine, diagnose and treat
``vgp.check``         whether an exercise is solved, and if not, what went wrong
``vgp.picture``       a matplotlib figure in the page's colours
``vgp.beside``        a bench, and below it a drawing of one's own that follows it
``vgp.remedy_map``    where on the signal's way each remedy acts, as a picture
``vgp.remedy_table``  what each remedy brings and costs, as a table
``vgp.chooser``       five questions about a model of one's own, and what to try
``vgp.run``           an experiment, measured now by PyTorch, as ``xarray.Dataset``
``vgp.sweep``         an experiment over a grid of settings and seeds, in chunks
``vgp.readouts``      the three figures that a bench shows for a setting
``vgp.atlas``         an experiment, measured ahead of time, as ``xarray.Dataset``
``vgp.measure``       what each layer of a network passes back and forward
``vgp.record``        the same, in part, while a training step runs: the light mode
``vgp.examine``       what ails a model: the doctor's diagnosis, with its proof
``vgp.watch``         a training loop, seen while it runs, and judged at the end
``vgp.doctor``        its rules, as a table, and how often they are right
``vgp.theory``        closed forms and mean-field theory
``vgp.networks``      the networks, activations, initialisers and data of the lessons
``vgp.figures``       a number as text, with a few significant digits
====================  ==============================================================
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Name -> where it lives. Looked up on first use, so that ``import vgplib`` costs
# little more than ``import torch``: charts, widgets and xarray load when needed.
_HOMES = {
    "bench": "vgplib.lesson.bench",
    "quiz": "vgplib.lesson.quiz",
    "repeat": "vgplib.lesson.repeat",
    "clinic": "vgplib.lesson.clinic",
    "check": "vgplib.lesson.exercise",
    "picture": "vgplib.lesson.figure",
    "beside": "vgplib.lesson.figure",
    "remedy_map": "vgplib.lesson.remedies",
    "remedy_table": "vgplib.lesson.remedies",
    "chooser": "vgplib.lesson.chooser",
    "run": "vgplib.experiments",
    "sweep": "vgplib.experiments",
    "readouts": "vgplib.experiments",
    "atlas": "vgplib.experiments",
    "experiments": "vgplib.experiments",
    "figures": "vgplib.numbers",
    "measure": "vgplib.measures.layers",
    "record": "vgplib.measures.record",
    "examine": "vgplib.doctor.examine",
    "doctor": "vgplib.doctor",
    "watch": "vgplib.doctor.watching.watch",
    "theory": "vgplib.measures.theory",
    "networks": "vgplib.networks",
}
_MODULES = {"doctor", "experiments", "theory", "networks"}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vgplib' has no attribute {name!r}; it has {__all__}")
    module = importlib.import_module(_HOMES[name])
    value = module if name in _MODULES else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
