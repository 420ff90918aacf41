"""Cases drawn up by an examiner who has not seen the doctor."""

from . import (  # noqa: F401 - importing a group enters its cases
    healthy_dense,
    healthy_generative,
    healthy_sequences,
    healthy_transformers,
    healthy_unusual,
    healthy_vision,
    sick_depth,
    sick_forward,
    sick_graph,
    sick_numbers,
    sick_rates,
    sick_time,
    sick_units,
)
from .registry import ALL, FACTS, WAIVED

__all__ = ["ALL", "FACTS", "WAIVED"]
