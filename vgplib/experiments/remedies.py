"""What people do against vanishing gradients, each as a change to the same sick network.

The baseline: eight sigmoid layers with Xavier's weights, which guess after 300 steps, at any rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vgplib.experiments.fitted import FITTED
from vgplib.experiments.races import race, search
from vgplib.experiments.recipe import Recipe, field_of, greedy, unit_variance


@dataclass(frozen=True)
class Remedy:
    """A recipe, and where it belongs.

    Attributes:
        recipe: How the network is built and trained.
        page: The page that tells about it: a file in ``chapters/``, without its ending.
        touches: The factor of the product of Jacobians that it changes, a name in ``FACTORS``.
    """

    recipe: Recipe
    page: str
    touches: str


# What the error signal at layer 1 is made of, and what else decides whether a layer learns.
FACTORS = {
    "slope": "the slope of the activation",
    "weights": "the scale of the weights",
    "number": "how many factors there are",
    "path": "an added path",
    "gate": "a gate",
    "format": "the number format",
    "step": "the step that is made of it",
    "none": "none of them",
}


def _one(label: str, page: str, touches: str, network: dict[str, Any] | None = None, **rest: Any):
    return Remedy(Recipe(label, network or {}, **rest), page, touches)


def _phi(name: str, initialiser: str = "he", gain: float = 1.0) -> dict[str, Any]:
    return {"activation": name, "initialiser": initialiser, "gain": gain}


ACTIVATIONS, INIT, NORM = "04-activations", "remedies/initialization", "remedies/normalization"
SKIP, GATE = "remedies/skip-connections", "remedies/gating"
LAYERWISE, DEPTH = "remedies/layerwise-pretraining", "remedies/depth-and-hardware"
MAP = "05-remedies"

REMEDIES: dict[str, Remedy] = {
    "nothing": _one("nothing: sigmoid, Xavier", MAP, "none"),
    # the slope
    "relu_he": _one("ReLU, He", ACTIVATIONS, "slope", _phi("relu")),
    "relu_xavier": _one("ReLU, Xavier", ACTIVATIONS, "slope", _phi("relu", "xavier")),
    "leaky_relu": _one("leaky ReLU, He", ACTIVATIONS, "slope", _phi("leaky_relu")),
    "prelu": _one("PReLU, He", ACTIVATIONS, "slope", _phi("prelu")),
    "elu": _one("ELU, He", ACTIVATIONS, "slope", _phi("elu")),
    "selu": _one("SELU, LeCun", ACTIVATIONS, "slope", _phi("selu", "lecun")),
    "gelu": _one("GELU, He", ACTIVATIONS, "slope", _phi("gelu")),
    "silu": _one("SiLU, He", ACTIVATIONS, "slope", _phi("silu")),
    "tanh": _one("tanh, Xavier", ACTIVATIONS, "slope", _phi("tanh", "xavier")),
    # the weights
    "he": _one("sigmoid, He", INIT, "weights", {"initialiser": "he"}),
    "orthogonal": _one("sigmoid, orthogonal", INIT, "weights", {"initialiser": "orthogonal"}),
    "gain_4": _one("sigmoid, Xavier × 4", INIT, "weights", {"gain": 4.0}),
    "fitted": _one(
        "sigmoid, weights fitted to it",
        INIT,
        "weights",
        _phi("sigmoid", FITTED),
    ),
    "lsuv": _one(
        "sigmoid, LSUV", INIT, "weights", {"initialiser": "orthogonal"}, before=unit_variance
    ),
    "tanh_orthogonal": _one("tanh, orthogonal", INIT, "weights", _phi("tanh", "orthogonal")),
    # norms
    "batch_norm": _one("batch norm", NORM, "weights", {"norm": "batch"}),
    "layer_norm": _one("layer norm", NORM, "weights", {"norm": "layer"}),
    "rms_norm": _one("RMS norm", NORM, "weights", {"norm": "rms"}),
    "group_norm": _one("group norm", NORM, "weights", {"norm": "group"}),
    "layer_norm_relu": _one("layer norm, ReLU", NORM, "weights", _phi("relu") | {"norm": "layer"}),
    # paths
    "skip": _one("skip connections", SKIP, "path", {"path": "skip"}),
    "resnet": _one(
        "residual network: skips, batch norm, ReLU",
        SKIP,
        "path",
        _phi("relu") | {"path": "skip", "norm": "batch"},
    ),
    "scaled": _one("skips, branches × 1/√7", SKIP, "path", {"path": "scaled"}),
    "rezero": _one("ReZero", SKIP, "path", {"path": "rezero"}),
    "dense": _one("dense connections", SKIP, "path", {"path": "dense"}),
    "highway": _one("highway gates", GATE, "gate", {"path": "highway"}),
    # layer by layer
    "greedy": _one("greedy pre-training", LAYERWISE, "weights", before=greedy),
    "heads": _one("auxiliary losses", LAYERWISE, "number", heads=True),
    # fewer factors, and more steps
    "depth_4": _one("four layers", DEPTH, "number", {"depth": 4}),
    "depth_2": _one("two layers", DEPTH, "number", {"depth": 2}),
    "hardware": _one("hardware ten times as fast", DEPTH, "none", times=10),
    "batch_16": _one("batches of 16", DEPTH, "none", batch=16),
    # the step
    "clip": _one("clipping at norm 1", MAP, "step", clip=1.0),
    "clip_low": _one("clipping at norm 0.01", MAP, "step", clip=0.01),
    "clip_value": _one("clipping by value", MAP, "step", clip_value=0.01),
    "decay": _one("weight decay 0.0001", MAP, "none", decay=1e-4),
    "decay_large": _one("weight decay 0.01", MAP, "none", decay=1e-2),
    "adam": _one("Adam", MAP, "step", adam=True),
    "by_layer": _one("steps by each layer's norm (LARS)", MAP, "step", by_layer=True),
}

FIELD = field_of({name: remedy.recipe for name, remedy in REMEDIES.items()})
SEARCH = search("remedy-rates", "Which learning rate for which remedy?", FIELD)
EXPERIMENT = race(
    "training-race", "One sick network, all remedies", FIELD, SEARCH, {"row": "nothing"}
)
