"""What to do about a finding: treatments, which a finding gets, and trying them on copies."""

from vgplib.doctor.remedies import recurrent, structure, training, weights

__all__ = ["recurrent", "structure", "training", "weights"]  # whose treatments are known by this
