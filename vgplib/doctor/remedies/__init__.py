"""What to do about a finding: treatments, which a finding gets, and trying them on copies."""

from vgplib.doctor.remedies import loss, nonfinite, recurrent, structure, training, weights

# Their treatments are known by being imported.
__all__ = ["loss", "nonfinite", "recurrent", "structure", "training", "weights"]
