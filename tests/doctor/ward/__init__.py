"""The ward: small models whose condition is known, each with a proof of it."""

import sys

from tests.doctor.case import cases

ALL = cases(sys.modules[__name__], seed=0)
