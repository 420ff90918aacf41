"""States as Python's bench and quiz send them, and pages that hold them."""

from __future__ import annotations

import html
import itertools
import json
from pathlib import Path

from playwright.sync_api import Page

LESSON = Path(__file__).parents[2] / "vgplib" / "lesson"
DIST = LESSON / "frontend" / "dist"
BOOK_STYLE = (LESSON / "static" / "book.css").as_uri()

FACTOR = {"sigmoid": 0.234, "tanh": 0.8, "relu": 1.02}
DEPTHS = [10, 20, 30]
SCALES = [0.5, 1.0, 2.0]
CONTROLS = [
    {
        "name": "activation",
        "label": [{"text": "Activation"}],
        "kind": "choice",
        "options": [
            {"value": "sigmoid", "label": "sigmoid"},
            {"value": "tanh", "label": "tanh"},
            {"value": "relu", "label": "ReLU"},
        ],
    },
    {
        "name": "depth",
        "label": [{"text": "Depth"}],
        "kind": "slider",
        "values": DEPTHS,
        "labels": [f"{d} layers" for d in DEPTHS],
        "unit": "layers",
        "whole": True,
        "log": False,
        "step": 1,
    },
    {
        "name": "weight_scale",
        "label": [{"text": "Weight scale"}],
        "kind": "slider",
        "values": SCALES,
        "labels": [f"{s:.2f}" for s in SCALES],
        "unit": "",
        "whole": False,
        "log": True,
        "step": 0.05,
    },
]
INITIAL = {"activation": "sigmoid", "depth": 30, "weight_scale": 1.0}
PREDICT = {
    "id": "double",
    "question": [{"text": "Double the depth: what happens to the first layer's signal?"}],
    "options": [[{"text": "it halves"}], [{"text": "it squares"}], [{"text": "it stays"}]],
    "answer": 1,
    "because": [{"text": "Each layer multiplies, so twice the layers square the product."}],
    "show": INITIAL,
}
PREDICT_NUMBER = {
    "id": "first",
    "question": [{"text": "How much of the signal reaches layer 1?"}],
    "numeric": {"value": 5.1e-19, "text": "5.1 × 10⁻¹⁹", "percent": False, "log": True, "unit": ""},
    "show": INITIAL,
    "because": [{"text": "The factor is multiplied once per layer."}],
}
POWER = ["math", {}, ["msup", {}, ["mn", {}, "10"], ["mn", {}, "-13"]]]
HOSTILE = "<img src=x onerror=alert(1)>"


def short(value: float) -> float:
    """Three significant digits, as the frames hold them."""
    return float(f"{value:.3g}")


def frame(activation: str, depth: int, weight_scale: float) -> dict:
    """The error signal on its way back, with a band, a theory and a strip; the axes are fixed."""
    factor = FACTOR[activation] * weight_scale
    back = list(range(depth - 1, -1, -1))
    signal = [short(factor**hops) for hops in back]
    first = signal[0]
    heard = sum(v >= 0.01 for v in signal)
    tone = "bad" if first < 1e-6 or first > 1e6 else "good"
    return {
        "x": {
            "label": "layers back from the loss",
            "domain": [-0.5, 29.5],
            "whole": True,
            "reverse": True,
        },
        "y": {"label": "error signal", "domain": [1e-20, 1e10], "log": True},
        "series": [
            {
                "name": "error signal",
                "kind": "line",
                "role": "main",
                "x": back,
                "y": signal,
                "low": [short(v * 0.4) for v in signal],
                "high": [short(v * 2.5) for v in signal],
            },
            {
                "name": "theory",
                "kind": "line",
                "role": "theory",
                "x": back,
                "y": [short(v * 1.3 ** (1 - v)) for v in signal],
            },
        ],
        "readouts": [
            {"label": "Signal kept per layer", "text": f"{factor:.3g}", "tone": "plain"},
            {"label": "First layer vs last", "text": f"{first:.2g}", "tone": tone, "value": first},
            {
                "label": "Verdict",
                "text": "Vanished" if first < 1e-6 else "Exploded" if first > 1e6 else "Level",
                "tone": tone,
            },
        ],
        "strip": {
            "label": "error signal",
            "cells": [round(min(v, 100), 2) for v in signal],
            "count": f"{heard} of {depth} layers still hear it",
            "slots": 30,
            "ends": ["input", "loss"],
        },
        "summary": f"First layer vs last: {first:.2g}.",
    }


