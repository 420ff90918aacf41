"""A last set of sick and healthy models, written without sight of the doctor."""

from tests.doctor.fourth_ward import (  # noqa: F401  (each import registers its cases)
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
from tests.doctor.fourth_ward.case import REGISTER

ALL = tuple(REGISTER)
