"""Models that the doctor's authors have not seen, for a last examination of the doctor.

Nothing may be calibrated on them. ``ALL`` holds (name, make, condition, also, about, proofs).
"""

from tests.doctor.unseen import (  # noqa: F401  (importing a group registers its cases)
    healthy_flow,
    healthy_generative,
    healthy_sequences,
    healthy_training,
    healthy_transformers,
    healthy_vision,
    sick_exploding,
    sick_numbers,
    sick_plumbing,
    sick_steps,
    sick_time,
    sick_units,
    sick_vanishing,
)
from tests.doctor.unseen.registry import ALL

__all__ = ["ALL"]
