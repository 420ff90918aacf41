"""The sixth ward: 41 sick and 33 healthy models, as practitioners bring them, with proofs.

They were written without a look at the doctor or at the other wards.
"""

import sys

from tests.doctor.case import cases

ALL = cases(sys.modules[__name__])
