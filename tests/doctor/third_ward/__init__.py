"""Harder models, made without a look at the doctor's rules, many of them close to a threshold.

What the doctor missed here at first was mended, so that they are part of its calibration now.
"""

from tests.doctor.case import cases

from . import (
    healthy_dense,
    healthy_generative,
    healthy_sequences,
    healthy_transformers,
    healthy_unusual,
    healthy_vision,
    sick_depth,
    sick_forward,
    sick_graph,
    sick_numbers,
    sick_rates,
    sick_time,
    sick_units,
)

ALL = cases(
    healthy_dense,
    healthy_generative,
    healthy_sequences,
    healthy_transformers,
    healthy_unusual,
    healthy_vision,
    sick_depth,
    sick_forward,
    sick_graph,
    sick_numbers,
    sick_rates,
    sick_time,
    sick_units,
)
