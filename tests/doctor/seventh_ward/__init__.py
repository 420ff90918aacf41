"""The seventh ward: 41 sick and 33 healthy models with proofs, made without sight of the others."""

import sys

from tests.doctor.case import cases

ALL = cases(sys.modules[__name__])
