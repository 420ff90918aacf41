"""How the error signal and the activations change between the two ends of a network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from vgplib.doctor.evidence.passes import Pass
from vgplib.measures.fit import backward_factor
from vgplib.measures.layer import MATRICES, Layer

_WEIGHTED = (*MATRICES, "recurrent")
_PLACES = (*_WEIGHTED, "embedding")
_RUNS = 3  # from which on a layer counts as used again and again


@dataclass(frozen=True)
class Place:
    """A layer with all of its runs.

    Attributes:
        name: Of the module.
        kind: As ``vgp.measure`` has it.
        shape: What it puts out for one sample.
        signal: Norm of dloss/dz over all of its runs.
        normed: The same behind the normalisation that follows, if one does: in front of it, the
            signal is as much larger as z is smaller, and says nothing of depth.
        rms: RMS of z in its last run.
        is_root: Whether something comes in here from outside of the network.
        is_end: Whether no other layer works on what it puts out.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    signal: float
    normed: float
    rms: float
    is_root: bool
    is_end: bool


def places(seen: Pass) -> list[Place]:
    """Layers with a matrix of weights, and embeddings, in the order in which they first ran."""
    runs: dict[tuple[str, str], list[Layer]] = {}  # a tied read-out is none with its embedding
    for layer in seen.layers:
        if layer.kind in _PLACES:
            runs.setdefault((layer.name, layer.kind), []).append(layer)
    timed = {each.name for each in recurrences(seen) if each.in_time}
    before = {layer: _place_before(layer) for of in runs.values() for layer in of}
    sources = {(y.name, y.kind) for y in _worked_on(x for x in before if x.has_signal)}
    behind = _behind_norms(seen.layers)
    found = []
    for (name, kind), of in runs.items():
        told = [layer.signal for layer in of if layer.has_signal]
        normed = math.hypot(*(behind.get(layer, layer.signal) for layer in of if layer.has_signal))
        if told:
            last = of[-1]
            rms = last.output / math.sqrt(max(last.entries, 1))
            # Along time, the run nearest to the loss says what comes in from above.
            signal = told[-1] if name in timed else math.hypot(*told)
            root = any(before[layer] is None for layer in of)
            end = (name, kind) not in sources
            found.append(Place(name, kind, tuple(last.shape[1:]), signal, normed, rms, root, end))
    return found


def _behind_norms(layers: list[Layer]) -> dict[Layer, float]:
    """The signal behind the normalisation that works on a layer's output, where one does."""
    found: dict[Layer, float] = {}
    summed: list[Layer] = []  # embeddings that ran one after the other are added up
    for layer in layers:
        if layer.kind == "norm" and layer.has_signal and layer.source is not None:
            together = summed if layer.source in summed else [layer.source]
            found |= dict.fromkeys(together, layer.signal)
        summed = [*summed, layer] if layer.kind == "embedding" else []
    return found


def _worked_on(layers: Iterable[Layer]) -> set[Layer]:
    """What some layers work on the output of, and what is put together with that."""
    found: set[Layer] = set()
    stack = [place for layer in layers if (place := _place_before(layer)) is not None]
    while stack:
        layer = stack.pop()
        if layer not in found:
            found.add(layer)
            stack += layer.merged
    return found


def _place_before(layer: Layer) -> Layer | None:
    """The layer that one works on the output of, norms and scales aside."""
    source = layer.source
    while source is not None and source.kind not in _PLACES:
        source = source.source
    return source


@dataclass(frozen=True)
class Endpoints:
    """The signal at the input end over that at the output end.

    Attributes:
        strongest: The largest where something comes in, over the largest where the loss is.
        body: The largest where something comes in, over the largest in front of the read-out.
        first: Of the layer that ran first, over the largest where the loss is.
        settled: The same, behind a normalisation if one follows and it is smaller there.
        front: Names of the first layers.
        hidden: First over last of the hidden layers of the commonest shape; NaN below four.
        factor: Its factor per layer, by a log-linear fit; ``r2`` is the fit's R^2.
    """

    strongest: float
    body: float
    first: float
    settled: float
    front: tuple[str, ...]
    hidden: float
    factor: float
    r2: float


