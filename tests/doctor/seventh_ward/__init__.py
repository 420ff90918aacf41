"""The seventh ward: 41 sick and 33 healthy models with proofs, made without sight of the others."""

from tests.doctor.case import cases

from . import (
    healthy_generative,
    healthy_language,
    healthy_science,
    healthy_textbook,
    healthy_vision,
    sick_depth,
    sick_plumbing,
    sick_steps,
    sick_time,
    sick_units,
)

ALL = cases(
    sick_depth,
    sick_time,
    sick_units,
    sick_plumbing,
    sick_steps,
    healthy_textbook,
    healthy_vision,
    healthy_language,
    healthy_generative,
    healthy_science,
)