def edge_frame() -> dict:
    """A log axis with everything that it cannot show: 0, too small, NaN, infinity, too large."""
    return {
        "x": {"label": "layer", "domain": [1, 6], "whole": True},
        "y": {
            "label": "signal",
            "domain": [1e-10, 1],
            "log": True,
            "floor": "0 in float32",
        },
        "series": [
            {
                "name": "signal",
                "kind": "line",
                "role": "main",
                "x": [1, 2, 3, 4, 5, 6],
                "y": [0, 1e-12, 1e-5, 0.1, "inf", "nan"],
            }
        ],
        "readouts": [{"label": f"r{k}", "text": str(k), "tone": "plain"} for k in range(3)],
        "summary": "Edges.",
    }


def bar_frame() -> dict:
    """Signed bars with names."""
    return {
        "x": {
            "label": "activation",
            "domain": [-0.5, 4.5],
            "names": ["sigmoid", "tanh", "ReLU", "Leaky ReLU", "SELU"],
        },
        "y": {"label": "change in accuracy", "domain": [-0.4, 0.8]},
        "series": [
            {
                "name": "with batch norm",
                "kind": "bar",
                "role": "main",
                "x": [0, 1, 2, 3, 4],
                "y": [0.7, 0.35, 0.02, 0, -0.31],
            }
        ],
        "readouts": [
            {"label": "Best", "text": "0.70", "tone": "good"},
            {"label": "Worst", "text": "−0.31", "tone": "bad"},
            {"label": "Verdict", "text": "Mixed", "tone": "warn"},
        ],
        "summary": "Best 0.70, worst −0.31.",
    }


def two_frame() -> dict:
    """Two measured lines and a theory on a linear axis."""
    steps = list(range(0, 101, 5))
    loss = [short(2.3 * 0.96**s) for s in steps]
    slow = [short(2.3 * 0.99**s) for s in steps]
    return {
        "x": {"label": "step", "domain": [0, 100]},
        "y": {"label": "loss", "domain": [0, 2.5]},
        "series": [
            {"name": "ReLU", "kind": "line", "role": "main", "x": steps, "y": loss},
            {"name": "sigmoid", "kind": "line", "role": "second", "x": steps, "y": slow},
            {
                "name": "label entropy",
                "kind": "line",
                "role": "theory",
                "x": [0, 100],
                "y": [2.3, 2.3],
            },
        ],
        "readouts": [
            {"label": "ReLU ends at", "text": f"{loss[-1]}", "tone": "plain"},
            {"label": "sigmoid ends at", "text": f"{slow[-1]}", "tone": "plain"},
            {"label": "Verdict", "text": "ReLU learns faster", "tone": "good"},
        ],
        "summary": "ReLU learns faster.",
    }


def bench(id: str = "error-signal", **changes: object) -> dict:
    """The state of a bench over the whole grid; ``changes`` go into ``spec``."""
    values = [FACTOR, DEPTHS, SCALES]
    spec = {
        "id": id,
        "experiment": "error-signal",
        "number": "2.1",
        "title": "The error signal, layer by layer",
        "source": "measured in PyTorch, range of 5 seeds",
        "controls": CONTROLS,
        "initial": INITIAL,
        "fixed": {},
        "predict": None,
        "caption": [
            {"text": "Size of "},
            {"math": ["math", {}, ["mfrac", {}, ["mi", {}, "∂L"], ["mi", {}, "∂z"]]]},
            {"text": " relative to the last layer. Line: median; band: range; dashed: theory."},
        ],
    } | changes
    return {
        "kind": "bench",
        "spec": spec,
        "frames": [frame(*setting) for setting in itertools.product(*values)],
        "settings": dict(spec["initial"]),
        "live": False,
        "frame": None,
        "answers": None,
        "status": {"state": "idle", "message": ""},
    }


def single(id: str, one_frame: dict, **changes: object) -> dict:
    """A bench without controls: one frame."""
    changes = {"number": None, "controls": [], "initial": {}, "caption": []} | changes
    return bench(id, **changes) | {"frames": [one_frame]}