def endpoints(seen: Pass) -> Endpoints | None:
    """Compare both ends; None where there are fewer than two layers."""
    found = places(seen)
    if len(found) < 2:
        return None
    third = max(1, len(found) // 3)
    front = [p for p in found[:third] if p.is_root] or found[:1]
    back = max(p.signal for p in [q for q in found[-third:] if q.is_end] or found[-1:])
    strongest = max(*(p.signal for p in front), math.hypot(*seen.statistics.input_signals))
    if back == 0:
        return None
    hidden, factor, r2 = _hidden(found[:-1])
    inner = max(p.signal for p in found[-third - 1 : -1])
    return Endpoints(
        strongest / back,
        strongest / inner if inner else math.nan,
        found[0].signal / back,
        min(found[0].signal, found[0].normed) / back,
        tuple(p.name for p in found[: min(3, third)]),
        hidden,
        factor,
        r2,
    )


def _hidden(found: list[Place]) -> tuple[float, float, float]:
    shapes = Counter(p.shape for p in found if p.kind in _WEIGHTED)
    if not shapes:
        return math.nan, math.nan, math.nan
    shape, count = shapes.most_common(1)[0]
    same = [(i, p.signal) for i, p in enumerate(found) if p.shape == shape and p.signal > 0]
    if count < 4 or len(same) < 4:
        return math.nan, math.nan, math.nan
    # Where a layer of the stream stands among those of branches, the ends alone tell nothing.
    whole, inner = math.log(same[0][1] / same[-1][1]), math.log(same[1][1] / same[-2][1])
    if inner * whole < 0.5 * whole * whole * (len(same) - 3) / (len(same) - 1):
        return math.nan, math.nan, math.nan
    fit = backward_factor([i for i, _ in same], [s for _, s in same])
    return same[0][1] / same[-1][1], fit.factor, fit.r2


@dataclass(frozen=True)
class Recurrence:
    """A layer that runs again and again, each run after the one before.

    Attributes:
        name: Of the layer.
        kind: As ``vgp.measure`` has it.
        ratio: Signal at the first runs or steps over that at the last, where it is not exactly 0.
        factor: Per step, by a log-linear fit.
        steps: How many there are.
        in_time: Whether something new goes in at every step; else the layer is used in depth.
    """

    name: str
    kind: str
    ratio: float
    factor: float
    steps: int
    in_time: bool

    @property
    def proof(self) -> dict[str, float]:
        """As the evidence of a finding."""
        numbers = {
            "signal, first over last step": self.ratio,
            "factor per step": self.factor,
            "steps": float(self.steps),
        }
        return known(numbers)


def known(numbers: dict[str, float]) -> dict[str, float]:
    """Those that are numbers."""
    return {name: value for name, value in numbers.items() if not math.isnan(value)}


def recurrences(seen: Pass) -> list[Recurrence]:
    """Every layer that runs along time, or again and again in depth."""
    runs: dict[str, list[Layer]] = {}
    for layer in seen.layers:
        if layer.kind in (*_WEIGHTED, "scale"):  # a decay may be all that a state goes through
            runs.setdefault(layer.name, []).append(layer)
    repeated = {name for name, of in runs.items() if len(of) >= _RUNS}
    found = []
    for name, of in runs.items():
        along = [s for layer in of for s in layer.steps]
        chained = name in repeated and _is_chained(of)
        if of[0].kind == "recurrent" and len(along) >= _RUNS:
            signals, in_time = along, True
        elif chained:
            signals = [layer.signal for layer in of if layer.has_signal]
            in_time = _fed(runs, repeated)
        else:
            continue
        # Exact zeros are cut off by design (truncated backpropagation, padding), or underflow,
        # in which case what is left has gone down all the way.
        signals = [s for s in signals if s > 0]
        if len(signals) >= _RUNS:
            few = max(1, len(signals) // 10)
            early, late = max(signals[:few]), max(signals[-few:])
            both_ways = f"{name}.weight_ih_l0_reverse"
            if any(p.name.startswith(both_ways) for p in seen.parameters):
                # Both ends may be near the loss; what is far from both lies in the middle.
                half = len(signals) // 2
                early = min(early, max(signals[half - few : half + few]))
            ratio = early / late
            factor = backward_factor(range(len(signals)), signals).factor
            found.append(Recurrence(name, of[0].kind, ratio, factor, len(signals), in_time))
    return found


def _is_chained(of: list[Layer]) -> bool:
    """Whether most runs work on what the run before put out."""
    pairs = list(zip(of, of[1:], strict=False))
    return sum(second.works_on(first) for first, second in pairs) >= len(pairs) / 2


def _fed(runs: dict[str, list[Layer]], repeated: set[str]) -> bool:
    """Whether repeated layers take in something from outside more than once."""
    return any(
        sum(layer.source is None or layer.source.name not in repeated for layer in runs[name]) > 1
        for name in repeated
    )


def forward_change(seen: Pass) -> float:
    """RMS of the activations of the last hidden layers over that of the first ones."""
    *before, last = places(seen) or [None]
    found = [p.rms for p in before if p.kind != "embedding" and p.rms > 0]
    if len(found) < 2:
        return math.nan
    few = max(1, min(3, len(found) // 3))
    # What goes into the read-out may have grown on ways that no layer stands on.
    read = [each.size for y, each in seen.statistics.layers.items() if y.name == last.name]
    return max(*found[-few:], read[-1]) / max(found[:few])
