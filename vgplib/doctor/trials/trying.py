"""Trying remedies: each on a copy of the model, measured and trained a little."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from vgplib.doctor.conditions import CONDITIONS
from vgplib.doctor.conditions.condition import Finding
from vgplib.doctor.conditions.indicators import signal_ratio
from vgplib.doctor.diagnosis import Diagnosis
from vgplib.doctor.examine import examine
from vgplib.doctor.remedies import training
from vgplib.doctor.remedies.case import Case, NotApplicable
from vgplib.doctor.remedies.treatment import TREATMENTS, apply
from vgplib.doctor.trials.verdicts import RANK, Outcome, last, verdict
from vgplib.measures.layers import measure
from vgplib.measures.preserve import left_as_they_were

if TYPE_CHECKING:
    import pandas as pd

UNTREATED = "nothing (untreated)"
_SLOWER = 0.1  # of the learning rate: at which some remedies are given a second chance


def try_remedies(
    diagnosis: Diagnosis, *, steps: int = 30, seconds: float = 60.0, progress: bool = True
) -> pd.DataFrame:
    """Apply each remedy to a copy of the model, measure again and train a little.

    Every copy starts from the same random state and takes the same steps, with the optimizer that
    was given to :func:`~vgplib.doctor.examine.examine`, else Adam at 1e-3. One whose loss does not
    follow is tried once more at a tenth of the learning rate. What is often tried in vain stands
    in the table as well, to be seen to change nothing.

    Args:
        diagnosis: Of a sick model, or of a healthy one, whose table has the untreated row alone.
        steps: Training steps a copy takes.
        seconds: About how long it may take in all; a trial that runs out of its share stops
            earlier, and is compared with the untreated copy after as many steps.
        progress: Show a bar.

    Returns:
        One row for each remedy and one for the untreated copy, best first. ``remedy`` and
        ``against`` (a condition) say what was tried; ``applicable`` whether it could be. ``sign``
        is the condition's own figure, named by ``sign is``, and ``ratio`` the error signal of the
        first layer over that of the last, each before and after. ``loss at start``, ``loss after``
        and ``steps`` tell of the training; ``still sick`` names the conditions that are found
        again. ``verdict`` says it in words.
    """
    import pandas as pd
    from tqdm import tqdm

    snapshot = diagnosis.snapshot
    plan = [Plan(), *_plans(diagnosis)]
    rows: list[dict[str, Any]] = []
    bar = tqdm(total=len(plan), desc="remedies", unit="remedy", disable=not progress)
    with bar, left_as_they_were(list(snapshot.model.modules())):
        end = time.monotonic() + seconds
        untreated: Outcome | None = None
        for number, this in enumerate(plan):
            share = (end - time.monotonic()) / (len(plan) - number)
            outcome = _Trial(diagnosis, this, steps, time.monotonic() + share).run(untreated)
            untreated = untreated or outcome
            rows.append(_row(this, outcome, untreated, diagnosis))
            bar.update()
    table = pd.DataFrame(rows).sort_values("rank", kind="stable")
    return table.drop(columns="rank").reset_index(drop=True)


@dataclass(frozen=True)
class Plan:
    """What is to be done to a copy: nothing, unless said otherwise.

    Attributes:
        key: Of the treatment, or "".
        code: Its Python.
        finding: What it is against.
        is_control: Whether it is not prescribed, but stands there for comparison.
    """

    key: str = ""
    code: str = ""
    finding: Finding | None = None
    is_control: bool = False


def _plans(diagnosis: Diagnosis) -> list[Plan]:
    """Each remedy that is to be tried, and then what is tried in vain."""
    plans: dict[str, Plan] = {}
    for finding in diagnosis.findings:
        for remedy in finding.remedies:
            plans.setdefault(remedy.key, Plan(remedy.key, remedy.code, finding))
    for finding in diagnosis.findings:
        for key in CONDITIONS[finding.condition].controls:
            code = TREATMENTS[key].write(_case(diagnosis, finding))
            plans.setdefault(key, Plan(key, code, finding, is_control=True))
    return list(plans.values())


def _case(
    diagnosis: Diagnosis, finding: Finding, optimizer: torch.optim.Optimizer | None = None
) -> Case:
    snapshot = diagnosis.snapshot
    return Case(
        snapshot.model, snapshot.loss, finding.condition, finding.cause, finding.where, optimizer
    )


@dataclass
class _Trial:
    diagnosis: Diagnosis
    plan: Plan
    steps: int
    end: float  # when its time is up

    def run(self, untreated: Outcome | None) -> Outcome:
        """The trial or, where only its learning rate may be at fault, one at a smaller rate."""
        try:
            if untreated is not None and self.plan.key == "more_steps":
                cost = training.EXTRA_STEPS / self.steps * untreated.training_seconds
                if cost > self.end - time.monotonic():
                    raise NotApplicable(f"it would take {cost:.0f} seconds")
            outcome = self._once(1.0)
            if untreated is not None and self._deserves_another(outcome, untreated):
                second = self._once(_SLOWER)
                if last(second.losses) < last(outcome.losses):
                    second.slower = True
                    return second
            return outcome
        except NotApplicable as no:
            return Outcome(refusal=no.reason)
        except Exception as problem:
            # Whatever a remedy does to a model of unknown kind, the table goes on.
            first_line = (str(problem).splitlines() or [""])[0]
            return Outcome(refusal=f"{type(problem).__name__}: {first_line}")

    def _deserves_another(self, outcome: Outcome, untreated: Outcome) -> bool:
        late = time.monotonic() > self.end
        if late or self.plan.is_control or self._condition.startswith("lr_"):
            return False
        found = verdict(outcome, untreated, self._condition)[0]
        return found in ("mends the sign, the loss is no better", "makes it worse")

    @property
    def _condition(self) -> str:
        findings = self.diagnosis.findings
        return (self.plan.finding or findings[0]).condition if findings else ""

    def _once(self, slower: float) -> Outcome:
        snapshot, finding = self.diagnosis.snapshot, self.plan.finding
        model, loss, optimizer = snapshot.fresh()
        _seed(model)
        own = optimizer is None
        if own:
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        if finding is not None:
            # It may refuse; what is run is the code that the finding's reader was given.
            TREATMENTS[self.plan.key].write(_case(self.diagnosis, finding, optimizer))
            model, loss, optimizer = apply(self.plan.code, model, loss, optimizer)
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * slower
            if own and any(p.dtype == torch.float16 for p in group["params"]):
                group["eps"] = 1e-4  # its 1e-8 is 0 in float16, and 0 / 0 is NaN
        outcome = Outcome()
        try:
            rates = self._condition.startswith("lr_")
            measured = measure(model, loss, optimizer=optimizer if rates else None)
        except ValueError:  # there may be no signal to measure
            measured = None
        else:
            outcome.ratio = signal_ratio(measured)
        if self._condition:
            outcome.sign = CONDITIONS[self._condition].indicator.read(model, loss, measured)
            given = None if snapshot.optimizer is None else optimizer
            outcome.sick = examine(model, loss, optimizer=given, steps=snapshot.steps).conditions
        start = time.monotonic()
        unit = self._unit(model, loss)
        outcome.losses = [value / unit for value in self._train(model, loss, optimizer)]
        outcome.training_seconds = time.monotonic() - start
        return outcome

    def _unit(self, model: nn.Module, loss: Callable[[nn.Module], Tensor]) -> float:
        """What a treatment multiplied the loss by."""
        if loss is self.diagnosis.snapshot.loss:
            return 1.0
        own = self.diagnosis.snapshot.loss(model).item()
        unit = loss(model).item() / own if own else math.nan
        return unit if math.isfinite(unit) and unit > 0 else 1.0

    def _train(
        self,
        model: nn.Module,
        loss: Callable[[nn.Module], Tensor],
        optimizer: torch.optim.Optimizer,
    ) -> list[float]:
        """The losses before each step, and after the last."""
        losses = []
        for _ in range(self.steps):
            optimizer.zero_grad()
            value = loss(model)
            losses.append(value.item())
            late = time.monotonic() > self.end and len(losses) > 2
            if late or not math.isfinite(losses[-1]) or not value.requires_grad:
                return losses
            value.backward()
            optimizer.step()
        losses.append(loss(model).item())
        return losses


def _row(plan: Plan, outcome: Outcome, untreated: Outcome, diagnosis: Diagnosis) -> dict[str, Any]:
    key, finding = plan.key, plan.finding
    judged = (finding or diagnosis.findings[0]).condition if diagnosis.findings else ""
    sign = CONDITIONS[judged].indicator.name if judged else ""
    kind, words = verdict(outcome, untreated, judged) if key else ("", "")
    start = outcome.losses[0] if outcome.losses else math.nan
    return {
        "remedy": TREATMENTS[key].name if key else UNTREATED,
        "against": judged,
        "applicable": not outcome.refusal,
        "verdict": words,
        "loss at start": start,
        "loss after": outcome.losses[-1] if outcome.losses else math.nan,
        "ratio before": untreated.ratio,
        "ratio after": outcome.ratio,
        "sign is": sign,
        "sign before": untreated.sign,
        "sign after": outcome.sign,
        "still sick": "" if outcome.sick is None else ", ".join(sorted(outcome.sick)),
        "steps": max(len(outcome.losses) - 1, 0),
        "rank": (
            len(RANK) if outcome.refusal else RANK[kind],
            plan.is_control,
            last(outcome.losses),
        ),
    }


def _seed(model: nn.Module) -> None:
    """Start each trial from the same random numbers."""
    random.seed(0)
    np.random.seed(0)
    torch.default_generator.manual_seed(0)
    for device in {p.device for p in model.parameters()}:
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(0)
