"""Models that were made without a look at the doctor's rules.

What the doctor missed here at first was mended, so that they are part of its calibration now.
"""

from tests.doctor.case import cases

from . import (
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

ALL = cases(
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
    seed=2024,
)
