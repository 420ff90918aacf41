"""Five runs that end in NaN, each by another cause, and which operation it came from.

A run is a chain of named operations from a batch to its loss, trained by gradient descent. It
breaks in the first step in which some operation returns a number that isn't finite, going forward
or coming back. Protocol: float32 (float16 where a run says so), batches of 32 digits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vgplib.engine.experiment import Choice, Experiment, Slider
from vgplib.engine.rounding import OtherRounding
from vgplib.experiments.view import Axis, Readout, Series, Strip, View

if TYPE_CHECKING:
    import xarray as xr

BATCH, WIDTH, BAD, MOST = 32, 64, 3, 60  # BAD: the batch in which the data is to blame
HAVE_WEIGHTS = ("layer", "read-out", "guess")
SHOWN = (-3, -2, -1, 0, 1)  # the steps before and after the one in which it breaks

EVIDENCE = {
    "forward": "largest number passed on",
    "backward": "largest number passed back",
    "smallest": "smallest number passed on",
}

Forward = Callable[[list[Tensor], Tensor, Tensor], list[Tensor]]


@dataclass(frozen=True)
class Run:
    """A chain of operations, and how it is trained.

    Attributes:
        label: What the reader sees.
        names: The operations, in order.
        shapes: Of the parameters.
        forward: ``forward(parameters, x, y)``: what each operation returns, the loss last.
        rate: The learning rate.
        std: Of the weights at the start.
        batch: ``batch(x, y, step)``: what becomes of a batch of images and digits.
        dtype: In which it computes.
    """

    label: str
    names: tuple[str, ...]
    shapes: tuple[tuple[int, int], ...]
    forward: Forward
    rate: float
    std: float = 0.125
    batch: Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]] = lambda x, y, step: (x, y)
    dtype: torch.dtype = torch.float32


def _log(p: list[Tensor], x: Tensor, y: Tensor) -> list[Tensor]:
    scores = x @ p[0]
    shares = scores.softmax(dim=1)
    own = shares.gather(1, y[:, None])
    logs = own.log()
    return [scores, shares, own, logs, -logs.mean()]


def _raw(x: Tensor, y: Tensor, step: int) -> tuple[Tensor, Tensor]:
    return (16 * x, y) if step == BAD else (x, y)


def _norm(p: list[Tensor], x: Tensor, y: Tensor) -> list[Tensor]:
    sums = x @ p[0]
    h = sums.relu()
    spread = (h - h.mean(dim=1, keepdim=True)) / h.std(dim=1, keepdim=True)
    scores = spread @ p[1]
    return [sums, h, spread, scores, F.cross_entropy(scores, y)]


def _blank(x: Tensor, y: Tensor, step: int) -> tuple[Tensor, Tensor]:
    return (torch.cat([torch.zeros_like(x[:1]), x[1:]]), y) if step == BAD else (x, y)


def _rate(p: list[Tensor], x: Tensor, y: Tensor) -> list[Tensor]:
    guess = x @ p[0]
    error = guess[:, 0] - y
    return [guess, error, error.square().mean()]


def _half(p: list[Tensor], x: Tensor, y: Tensor) -> list[Tensor]:
    scores = x @ p[0]
    powers = scores.exp()
    shares = powers / powers.sum(dim=1, keepdim=True)
    own = shares.gather(1, y[:, None])
    return [scores, powers, shares, own, -own.log().mean()]


def _sqrt(p: list[Tensor], x: Tensor, y: Tensor) -> list[Tensor]:
    points = x @ p[0]
    apart = points[::2] - points[1::2]
    square = (apart * apart).sum(dim=1)
    distance = square.sqrt()
    return [points, apart, square, distance, distance.mean()]


def _twins(x: Tensor, y: Tensor, step: int) -> tuple[Tensor, Tensor]:
    return (torch.cat([x[:1], x[:1], x[2:]]), y) if step == BAD else (x, y)


RUNS = {
    "log": Run(
        "digits, by a logarithm of softmax",
        ("layer", "softmax", "its share", "log", "mean"),
        ((64, 10),),
        _log,
        0.1,
        1.0,
        _raw,
    ),
    "norm": Run(
        "digits, with a norm of one's own",
        ("layer", "ReLU", "norm", "read-out", "loss"),
        ((64, WIDTH), (WIDTH, 10)),
        _norm,
        0.03,
        batch=_blank,
    ),
    "rate": Run(
        "a number to guess, with long steps",
        ("guess", "error", "mean square"),
        ((64, 1),),
        _rate,
        0.5,
    ),
    "half": Run(
        "digits, by a softmax of one's own, in float16",
        ("layer", "exp", "divide", "its share", "loss"),
        ((64, 10),),
        _half,
        0.1,
        batch=_raw,
        dtype=torch.float16,
    ),
    "sqrt": Run(
        "pairs of images, by their distance",
        ("layer", "difference", "squares", "root", "mean"),
        ((64, WIDTH),),
        _sqrt,
        0.01,
        batch=_twins,
    ),
}


def passes(run: Run, parameters: list[Tensor], x: Tensor, y: Tensor) -> np.ndarray:
    """One step forward and back: how large the numbers are that each operation returns.

    Returns:
        Shape (3, operations): the largest that it passes on; the largest that it passes back, in
        the gradient of its input (for the first one, of its weights); the smallest that it passes
        on. Inf and NaN stay what they are.
    """
    for parameter in parameters:
        parameter.grad = None
    results = run.forward(parameters, x, y)
    for result in results:
        result.retain_grad()
    results[-1].backward()
    back = [parameters[0].grad, *(result.grad for result in results[:-1])]
    on = [result.detach().abs() for result in results]
    return np.array(
        [
            [t.max().item() for t in on],
            [t.abs().max().item() for t in back],
            [t.min().item() for t in on],
        ]
    )


@functools.lru_cache(maxsize=1)
def _images() -> tuple[Tensor, Tensor]:
    """The digits with pixels from 0 to 1, shape ``(n, 64)``, and their labels."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return torch.from_numpy(images / 16).float(), torch.from_numpy(labels).long()


