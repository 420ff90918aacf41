"""Units that no longer answer: dead, or saturated."""

from __future__ import annotations

import math

from vgplib.doctor.conditions.causes import LARGE_INPUT, bias_share, is_raw
from vgplib.doctor.conditions.condition import SYMPTOMS_CHAPTER, Condition, Finding
from vgplib.doctor.conditions.indicators import largest
from vgplib.doctor.evidence.gather import Evidence
from vgplib.doctor.evidence.passes import Pass

_RELU = ("relu", "threshold")
_TWO_SIDED = ("sigmoid", "tanh", "hardtanh", "hardsigmoid", "softsign", "erf", "clamp", "softmax")
_ONE_SIDED = ("relu6", "hardswish")  # often flat for half of the entries by design
_WRONG, _RIGHT = 0.6, 2.0  # loss with a read-out next to 0, over the loss: see _is_stuck
_MOSTLY = 0.7  # of a layer's output
_SAMPLES = 16  # that a unit has to be zero for


def _dead_relu(evidence: Evidence, threshold: float) -> Finding | None:
    """Units that are zero for every sample."""
    seen = evidence.as_it_came
    if seen is None:
        return None
    sick: dict[str, float] = {}
    for layer in seen.layers if seen.data.attrs["loss"] else ():
        counts = layer.count(*_RELU)
        if counts is None or layer.output == 0:  # nothing goes in, as behind a gain of 0
            continue
        few = seen.statistics.layers[layer].samples < _SAMPLES
        if counts.dead >= (0.99 if few else threshold):
            sick[layer.name] = max(sick.get(layer.name, 0), counts.dead)
    if not sick:
        return None
    worst = sorted(sick, key=lambda name: -sick[name])
    cause = _why_dead(evidence, seen, worst[0])
    numbers = {"dead units in the worst layer": sick[worst[0]], "layers": float(len(sick))}
    severity = "critical" if sick[worst[0]] > 0.95 else "serious"
    return DEAD_RELU.finding(severity, tuple(worst), cause, numbers)


def _why_dead(evidence: Evidence, seen: Pass, name: str) -> str:
    """What pushed the units down; "" where nothing tells."""
    layer = next(y for y in seen.layers if y.name == name)
    if len(seen.matrices) > 1 and name == seen.matrices[-1].name:
        return "activation after the read-out"
    bias = dict(evidence.snapshot.model.named_parameters()).get(f"{name}.bias")
    low = bias.float().mean().item() if bias is not None else 0.0
    if low < -0.5 or (low < 0 and bias_share(seen, layer) > _MOSTLY):
        return "bias"
    if is_raw(seen):
        return "input scale"
    return "learning rate too high" if evidence.snapshot.optimizer is not None else ""


def _saturation(evidence: Evidence, threshold: float) -> Finding | None:
    """Entries on the flat parts of their activations."""
    seen = evidence.as_it_came
    if seen is None:
        return None
    last = seen.matrices[-1].name if seen.matrices else ""
    sick = {
        y.name: each.flat for y, each in seen.statistics.layers.items() if each.flat >= threshold
    }
    for layer in seen.layers:
        two, one = layer.count(*_TWO_SIDED), layer.count(*_ONE_SIDED)
        flat = two if two and two.saturated >= threshold else one
        if layer.name in sick or not flat or flat.saturated < (threshold if flat is two else 0.9):
            continue
        is_read_out = layer.name == last and layer.activation != "softmax"
        if is_read_out and not _is_stuck(evidence, layer.name):
            continue
        unsure, _ = evidence.ablated.get(layer.name, (0.0, 0.0))
        if unsure > _RIGHT * abs(seen.data.attrs["loss"]):
            continue
        sick[layer.name] = flat.saturated
    if not sick:
        return None
    worst = sorted(sick, key=lambda name: -sick[name])
    numbers = {"saturated in the worst layer": sick[worst[0]], "layers": float(len(sick))}
    return SATURATION.finding("serious", tuple(worst), _why_flat(seen, worst[0], last), numbers)


def _is_stuck(evidence: Evidence, name: str) -> bool:
    """Whether a saturated read-out is wrong, and can hardly correct itself.

    The change of log(loss) with that of log(z) is around 1 or more where the net is right or can
    still correct itself; where it is wrong and flat, it is next to nothing. Or the loss would be
    far lower if the read-out were sure of nothing, and is none the lower if it is less sure.
    """
    assert evidence.first is not None
    loss = evidence.first.data.attrs["loss"]
    runs = [y for y in evidence.first.layers if y.name == name]
    if max(y.signal * y.output for y in runs) < 0.05 * abs(loss):
        return True
    unsure, less_sure = evidence.ablated.get(name, (math.nan, math.nan))
    return unsure < _WRONG * loss and loss - less_sure < 0.05 * (loss - unsure)


def _why_flat(seen: Pass, name: str, last: str) -> str:
    layer = next(y for y in seen.layers if y.name == name)
    if layer.kind == "recurrent":
        return (
            "input scale"
            if seen.statistics.layers[layer].largest > LARGE_INPUT
            else "recurrent weight"
        )
    if layer.activation == "softmax":
        return "attention logit scale"
    if name == last:
        return "loss choice"
    if bias_share(seen, layer) > _MOSTLY:
        return "bias"
    return "input scale" if is_raw(seen) else "initialisation too large"


DEAD_RELU = Condition(
    name="dead_relu",
    meaning="Units give zero for every input, so nothing teaches them.",
    lesson=SYMPTOMS_CHAPTER,
    looks_at="share of a layer's ReLU units that give 0 for the whole batch",
    threshold=0.5,
    source="half of the units, of samples that are not all alike",
    judge=_dead_relu,
    indicator=largest("dead", "dead units, worst layer"),
    remedies={
        "activation after the read-out": "drop_last_activation zero_biases reinitialise",
        "bias": "zero_biases to_leaky_relu reinitialise",
        "learning rate too high": "to_leaky_relu lr_down reinitialise",
        "input scale": "input_scale to_leaky_relu reinitialise",
        "": "to_leaky_relu reinitialise zero_biases batch_norm",
    },
    controls=("clip",),
)

SATURATION = Condition(
    name="saturation",
    meaning="Activations sit on their flat parts, where a change of the input changes nothing.",
    lesson=SYMPTOMS_CHAPTER,
    looks_at="share of a hidden layer's entries whose slope is below 5 % of the largest",
    threshold=0.5,
    source="Glorot and Bengio 2010",
    judge=_saturation,
    indicator=largest("saturated", "saturated entries, worst layer"),
    remedies={
        "bias": "zero_biases reinitialise to_relu",
        "input scale": "input_scale reinitialise batch_norm to_relu",
        "attention logit scale": "scale_logits reinitialise",
        "loss choice": "loss_choice reinitialise",
        "": "reinitialise batch_norm layer_norm to_relu input_scale",
    },
    controls=("clip",),
)
