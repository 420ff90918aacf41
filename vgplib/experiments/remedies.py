"""What people do against vanishing gradients, each as a change to the same sick network.

The baseline: eight sigmoid layers with Xavier's weights, which guess after 300 steps, at any rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from vgplib.experiments.fitted import FITTED
from vgplib.experiments.races import race, search
from vgplib.experiments.reading import relative
from vgplib.experiments.recipe import Recipe, field_of, greedy, unit_variance

Changes = Literal["network", "start", "training", "machine"]


@dataclass(frozen=True)
class Remedy:
    """A recipe, and what there is to know about it beside its race.

    Attributes:
        recipe: How the network is built and trained.
        page: The page that tells about it: a file in ``chapters/``, without its ending.
        touches: What it changes on the signal's way, a name in ``FACTORS``.
        changes: What has to be changed for it. A model that is already trained keeps its network
            and its start.
        fails: Where it does not help, or harms, in a few words.
    """

    recipe: Recipe
    page: str
    touches: str
    changes: Changes
    fails: str


# What the error signal is multiplied by on its way to layer 1, and what else decides whether a
# layer learns: the name of each, and what it is.
FACTORS = {
    "slope": ("the slope", "of the activation, where the units' sums are"),
    "weights": ("the weight scale", "how much the weights of a layer enlarge the signal"),
    "number": ("the number of layers", "how often slope and weight scale are multiplied"),
    "path": ("a path around", "what gets by without being multiplied"),
    "gate": ("a gate", "which decides what is multiplied and what gets by"),
    "format": ("the number format", "which turns what is too small into 0"),
    "step": ("the step", "what the optimiser makes of a gradient"),
    "none": ("none of them", "the signal reaches layer 1 as before"),
}

CH4, INIT, NORM = "04-activations", "remedies/initialization", "remedies/normalization"
SKIP, GATE = "remedies/skip-connections", "remedies/gating"
LAYERWISE, DEPTH = "remedies/layerwise-pretraining", "remedies/depth-and-hardware"
MAP = "05-remedies"


def _slope(label: str, activation: str, initialiser: str, fails: str) -> Remedy:
    network = {"activation": activation, "initialiser": initialiser}
    return Remedy(Recipe(label, network), CH4, "slope", "network", fails)


def _start(label: str, fails: str, activation: str = "sigmoid", **rest: Any) -> Remedy:
    before = rest.pop("before", None)
    recipe = Recipe(label, {"activation": activation, **rest}, before=before)
    return Remedy(recipe, INIT, "weights", "start", fails)


def _norm(label: str, fails: str, **network: Any) -> Remedy:
    return Remedy(Recipe(label, network), NORM, "weights", "network", fails)


def _path(label: str, fails: str, **network: Any) -> Remedy:
    return Remedy(Recipe(label, network), SKIP, "path", "network", fails)


def _other(
    label: str, page: str, touches: str, changes: Changes, fails: str, **recipe: Any
) -> Remedy:
    return Remedy(Recipe(label, **recipe), page, touches, changes, fails)


UNFIT = "with weights that do not fit it"
PLAIN_DEEP = "in very deep plain networks"
TOO_LITTLE = "with sigmoid: it enlarges far too little"

REMEDIES: dict[str, Remedy] = {
    "nothing": _other("nothing: sigmoid, Xavier", MAP, "none", "network", "here"),
    # the slope
    "relu_he": _slope("ReLU, He", "relu", "he", "at large rates: units die"),
    "relu_xavier": _slope(
        "ReLU, Xavier", "relu", "xavier", "when very deep: it keeps 0.71 a layer"
    ),
    "leaky_relu": _slope("leaky ReLU, He", "leaky_relu", "he", UNFIT),
    "prelu": _slope("PReLU, learned, He", "prelu", "he", UNFIT),
    "elu": _slope("ELU, He", "elu", "he", PLAIN_DEEP),
    "selu": _slope("SELU, LeCun", "selu", "lecun", UNFIT),
    "gelu": _slope("GELU, He", "gelu", "he", PLAIN_DEEP),
    "silu": _slope("SiLU, He", "silu", "he", PLAIN_DEEP),
    "tanh": _slope("tanh, Xavier", "tanh", "xavier", "with large weights: it saturates"),
    # the weights
    "he": _start("sigmoid, He", TOO_LITTLE, initialiser="he"),
    "orthogonal": _start("sigmoid, orthogonal", TOO_LITTLE, initialiser="orthogonal"),
    "gain_4": _start(
        "sigmoid, Xavier × 4", "with any other activation: the scale is sigmoid's", gain=4.0
    ),
    "fitted": _start("sigmoid, weights fitted to it", PLAIN_DEEP, initialiser=FITTED),
    "lsuv": _start("sigmoid, LSUV", TOO_LITTLE, initialiser="orthogonal", before=unit_variance),
    "tanh_orthogonal": _start(
        "tanh, orthogonal",
        "with ReLU: half of each layer is off",
        "tanh",
        initialiser="orthogonal",
    ),
    # norms
    "batch_norm": _norm("batch norm", "small batches; deep plain ReLU: it explodes", norm="batch"),
    "layer_norm": _norm("layer norm", TOO_LITTLE, norm="layer"),
    "rms_norm": _norm("RMS norm", TOO_LITTLE, norm="rms"),
    "group_norm": _norm("group norm", TOO_LITTLE, norm="group"),
    "weight_norm": _norm("weight norm", "here: at the start it changes nothing", norm="weight"),
    "layer_norm_relu": _norm(
        "layer norm, ReLU", "with sigmoid", norm="layer", activation="relu", initialiser="he"
    ),
    # paths
    "skip": _path("skip connections", "deep, without a norm or a scale: it explodes", path="skip"),
    "resnet": _path(
        "residual network: skips, batch norm, ReLU",
        "small batches",
        path="skip",
        norm="batch",
        activation="relu",
        initialiser="he",
    ),
    "scaled": _path(
        "skips, branches × 1/√7", "when the scale does not fit the depth", path="scaled"
    ),
    "rezero": _path("ReZero", "at large rates: some runs blow up", path="rezero"),
    "dense": _path("dense connections", "memory grows with the depth squared", path="dense"),
    "highway": _other(
        "highway gates",
        GATE,
        "gate",
        "network",
        "when its gates start closed to what gets by",
        network={"path": "highway"},
    ),
    # layer by layer
    "greedy": _other(
        "greedy pre-training",
        LAYERWISE,
        "weights",
        "start",
        "its own training comes on top: 500 steps a layer",
        before=greedy,
    ),
    "heads": _other(
        "auxiliary losses",
        LAYERWISE,
        "number",
        "network",
        "when the losses want different things",
        heads=True,
    ),
    # fewer factors, and more steps
    "depth_4": _other(
        "four layers",
        DEPTH,
        "number",
        "network",
        "here: still too deep for sigmoid",
        network={"depth": 4},
    ),
    "depth_2": _other(
        "two layers", DEPTH, "number", "network", "where a task needs depth", network={"depth": 2}
    ),
    "hardware": _other(
        "hardware ten times as fast: 3000 steps",
        DEPTH,
        "none",
        "machine",
        "it takes more steps, each as small",
        times=10,
    ),
    "batch_16": _other(
        "batches of 16",
        DEPTH,
        "none",
        "training",
        "the signal is as faint in a small batch",
        batch=16,
    ),
    # the step
    "clip": _other(
        "clipping at norm 1", MAP, "none", "training", "it makes nothing larger", clip=1.0
    ),
    "clip_low": _other(
        "clipping at norm 0.01", MAP, "none", "training", "it makes nothing larger", clip=0.01
    ),
    "clip_value": _other(
        "clipping by value", MAP, "step", "training", "it makes nothing larger", clip_value=0.01
    ),
    "decay": _other(
        "weight decay 0.0001", MAP, "weights", "training", "it makes weights smaller", decay=1e-4
    ),
    "decay_large": _other(
        "weight decay 0.01", MAP, "weights", "training", "it makes weights smaller", decay=1e-2
    ),
    "loss_1000": _other(
        "the loss times 1000",
        MAP,
        "format",
        "training",
        "all layers get the same factor",
        loss_factor=1000.0,
    ),
    "adam": _other(
        "Adam",
        MAP,
        "step",
        "training",
        "when deeper: small gradients drown in noise",
        adam=True,
    ),
    "by_layer": _other(
        "steps by each layer's norm (LARS)", MAP, "step", "training", "small batches", by_layer=True
    ),
}

FIELD = field_of({name: remedy.recipe for name, remedy in REMEDIES.items()})
SEARCH = search("remedy-rates", "Which learning rate for which remedy?", FIELD)
EXPERIMENT = race(
    "training-race", "One sick network, all remedies", FIELD, SEARCH, {"row": "nothing"}
)


def reaching_layer_1() -> dict[str, float]:
    """What share of the last layer's signal reaches layer 1 before training, by name.

    Returns:
        The middle one of five random starts. ReZero has NaN: its branches begin at 0, so there is
        no signal in them to compare.

    Raises:
        AtlasError: The race's atlas is missing, damaged or out of date.
    """
    from vgplib.engine.atlas import at

    found = {}
    for name in REMEDIES:
        signal = at(EXPERIMENT, {"row": name, "shows": "accuracy"})["signal"].values[:, 0]
        share = float(np.median(relative(signal)[:, 0]))
        found[name] = share if math.isfinite(share) else math.nan
    return found
