"""What people do against exploding gradients, each as a change to the same sick network.

Protocol: that of ``recipe.py``, with twelve layers of ReLU, and weights twice as large as He's.
"""

from __future__ import annotations

from typing import Any

from vgplib.experiments.races import race, search
from vgplib.experiments.recipe import Recipe, field_of, unit_variance
from vgplib.experiments.view import Axis

SICK = {"activation": "relu", "initialiser": "he", "gain": 2.0, "depth": 12}
RATES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def _sick_but(label: str, **network: Any) -> Recipe:
    return Recipe(label, {**SICK, **network})


RECIPES = {
    "nothing": _sick_but("nothing: ReLU, He × 2"),
    "clip": Recipe("clipping at norm 1", SICK, clip=1.0),
    "clip_value": Recipe("clipping by value", SICK, clip_value=0.01),
    "decay": Recipe("weight decay 0.0001", SICK, decay=1e-4),
    "decay_large": Recipe("weight decay 0.01", SICK, decay=1e-2),
    "adam": Recipe("Adam", SICK, adam=True),
    "he": _sick_but("He's weights", gain=1.0),
    "lsuv": Recipe("LSUV", {**SICK, "initialiser": "orthogonal"}, before=unit_variance),
    "batch_norm": _sick_but("batch norm", norm="batch"),
    "layer_norm": _sick_but("layer norm", norm="layer"),
    "skip": _sick_but("skip connections", path="skip"),
    "scaled": _sick_but("skips, branches × 1/√11", path="scaled"),
    "tanh": _sick_but("tanh, the same weights", activation="tanh"),
    "sigmoid": _sick_but("sigmoid, the same weights", activation="sigmoid"),
    "depth_4": _sick_but("four layers", depth=4),
}

FIELD = field_of(RECIPES, RATES, Axis("training loss", (1e-3, 1e5), log=True))
SEARCH = search("explosion-rates", "Which learning rate, where gradients explode?", FIELD)
EXPERIMENT = race(
    "explosion", "A network that explodes, and what helps", FIELD, SEARCH, {"row": "nothing"}
)
