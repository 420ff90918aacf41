"""How often the doctor is right, on models whose condition is known.

There are several wards. The rules were calibrated on the first; the others were made without
a look at the rules, and what the doctor missed there at first sight was mended. ``python -m
benchmarks.doctor`` examines all; ``make bench`` runs it too. Evidence is gathered once a case, and
then judged as it is, without each condition in turn, and with each threshold moved. With
``--write``, the figures go to where ``vgp.doctor.rules()`` and ``vgp.doctor.calibration()`` read
them.
"""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.doctor.case import Case
from tests.doctor.wards import WARDS
from vgplib.doctor.calibration import FIGURES, interval
from vgplib.doctor.conditions import CONDITIONS, judged
from vgplib.doctor.conditions.condition import Condition
from vgplib.doctor.copies import snapshot
from vgplib.doctor.evidence.gather import Evidence, gather

MOVES = (0.1, 1 / 3, 3, 10)  # of a threshold


@dataclass(frozen=True)
class Score:
    """Counts over some cases."""

    sick: int
    found: int
    named: int
    healthy: int
    alarms: int

    @property
    def balanced(self) -> float:
        """Mean of sensitivity and specificity."""
        return (self.found / self.sick + 1 - self.alarms / self.healthy) / 2


def examined(cases: list[Case]) -> list[tuple[Case, Evidence]]:
    """Evidence of every case."""
    found = []
    for case in tqdm(cases, unit="case", disable=None):
        model, loss, optimizer = case.make()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            found.append((case, gather(snapshot(model, loss, optimizer, 3))))
    return found


ALL = tuple(CONDITIONS.values())


def score(seen: list[tuple[Case, Evidence]], conditions: tuple[Condition, ...] = ALL) -> Score:
    """Judge all of the evidence by some conditions."""
    said = [(c.condition, {f.condition for f in judged(e, conditions)}) for c, e in seen]
    sick = [(condition, found) for condition, found in said if condition]
    well = [found for condition, found in said if not condition]
    return Score(
        len(sick),
        sum(bool(found) for _, found in sick),
        sum(condition in found for condition, found in sick),
        len(well),
        sum(bool(found) for found in well),
    )


def figures(seen: list[tuple[Case, Evidence]]) -> dict[str, Any]:
    """All counts, and for each condition: named, of how many, told without being there.

    ``causes`` counts the models whose cause is known, and those of them for which it was told.
    """
    said = [(c, {f.condition for f in judged(e)}) for c, e in seen]
    conditions = {}
    for name in CONDITIONS:
        has = [told for c, told in said if c.condition == name]
        wrongly = sum(name in told and name not in {c.condition, *c.also} for c, told in said)
        conditions[name] = [sum(name in told for told in has), len(has), wrongly]
    known = [(case, evidence) for case, evidence in seen if case.cause]
    right = sum(not wrong_cause(case, evidence) for case, evidence in known)
    return {**asdict(score(seen)), "causes": [right, len(known)], "conditions": conditions}


def wrong_cause(case: Case, evidence: Evidence) -> str:
    """What the doctor gives as the cause of the case's condition, if it is another one."""
    told = [f.cause for f in judged(evidence) if f.condition == case.condition]
    return "" if set(case.cause) & set(told) else (told[0] or "none") if told else "not found"


def show(title: str, seen: list[tuple[Case, Evidence]]) -> None:
    """Print figures, and every case that was judged wrongly."""
    found = figures(seen)
    sick, healthy = found["sick"], found["healthy"]
    print(f"\n{title}: {len(seen)} models")
    print(f"  sick ones found    {interval(found['found'], sick)}")
    print(f"  condition named    {interval(found['named'], sick)}")
    if found["causes"][1]:
        print(f"  cause told         {interval(*found['causes'])}")
    print(f"  healthy ones left  {interval(healthy - found['alarms'], healthy)}")
    print(f"  balanced accuracy  {score(seen).balanced:.3f}")
    print("  condition            named   told where it is not")
    for name, (hits, of, wrongly) in found["conditions"].items():
        print(f"  {name:20} {f'{hits}/{of}':7} {wrongly}")
    for case, evidence in seen:
        if case.cause and (wrong := wrong_cause(case, evidence)):
            print(f"  ? {case.name}: {case.condition}, {' or '.join(case.cause)}; said {wrong}")
        told = {f.condition for f in judged(evidence)}
        if (case.condition and case.condition not in told) or (not case.condition and told):
            print(
                f"  ! {case.name}: {case.condition or 'healthy'}; said {sorted(told) or 'healthy'}"
            )


def ablate(seen: list[tuple[Case, Evidence]]) -> None:
    """Print what each condition adds, and what moving its threshold would do."""
    whole = score(seen)
    print("\nbalanced accuracy and conditions named, without one, and with its threshold moved")
    print(f"  {'as it is':20} {whole.balanced:.3f} {whole.named}")
    for condition in ALL:
        without = score(seen, tuple(c for c in ALL if c is not condition))
        moved = []
        for factor in MOVES if condition.threshold and not condition.alone else ():
            other = replace(condition, threshold=condition.threshold * factor)
            result = score(seen, tuple(other if c is condition else c for c in ALL))
            moved.append(f"x{factor:.2g}: {result.balanced:.3f} {result.named}")
        line = f"  {condition.name:20} {without.balanced:.3f} {without.named}   " + "  ".join(moved)
        print(line.rstrip())


def main() -> None:
    """Print everything."""
    seen = examined([case for cases in WARDS.values() for case in cases])
    show("all wards", seen)
    ablate(seen)
    if "--write" in sys.argv:
        told = json.loads(FIGURES.read_text(encoding="utf-8")) | {"now": figures(seen)}
        FIGURES.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
