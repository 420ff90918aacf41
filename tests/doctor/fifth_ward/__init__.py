"""The fifth ward: models written by somebody who had not seen the doctor, with proven truths."""

from tests.doctor.case import cases

from . import (
    healthy_agents,
    healthy_attention,
    healthy_by_design,
    healthy_generative,
    healthy_precision,
    healthy_recurrent,
    healthy_training,
    sick_copies,
    sick_depth,
    sick_forward,
    sick_numbers,
    sick_plumbing,
    sick_rate,
    sick_time,
    sick_units,
)

ALL = cases(
    sick_depth,
    sick_time,
    sick_forward,
    sick_units,
    sick_copies,
    sick_numbers,
    sick_plumbing,
    sick_rate,
    healthy_by_design,
    healthy_recurrent,
    healthy_generative,
    healthy_attention,
    healthy_precision,
    healthy_training,
    healthy_agents,
    seed=5,
)
