"""The third ward's labels are complete, by a plain count."""

import pytest
import torch

from tests.doctor.third_ward import ALL
from tests.doctor.third_ward.facts import (
    RECTIFIERS,
    SQUASHERS,
    backward,
    dead_shares,
    saturated_shares,
)

# What a plain count sees, but is so by design or follows from what is told.
WAIVED = {
    "one_sample_at_a_time": "dead_relu",
    "rezero_tower": "zero_gradient",
    "realnvp_at_the_identity": "zero_gradient",
    "lora_adapter": "zero_gradient",
    "resnet_zero_init_residual": "zero_gradient",
    "siamese_with_eps": "zero_gradient",
    "mean_over_many_outputs_in_half": "zero_gradient",  # the first layer underflows as a whole
}


@pytest.mark.filterwarnings("ignore")  # checkpoint warns of just the fault that a case is about
@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_a_case_hides_nothing_that_a_plain_count_sees(case):
    """Half dead or flat layers, None, zero and non-finite gradients are labelled, or by design."""
    model, loss, _ = case.make()
    value, _ = backward(model, loss, RECTIFIERS | SQUASHERS)
    grads = [p.grad for p in model.parameters() if p.requires_grad]
    given = [g for g in grads if g is not None]
    finite = bool(value.isfinite()) and all(g.isfinite().all() for g in given)
    seen = set()
    if len(given) < len(grads):
        seen.add("no_gradient")
    if not finite:
        seen.add("fp16_overflow" if any(g.dtype == torch.float16 for g in given) else "nan")
    elif any(not g.any() for g in given):
        seen.add("zero_gradient")
    if finite and max(dead_shares(model, loss), default=0) >= 0.5:
        seen.add("dead_relu")
    if finite and max(saturated_shares(model, loss), default=0) >= 0.5:
        seen.add("saturation")
    assert seen <= {case.condition, *case.also, WAIVED.get(case.name)}
