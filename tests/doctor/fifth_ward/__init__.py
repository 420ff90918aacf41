"""The fifth ward: models written by somebody who had not seen the doctor, with proven truths."""

import sys

from tests.doctor.case import cases

ALL = cases(sys.modules[__name__], seed=5)
