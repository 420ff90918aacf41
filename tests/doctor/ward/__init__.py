"""The ward: small models whose condition is known, each with a proof of it."""

from . import (
    activations,
    by_design,
    convnets,
    half_precision,
    mlps,
    not_a_number,
    objectives,
    optimizers,
    plumbing,
    pretrained_shapes,
    recurrent,
    symmetry,
    transformers_,
)
from .case import ALL, CONDITIONS, Case

__all__ = ["ALL", "CONDITIONS", "Case"]
