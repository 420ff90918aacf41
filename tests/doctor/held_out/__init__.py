"""A last set of sick and healthy models, written without sight of the doctor."""

from tests.doctor.held_out import (  # noqa: F401  (each import registers its cases)
    healthy_depth,
    healthy_design,
    healthy_losses,
    healthy_sequences,
    sick_depth,
    sick_graph,
    sick_numbers,
    sick_time,
    sick_units,
)
from tests.doctor.held_out.case import REGISTER

ALL = tuple(REGISTER)