def _option(text: str, correct: bool, feedback: str) -> dict:
    return {
        "answer": [{"text": text}],
        "correct": correct,
        "feedback": [{"text": feedback}],
    }


def quiz() -> dict:
    """A quiz with a question of each type."""
    questions = [
        {
            "id": "left",
            "type": "multiple_choice",
            "question": [
                {"text": "A 20-layer network keeps "},
                {"code": "0.23"},
                {"text": " of the signal per layer. About how much reaches layer 1?"},
            ],
            "hint": [{"text": "Multiply, twenty times."}],
            "section": {"href": "#why", "text": "Depth turns a factor into a cliff"},
            "bench": {"href": "#error-signal?depth=20", "text": "Experiment 2.1"},
            "answers": [
                _option("4.6", False, "that adds the factors."),
                {
                    "answer": [{"math": POWER}],
                    "correct": True,
                    "feedback": [{"text": "0.23 to the 20th. You multiply, not add."}],
                },
                _option("0.0115", False, "that divides by the depth."),
            ],
        },
        {
            "id": "vanish",
            "type": "many_choice",
            "question": [{"text": "Which of these shrink the signal?"}],
            "answers": [
                _option("a slope below 1", True, "each layer multiplies by it."),
                _option("a small learning rate", False, "it scales the step, not the signal."),
                _option("small weights", True, "they are the other factor."),
            ],
        },
        {
            "id": "number",
            "type": "numeric",
            "question": [{"text": "0.23 to the power of 20?"}],
            "answers": [
                {
                    "type": "value",
                    "value": 1.7e-13,
                    "tolerance": 1e-14,
                    "correct": True,
                    "feedback": [{"text": "well computed."}],
                },
                {
                    "type": "range",
                    "range": [1, 10],
                    "correct": False,
                    "feedback": [{"text": "you added."}],
                },
                {"type": "default", "feedback": [{"text": "use 0.23 ** 20."}]},
            ],
        },
        {
            "id": "word",
            "type": "string",
            "question": [{"text": "Which activation has slope 1 for positive inputs?"}],
            "answers": [
                {
                    "answer": "ReLU",
                    "match_case": False,
                    "correct": True,
                    "feedback": [{"text": "its slope is 1 there."}],
                },
                {"type": "default", "feedback": [{"text": "look at the gallery."}]},
            ],
        },
    ]
    spec = {
        "id": "quiz-02-causes",
        "chapter": "02-causes",
        "title": "Questions",
        "questions": questions,
    }
    return {"kind": "quiz", "spec": spec}


def place(state: dict) -> str:
    """A state as it stands on a static page, with a picture for those without JavaScript."""
    data = json.dumps(state, ensure_ascii=False).replace("</", "<\\/")
    id = html.escape(state["spec"]["id"])
    return (
        f'<div class="vgp" id="{id}" data-vgp="{state["kind"]}">'
        f'<script type="application/json" class="vgp-state">{data}</script>'
        '<figure class="vgp-fallback"><svg width="300" height="60" role="img" aria-label="picture">'
        '<path d="M0 50L300 10" stroke="currentColor"/></svg>'
        "<figcaption>A picture.</figcaption></figure></div>"
    )


def page(*parts: str) -> str:
    """A page that loads the bundle as the book does."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Bench</title>'
        '<meta name="viewport" content="width=device-width">'
        f'<link rel="stylesheet" href="{(DIST / "vgp.css").as_uri()}">'
        f'<script src="{(DIST / "vgp.js").as_uri()}" defer></script>'
        "<style>body{font:16px/1.6 system-ui,sans-serif;max-width:780px;margin:1rem auto;"
        "padding:0 12px}html[data-theme=dark] body{background:#10151b;color:#e6eaf0}</style>"
        f"</head><body><main>{''.join(parts)}</main></body></html>"
    )


def box(page: Page, selector: str) -> dict[str, float]:
    """Where the first such element is, at one moment: a chart is drawn anew until it fits."""
    return page.wait_for_function(_BOX, arg=selector).json_value()


_BOX = """(selector) => {
  const box = document.querySelector(selector)?.getBoundingClientRect();
  return box?.height ? box.toJSON() : null;
}"""