@functools.lru_cache(maxsize=64)  # for all that can be shown of it
def history(name: str, seed: int, rounding: int | None = None) -> tuple[int, np.ndarray]:
    """Train one run until it has broken.

    Returns:
        The step in which it breaks, and what :func:`passes` says of the steps ``SHOWN``.
    """
    del rounding
    run, order = RUNS[name], torch.Generator().manual_seed(seed)
    parameters = [
        (run.std * torch.randn(shape, generator=order)).to(run.dtype).requires_grad_()
        for shape in run.shapes
    ]
    x, y = _images()
    seen: list[np.ndarray] = []
    broken = None
    for step in range(MOST):
        pick = torch.randint(len(x), (BATCH,), generator=order)
        seen.append(passes(run, parameters, *run.batch(x[pick].to(run.dtype), y[pick], step)))
        if broken is not None:
            return broken, np.stack([seen[broken + s] for s in SHOWN])
        if not np.isfinite(seen[-1]).all():
            broken = step
        with torch.no_grad():
            for parameter in parameters:
                parameter -= run.rate * parameter.grad
    raise RuntimeError(f"{name!r} has not broken in {MOST} steps")


def run(*, task: str, step: int, evidence: str, seed: int) -> xr.Dataset:
    """What each operation passes on or back in one step of one run."""
    import xarray as xr

    broken, seen = history(task, seed, OtherRounding.inside)
    way = list(EVIDENCE).index(evidence)
    return xr.Dataset(
        {
            "size": ("operation", seen[SHOWN.index(step), way]),
            "both": (("way", "operation"), seen[SHOWN.index(step), :2]),
            "broken": broken,
        },
        coords={"operation": range(seen.shape[2])},
    )


def first(both: np.ndarray) -> tuple[int, int] | None:
    """The way (0 forward, 1 backward) and the place of what is first not finite, or None.

    Args:
        both: The first two rows of what :func:`passes` returns.
    """
    wrong = ~np.isfinite(both)
    if wrong[0].any():
        return 0, int(wrong[0].argmax())
    return (1, int(np.flatnonzero(wrong[1])[-1])) if wrong[1].any() else None


def view(data: xr.Dataset, *, task: str, step: int, evidence: str) -> View:
    """The largest number of each operation, as bars; the strip has those that are finite."""
    names, runs = RUNS[task].names, data["size"].values
    sound = np.isfinite(runs).mean(axis=0) > 0.5
    middle = np.median(runs, axis=0)  # not finite where most aren't, as NaN and Inf come last
    found = first(np.median(data["both"].values, axis=0))
    where = f"{names[found[1]]}, {list(EVIDENCE)[found[0]]}" if found else "none"
    return View(
        x=Axis("operation, from the images to the loss", (-0.5, len(names) - 0.5), names=names),
        y=Axis(EVIDENCE[evidence], (1e-12, 1e39), log=True, floor="0"),
        series=(Series("size", list(range(len(names))), middle.tolist(), kind="bar"),),
        readouts=(
            Readout("Breaks in step", str(int(np.median(data["broken"])))),
            Readout("First that isn't finite", where, tone="bad" if found else "good"),
            _verdict(step, found and names[found[1]]),
        ),
        strip=Strip(
            "Finite",
            sound.astype(float).tolist(),
            f"finite numbers from {int(sound.sum())} of {len(names)} operations",
            len(names),
            ("images", "loss"),
        ),
    )


def _verdict(step: int, found: str | None) -> Readout:
    if found is None:
        return Readout("Verdict", "All is finite", tone="good")
    if step == 0:
        return Readout("Verdict", "Here it breaks", tone="bad")
    if found in HAVE_WEIGHTS:
        note = "it has got into the weights"
        return Readout("Verdict", "Too late to look", tone="bad", note=note)
    return Readout("Verdict", "Broken, weights still finite", tone="bad")


EXPERIMENT = Experiment(
    name="first-nan",
    title="Where does the NaN come from?",
    controls=(
        Choice("task", "Run", {name: run.label for name, run in RUNS.items()}),
        Choice("evidence", "Show", EVIDENCE),
        Slider("step", "Steps after it broke", tuple(map(float, SHOWN)), 1, whole=True),
    ),
    start={"task": "log", "evidence": "forward", "step": -1},
    run=run,
    view=view,
    caption=(
        "Five runs, each from five random starts; bars: the middle one. What an operation passes "
        "back is the gradient of its input, and for the first one that of its weights."
    ),
)
