"""A last set of sick and healthy models, written without sight of the doctor."""

import sys

from tests.doctor.case import cases

ALL = cases(sys.modules[__name__])
