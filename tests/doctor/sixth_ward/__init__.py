"""The sixth ward: 41 sick and 33 healthy models, as practitioners bring them, with proofs.

They were written without a look at the doctor or at the other wards.
"""

from tests.doctor.case import cases

from . import (
    healthy_agents,
    healthy_generative,
    healthy_other,
    healthy_sequences,
    healthy_vision,
    sick_depth,
    sick_forward,
    sick_numbers,
    sick_plumbing,
    sick_time,
    sick_units,
)

ALL = cases(
    sick_depth,
    sick_forward,
    sick_time,
    sick_units,
    sick_numbers,
    sick_plumbing,
    healthy_vision,
    healthy_generative,
    healthy_sequences,
    healthy_agents,
    healthy_other,
)
