"""A bench that compares: made-up networks in training, with a film of what each layer hears."""

from __future__ import annotations

import pages

# What the reader calls it, how fast it learns, and what is kept of the signal per layer.
ROWS = {
    "nothing": ("nothing: sigmoid, Xavier", 0.0, 0.3),
    "relu_he": ("ReLU, He", 1.0, 0.97),
    "relu_xavier": ("ReLU, Xavier", 0.6, 0.7),
    "tanh": ("tanh, Xavier", 0.9, 0.9),
    "resnet": ("residual network: skips, batch norm, ReLU", 1.2, 1.05),
    "batch_norm": ("batch norm", 0.8, 1.2),
    "by_layer": ("steps by each layer's norm (LARS)", 0.2, 0.4),
    "hardware": ("hardware ten times as fast", 0.05, 0.3),
    "clip": ("clipping at norm 1", 0.0, 0.3),
    "adam": ("Adam", 0.4, 0.5),
    "depth_4": ("four layers", 0.7, 0.6),
    "greedy": ("greedy pre-training", 0.5, 0.8),
}
SHOWS = {"accuracy": "test digits right", "loss": "training loss"}
STEPS = list(range(0, 301, 20))
LAYERS = 8
INITIAL = {"row": ["nothing", "relu_he"], "shows": "accuracy"}
CONTROLS = [
    {
        "name": "row",
        "label": [{"text": "Network"}],
        "kind": "choice",
        "options": [{"value": name, "label": label} for name, (label, *_) in ROWS.items()],
        "most": 4,
    },
    {
        "name": "shows",
        "label": [{"text": "Show"}],
        "kind": "choice",
        "options": [{"value": name, "label": label} for name, label in SHOWS.items()],
    },
]


def heard(kept: float, step: int) -> dict:
    """What the layers hear at a step: in the beginning only the last one."""
    kept *= min(1, 0.2 + step / 200)
    cells = [round(kept ** (LAYERS - 1 - k), 2) for k in range(LAYERS)]
    count = sum(v >= 0.02 for v in cells)
    return {"cells": cells, "count": f"{count} of {LAYERS} layers still hear it"}


def frame(row: str, shows: str) -> dict:
    """A network in training."""
    label, speed, kept = ROWS[row]
    right = [0.1 + 0.85 * (1 - 0.5 ** (speed * step / 60)) for step in STEPS]
    y = right if shows == "accuracy" else [2.4 * (1 - v) for v in right]
    if row == "adam":  # its runs diverge
        y = [v if step < 200 else "nan" for v, step in zip(y, STEPS, strict=True)]
    band = {"low": [v - 0.04 for v in y], "high": [v + 0.04 for v in y]} if row != "adam" else {}
    end = right[-1]
    verdict = {"label": "Verdict", "text": "Learns", "tone": "good"}
    if end < 0.2:
        verdict |= {"text": "Guesses", "tone": "bad"}
    if row == "adam":
        verdict |= {"note": "5 of 5 runs diverged, by step 200"}
    film = [heard(kept, step) for step in STEPS]
    return {
        "x": {"label": "step", "domain": [0, 300]},
        "y": {"label": "share of test digits right", "domain": [0, 1]}
        if shows == "accuracy"
        else {"label": "training loss", "domain": [0, 3]},
        "series": [
            {"name": "median", "kind": "line", "role": "main", "x": STEPS, "y": y} | band,
            {"name": "chance", "kind": "line", "role": "theory", "x": [0, 300], "y": [0.1, 0.1]},
        ],
        "readouts": [
            {"label": "Test digits right", "text": f"{100 * end:.0f} %", "tone": "plain"},
            {"label": "Learning rate chosen", "text": "0.03", "tone": "plain"},
            verdict,
        ],
        "strip": {
            "label": "Heard: at least 1/50 of the last",
            "slots": LAYERS,
            "ends": ["input", "loss"],
        }
        | film[-1],
        "film": {
            "at": STEPS,
            "cells": [one["cells"] for one in film],
            "counts": [one["count"] for one in film],
        },
        "summary": f"Test digits right: {100 * end:.0f} %; Verdict: {verdict['text']}.",
    }


def bench(id: str = "race", **changes: object) -> dict:
    """The state of a bench over all networks; ``changes`` go into ``spec``."""
    changes = {
        "experiment": "training-race",
        "title": "One sick network, all remedies",
        "controls": CONTROLS,
        "initial": INITIAL,
        "caption": [{"text": "Lines: the middle one of five random starts; bands: all five."}],
    } | changes
    frames = [frame(row, shows) for row in ROWS for shows in SHOWS]
    return pages.bench(id, **changes) | {"frames": frames}


def single(id: str = "film", row: str = "relu_he") -> dict:
    """A bench of one network alone: a film under one line."""
    return pages.single(id, frame(row, "accuracy"))
