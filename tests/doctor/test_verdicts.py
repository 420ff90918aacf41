"""What the doctor says of models whose condition is known."""

import math

import pytest
import torch

import vgplib as vgp
from tests.doctor import held_out, second_ward, third_ward, ward
from vgplib.doctor.vocabulary import CAUSES, CONDITIONS

KNOWN = [
    pytest.param(case, id=f"{ward_.__name__.rpartition('.')[2]}-{case.name}")
    for ward_ in (ward, second_ward, third_ward)
    for case in ward_.ALL
]


def examined(case):
    model, loss, optimizer = case.make()
    torch.manual_seed(0)  # some losses draw a batch
    return vgp.examine(model, loss, optimizer=optimizer), model


@pytest.mark.filterwarnings("ignore")  # of the patients themselves
@pytest.mark.parametrize("case", KNOWN)
def test_models_that_the_rules_were_calibrated_on(case):
    diagnosis, model = examined(case)
    if case.condition is None:
        assert diagnosis.healthy, diagnosis.conditions
    else:
        assert case.condition in diagnosis.conditions
    parts = {name for name, _ in [*model.named_modules(), *model.named_parameters()]}
    for finding in diagnosis.findings:
        assert finding.condition in CONDITIONS
        assert finding.cause in ("", *CAUSES)
        assert finding.evidence and not any(map(math.isnan, finding.evidence.values()))
        assert all(name in parts or name.rpartition(".")[0] in parts for name in finding.where)


@pytest.mark.filterwarnings("ignore")
def test_models_that_the_rules_were_not_made_for():
    """At least 95 % balanced accuracy, nine in ten named, one false alarm in thirty."""
    said = [(case.condition, examined(case)[0].conditions) for case in held_out.ALL]
    sick = [(condition, found) for condition, found in said if condition]
    alarms = [found for condition, found in said if not condition]
    sensitivity = sum(bool(found) for _, found in sick) / len(sick)
    false_alarms = sum(bool(found) for found in alarms) / len(alarms)
    assert (sensitivity + 1 - false_alarms) / 2 >= 0.95
    assert sum(condition in found for condition, found in sick) / len(sick) >= 0.9
    assert false_alarms <= 1 / 30
