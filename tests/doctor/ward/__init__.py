"""The ward: small models whose condition is known, each with a proof of it."""

from tests.doctor.case import cases

from . import (
    activations,
    by_design,
    convnets,
    deep,
    half_precision,
    mlps,
    not_a_number,
    objectives,
    optimizers,
    plumbing,
    pretrained_shapes,
    recurrent,
    recurrent_memory,
    staircases,
    symmetry,
    transformers_,
)

ALL = cases(
    mlps,
    deep,
    activations,
    symmetry,
    convnets,
    recurrent,
    recurrent_memory,
    transformers_,
    pretrained_shapes,
    half_precision,
    optimizers,
    plumbing,
    staircases,
    not_a_number,
    objectives,
    by_design,
    seed=0,
)
