"""The same deep network with each of thirteen activations, tuned alike.

Protocol: that of ``recipe.py``, with twenty layers, and weights fitted to each activation.
"""

from __future__ import annotations

from vgplib.experiments.fitted import FITTED
from vgplib.experiments.races import race, search
from vgplib.experiments.recipe import Recipe, field_of
from vgplib.networks.activations import ACTIVATIONS

DEPTH = 20

LABELS = {name: one.label for name, one in ACTIVATIONS.items()} | {"prelu": "PReLU, learned"}
RECIPES = {
    name: Recipe(label, {"activation": name, "initialiser": FITTED, "depth": DEPTH})
    for name, label in LABELS.items()
}

FIELD = field_of(RECIPES)
SEARCH = search("activation-rates", "Which learning rate for which activation?", FIELD)
EXPERIMENT = race(
    "activation-race", "Twenty layers, thirteen activations", FIELD, SEARCH, {"row": "relu"}
)
