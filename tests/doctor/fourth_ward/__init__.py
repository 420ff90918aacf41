"""A last set of sick and healthy models, written without sight of the doctor."""

from tests.doctor.case import cases

from . import (
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

ALL = cases(
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
